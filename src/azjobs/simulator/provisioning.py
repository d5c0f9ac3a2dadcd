"""How a request that takes long is answered, and how its operation is asked for afterwards.

The rules are those of ARM's asynchronous contract [RPC, async-api-reference]: a PUT answers 201 or 200 with a state
in its body (a disk 202, as of old) and so does the PATCH of a machine; DELETE and POST answer 202 with a Location,
beside which an Azure-AsyncOperation may stand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from azjobs.simulator.cloud import Call, Json, Reply
from azjobs.simulator.errors import ArmError
from azjobs.simulator.inventory import SUCCEEDED, Group, Resource
from azjobs.simulator.operations import IN_PROGRESS, Operation, Outcome
from azjobs.simulator.settings import Kind, Style

Target = Group | Resource
ARM = "Microsoft.Resources"


def _nothing() -> None:
    return None


def write(
    call: Call,
    kind: Kind,
    resource: Resource,
    *,
    created: bool,
    word: str,
    render: Callable[[Resource], Json],
    succeed: Callable[[], None] = _nothing,
    fail: Callable[[], None] = _nothing,
) -> Reply:
    """Begin the operation of a PUT or PATCH whose body is already taken over, and return the first reply.

    `word` is the state while it lasts; `succeed` or `fail` is called when it ends.
    """
    final: Callable[[], tuple[int, object]] = lambda: (200, render(resource))  # noqa: E731 - typed for `begin`
    operation = _begin(call, kind, resource, word=word, succeed=succeed, fail=fail, final=final)
    _note(call, operation, resource, "created" if created else "updated")
    resource.touch()
    headers = {"etag": resource.etag, **_headers(call, operation)}
    status = 201 if created else 200
    if kind is Kind.DISK_WRITE and operation.style is Style.LOCATION:
        status = 202  # of the types here only this one answers so; the others' clients take nothing but 200 and 201
    return Reply(status, render(resource), headers)


def act(
    call: Call,
    kind: Kind,
    target: Target,
    *,
    word: str,
    effect: str | None,
    succeed: Callable[[], None],
    fail: Callable[[], None] = _nothing,
    final_status: int = 200,
) -> Reply:
    """Begin the operation of a DELETE or a POST and return the first reply; `effect` None: it changes nothing.

    `succeed` or `fail` is called when it ends.
    """
    final: Callable[[], tuple[int, object]] = lambda: (final_status, None)  # noqa: E731 - typed for `begin`
    operation = _begin(call, kind, target, word=word, succeed=succeed, fail=fail, final=final)
    if effect is not None:
        _note(call, operation, target, effect)
    if operation.style is Style.SYNC:
        return Reply(final_status)
    return Reply(202, None, _headers(call, operation))


def status_of(call: Call) -> Reply:
    """Say how an operation fares (its Azure-AsyncOperation URL); always 200, also for one that failed."""
    return status_reply(call, _find(call))


def status_reply(call: Call, operation: Operation, *, word: str = IN_PROGRESS) -> Reply:
    """Say how this operation fares; `word` is its status while it lasts."""
    call.cloud.operations.look(operation)
    status = operation.status if operation.is_done else word
    body: Json = {"name": operation.id, "status": status, "startTime": timestamp(operation.started_at)}
    percent = call.cloud.operations.percent_done(operation)
    if percent is not None:
        body["percentComplete"] = percent
    if operation.ended_at is None or operation.outcome is None:
        return Reply(200, body, _retry_after(call))
    body["endTime"] = timestamp(operation.ended_at)
    if not operation.outcome.is_good and operation.outcome.code:
        body["error"] = {"code": operation.outcome.code, "message": operation.outcome.message}
    return Reply(200, body)


def result_of(call: Call) -> Reply:
    """Answer 202 while an operation lasts (its Location URL, which moves), then what a short one would have."""
    operation = _find(call)
    hop = call.query.get("hop", "0")
    # The address before the present one still answers, because the reply that told the present one may have been lost.
    if not hop.isdecimal() or int(hop) < operation.hops - 1:
        raise operation_not_found(operation.id)
    call.cloud.operations.look(operation)
    if operation.outcome is None:
        operation.hops = int(hop) + 1
        return Reply(202, None, {"location": _location(call, operation), **_retry_after(call)})
    if not operation.outcome.is_good:
        raise ArmError(409, operation.outcome.code, operation.outcome.message)
    status, body = operation.final()
    return Reply(status, body)


def again(call: Call, operation: Operation) -> Reply:
    """Answer a repeated request with the operation that is under way already."""
    return Reply(202, None, _headers(call, operation))


def timestamp(at: float) -> str:
    """Return an instant (epoch seconds) as ARM writes it, in UTC with microseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def _begin(
    call: Call,
    kind: Kind,
    target: Target,
    *,
    word: str,
    succeed: Callable[[], None],
    fail: Callable[[], None],
    final: Callable[[], tuple[int, object]],
) -> Operation:
    def settle(outcome: Outcome) -> None:
        target.operation = None
        target.state = SUCCEEDED if outcome.is_good else outcome.status
        if isinstance(target, Resource):
            target.touch()
        (succeed if outcome.is_good else fail)()

    fated, style = call.fated(), call.cloud.settings.style_of_kind[kind]
    if style is Style.SYNC and not fated.is_good:
        target.state = fated.status
        fail()
        raise ArmError(409, fated.code, fated.message)
    target.state = word
    operation = call.cloud.operations.begin(
        kind,
        style=style,
        provider=_provider_of(target),
        location=_location_of(target),
        subscription=call.subscription_id,
        api_version=call.api_version,
        target_id=target.id,
        settle=settle,
        final=final,
        fated=fated,
    )
    if not operation.is_done:
        target.operation = operation
    return operation


