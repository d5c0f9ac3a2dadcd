"""Decide the next step of one Azure Resource Manager long-running operation.

Pure: takes what is known and one HTTP reply, returns one step. No socket, no
clock, no memory between calls, so every decision can be stored, replayed and
tested as data. The daemon carries the steps out.

Delays are seconds. Bodies are decoded JSON, or None when empty.
Sources: ARM RPC v1.0, async-api-reference.md and Addendum.md, cited as [RPC];
Azure/autorest docs/extensions/readme.md, cited as [autorest].
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from azjobs.core.arm import FinalStateVia, Reply, Request, error_of
from azjobs.core.errors import Fault

DEFAULT_DELAY_S = 60.0  # [RPC, 202 Accepted, item 3] when Retry-After is absent
RESOURCE_DELAY_S = 5.0  # guess: a resource's own provisioningState has no documented pace
MIN_DELAY_S = 0.05  # guess: "Retry-After: 0" means at once, yet never in a tight loop
MAYBE_TRANSIENT = frozenset({408, 429})  # 408 and 5xx: [RPC, Addendum, Retrying]; 429: guess
ABOUT_THE_READER = frozenset({"authorizationfailed"})  # 403 with this code: may not read the status (guess)
SUCCEEDED, FAILED, CANCELED = "succeeded", "failed", "canceled"  # compared lower-case
LOST_AFTER = 3  # guess: that many 404 in a row and the status record is gone, not late


class Monitor(StrEnum):
    """Which place tells how the operation fares."""

    ASYNC_OPERATION = "azure-asyncoperation"  # its body carries `status`
    LOCATION = "location"  # 202 until the answer itself is there
    RESOURCE = "resource"  # GET the resource, read provisioningState
    ABSENCE = "absence"  # GET the resource until it is no longer there


class Watch(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that must survive a restart; stored with the job as JSON.

    `final_url`: GET here once succeeded; "" when the last body is the result.
    `resource_url`: where to look when the status record itself is gone.
    `is_hidden`: the resource need not be visible before the operation is done,
    so a 404 means "not yet" [RPC, 202 Accepted, item 7].
    """

    monitor: Monitor
    url: str
    final_url: str = ""
    resource_url: str = ""
    is_hidden: bool = False


class Poll(msgspec.Struct, frozen=True):
    """Not finished: GET `watch.url` after `delay_s`.

    `percent` is the service's own, 0 to 100, or None; `status` is the service's own word, or "".
    """

    watch: Watch
    delay_s: float
    percent: float | None = None
    status: str = ""


class Fetch(msgspec.Struct, frozen=True):
    """Succeeded: the result is read from `url`."""

    url: str


class Finished(msgspec.Struct, frozen=True):
    """Succeeded, and this is the result."""

    status: int
    body: Any = None


class OperationFailed(msgspec.Struct, frozen=True):
    """The operation itself ended as Failed or Canceled."""

    fault: Fault
    is_canceled: bool = False


class Unreadable(msgspec.Struct, frozen=True):
    """The status could not be read. Says nothing about the operation itself."""

    http_status: int
    delay_s: float | None = None


Step = Poll | Fetch | Finished | OperationFailed | Unreadable


def first_step(request: Request, reply: Reply, url: str) -> Step:
    """Return what to do after the request that may start an operation was answered with 2xx.

    `url` is the absolute address it was sent to. The order of the monitors is
    the one of [RPC]: Azure-AsyncOperation, Location, then the resource's body.
    """
    is_write_of_resource = request.method in ("PUT", "PATCH")
    resource_url = url if is_write_of_resource or request.method == "DELETE" else ""
    location = reply.headers.get("location", "")
    status_url = reply.headers.get("azure-asyncoperation", "")
    if status_url:
        watch = Watch(Monitor.ASYNC_OPERATION, status_url, _final_url(request, location, url), resource_url)
        # A body that says Succeeded may be early, so the status is read all the same, but at once.
        is_maybe_done = _status(Monitor.RESOURCE, reply.body, missing="") == SUCCEEDED
        return _poll(watch, reply, fallback_s=MIN_DELAY_S if is_maybe_done else DEFAULT_DELAY_S)
    if location and reply.status == 202:
        return _poll(Watch(Monitor.LOCATION, location, resource_url=resource_url), reply)
    if is_write_of_resource and reply.status != 204:
        watch = Watch(Monitor.RESOURCE, url, resource_url=url, is_hidden=reply.status == 202)
        is_told = isinstance(reply.body, Mapping) and reply.status != 202
        return next_step(watch, reply) if is_told else _poll(watch, reply, fallback_s=MIN_DELAY_S)
    if reply.status == 202 and request.method == "DELETE":
        return _poll(Watch(Monitor.ABSENCE, url, resource_url=url), reply)
    # An action accepted without a place to follow it [RPC demands one] is not done, and nobody says how it fares.
    return Unreadable(202, reply.retry_after_s) if reply.status == 202 else Finished(reply.status, reply.body)


