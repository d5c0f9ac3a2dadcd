"""Decide the request of Invoke-AzRestMethod: exactly the one that was asked for.

Pure. Any method and path of Azure Resource Manager; a long-running answer is
followed to its end.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from azjobs.core.arm import FinalStateVia, OnUnanswered, Request
from azjobs.core.errors import InvalidInput
from azjobs.core.plan import Answers, Decision, Done, Send
from azjobs.core.plans.cancels import cancel_path_of

METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
_API_VERSION = re.compile(r"[?&]api-version=[^&]", re.IGNORECASE)


class InvokeRest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The request: `path` with its api-version, from `/subscriptions/…` on, or as a whole URL of the same cloud."""

    path: str
    method: str = "GET"
    payload: Any = None
    final_state_via: FinalStateVia = FinalStateVia.DEFAULT


def invoke_rest(asked: InvokeRest, answers: Answers) -> Decision:
    """Send the request and return `{"statusCode", "content"}`."""
    answer = answers.get("request")
    if answer is None:
        return Send({"request": _request(asked)})
    return answer.fault if answer.fault is not None else Done({"statusCode": answer.status, "content": answer.body})


def _request(asked: InvokeRest) -> Request:
    method = asked.method.upper()
    if method not in METHODS:
        raise InvalidInput(f"'{asked.method}' is not a method: {', '.join(METHODS)}.")
    if not asked.path.startswith(("/", "https://")) or asked.path.startswith("//"):
        raise InvalidInput(f"'{asked.path}' is not a path: one begins with /subscriptions/ or another /.")
    if any(c.isspace() or c == "#" for c in asked.path):
        raise InvalidInput(f"'{asked.path}' has a character that must be percent-encoded in a path.")
    if _API_VERSION.search(asked.path) is None:
        raise InvalidInput(f"'{asked.path}' has no api-version: add ?api-version=DATE.")
    # What an unanswered action did cannot be seen: nobody here knows what it was to change.
    on_unanswered = OnUnanswered.ASK if method == "POST" else OnUnanswered.LOOK
    return Request(
        method,
        asked.path,
        _label(asked.path),
        asked.payload,
        final_state_via=asked.final_state_via,
        on_unanswered=on_unanswered,
        cancel_path=cancel_path_of(method, asked.path),
    )


def _label(path: str) -> str:
    """The last type and name of a path, for people: "virtualNetworks/v"."""
    parts = path.partition("?")[0].rstrip("/").split("/")
    return "/".join(parts[-2:]).lstrip("/")
