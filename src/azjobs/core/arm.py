"""What is said to Azure Resource Manager and what comes back, as values.

Paths are relative to the environment's Resource Manager and carry their
`api-version`. Header names are lower-case. Bodies are decoded JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from azjobs.core.errors import Fault

LONGEST_RETRY_AFTER_S = 86_400.0  # guess: the RPC allows ten minutes; a day keeps a garbled number from hanging a job


class FinalStateVia(StrEnum):
    """Where the result of a finished operation is read [autorest, x-ms-long-running-operation-options]."""

    DEFAULT = "default"
    ASYNC_OPERATION = "azure-async-operation"
    LOCATION = "location"
    ORIGINAL_URI = "original-uri"


class OnUnanswered(StrEnum):
    """How it is found out whether an unanswered write took effect."""

    CONDITION = "condition"  # send again under If-None-Match: *, which the service refuses if it did
    LOOK = "look"  # let it settle, then read the resource
    ASK = "ask"  # looking cannot tell: only the user can
    AGAIN = "again"  # twice is as once: send again


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request of a plan.

    `label` names what it is about for people ("virtualNetworks/MyVm"). `holes`
    maps a JSON pointer in `body` to the name of the secret that belongs there.
    `done_when` (POST only): the power state that proves, when looked at, that
    the action took effect. `cancel_path`: where Azure can be asked to cancel what
    this begins; "" where it offers no such thing. `cancels`: of such a request,
    the key of the one that it is to cancel.
    """

    method: str
    path: str
    label: str = ""
    body: Any = None
    headers: dict[str, str] = {}
    holes: dict[str, str] = {}
    final_state_via: FinalStateVia = FinalStateVia.DEFAULT
    on_unanswered: OnUnanswered = OnUnanswered.LOOK
    look_path: str = ""
    done_when: str = ""
    cancel_path: str = ""
    cancels: str = ""

    @property
    def is_read(self) -> bool:
        """Whether sending it changes nothing."""
        return self.method in ("GET", "HEAD")


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """One HTTP reply, with header names in lower case and the body decoded (None when empty or not JSON)."""

    status: int
    headers: Mapping[str, str] = {}
    body: Any = None

    @property
    def retry_after_s(self) -> float | None:
        """The wait the service asks for, in seconds; integers only [ARM RPC, async-api-reference]."""
        value = self.headers.get("retry-after", "").strip()
        return min(float(value), LONGEST_RETRY_AFTER_S) if value.isdecimal() else None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one request of a plan ended; `fault` when it, or the operation it started, failed or was cancelled."""

    status: int
    body: Any = None
    fault: Fault | None = None
    created: bool = False
    is_canceled: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether the request did what it asked for."""
        return self.fault is None and self.status < 300


def error_of(reply: Reply, *, target: str = "") -> Fault:
    """Read ARM's error envelope, `{"error": {"code", "message", "details"?}}` [ARM RPC, common-api-details].

    The messages of `details` are appended where they say more: "At least one
    operation failed" is no reason.
    """
    body = reply.body if isinstance(reply.body, Mapping) else {}
    error = body.get("error")
    error = error if isinstance(error, Mapping) else body
    code = error.get("code")
    return Fault(
        code=code if isinstance(code, str) and code else f"HTTP {reply.status}",
        message=_message_of(error),
        target=target,
        http_status=reply.status,
        correlation_id=reply.headers.get("x-ms-correlation-request-id", ""),
    )


def _message_of(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    text = message.strip() if isinstance(message, str) else ""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        more = detail.get("message") if isinstance(detail, Mapping) else None
        if isinstance(more, str) and more.strip() and more.strip() not in text:
            text = f"{text} {more.strip()}".lstrip()
    return text
