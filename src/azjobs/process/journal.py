"""Know where a job's journal is, who may write it, and how a record gets into it.

A job's files stand side by side and differ in their suffix: `.journal` (the
records), `.out` and `.err` (what bypassed Python), `.objects` (values kept
beside it), `.cursor` (how far it was received), `.capped` (up to where the raw
files count, once there is more output than is kept).

Whoever writes holds an exclusive flock on the open journal. The lock belongs to
the open file, so it travels with the descriptor from the daemon to the job, and
it is gone at the moment the last holder ends, however it ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from azjobs.core.journal import Begin, End, Gap, Record, Stamp, format_record, last_record, scan
from azjobs.process.identity import boot_id, has_ended, pid_namespace

JOURNAL_SUFFIX = ".journal"
OUT_SUFFIX = ".out"
ERR_SUFFIX = ".err"
OBJECTS_SUFFIX = ".objects"
CURSOR_SUFFIX = ".cursor"
CAPPED_SUFFIX = ".capped"
SUFFIXES = (JOURNAL_SUFFIX, OUT_SUFFIX, ERR_SUFFIX, OBJECTS_SUFFIX, CURSOR_SUFFIX, CAPPED_SUFFIX)

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_HEAD_BYTES = 512  # the first record has about 140
_TAIL_BYTES = 16 * 1024  # guess: a final record is far shorter; doubled while none is found
FULL = (errno.ENOSPC, errno.EDQUOT)
_FIRST_RETRY_S, _LAST_RETRY_S = 0.02, 1.0  # guesses: a freed ballast is noticed soon, a full disk costs nothing


def companion(journal: Path, suffix: str) -> Path:
    """Return another file of the same job."""
    return journal.with_suffix(suffix)


def create_journal(journal: Path) -> int:
    """Create an empty journal and return its descriptor, locked; there is no moment at which it is seen unlocked.

    Raises:
        FileExistsError: the job has a journal already.
    """
    draft = journal.with_name(f".{journal.name}.{os.urandom(4).hex()}")
    fd = os.open(draft, _APPEND | os.O_EXCL, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.link(draft, journal)
    except BaseException:
        os.close(fd)
        raise
    finally:
        draft.unlink()
    return fd


def open_raw_output(journal: Path) -> tuple[int, int]:
    """Create the two files for what bypasses Python; return descriptors of (out, err)."""
    out = os.open(companion(journal, OUT_SUFFIX), _APPEND, 0o600)
    try:
        return out, os.open(companion(journal, ERR_SUFFIX), _APPEND, 0o600)
    except BaseException:
        os.close(out)
        raise


def is_alive(journal: Path) -> bool:
    """Whether somebody still writes this journal: the job's process, or whoever is about to start it.

    Takes the lock shared for an instant, without waiting. A missing journal has no writer. A lock that a
    fork by C code took along does not count: then the process of the first record has ended.
    """
    try:
        fd = os.open(journal, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        begin = load_begin(journal)
        return begin is None or not _is_over(begin)
    else:
        return False
    finally:
        os.close(fd)


def load_end(journal: Path) -> End | None:
    """Return the job's own final record; None when there is none (it goes on, or was ended from outside)."""
    try:
        with journal.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            length = _TAIL_BYTES
            while True:
                start = max(0, size - length)
                file.seek(start)
                record = last_record(file.read(size - start))
                if record is not None or start == 0:
                    return record if isinstance(record, End) else None
                length *= 2
    except FileNotFoundError:
        return None


def is_complete(journal: Path) -> bool:
    """Whether the job will write nothing more: it has written its end, or its writer is gone."""
    return load_end(journal) is not None or not is_alive(journal)


def load_begin(journal: Path) -> Begin | None:
    """Return the job's first record; None when no process has begun to write."""
    try:
        with journal.open("rb") as file:
            found = scan(file.read(_HEAD_BYTES)).found
    except FileNotFoundError:
        return None
    return next((item.record for item in found if isinstance(item.record, Begin)), None)


def is_of_here(begin: Begin) -> bool:
    """Whether the pid of this record means anything here: pids of another boot or namespace tell nothing."""
    return (begin.boot_id, begin.pid_namespace) == (boot_id(), pid_namespace())


def _is_over(begin: Begin) -> bool:
    """Whether the process that wrote this record has ended."""
    return is_of_here(begin) and has_ended(begin.pid, begin.start_time)


