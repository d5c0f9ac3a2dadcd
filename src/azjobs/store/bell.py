"""Ring for whoever watches the store: a file that grows by one byte after each commit.

A watcher listens for a change of the file (inotify, kqueue) and then reads the
store; what is in the file says nothing.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

LONGEST_BYTES = 4096  # one block of most file systems: it never costs more


class Bell:
    """The writing end of a bell file, made on the first ring."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._fd = -1

    def ring(self) -> None:
        """Wake all watchers; a disk that takes no byte is passed over, for a bell is no record."""
        with contextlib.suppress(OSError):
            if self._fd < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
                self._fd = os.open(self._file, flags, 0o600)
            if os.fstat(self._fd).st_size >= LONGEST_BYTES:
                os.ftruncate(self._fd, 0)
            os.write(self._fd, b"\n")

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