def next_step(watch: Watch, reply: Reply) -> Step:
    """Return what to do after `reply` came back from `watch.url`.

    A 4xx/5xx from an Azure-AsyncOperation URL is a failure to read the status,
    "but not in the underlying operation" [RPC], hence Unreadable, never failed.
    A Location URL ends with the "exact same response" a synchronous call would
    have given [RPC], so there a lasting 4xx is the operation's own answer,
    unless it is about who reads or the record is gone.
    """
    if watch.monitor is Monitor.ABSENCE:
        return _absence(watch, reply)
    if watch.monitor is Monitor.LOCATION:
        if reply.status == 202:
            return _poll(_moved(watch, reply.headers), reply)
        if reply.status < 300:
            return Finished(reply.status, reply.body)
        if _is_answer(reply):
            return OperationFailed(error_of(reply))
    if reply.status == 202 or (watch.is_hidden and reply.status == 404):
        return _poll(watch, reply, _word(watch.monitor, reply.body))
    if reply.status >= 300:
        return Unreadable(reply.status, reply.retry_after_s)

    match _status(watch.monitor, reply.body):
        case "":
            return Unreadable(reply.status, reply.retry_after_s)
        case word if word == SUCCEEDED:
            return Fetch(watch.final_url) if watch.final_url else Finished(reply.status, reply.body)
        case word if word in (FAILED, CANCELED):
            return OperationFailed(_fault(reply, word), word == CANCELED)
        case _:  # any other word means "still running" [RPC]
            return _poll(watch, reply, _word(watch.monitor, reply.body))


def is_lost(*, unreadable_count: int, http_status: int) -> bool:
    """Whether a status record is gone for good, and not just late or hard to read.

    Status records expire before very long operations do, and a Location below a
    deleted resource vanishes with it [RPC]. A 2xx without a status says no more
    than a record that is gone.
    """
    return unreadable_count >= LOST_AFTER and (http_status in (404, 410) or http_status < 300)


def after_loss(watch: Watch, *, unreadable_count: int, http_status: int, method: str) -> Watch | None:
    """Return where to look instead when a status record is gone, or None when there is no such place (yet)."""
    if not is_lost(unreadable_count=unreadable_count, http_status=http_status):
        return None
    if not watch.resource_url or watch.monitor in (Monitor.RESOURCE, Monitor.ABSENCE):
        return None
    return resource_watch(method, watch.resource_url)


def resource_watch(method: str, url: str) -> Watch:
    """Watch the resource itself: until it is provisioned, or for a DELETE until it is gone."""
    return Watch(Monitor.ABSENCE if method == "DELETE" else Monitor.RESOURCE, url, resource_url=url)


def _final_url(request: Request, location: str, url: str) -> str:
    """Where the result is, once the status says Succeeded [autorest, final-state-via]; "" for the status itself."""
    via = request.final_state_via
    if via is FinalStateVia.ASYNC_OPERATION or request.method == "DELETE":  # a DELETE leaves nothing to fetch
        return ""
    if via is FinalStateVia.LOCATION and location:
        return location
    if via is FinalStateVia.ORIGINAL_URI or request.method in ("PUT", "PATCH"):
        return url
    return location if request.method == "POST" else ""


def _is_answer(reply: Reply) -> bool:
    """Whether what a Location gave is the operation's own failure, and not one of reading it."""
    if not 400 <= reply.status < 500 or reply.status in MAYBE_TRANSIENT or reply.status in (401, 404, 410):
        return False
    return reply.status != 403 or error_of(reply).code.lower() not in ABOUT_THE_READER


def _poll(watch: Watch, reply: Reply, status: str = "", *, fallback_s: float | None = None) -> Poll:
    if fallback_s is None:
        is_resource = watch.monitor in (Monitor.RESOURCE, Monitor.ABSENCE)
        fallback_s = RESOURCE_DELAY_S if is_resource else DEFAULT_DELAY_S
    delay_s = fallback_s if reply.retry_after_s is None else reply.retry_after_s
    return Poll(watch, max(MIN_DELAY_S, delay_s), _percent(reply.body), status)


def _percent(body: Any) -> float | None:
    value = body.get("percentComplete") if isinstance(body, Mapping) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return min(100.0, max(0.0, float(value))) if is_number and value is not None else None


def _absence(watch: Watch, reply: Reply) -> Step:
    if reply.status in (404, 410):
        return Finished(204)
    if reply.status >= 300:
        return Unreadable(reply.status, reply.retry_after_s)
    word = _status(Monitor.RESOURCE, reply.body)
    if word in (FAILED, CANCELED):
        return OperationFailed(_fault(reply, word), word == CANCELED)
    return _poll(watch, reply, _word(Monitor.RESOURCE, reply.body))


def _fault(reply: Reply, word: str) -> Fault:
    fault = error_of(reply)
    if not fault.code.startswith("HTTP "):
        return fault
    return msgspec.structs.replace(fault, code=word.capitalize(), message=f"The operation ended as {word}.")


def _word(monitor: Monitor, body: Any, missing: str = "") -> str:
    """Return the status in the service's own spelling; "" when it cannot be read."""
    if not isinstance(body, Mapping):
        return ""
    if monitor is Monitor.ASYNC_OPERATION:
        word = body.get("status")
    else:
        properties = body.get("properties")
        word = (properties if isinstance(properties, Mapping) else {}).get("provisioningState", missing)
    return word if isinstance(word, str) else ""


def _status(monitor: Monitor, body: Any, missing: str = SUCCEEDED) -> str:
    """Return the status in lower case; a resource without provisioningState is taken as Succeeded [RPC]."""
    return _word(monitor, body, missing).lower()


def _moved(watch: Watch, headers: Mapping[str, str]) -> Watch:
    """Follow a Location that changed between polls: the first one alone may be dead after a restart."""
    return msgspec.structs.replace(watch, url=headers.get("location", watch.url))
