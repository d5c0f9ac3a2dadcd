"""The control: what tests and demonstrations ask of the simulator itself, under /_simulator/ of the same port.

No token is needed: only this machine reaches the port. A wrong order is a 400 that says what is wrong with it.
Bodies are JSON objects; every POST answers {} unless its function says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from azjobs.simulator import control_sign_in
from azjobs.simulator.cloud import Cloud, Reply
from azjobs.simulator.faults import FaultOrder
from azjobs.simulator.limits import Limits
from azjobs.simulator.operations import Operation, Outcome
from azjobs.simulator.resources import envelope
from azjobs.simulator.settings import KINDS_OF_TYPE, WRITING_KINDS, Kind, Style, TimeRule

PREFIX = "/_simulator/"
_LOOPBACK = ("127.0.0.1", "::1")


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _TimeOrder(_Order):
    rule: TimeRule | None = None
    kinds: dict[Kind, TimeRule] = {}
    keep_s: float | None = None


class _RetryAfterOrder(_Order):
    seconds: int | None


class _StyleOrder(_Order):
    style: Style | None = None
    kind: Kind | None = None
    type: str | None = None
    percent_complete: bool | None = None
    page_size: int | None = None


class _QuotaOrder(_Order):
    cores: int
    family: str = "*"
    location: str = "*"


class _FaultsOrder(_Order):
    faults: list[FaultOrder] = []
    clear: bool = False


class _LifetimeOrder(_Order):
    seconds: int


class _FinishOrder(_Order):
    resource_id: str | None = None
    status: str = "Succeeded"
    code: str = "OperationFailed"
    message: str = "The operation was told to end so."


def _reset(cloud: Cloud, _order: _Order) -> None:
    """Return to the state at the start; tokens stay good."""
    cloud.reset()


def _time(cloud: Cloud, order: _TimeOrder) -> None:
    """Say how time passes: `rule`, `kinds` {kind: rule}, `keep_s`; a rule is {mode, reads, seconds, scale}."""
    if order.rule is not None:
        cloud.settings.time = order.rule
    cloud.settings.time_of_kind |= order.kinds
    if order.keep_s is not None:
        cloud.settings.keep_s = order.keep_s


def _retry_after(cloud: Cloud, order: _RetryAfterOrder) -> None:
    """Say what Retry-After replies carry: `seconds`, null for none."""
    cloud.settings.retry_after_s = order.seconds


def _style(cloud: Cloud, order: _StyleOrder) -> None:
    """Force a `style` on a `kind` or a resource `type`; set `percent_complete`, `page_size`."""
    if order.percent_complete is not None:
        cloud.settings.percent_complete = order.percent_complete
    if order.page_size is not None:
        cloud.settings.page_size = order.page_size
    if order.style is None:
        return
    if order.kind is not None:
        kinds: tuple[Kind, ...] = (order.kind,)
    elif order.type is not None:
        kinds = KINDS_OF_TYPE.get(order.type.lower(), ())
    else:
        kinds = tuple(Kind)
    if order.style is Style.PROVISIONING_STATE:
        kinds = tuple(kind for kind in kinds if kind in WRITING_KINDS)
    if not kinds:
        raise ValueError(f"nothing here can take the style {order.style}")
    cloud.settings.style_of_kind.update(dict.fromkeys(kinds, order.style))


def _limits(cloud: Cloud, order: Limits) -> None:
    """Switch the token buckets: `enforced`, and `reads`, `writes`, `deletes` {capacity, refill_per_s}."""
    cloud.limiter.use(order)


def _quota(cloud: Cloud, order: _QuotaOrder) -> None:
    """Approve `cores` for a `family` in a `location`."""
    if order.family == "*":
        cloud.settings.default_cores = order.cores
    else:
        cloud.settings.cores[order.family.lower(), order.location.lower()] = order.cores


def _faults(cloud: Cloud, order: _FaultsOrder) -> None:
    """Plant `faults` [{method, path_regex, times, action}]; with `clear` take the earlier ones away."""
    if order.clear:
        cloud.faults.clear()
    cloud.faults.plant(order.faults)


def _token_lifetime(cloud: Cloud, order: _LifetimeOrder) -> None:
    """Say for how many `seconds` new tokens are good."""
    cloud.settings.token_lifetime_s = order.seconds


def _finish(cloud: Cloud, order: _FinishOrder) -> None:
    """End the operation under way on `resource_id` (all without it) with `status`, `code`, `message`."""
    if order.status not in ("Succeeded", "Failed", "Canceled"):
        raise ValueError(f"no operation ends {order.status}")
    good = order.status == "Succeeded"
    outcome = None if good else Outcome(order.status, order.code, order.message)
    wanted = order.resource_id.lower() if order.resource_id else None
    found = [one for one in cloud.operations if not one.is_done and wanted in (None, one.target_id.lower())]
    if wanted is not None and not found:
        raise ValueError(f"no operation is under way on {order.resource_id}")
    for operation in found:
        cloud.operations.end(operation, outcome)


ORDERS: dict[str, tuple[type[Any], Callable[[Cloud, Any], Any]]] = {
    "reset": (_Order, _reset),
    "time": (_TimeOrder, _time),
    "retry-after": (_RetryAfterOrder, _retry_after),
    "style": (_StyleOrder, _style),
    "limits": (Limits, _limits),
    "quota": (_QuotaOrder, _quota),
    "faults": (_FaultsOrder, _faults),
    "token-lifetime": (_LifetimeOrder, _token_lifetime),
    "finish": (_FinishOrder, _finish),
    **control_sign_in.ORDERS,
}


async def _requests(cloud: Cloud, query: dict[str, str]) -> object:
    """Return {"requests"}; with `count` and `wait_s`, wait until that many match `method` and `path_regex`."""
    method, pattern = query.get("method", "*").upper(), re.compile(query.get("path_regex", ""), re.IGNORECASE)
    since, count = int(query.get("since", "0")), int(query.get("count", "0"))
    answered = query.get("answered", "") == "true"

    def matching() -> list[Any]:
        return [
            one
            for one in cloud.journal.requests(since)
            if method in ("*", one.method) and pattern.search(one.path) and (one.status is not None or not answered)
        ]

    if count:
        await cloud.journal.wait_until(lambda: len(matching()) >= count, float(query.get("wait_s", "10")))
    return {"requests": matching()}


async def _effects(cloud: Cloud, query: dict[str, str]) -> object:
    """Return {"effects"}; with `count` and `wait_s`, wait until there are that many."""
    count = int(query.get("count", "0"))
    if count:
        await cloud.journal.wait_until(lambda: len(cloud.journal.effects) >= count, float(query.get("wait_s", "10")))
    since = int(query.get("since", "0"))
    return {"effects": [one for one in cloud.journal.effects if one.seq > since]}


async def _resources(cloud: Cloud, _query: dict[str, str]) -> object:
    """Return {"groups", "resources"}: all there is, in every subscription."""
    groups = [
        {"id": one.id, "location": one.location, "tags": one.tags, "provisioningState": one.state}
        for one in cloud.inventory.groups.values()
    ]
    found = cloud.inventory.resources.values()
    return {"groups": groups, "resources": [{**envelope(one, one.properties), "power": one.power} for one in found]}


async def _operations(cloud: Cloud, _query: dict[str, str]) -> object:
    """Return {"operations"}: every one whose record is kept."""
    return {"operations": [_render(one) for one in cloud.operations]}


def _render(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "kind": operation.kind,
        "style": operation.style,
        "resource_id": operation.target_id.lower(),
        "status": operation.status,
        "started_at": operation.started_at,
        "ended_at": operation.ended_at,
    }


QUESTIONS: dict[str, Callable[[Cloud, dict[str, str]], Awaitable[object]]] = {
    "requests": _requests,
    "effects": _effects,
    "resources": _resources,
    "operations": _operations,
}


async def answer(cloud: Cloud, request: web.BaseRequest) -> Reply:
    """Return the reply to a request of the control."""
    if request.remote not in _LOOPBACK:
        return _refusal(403, "the control answers this machine only")
    word = request.rel_url.raw_path.removeprefix(PREFIX)
    cloud.operations.advance()
    try:
        if request.method == "GET" and word in QUESTIONS:
            return Reply(200, await QUESTIONS[word](cloud, dict(request.query)))
        if request.method == "POST" and word in ORDERS:
            kind, carry_out = ORDERS[word]
            said = carry_out(cloud, msgspec.json.decode(await request.read() or b"{}", type=kind))
            return Reply(200, {} if said is None else said)
    except (msgspec.MsgspecError, ValueError, re.error) as error:
        return _refusal(400, f"{word}: {error}")
    return _refusal(404, f"the control knows no {request.method} {word}")


def _refusal(status: int, why: str) -> Reply:
    return Reply(status, {"error": {"code": "WrongOrder", "message": why}})
