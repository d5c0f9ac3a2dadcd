"""Sleep until a file changes: inotify on Linux, kqueue on macOS, looking at intervals where neither can be had.

Arm first, then read to the end, then wait: what happens between reading and
waiting wakes the waiter at once.
"""

from __future__ import annotations

import os
import select
import struct
import sys
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from azjobs.process.identity import is_running, open_exit_fd

# <sys/inotify.h>
_IN_MODIFY, _IN_CLOSE_WRITE, _IN_CREATE = 0x2, 0x8, 0x100
_IN_NONBLOCK, _IN_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_EVENT = struct.Struct("iIII")
_READ_SIZE = 64 * 1024
_MAX_IDLE, _MAX_DRAIN = 4, 16  # guesses
_INTERVAL_S = 0.05  # guess: only where no event can be had


class Wake(Enum):
    """Why a wait is over."""

    TIME = "time"  # nothing happened
    WRITTEN = "written"
    TOLD = "told"  # something else that was asked for is readable
    CLOSED = "closed"  # a writer closed a file, perhaps after writing: it may have ended


class FileWatch(Protocol):
    """Wakes when a file was written or closed by a writer, a folder has something new, or a process has ended."""

    def add(self, path: Path) -> None:
        """Watch an existing file or folder too."""

    def add_process(self, pid: int, started: int) -> bool:
        """Wake as if a file was closed when this very process has ended; False when it has ended already."""

    def add_told(self, fd: int) -> None:
        """Wake also when this becomes readable; it stays the caller's."""

    def fileno(self) -> int:
        """Return what is readable when something happened, to be waited for with other things; -1: there is none."""

    def wait(self, timeout_s: float | None) -> Wake:
        """Sleep until something happens or the time is over."""

    def close(self) -> None:
        """Stop watching."""

    def __enter__(self) -> Self:
        """Give itself."""

    def __exit__(self, *_: object) -> None:
        """Close."""


def open_watch() -> FileWatch:
    """Return the best watch that this system offers."""
    try:
        if sys.platform != "linux":
            from azjobs.process.kqueue import KqueueWatch  # noqa: PLC0415 - only where there is such a thing

            return KqueueWatch()
        return InotifyWatch()
    except OSError:  # no instance is left (fs.inotify.max_user_instances)
        return IntervalWatch()


class InotifyWatch:
    """inotify(7), of Linux.

    The kernel takes 15 ms and more to close an instance (observed on 6.18), so a
    few are kept for the next use.
    """

    _idle: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self._libc = _load_libc()
        self._fd = self._idle.pop() if self._idle else self._libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
        if self._fd < 0:
            raise OSError(_errno(), "inotify_init1")
        self._watches: list[int] = []
        self._exits: list[int] = []
        self._told_fds: list[int] = []

    def add(self, path: Path) -> None:
        """Watch an existing file or folder too."""
        events = _IN_MODIFY | _IN_CLOSE_WRITE | _IN_CREATE  # a folder's are those of what is in it
        watch = self._libc.inotify_add_watch(self._fd, os.fsencode(path), events)
        if watch < 0:
            raise OSError(_errno(), "inotify_add_watch", str(path))
        self._watches.append(watch)

    def add_process(self, pid: int, started: int) -> bool:
        """Wake as if a file was closed when this very process has ended; False when it has ended already."""
        fd = open_exit_fd(pid)
        if fd is None:
            return False
        self._exits.append(fd)
        return is_running(pid, started)

    def add_told(self, fd: int) -> None:
        """Wake also when this becomes readable; it stays the caller's."""
        self._told_fds.append(fd)

    def fileno(self) -> int:
        """Return what is readable when a file was written or closed."""
        return self._fd

    def wait(self, timeout_s: float | None) -> Wake:
        """Sleep until something happens; all events so far count as one."""
        poll = select.poll()
        for fd in (self._fd, *self._exits, *self._told_fds):
            poll.register(fd, select.POLLIN)
        ready = [fd for fd, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)]
        if not ready:
            return Wake.TIME
        if any(fd in ready for fd in self._told_fds):  # what else happened is found out by the next wait
            return Wake.TOLD
        is_closed = self._fd in ready and _has_close(os.read(self._fd, _READ_SIZE))
        for fd in self._exits:
            if fd in ready:  # told once
                os.close(fd)
                is_closed = True
        self._exits = [fd for fd in self._exits if fd not in ready]
        return Wake.CLOSED if is_closed else Wake.WRITTEN

    def close(self) -> None:
        """Stop watching."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        while self._exits:
            os.close(self._exits.pop())
        for watch in self._watches:
            self._libc.inotify_rm_watch(fd, watch)
        if len(self._idle) < _MAX_IDLE and _drain(fd):
            self._idle.append(fd)
        else:
            os.close(fd)

    @classmethod
    def forget_idle(cls) -> None:
        """In a forked child: the instances are the parent's."""
        while cls._idle:
            os.close(cls._idle.pop())

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


os.register_at_fork(after_in_child=InotifyWatch.forget_idle)


@cache
def _load_libc() -> Any:
    import ctypes  # noqa: PLC0415 - readers that do not wait need not pay for it

    return ctypes.CDLL(None, use_errno=True)


def _errno() -> int:
    import ctypes  # noqa: PLC0415 - as above

    return ctypes.get_errno()


def _drain(fd: int) -> bool:
    """Take the events that nobody waits for any more; False when there is no end of them."""
    try:
        for _ in range(_MAX_DRAIN):
            os.read(fd, _READ_SIZE)
    except BlockingIOError:
        return True
    return False


class IntervalWatch:
    """No event can be had: every wait is a short sleep, and counts as a change."""

    def __init__(self) -> None:
        self._told_fds: list[int] = []

    def add(self, path: Path) -> None:
        """Nothing to arm."""

    def add_process(self, pid: int, started: int) -> bool:
        """Nothing to arm."""
        return is_running(pid, started)

    def add_told(self, fd: int) -> None:
        """Wake also when this becomes readable; it stays the caller's."""
        self._told_fds.append(fd)

    def fileno(self) -> int:
        """There is none."""
        return -1

    def wait(self, timeout_s: float | None) -> Wake:
        """Sleep an interval."""
        pause_s = _INTERVAL_S if timeout_s is None else min(timeout_s, _INTERVAL_S)
        told, _, _ = select.select(self._told_fds, [], [], pause_s)
        return Wake.TOLD if told else Wake.WRITTEN

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to do."""


def _has_close(events: bytes) -> bool:
    """Walk the events: watch, mask, cookie, length of the name, name (of what is in a watched folder)."""
    at = 0
    while at < len(events):
        _, mask, _, name_size = _EVENT.unpack_from(events, at)
        if mask & _IN_CLOSE_WRITE:
            return True
        at += _EVENT.size + name_size
    return False
