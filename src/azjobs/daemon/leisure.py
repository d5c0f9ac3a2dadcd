"""Let the daemon end when there is nothing to do for a while, without looking whether there is.

Nothing wakes a daemon that has work, or is idle: one timer runs, from the
moment at which the last job ended, the last request was answered or the last
watcher left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

IDLE_S = 60.0  # guess: longer than the pause between two commands of one person


class Leisure:
    """The time since there was something to do.

    `is_busy` says whether there is something; `leave` is called once when there
    was nothing for long enough. A client that comes later finds the next daemon.
    """

    def __init__(self, is_busy: Callable[[], bool], leave: Callable[[], None], *, idle_s: float = IDLE_S) -> None:
        self._is_busy = is_busy
        self._leave = leave
        self._idle_s = idle_s
        self._quiet_since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Something came to its end, so that there may be nothing to do from now on."""
        loop = asyncio.get_running_loop()
        self._quiet_since = loop.time()
        if self._timer is None and not self._is_busy():
            self._timer = loop.call_later(self._idle_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._is_busy():
            return  # its end begins anew
        loop = asyncio.get_running_loop()
        due_at = self._quiet_since + self._idle_s
        if loop.time() >= due_at:
            self._leave()
        else:
            self._timer = loop.call_at(due_at, self._look)
