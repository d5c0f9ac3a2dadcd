"""Long-running operations: what is under way, and when it ends.

An operation ends by the clock, by the number of looks at it, or when told; no timer runs: whoever handles a request
first calls `advance`, so that at any instant a request sees exactly what should have ended by then.
"""

from __future__ import annotations

import heapq
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from azjobs.simulator.journal import Effect
from azjobs.simulator.settings import Kind, Mode, Settings, Style, TimeRule

IN_PROGRESS = "InProgress"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ends; `code` and `message` are of a Failed or Canceled one."""

    status: str = "Succeeded"
    code: str = ""
    message: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the operation did what it was asked to."""
        return self.status == "Succeeded"


GOOD = Outcome()


@dataclass(slots=True)
class Operation:
    """One operation, under way or ended. Instants are epoch seconds, `due_at` is of the steady clock."""

    id: str
    kind: Kind
    style: Style
    provider: str | None  # None: ARM itself
    location: str
    subscription: str
    api_version: str
    target_id: str
    settle: Callable[[Outcome], None]
    final: Callable[[], tuple[int, object]]  # (HTTP status, body or None) of a Location that has arrived
    started_at: float
    duration_s: float | None
    due_at: float | None
    looks_left: int | None
    fated: Outcome = GOOD
    status: str = IN_PROGRESS
    outcome: Outcome | None = None
    ended_at: float | None = None
    forget_at: float | None = None
    effect: Effect | None = None
    hops: int = 0  # how often its Location has moved

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self.outcome is not None


class Operations:
    """Every operation whose record is still kept."""

    def __init__(self, settings: Settings, steady: Callable[[], float], wall: Callable[[], float]) -> None:
        """Begin empty; `steady` and `wall` are the clocks, in seconds."""
        self._settings = settings
        self._steady = steady
        self._wall = wall
        self._by_id: dict[str, Operation] = {}
        self._due: list[tuple[float, int, Operation]] = []
        self._count = itertools.count()

    def __iter__(self) -> itertools.chain[Operation]:
        """Go over all records, oldest first."""
        return itertools.chain(self._by_id.values())

    def use(self, settings: Settings) -> None:
        """Take new settings and forget every operation."""
        self._settings = settings
        self._by_id.clear()
        self._due.clear()

    def begin(  # noqa: PLR0913 - what an operation is made of, all by name
        self,
        kind: Kind,
        *,
        style: Style,
        provider: str | None,
        location: str,
        subscription: str,
        api_version: str,
        target_id: str,
        settle: Callable[[Outcome], None],
        final: Callable[[], tuple[int, object]],
        fated: Outcome = GOOD,
    ) -> Operation:
        """Start an operation and return it; one in the SYNC style has ended when this returns."""
        rule: TimeRule = self._settings.time_rule(kind)
        duration_s = 0.0 if style is Style.SYNC else rule.duration_s(kind)
        now = self._steady()
        operation = Operation(
            id=str(uuid.uuid4()),
            kind=kind,
            style=style,
            provider=provider,
            location=location,
            subscription=subscription,
            api_version=api_version,
            target_id=target_id,
            settle=settle,
            final=final,
            started_at=self._wall(),
            duration_s=duration_s,
            due_at=None if duration_s is None else now + duration_s,
            looks_left=rule.reads if duration_s is None and rule.mode is Mode.READS else None,
            fated=fated,
        )
        self._by_id[operation.id] = operation
        if style is Style.SYNC:
            self.end(operation)
        elif operation.due_at is not None:
            heapq.heappush(self._due, (operation.due_at, next(self._count), operation))
        return operation

    def advance(self) -> None:
        """End what is due and forget what has been kept long enough."""
        now = self._steady()
        while self._due and self._due[0][0] <= now:
            _, _, operation = heapq.heappop(self._due)
            if operation.forget_at is not None and operation.forget_at <= now:
                self._by_id.pop(operation.id, None)
            elif not operation.is_done:
                self.end(operation)

    def find(self, operation_id: str) -> Operation | None:
        """Return the record of an operation, None when there is none (any more)."""
        return self._by_id.get(operation_id.lower())

    def look(self, operation: Operation) -> None:
        """Count one look at an operation; in the READS mode it may end with it."""
        if operation.looks_left is None or operation.is_done:
            return
        if operation.looks_left == 0:
            self.end(operation)
        else:
            operation.looks_left -= 1

    def end(self, operation: Operation, outcome: Outcome | None = None) -> None:
        """End an operation as `outcome` says, else as it is fated; harmless when it has ended."""
        if operation.is_done:
            return
        operation.outcome = outcome or operation.fated
        operation.status = operation.outcome.status
        operation.ended_at = self._wall()
        operation.forget_at = self._steady() + self._settings.keep_s
        heapq.heappush(self._due, (operation.forget_at, next(self._count), operation))
        operation.settle(operation.outcome)
        if operation.effect is not None:
            operation.effect.outcome = operation.status

    def percent_done(self, operation: Operation) -> int | None:
        """Return 0-100 when the settings want it told and a clock decides the end, else None."""
        if not self._settings.percent_complete or operation.due_at is None or not operation.duration_s:
            return None
        if operation.is_done:
            return 100
        left_s = max(0.0, operation.due_at - self._steady())
        return min(99, int(100 * (1 - left_s / operation.duration_s)))
