"""A file that only takes up room: on a full disk it is given up, so that what matters most can still be recorded.

That is the ends of jobs, and the removal of old ones, which makes room. It is
there again as soon as there is.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

BALLAST_BYTES = 1024 * 1024  # measured: the removal of a hundred jobs takes about 150 kB of the store's log

LEAST_BYTES = 512 * 1024  # guess: several times what keeper, daemon and SQLite write before there is anything to do


def make_room(file: Path) -> None:
    """Give up the ballast where the disk is full: without a little room no daemon can start, nor remove old jobs."""
    try:
        disk = os.statvfs(file.parent)
        if disk.f_bavail * disk.f_frsize < LEAST_BYTES:
            file.unlink()
    except OSError:  # it is given up already, or there is no home yet
        return


class Ballast:
    """The ballast of a home."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._is_held = False

    def hold(self) -> None:
        """Take the room, if there is; where there is none, nothing is taken."""
        if self._is_held:
            return
        with contextlib.suppress(OSError):
            fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                if os.fstat(fd).st_size < BALLAST_BYTES:
                    _take_room(fd)
                self._is_held = True
            except OSError:
                self._file.unlink(missing_ok=True)  # a part of it is of no use, and others need the room
            finally:
                os.close(fd)

    def give_up(self) -> bool:
        """Give the room to whoever needs it; returns whether there was any."""
        self._is_held = False
        try:
            self._file.unlink()
        except OSError:
            return False
        return True


def _take_room(fd: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, BALLAST_BYTES)
        return
    block = bytes(64 * 1024)  # macOS has no such call; what is written takes room there too
    for start in range(0, BALLAST_BYTES, len(block)):
        os.pwrite(fd, block, start)
