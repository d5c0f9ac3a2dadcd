"""Have a plan done at Azure: as a job, or to its end, which is a job that shows itself only if its caller goes away.

A blocking call submits a job attached to this caller and follows it. Ctrl-C
detaches it: it gets an id, goes on, and the KeyboardInterrupt says which it is.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple, TypeVar, overload
from uuid import uuid4

from msgspec.structs import replace

from azjobs.core.context import ContextValue
from azjobs.core.errors import BatchFailed, JobBlocked, JobFailed, JobNotFound, RequestFailed, format_fault, refusal_of
from azjobs.core.job import Job as Row
from azjobs.core.job import PlanWork
from azjobs.core.plan import PlannedWrite
from azjobs.core.questions import status_of
from azjobs.core.secret import Credential, SecureString
from azjobs.core.states import Blocked, is_finished
from azjobs.core.wire import Accepted, Changed, Detach, Read, Result, Submit, SubmitBatch, WhatIf, Writes
from azjobs.process.progress import write_progress
from azjobs.session.contexts.autosave import is_autosave_on
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.contexts.context import Context
from azjobs.session.jobs.batch_report import value_of
from azjobs.session.jobs.following import Following
from azjobs.session.jobs.job import Job
from azjobs.session.jobs.looking import load_view, load_views
from azjobs.session.jobs.shapes import shape_of
from azjobs.session.link.client import expect
from azjobs.session.link.connection import Connection
from azjobs.session.link.local import Local, local
from azjobs.session.link.named_secret import NamedSecret
from azjobs.session.submitting.expectations import check_expected
from azjobs.session.submitting.terms import NO_TERMS, Terms

T = TypeVar("T")
Shape = Callable[[Any], T]
AnyContext = Context | ContextValue | str | None


class Progress(NamedTuple):
    """How far work is: what happens now, the service's percentage or None, the operation's state in Azure or ""."""

    name: str
    message: str
    percent: float | None
    remote_state: str


OnProgress = Callable[[Progress], None]
_on_progress: ContextVar[OnProgress | None] = ContextVar("azjobs_on_progress", default=None)


class Detached(KeyboardInterrupt):
    """The call was interrupted; its work goes on as the job `job`."""

    def __init__(self, message: str, job: Job[Any]) -> None:
        super().__init__(message)
        self.job = job


@contextlib.contextmanager
def showing_progress(show: OnProgress | None) -> Iterator[None]:
    """Tell `show` how far blocking calls inside the block are."""
    token = _on_progress.set(show)
    try:
        yield
    finally:
        _on_progress.reset(token)


@overload
def run_plan(
    plan: str,
    arguments: Mapping[str, Any],
    *,
    context: AnyContext = None,
    command: str,
    target: str = "",
    secrets: Mapping[str, SecureString | Credential] | None = None,
    as_job: Literal[True],
    job_name: str | None = None,
    overrides: Sequence[str] = (),
    terms: Terms = NO_TERMS,
    shape: Shape[T],
) -> Job[T]: ...
@overload
def run_plan(
    plan: str,
    arguments: Mapping[str, Any],
    *,
    context: AnyContext = None,
    command: str,
    target: str = "",
    secrets: Mapping[str, SecureString | Credential] | None = None,
    as_job: Literal[False] = False,
    job_name: str | None = None,
    overrides: Sequence[str] = (),
    terms: Terms = NO_TERMS,
    shape: Shape[T],
) -> T: ...
@overload
def run_plan(
    plan: str,
    arguments: Mapping[str, Any],
    *,
    context: AnyContext = None,
    command: str,
    target: str = "",
    secrets: Mapping[str, SecureString | Credential] | None = None,
    as_job: bool = False,
    job_name: str | None = None,
    overrides: Sequence[str] = (),
    terms: Terms = NO_TERMS,
    shape: Shape[Any] | None = None,
) -> Any: ...
def run_plan(  # noqa: PLR0913 - what a job is made of; all but two by name
    plan: str,
    arguments: Mapping[str, Any],
    *,
    context: AnyContext = None,
    command: str,
    target: str = "",
    secrets: Mapping[str, SecureString | Credential] | None = None,
    as_job: bool = False,
    job_name: str | None = None,
    overrides: Sequence[str] = (),
    terms: Terms = NO_TERMS,
    shape: Shape[Any] | None = None,
) -> Any:
    """Do the work of a plan: as a job, which is returned as soon as its intent is durable, or to its end.

    Args:
        plan: its name and version.
        arguments: what it is asked for, as JSON.
        context: where; the current context when not given.
        command: what the user called, such as New-AzVM.
        target: what it acts on, for people.
        secrets: what fills the holes of its requests, by their names.
        as_job: return a Job.
        job_name: its name; command and target when not given.
        overrides: names of protections that do not hold for it.
        terms: its labels, its time limit, and what is run at its end.
        shape: makes the typed value of the result; by the plan (`session.jobs.shapes`) when not given.

    Raises:
        RequestFailed: Azure refused, or the operation failed (not as a job).
        JobBlocked: it waits for an answer (not as a job); it goes on as a job that shows itself.
        Detached: it was interrupted (not as a job); it goes on likewise.
        NotSignedIn, ContextRequired, ContextNotGranted: there is no context to act in.
        WrongTarget: the context is not the one that this process expects.
        ResourceProtected: it would remove or stop what is protected; nothing was sent.
    """
    here = local()
    acting = in_context(context)
    held = secrets or {}
    row = Row(
        uuid=str(uuid4()),
        name=job_name or f"{command} {target}".strip(),
        command=command,
        session=here.key,
        submitted_at=time.time(),
        work=PlanWork(plan, dict(arguments), secrets={hole: question_of(hole, one) for hole, one in held.items()}),
        context=acting,
        grants=(acting,),
        target=target,
        autosave=is_autosave_on(here),
        overrides=tuple(overrides),
        labels=dict(terms.labels),
        time_limit_s=terms.time_limit_s,
        notice=terms.notice,
    )
    clear, named = split(held)
    environment = terms.environment
    submit = Submit(0, row, is_attached=not as_job, secrets=clear, named=named, environment=environment)
    if as_job:
        return Job[Any](here.client.ask(submit, Accepted).job.uuid, here)
    return (shape or shape_of(plan))(run_attached(here, submit))


def read_plan(
    plan: str, arguments: Mapping[str, Any], *, context: AnyContext = None, shape: Shape[Any] | None = None
) -> Any:
    """Run a plan that only reads, without a job, and return its result: typed by `shape`, else as JSON.

    Raises:
        RequestFailed: Azure refused.
        NotSignedIn, ContextRequired, ContextNotGranted: there is no context to act in.
    """
    value = local().client.ask(Read(0, plan, dict(arguments), in_context(context)), Result).value
    return value if shape is None else shape(value)


def what_if(plan: str, arguments: Mapping[str, Any], *, context: AnyContext = None) -> tuple[PlannedWrite, ...]:
    """Drive a plan with reads only and return what it would write, in order; raises as `read_plan`."""
    return local().client.ask(WhatIf(0, plan, dict(arguments), in_context(context)), Writes).writes


def in_context(context: AnyContext) -> ContextValue:
    """Return the context to act in, as a value; it is the one that this process expects."""
    wanted = Context(context) if isinstance(context, ContextValue) else context
    found = resolve_context(wanted).value
    check_expected(found)
    return found


def run_attached(here: Local, submit: Submit | SubmitBatch) -> Any:
    """Submit, follow to the end, and return the result as JSON; raises as `run_plan`."""
    uuid = submit.job.uuid
    is_accepted = False

    def greet(connection: Connection) -> None:
        nonlocal is_accepted
        if is_accepted and not load_views(here.layout, uuids=[uuid]):
            # It ended, and was forgotten while nobody could be told: submitted again it would be done twice.
            raise JobNotFound(f"{submit.job.name} has ended, but the daemon was away too long to tell how.")
        expect(connection.ask(submit), Accepted)
        is_accepted = True

    with Following(here.client, [uuid], greet) as changes:
        try:
            return _await_result(here, submit.job, changes)
        except KeyboardInterrupt:
            raise _detach(here, uuid) from None


def _await_result(here: Local, row: Row, changes: Following) -> Any:
    show = _on_progress.get() or (_show_in_job if here.grants is not None else None)
    while True:
        changed = changes.next()
        assert changed is not None, "without a time limit something is told"
        if changed.is_removed:
            raise JobNotFound(f"{row.name} was removed while it was waited for.")
        if is_finished(changed.state):
            return _result(here, row.uuid)
        if isinstance(changed.state, Blocked):
            job = here.client.ask(Detach(0, row.uuid), Accepted).job
            asked = status_of(replace(job, state=changed.state))
            raise JobBlocked(f"{row.name} waits, as job {job.id}: {asked}")
        if show is not None:
            show(_progress(row, changed))


def _result(here: Local, uuid: str) -> Any:
    try:
        return value_of(load_view(here.layout, uuid), is_shaped=False)
    except BatchFailed:
        raise
    except JobFailed as error:
        fault = error.fault
        if fault is not None and (refusal := refusal_of(fault)) is not None:  # refused on this side: nothing was sent
            raise refusal from None
        raise RequestFailed(format_fault(fault) if fault is not None else str(error), fault=fault) from None


def _detach(here: Local, uuid: str) -> KeyboardInterrupt:
    """Let the job show itself; what to tell whoever interrupted."""
    try:
        row = here.client.ask(Detach(0, uuid), Accepted).job
    except JobNotFound:
        return KeyboardInterrupt("Interrupted before anything was submitted.")
    return Detached(f"Job {row.id} '{row.name}' goes on. Type: azjobs job get {row.id}", Job(uuid, here))


def _show_in_job(progress: Progress) -> None:
    """In a job it goes to the progress stream."""
    write_progress(progress.name, progress.message, progress.percent)


def _progress(row: Row, changed: Changed) -> Progress:
    return Progress(row.name, changed.status_message, changed.percent, changed.remote_state)


def question_of(hole: str, secret: SecureString | Credential) -> str:
    """What to ask for when the secret is gone."""
    return f"The password of {secret.username}" if isinstance(secret, Credential) else f"The {hole}"


def split(secrets: Mapping[str, SecureString | Credential]) -> tuple[dict[str, SecureString], dict[str, str]]:
    """Return the secrets themselves, and the names of those that the daemon fills in."""
    clear: dict[str, SecureString] = {}
    named: dict[str, str] = {}
    for hole, one in secrets.items():
        secret = one.password if isinstance(one, Credential) else one
        if isinstance(secret, NamedSecret):
            named[hole] = secret.name
        else:
            clear[hole] = secret
    return clear, named