def _provider_of(target: Target) -> str | None:
    """The provider's namespace; None for what ARM itself does."""
    provider = target.type.partition("/")[0] if isinstance(target, Resource) else ARM
    return None if provider == ARM else provider


def _location_of(target: Target) -> str:
    return target.location or (target.group.location if isinstance(target, Resource) else "")


def _note(call: Call, operation: Operation, target: Target, effect: str) -> None:
    operation.effect = call.note_effect(target.id, effect, operation.id)
    if operation.is_done:
        operation.effect.outcome = operation.status


def _headers(call: Call, operation: Operation) -> dict[str, str]:
    if operation.style is Style.SYNC:
        return {}
    headers = _retry_after(call)
    if operation.style is Style.ASYNC_OPERATION:
        headers["azure-asyncoperation"] = _url(call, operation, "operations")
        if call.method in ("PUT", "PATCH"):
            return headers
    if operation.style in (Style.ASYNC_OPERATION, Style.LOCATION):
        headers["location"] = _location(call, operation)
    return headers


def _retry_after(call: Call) -> dict[str, str]:
    delay_s = call.cloud.settings.retry_after_s
    return {} if delay_s is None else {"retry-after": str(delay_s)}


def _location(call: Call, operation: Operation) -> str:
    word = "operationResults" if operation.provider else "operationresults"
    return f"{_url(call, operation, word)}&hop={operation.hops}"


def _url(call: Call, operation: Operation, word: str) -> str:
    if operation.kind is Kind.DEPLOYMENT_WRITE and word == "operations":
        path = f"{operation.target_id}/operationStatuses/{operation.id}"
    else:
        place = f"/providers/{operation.provider}/locations/{operation.location}" if operation.provider else ""
        path = f"/subscriptions/{operation.subscription}{place}/{word}/{operation.id}"
    return f"{call.base_url}{path}?api-version={operation.api_version}"


def _find(call: Call) -> Operation:
    wanted = call.path.names[-1]
    operation = call.cloud.operations.find(wanted)
    provider = operation.provider.lower() if operation is not None and operation.provider else None
    if operation is None or operation.subscription != call.subscription_id or provider != call.path.namespace:
        raise operation_not_found(wanted)
    return operation


def operation_not_found(operation_id: str) -> ArmError:
    """Return the 404 of an operation whose record is not there (any more)."""
    return ArmError(404, "OperationNotFound", f"The operation '{operation_id}' was not found.")
