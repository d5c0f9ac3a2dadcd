"""Reap children: read the start time while the process is a zombie, then take its status."""

from __future__ import annotations

import os
import time

from azjobs.keeper.exits import Exit

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost the keeper 0.7 MB
if TYPE_CHECKING:
    from collections.abc import Iterator

_START_TIME_INDEX = 19  # field 22 of /proc/pid/stat, counted after the name's closing bracket [proc(5)]


def iter_ended() -> Iterator[Exit]:
    """Reap every child that has ended, orphans included, and yield how."""
    while True:
        try:
            ended = _reap_next()
        except ChildProcessError:
            return
        if ended is None:
            return
        yield ended


def has_children() -> bool:
    """Tell whether a child or an adopted orphan is alive."""
    try:
        if hasattr(os, "waitid"):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return True
    except ChildProcessError:
        return False
    return False  # without waitid there is no subreaper either, and the one child is the daemon


def load_start_time(pid: int) -> int | None:
    """Return when `pid` started, in clock ticks since boot; None where /proc does not tell."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        line = os.read(fd, 4096)  # a line has about 350 bytes
    finally:
        os.close(fd)
    return parse_start_time(line)


def parse_start_time(line: bytes) -> int | None:
    """Return the start time in a line of /proc/pid/stat, whatever brackets and blanks the name has; None if short."""
    fields = line[line.rfind(b")") + 1 :].split()
    return int(fields[_START_TIME_INDEX]) if len(fields) > _START_TIME_INDEX else None


def _reap_next() -> Exit | None:
    if not hasattr(os, "waitid"):  # macOS
        pid, status = os.waitpid(-1, os.WNOHANG)
        return Exit(pid, None, status, time.time()) if pid else None
    zombie = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if zombie is None:
        return None
    start_time = load_start_time(zombie.si_pid)
    _, status = os.waitpid(zombie.si_pid, 0)
    return Exit(zombie.si_pid, start_time, status, time.time())