def remove_files(journal: Path) -> None:
    """Remove every file of the job; those that are not there are no error."""
    for suffix in SUFFIXES:
        companion(journal, suffix).unlink(missing_ok=True)


def remove_drafts(folder: Path) -> None:
    """Remove what is left of journals that were being created when their daemon was killed."""
    for draft in folder.glob(f".*{JOURNAL_SUFFIX}.*"):
        draft.unlink(missing_ok=True)


class Cap(Protocol):
    """Decides what of a job's output is kept: see `process.cap`."""

    @property
    def is_reached(self) -> bool:
        """Whether nothing more is kept, but for errors."""

    def admits(self, record: Record, size_bytes: int) -> bool:
        """Whether a record is kept."""

    def admits_beside(self, stamp: Stamp, size_bytes: int) -> bool:
        """Whether so much is kept beside the journal."""

    def reach(self, stamp: Stamp) -> Record | None:
        """Keep nothing more from now on; returns what is to be said of it."""


class JournalWriter:
    """Appends records to a journal whose lock it holds; each record by one write.

    It may be used from several threads. In a child forked from this process it
    is closed: the lock must not outlive the job, nor a child write in its name.
    A full disk makes it wait, and the journal says so; nothing is dropped, unless there is a cap.
    """

    def __init__(
        self,
        fd: int,
        *,
        raw_fds: tuple[int, int] | None = None,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._fd = fd
        self._raw_fds = raw_fds
        self._clock = clock
        self._wait = wait
        self._cap: Cap | None = None
        _writers.add(self)

    @property
    def is_open(self) -> bool:
        """Whether records can be written: not in a forked child, and not after the end."""
        return self._fd >= 0

    def stamp(self) -> Stamp:
        """Return the stamp for a record that is written now."""
        if self._raw_fds is None:
            return Stamp(self._clock())
        out, err = self._raw_fds
        return Stamp(self._clock(), os.fstat(out).st_size, os.fstat(err).st_size)

    def cap_at(self, cap: Cap) -> None:
        """Let a cap decide, from now on, what is kept."""
        self._cap = cap

    def write(self, record: Record, *, is_kept: bool = False) -> None:
        """Append one record; without effect when the writer is closed. `is_kept`: whatever the cap says."""
        fd, cap = self._fd, self._cap
        if fd < 0:
            return
        if cap is not None and not is_kept and cap.is_reached and not cap.admits(record, 0):
            return  # without formatting it: a job may write much for nothing
        frame = format_record(record)
        if cap is not None and not is_kept and not cap.admits(record, len(frame)):
            self._say_capped(cap, record.stamp)
            return
        if self._try_write(fd, frame):
            return
        waited_s = self._write_when_possible(fd, frame)
        self._write_when_possible(fd, format_record(Gap(self.stamp(), waited_s, "no space left on the disk")))

    def has_room_beside(self, size_bytes: int) -> bool:
        """Whether so much may be kept beside the journal; if so it counts as kept."""
        cap = self._cap
        if cap is None or cap.admits_beside(stamp := self.stamp(), size_bytes):
            return True
        self._say_capped(cap, stamp)
        return False

    def end(self, record: End) -> None:
        """Append the final record; nothing is written after it. The lock is held until the process ends."""
        self.write(record, is_kept=True)
        self._fd = -1

    def _say_capped(self, cap: Cap, stamp: Stamp) -> None:
        notice = cap.reach(stamp)
        if notice is not None:
            self.write(notice, is_kept=True)

    def _write_when_possible(self, fd: int, frame: bytes) -> float:
        waited_s, delay_s = 0.0, _FIRST_RETRY_S
        while not self._try_write(fd, frame):
            self._wait(delay_s)
            waited_s += delay_s
            delay_s = min(delay_s * 2, _LAST_RETRY_S)
        return waited_s

    @staticmethod
    def _try_write(fd: int, frame: bytes) -> bool:
        """A part that got in is a torn record, which readers skip: the whole frame goes again."""
        try:
            return os.write(fd, frame) == len(frame)
        except OSError as error:
            if error.errno in FULL:
                return False
            raise

    def close(self) -> None:
        """Close the descriptor; the lock goes with the last one of the same open file."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1


_writers: weakref.WeakSet[JournalWriter] = weakref.WeakSet()


def _close_in_child() -> None:
    for writer in _writers:
        writer.close()


os.register_at_fork(after_in_child=_close_in_child)
