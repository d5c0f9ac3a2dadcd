"""Sleep until a file is written, by kqueue(2): for macOS."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path
from typing import Self

from azjobs.process.identity import is_running
from azjobs.process.watch import Wake

if sys.platform == "linux":
    raise ImportError("kqueue is not of this system")


class KqueueWatch:
    """A `FileWatch`. It does not tell that a writer closed its file; readers look again once in a while."""

    def __init__(self) -> None:
        self._queue = select.kqueue()
        self._fds: list[int] = []

    def add(self, path: Path) -> None:
        """Watch an existing file or folder too; a folder is written when something new is in it."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._fds.append(fd)
        notes = select.KQ_NOTE_WRITE | select.KQ_NOTE_EXTEND
        event = select.kevent(fd, select.KQ_FILTER_VNODE, select.KQ_EV_ADD | select.KQ_EV_CLEAR, notes)
        self._queue.control([event], 0)

    def add_process(self, pid: int, started: int) -> bool:
        """Wake as if a file was closed when this very process has ended; False when it has ended already."""
        event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
        try:
            self._queue.control([event], 0)
        except ProcessLookupError:
            return False
        return is_running(pid, started)

    def add_told(self, fd: int) -> None:
        """Wake also when this becomes readable; it stays the caller's."""
        self._queue.control([select.kevent(fd, select.KQ_FILTER_READ, select.KQ_EV_ADD)], 0)

    def fileno(self) -> int:
        """Return what is readable when something happened."""
        return self._queue.fileno()

    def wait(self, timeout_s: float | None) -> Wake:
        """Sleep until something happens."""
        events = self._queue.control(None, 16, timeout_s)
        if any(event.filter == select.KQ_FILTER_READ for event in events):
            return Wake.TOLD
        if any(event.filter == select.KQ_FILTER_PROC for event in events):
            return Wake.CLOSED
        return Wake.WRITTEN if events else Wake.TIME

    def close(self) -> None:
        """Stop watching."""
        self._queue.close()
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
