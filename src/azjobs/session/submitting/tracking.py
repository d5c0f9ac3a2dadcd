"""Adopt an operation that an official SDK client has begun: its poller becomes a job.

Only the reply that began it is read from the poller; how it goes on is read by
the same code as for our own requests. Where the operation is begun here, the
SDK does not poll; the thread of a poller that is taken over is left alone.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from azjobs.core import lro
from azjobs.core.arm import Answer, FinalStateVia, Reply, Request, error_of
from azjobs.core.context import host_of
from azjobs.core.errors import InvalidInput, WrongTarget
from azjobs.core.job import Call, Ended, Fetching, Phase, PlanWork, Watching
from azjobs.core.job import Job as Row
from azjobs.core.models import RestResponse
from azjobs.core.plans.cancels import cancel_path_of
from azjobs.core.wire import Accepted, Submit
from azjobs.session.contexts.autosave import is_autosave_on
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.contexts.context import Context
from azjobs.session.jobs.job import Job
from azjobs.session.link.local import local
from azjobs.session.submitting.expectations import check_expected

PLAN = "invoke-az-rest-method@1"
KEY = "request"  # what that plan calls its one request


class _Begun(NamedTuple):
    """The request that began an operation, and its reply."""

    request: Request
    url: str
    reply: Reply


def track(
    begin: Any, *args: Any, az_context: Context | str | None = None, job_name: str = "", **options: Any
) -> Job[RestResponse]:
    """Make a job of an operation of an official SDK client: it is watched whether or not this program goes on.

    `track(client.virtual_machines.begin_start, "rg", "vm")` begins it and follows it
    here only; `track(poller)` takes over one that was begun.

    Args:
        begin: a `begin_` method of a management client, or the poller that one returned.
        args: the method's arguments, and `options` those by name.
        az_context: the context it is begun in; the current one when not given.
        job_name: the job's name.
        options: the method's arguments by name.

    Raises:
        InvalidInput: it is neither.
        WrongTarget: it was begun in another cloud or subscription than the context's, or that is not the expected one.
    """
    here = local()
    context = resolve_context(az_context).value
    check_expected(context)
    begun = _read(_poller(begin, args, options))
    if host_of(begun.url) not in context.environment.hosts:
        raise WrongTarget(f"The operation was begun at {host_of(begun.url)}, not in {context.environment.name}.")
    _check_subscription(begun.url, context.subscription.id if context.subscription else "")
    row = Row(
        uuid=str(uuid4()),
        name=job_name or f"{begun.request.method} {begun.request.label}",
        command=f"{begun.request.method} {begun.request.label}",
        session=here.key,
        submitted_at=time.time(),
        work=PlanWork(
            PLAN,
            {"path": begun.url, "method": begun.request.method},
            {KEY: Call(begun.request, _phase(begun))},
        ),
        context=context,
        grants=(context,),
        target=begun.request.label.rpartition("/")[2],
        autosave=is_autosave_on(here),
    )
    return Job(here.client.ask(Submit(0, row), Accepted).job.uuid, here)


def _poller(begin: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if hasattr(begin, "_polling_method") or not callable(begin):
        if args or options:
            raise InvalidInput("A poller takes no arguments: its operation has begun.")
        return begin
    poller = begin(*args, **{"polling": False, **options})
    if inspect.iscoroutine(poller):
        poller.close()
        raise InvalidInput("The client is asynchronous; take the one beside `aio`. Nothing was begun.")
    return poller


def _read(poller: Any) -> _Begun:
    """Read the first reply; azure-core keeps it in the polling method [azure-core 1.41, LROBasePolling, NoPolling]."""
    method = getattr(poller, "_polling_method", None)
    first = getattr(method, "_initial_response", None)
    request, response = getattr(first, "http_request", None), getattr(first, "http_response", None)
    if request is None or response is None:
        raise InvalidInput(f"A {type(poller).__name__} is no poller of a begin_ method of an Azure management client.")
    options = getattr(method, "_lro_options", None) or {}
    via = options.get("final-state-via", "") if isinstance(options, Mapping) else ""
    known = FinalStateVia(via) if via in list(FinalStateVia) else FinalStateVia.DEFAULT
    headers = {str(key).lower(): str(value) for key, value in response.headers.items()}
    label = "/".join(urlsplit(request.url).path.rstrip("/").split("/")[-2:])
    cancel_path = cancel_path_of(request.method, request.url)
    return _Begun(
        Request(request.method, request.url, label, final_state_via=known, cancel_path=cancel_path),
        request.url,
        Reply(response.status_code, headers, _body(response)),
    )


def _body(response: Any) -> Any:
    text = response.text()
    try:
        return msgspec.json.decode(text) if text else None
    except msgspec.DecodeError:
        return None


def _phase(begun: _Begun) -> Phase:
    if begun.reply.status >= 300:
        fault = error_of(begun.reply, target=begun.request.label)
        return Ended(Answer(begun.reply.status, begun.reply.body, fault))
    match lro.first_step(begun.request, begun.reply, begun.url):
        case lro.Poll(watch, _, percent, status):
            return Watching(watch, status=status, percent=percent)
        case lro.Fetch(url):
            return Fetching(url)
        case lro.Finished(status, body):
            return Ended(Answer(status, body))
        case lro.OperationFailed(fault):
            return Ended(Answer(200, None, fault))
        case lro.Unreadable(status, _):
            raise InvalidInput(f"The reply that began the operation cannot be read (HTTP {status}).")


def _check_subscription(url: str, subscription_id: str) -> None:
    parts = urlsplit(url).path.split("/")
    if len(parts) > 2 and parts[1].lower() == "subscriptions" and parts[2].lower() != subscription_id.lower():
        raise WrongTarget(f"The operation was begun in the subscription {parts[2]}, which is not the context's.")
