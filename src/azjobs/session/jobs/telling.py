"""Follow what jobs tell of their progress, several at once and live; nothing is consumed.

A job may write more than anybody can look at: of what is new only the end is
read, for progress is how far it is now.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator, Sequence
from pathlib import Path

from azjobs.core.journal import End, Progress, scan
from azjobs.process.watch import FileWatch, open_watch

_TAIL_BYTES = 64 * 1024  # guess: holds the last words of dozens of activities
_PAUSE_S = 0.1  # guess: nobody reads faster
_INTERVAL_S = 0.5  # guess: only where no event can be had

Told = Progress | End


def follow_progress(journals: Sequence[Path], stop_fd: int) -> Iterator[list[tuple[Path, Told]]]:
    """Yield what jobs tell, and that they have ended, until `stop_fd` is readable; the journals share a folder."""
    tails = [_Tail(journal) for journal in journals]
    with open_watch() as watch:
        for folder in {journal.parent for journal in journals}:
            watch.add(folder)
        while True:
            told = [(tail.journal, record) for tail in tails for record in tail.read(watch)]
            if told:
                yield told
            if _await_change(watch, stop_fd):
                return


class _Tail:
    """The end of one journal, which need not be there yet."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self._at = -1

    def read(self, watch: FileWatch) -> list[Told]:
        """Return what is new."""
        try:
            fd = os.open(self.journal, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            if self._at < 0:
                watch.add(self.journal)  # that of its folder tells of it too, but not on every system
            size = os.fstat(fd).st_size
            start = max(self._at, size - _TAIL_BYTES, 0)
            found, self._at = scan(os.pread(fd, size - start, start), start)
        finally:
            os.close(fd)
        return [item.record for item in found if isinstance(item.record, Progress | End)]


def _await_change(watch: FileWatch, stop_fd: int) -> bool:
    """Sleep until a journal may have changed, and a moment more; whether to stop."""
    fds = [fd for fd in (watch.fileno(), stop_fd) if fd >= 0]
    pause_s = None if watch.fileno() >= 0 else _INTERVAL_S
    ready, _, _ = select.select(fds, [], [], pause_s)
    if stop_fd not in ready:
        ready, _, _ = select.select([stop_fd], [], [], _PAUSE_S)
    if watch.fileno() >= 0:
        watch.wait(0)
    return stop_fd in ready
