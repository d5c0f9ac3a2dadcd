"""Decide, from what a read of the resource shows, whether an unanswered write took effect.

Pure. The read comes after the time in which an unanswered request settles, so
what it does not show will not happen any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from azjobs.core.arm import Reply, Request

BETWEEN_POWER_STATES = frozenset({"starting", "stopping", "deallocating"})
ENDS = frozenset({"", "succeeded", "failed", "canceled"})  # of provisioningState; without one: taken as Succeeded [RPC]


class Sight(Enum):
    """What a look shows of the write."""

    EFFECT = "effect"  # it took effect
    UNDER_WAY = "under way"  # it is taking effect
    NOTHING = "nothing"  # it took none
    DIFFERENT = "different"  # the resource is there, but not as the write wanted it
    UNTELLABLE = "untellable"  # the resource was read, and does not tell
    UNREADABLE = "unreadable"  # the resource was not read


def look_path(request: Request) -> str:
    """Where to look."""
    return request.look_path or request.path


def look_at(request: Request, reply: Reply, *, is_new: bool) -> Sight:
    """Read `reply`, which a GET of `request.look_path` gave.

    `is_new`: the resource was not there before the write, so that its being
    there proves the write. Else it has to be as the write wanted it.
    """
    is_absent = reply.status in (404, 410)
    if reply.status >= 300 and not is_absent:
        return Sight.UNREADABLE
    if request.method == "DELETE":
        if is_absent:
            return Sight.EFFECT
        return Sight.UNDER_WAY if provisioning_state(reply.body) == "deleting" else Sight.NOTHING
    if is_absent:
        return Sight.NOTHING
    if request.method == "POST":
        return _power(request, reply.body)
    if not isinstance(reply.body, Mapping):
        return Sight.UNREADABLE
    if provisioning_state(reply.body) not in ENDS:
        return Sight.UNDER_WAY
    return Sight.EFFECT if is_new or reflects(request.body, reply.body) else Sight.DIFFERENT


def power_state(body: Any) -> str:
    """Read the power state of a machine's instance view: the word after "PowerState/", lower-case, or ""."""
    view = body if isinstance(body, Mapping) else {}
    if "statuses" not in view:
        properties = view.get("properties")
        view = properties.get("instanceView") or {} if isinstance(properties, Mapping) else {}
    statuses = view.get("statuses") if isinstance(view, Mapping) else None
    found = [s.get("code", "") for s in statuses if isinstance(s, Mapping)] if isinstance(statuses, list) else []
    codes = [code.lower() for code in found if isinstance(code, str)]
    return next((code.partition("/")[2] for code in codes if code.startswith("powerstate/")), "")


def provisioning_state(body: Any) -> str:
    """Read a resource's provisioningState, lower-case; "" when it has none."""
    properties = body.get("properties") if isinstance(body, Mapping) else None
    word = properties.get("provisioningState") if isinstance(properties, Mapping) else None
    return word.lower() if isinstance(word, str) else ""


def reflects(sent: Any, found: Any) -> bool:
    """Whether a resource as it was read is as a write wanted it.

    Everything that was sent must be there; there may be more. Text is compared
    without case and spaces, as Azure takes "East US" for "eastus".
    """
    if isinstance(sent, Mapping):
        return isinstance(found, Mapping) and all(reflects(value, found.get(key)) for key, value in sent.items())
    if isinstance(sent, list):
        is_alike = isinstance(found, list) and len(found) == len(sent)
        return is_alike and all(reflects(one, other) for one, other in zip(sent, found, strict=True))
    if isinstance(sent, str) and isinstance(found, str):
        return _plain(sent) == _plain(found)
    return bool(sent == found)


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


def _power(request: Request, body: Any) -> Sight:
    power = power_state(body)
    if power in ("", "unknown") or not request.done_when:
        return Sight.UNTELLABLE
    if power == request.done_when.lower():
        return Sight.EFFECT
    return Sight.UNDER_WAY if power in BETWEEN_POWER_STATES else Sight.NOTHING
