"""Decide when a daemon is started, started again, or given up for a while.

Pure: told what happened and when, on a clock in seconds that never goes back.
Ended with 0 means idle or asked to stop: nothing until the next connection.
Any other end means again, after 0, 0.1, 0.5, 1 and 2 s; when the daemon ends
after five restarts within 60 s, connections are turned away for 60 s. A daemon
that somebody killed, or that had come to the end of its recovery, is no such
loop: it is started again at once, within a wider limit.
"""

from __future__ import annotations

BACK_OFF_S = (0.0, 0.1, 0.5, 1.0, 2.0)  # a guess: the first two are not felt, all of them fit in a client's patience
WINDOW_S = 60.0  # a guess: a daemon that lives longer than this is not in a loop
KILLING = (9, 15)  # SIGKILL, SIGTERM: never of a program's own making (but see the limit, for want of memory)
READY_LIMIT = 60  # a guess: one a second, for a minute, and it is a loop all the same
GIVEN_UP_S = 60.0  # a guess: long enough to be cheap, short enough to heal unseen
#: A daemon that left a waiting connection unserved this soon did not mean "idle", whatever its status.
UNSERVED_S = 1.0

RESTING, DUE, RUNNING, FAILED = "resting", "due", "running", "failed"


class Supervision:
    """Where the daemon stands. `due_at` is the next instant of interest in DUE and FAILED."""

    __slots__ = ("_ready_ends_at", "_restarts_at", "_started_at", "due_at", "phase", "starts")

    def __init__(self) -> None:
        self.phase = RESTING
        self.due_at = 0.0
        #: How many daemons were started so far.
        self.starts = 0
        self._started_at = 0.0
        self._restarts_at: list[float] = []
        self._ready_ends_at: list[float] = []

    def ask(self, now: float) -> None:
        """A connection waits, or work is known to be pending."""
        if self.phase == RESTING:
            self.phase, self.due_at = DUE, now

    def started(self, now: float) -> None:
        """A daemon was started."""
        self.phase, self._started_at = RUNNING, now
        self.starts += 1

    def ended(self, now: float, status: int, *, is_asked_for: bool, was_ready: bool = False) -> None:
        """The daemon ended with wait status `status`.

        `is_asked_for`: a connection still waits. `was_ready`: it had finished its recovery.
        """
        is_unserved = is_asked_for and now - self._started_at < UNSERVED_S
        if status == 0 and not is_unserved:
            self.phase = RESTING
            return
        if was_ready or status & 0x7F in KILLING:
            self._ready_ends_at = [*(at for at in self._ready_ends_at if now - at < WINDOW_S), now]
            if len(self._ready_ends_at) <= READY_LIMIT:
                self.phase, self.due_at = DUE, now
                return
        self._restarts_at = [at for at in self._restarts_at if now - at < WINDOW_S]
        if len(self._restarts_at) >= len(BACK_OFF_S):
            self.phase, self.due_at = FAILED, now + GIVEN_UP_S
            return
        self.phase, self.due_at = DUE, now + BACK_OFF_S[len(self._restarts_at)]
        self._restarts_at.append(now)

    def forgive(self, now: float, *, is_work_pending: bool) -> bool:
        """Return True once the time of a failed daemon is over: it may be started again, at once if there is work."""
        if self.phase != FAILED or now < self.due_at:
            return False
        self._restarts_at.clear()
        self._ready_ends_at.clear()
        self.phase = RESTING
        if is_work_pending:
            self.ask(now)
        return True

    def is_due(self, now: float) -> bool:
        """Tell whether a daemon has to be started now."""
        return self.phase == DUE and now >= self.due_at


def describe_end(status: int, signal_names: dict[int, str]) -> str:
    """Return how a process ended, as the end of a sentence, from its raw wait status."""
    number = status & 0x7F  # the layout waitpid shares on Linux and macOS
    if number:
        return f"killed by {signal_names.get(number, f'signal {number}')}"
    return f"with exit code {status >> 8}"
