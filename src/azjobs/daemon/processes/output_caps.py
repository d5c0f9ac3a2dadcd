"""Hold the raw output of jobs to its cap: what is written past Python, so that the job's own process cannot count it.

Nothing is done while nothing is written. Where something is, the capped jobs are
looked at a few times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from azjobs.process.cap import enforce
from azjobs.process.journal import ERR_SUFFIX, OUT_SUFFIX, companion
from azjobs.process.watch import FileWatch, open_watch

log = logging.getLogger(__name__)

MOST_ENDED = 256  # guess: jobs that have ended and whose children may write on
LOOK_AGAIN_S = 0.2  # guess: what a job can write in that time is what it may take beyond its cap


class OutputCaps:
    """The jobs with a cap that may write past Python. To be used in one event loop."""

    def __init__(self) -> None:
        self._caps: dict[Path, int] = {}
        self._ended: dict[Path, int] = {}
        self._watch: FileWatch | None = None
        self._timer: asyncio.TimerHandle | None = None

    def add(self, journal: Path, limit_bytes: int) -> None:
        """Hold a job to its cap from now on."""
        self._caps[journal] = limit_bytes
        if self._watch is None:
            self._watch = open_watch()
        for suffix in (OUT_SUFFIX, ERR_SUFFIX):
            with contextlib.suppress(OSError):  # it has no such file; or the system watches no more: see `_listen`
                self._watch.add(companion(journal, suffix))
        if self._timer is None:
            self._look()

    def end(self, journal: Path, limit_bytes: int) -> None:
        """Its process has ended, perhaps while nobody looked; what it started may go on, and write for ever."""
        _enforce(journal, limit_bytes)
        if self._caps.pop(journal, None) is not None:
            self._ended[journal] = limit_bytes
        if len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]

    def close(self) -> None:
        """Hold nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watch is not None:
            if self._watch.fileno() >= 0:
                asyncio.get_running_loop().remove_reader(self._watch.fileno())
            self._watch.close()
            self._watch = None

    def _look(self) -> None:
        self._timer = None
        assert self._watch is not None, "there are jobs"
        if self._watch.fileno() >= 0:
            self._watch.wait(0)  # what was told so far is about to be seen
        for journal, limit_bytes in (*self._caps.items(), *self._ended.items()):
            _enforce(journal, limit_bytes)
        self._listen(self._watch)

    def _listen(self, watch: FileWatch) -> None:
        if watch.fileno() >= 0:
            asyncio.get_running_loop().add_reader(watch.fileno(), self._written, watch.fileno())
        else:  # no event can be had
            self._timer = asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look)

    def _written(self, fd: int) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(fd)
        self._timer = loop.call_later(LOOK_AGAIN_S, self._look)


def _enforce(journal: Path, limit_bytes: int) -> None:
    try:
        enforce(journal, limit_bytes)
    except OSError as error:  # a full disk: the next look may do better
        log.warning("The output of %s cannot be held to its cap: %s", journal.name, error)
