"""Faults on request: which requests meet one, and what happens to them.

An order is {method, path_regex, times, action}. The action is one of
"reset-before" (the connection closes and nothing was done), "reset-after" (done, then the connection closes
without a reply), or an object with exactly one of `status` (with `code`, `message`, `retry_after`, `headers`: this
reply, nothing done), `delay_s` (late, then as usual), `fail_operation` or `cancel_operation` (with `code` and
`message`: accepted, the operation ends so), `read_error` (this status, but only for the poll of an operation).
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

_POLL = re.compile(r"/(?:operations|operationresults|operationstatuses)/[^/]+$", re.IGNORECASE)


class Ending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the operation of a request is to end."""

    code: str
    message: str


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happens to the request; exactly one of its main fields is set."""

    reset: Literal["before", "after"] | None = None
    status: int | None = None
    code: str = "SimulatedFault"
    message: str = "The simulator was told to fail this request."
    retry_after: int | None = None
    headers: dict[str, str] = {}
    delay_s: float | None = None
    fail_operation: Ending | None = None
    cancel_operation: Ending | None = None
    read_error: int | None = None

    def __post_init__(self) -> None:
        """Refuse an action that says nothing, or two things."""
        if len(self.names()) != 1:
            raise ValueError(f"an action does exactly one thing, this one {self.names() or 'nothing'}")

    def names(self) -> list[str]:
        """Return which of the main fields are set."""
        main = ("reset", "status", "delay_s", "fail_operation", "cancel_operation", "read_error")
        return [name for name in main if getattr(self, name) is not None]

    def __str__(self) -> str:
        """Say the action as the journal shows it."""
        return f"reset-{self.reset}" if self.reset else self.names()[0]


class FaultOrder(msgspec.Struct, forbid_unknown_fields=True):
    """One planted fault; `times` counts down to 0."""

    path_regex: str
    action: Action | Literal["reset-before", "reset-after"]
    method: str = "*"
    times: int = 1


class _Planted:
    def __init__(self, order: FaultOrder) -> None:
        action = order.action
        self.action = (
            Action(reset="before" if action == "reset-before" else "after") if isinstance(action, str) else action
        )
        self.method = order.method.upper()
        self.regex = re.compile(order.path_regex, re.IGNORECASE)
        self.times = order.times


class Faults:
    """The planted faults, in the order they were planted."""

    def __init__(self) -> None:
        """Begin without any."""
        self._planted: list[_Planted] = []

    def plant(self, orders: list[FaultOrder]) -> None:
        """Add faults; ValueError, and none added, when a pattern cannot be compiled."""
        try:
            self._planted += [_Planted(order) for order in orders]
        except re.error as error:
            raise ValueError(f"path_regex: {error}") from error

    def clear(self) -> None:
        """Take every fault away."""
        self._planted.clear()

    def take(self, method: str, path: str) -> Action | None:
        """Return what happens to a request, None when nothing does; the fault that strikes is used up by one."""
        for fault in self._planted:
            if fault.method not in ("*", method) or fault.regex.search(path) is None:
                continue
            if fault.action.read_error is not None and _POLL.search(path) is None:
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._planted.remove(fault)
            return fault.action
        return None
