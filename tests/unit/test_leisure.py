"""An idle daemon leaves in time, and nothing wakes one that is idle or has work to look whether it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from azjobs.daemon.leisure import Leisure


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes at once; it counts how often a timer ended a wait, and ends when nothing is due."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0
        self.wakes = 0
        poll = self._selector.select  # type: ignore[attr-defined]

        def select(timeout_s: float | None) -> Any:
            if timeout_s is None:
                self.stop()
            elif timeout_s > 0:
                self.wakes += 1
                self.passed_s += timeout_s
            return poll(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        """The time that has passed."""
        return self.passed_s


class Office:
    """What a daemon has to do, and when it left."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.jobs = 0
        self.left_at: list[float] = []
        self.leisure = Leisure(lambda: self.jobs > 0, lambda: self.left_at.append(self.loop.time()), idle_s=60.0)

    def at(self, instant_s: float, change: int = 0) -> None:
        """A job comes (1) or ends (-1), or a request is answered (0)."""
        self.loop.call_at(instant_s, self._happen, change)

    def _happen(self, change: int) -> None:
        self.jobs += change
        if change <= 0:
            self.leisure.begin()

    def run(self, *more: Callable[[], None]) -> None:
        """Let everything happen."""
        self.loop.call_soon(self.leisure.begin)
        self.loop.run_forever()
        self.loop.close()


def test_a_daemon_that_nobody_asks_leaves_after_its_idle_time() -> None:
    """And is woken for that alone."""
    office = Office()
    office.run()
    assert (office.left_at, office.loop.wakes) == ([60.0], 1)


def test_each_answer_begins_the_idle_time_anew() -> None:
    """It leaves one idle time after the last one."""
    office = Office()
    office.at(10.0)
    office.at(59.0)
    office.run()
    assert office.left_at == [119.0]


def test_a_daemon_with_work_is_not_woken_until_the_work_ends() -> None:
    """However long it takes; it then stays for its idle time."""
    office = Office()
    office.at(1.0, 1)
    office.at(80_000.0, -1)
    office.run()
    assert office.left_at == [80_060.0]
    assert office.loop.wakes == 4  # the job came, one look, it ended, the idle time was over


def test_work_that_comes_before_the_idle_time_is_over_keeps_the_daemon() -> None:
    """Also when another job ended meanwhile."""
    office = Office()
    office.at(1.0, 1)
    office.at(2.0, 1)
    office.at(3.0, -1)
    office.at(500.0, -1)
    office.run()
    assert office.left_at == [560.0]
