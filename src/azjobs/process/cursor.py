"""Remember how far a job's output was received: each record is given once, whoever asks first.

The cursor is a file of one line, `journal out err`: the offsets up to which the
journal and the two raw files were given. Whoever receives holds its flock from
reading the line until what was given has been flushed; a receiver that dies
before that leaves the records to the next one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_WIDTH = 20  # digits of 2**64: the line always has one length, so one write replaces it whole


class Position(NamedTuple):
    """Offsets, in bytes: up to where the journal, its raw output and its raw error output were given."""

    journal: int = 0
    out: int = 0
    err: int = 0


class HeldCursor:
    """A cursor while its lock is held."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.position = _parse(os.pread(fd, 4 * _WIDTH, 0))

    def advance(self, position: Position) -> None:
        """Record that everything before `position` was given."""
        os.pwrite(self._fd, _format(position), 0)
        self.position = position


@contextmanager
def hold_cursor(path: Path) -> Iterator[HeldCursor]:
    """Hold the cursor, waiting for whoever receives just now."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield HeldCursor(fd)
    finally:
        os.close(fd)


def load_position(path: Path) -> Position:
    """Return how far the job was received, without waiting for a receiver."""
    try:
        return _parse(path.read_bytes())
    except FileNotFoundError:
        return Position()


def _format(position: Position) -> bytes:
    return b"%020d %020d %020d\n" % position


def _parse(line: bytes) -> Position:
    """An unreadable cursor is the start: to give output twice is better than never."""
    parts = line.split()
    if len(parts) != len(Position._fields) or not all(part.isdigit() for part in parts):
        return Position()
    return Position(*(int(part) for part in parts))
