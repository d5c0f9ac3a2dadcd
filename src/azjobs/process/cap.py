"""Keep so much of a job's output and no more: a job that writes for ever must not fill the disk.

The job's own process counts its records, and what it keeps beside the journal,
exactly. What is written past Python (by C code, by child processes) is in two
raw files, which anybody who has their descriptors writes without asking: when
the cap is reached their lengths are frozen, in the `.capped` file, and from then
on they are cut back to them: with each record that the job would write, and by
the daemon, a few times a second while they grow. A job never waits, and never
fails, because of its cap.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from pathlib import Path
from typing import NamedTuple

from azjobs.core.errors import InvalidInput
from azjobs.core.journal import CAPPED, Error, Record, Stamp, format_record
from azjobs.core.journal import Warning as WarningRecord
from azjobs.process.journal import CAPPED_SUFFIX, ERR_SUFFIX, OBJECTS_SUFFIX, OUT_SUFFIX, companion

ERROR_RESERVE_BYTES = 1024 * 1024  # guess: what errors have beyond the cap: they mostly come last, and say why
_BYTES_OF_MB = 1_000_000


def cap_bytes_of(cap_mb: float) -> int | None:
    """Return a cap that was given in MB; None where there is no limit.

    Raises:
        InvalidInput: it is no size.
    """
    if cap_mb == math.inf:
        return None
    if not cap_mb >= 0:
        raise InvalidInput(f"The cap of the output is a number of MB from 0 on, or inf for no limit, not {cap_mb:g}.")
    return round(cap_mb * _BYTES_OF_MB)


class Lengths(NamedTuple):
    """Of the two raw files, in bytes."""

    out: int = 0
    err: int = 0


class OutputCap:
    """Decides, in the job's process, what of its output is kept."""

    def __init__(self, journal: Path, limit_bytes: int, written_bytes: int) -> None:
        self._journal = journal
        self._limit_bytes = limit_bytes
        self._used_bytes = written_bytes
        self._frozen: Lengths | None = None

    @property
    def is_reached(self) -> bool:
        """Whether nothing more is kept, but for errors."""
        return self._frozen is not None

    def admits(self, record: Record, size_bytes: int) -> bool:
        """Whether a record is kept."""
        is_error = isinstance(record, Error)
        if self.is_reached and not is_error:
            self._cut_back(record.stamp)
            return False
        return self._takes(record.stamp, size_bytes, ERROR_RESERVE_BYTES if is_error else 0)

    def admits_beside(self, stamp: Stamp, size_bytes: int) -> bool:
        """Whether so much is kept beside the journal."""
        return not self.is_reached and self._takes(stamp, size_bytes, 0)

    def reach(self, stamp: Stamp) -> Record | None:
        """Keep nothing more from now on; returns what is to be said of it, by whoever is the first to say it."""
        if self.is_reached:
            return None
        lengths = Lengths(stamp.out_size_bytes, stamp.err_size_bytes)
        try:
            is_first = _freeze(self._journal, lengths)
            self._frozen = load_frozen(self._journal) or lengths
        except OSError:  # a full disk: nothing that the job itself is to notice
            is_first, self._frozen = True, lengths
        return _notice(stamp, self._limit_bytes) if is_first else None

    def _takes(self, stamp: Stamp, size_bytes: int, reserve_bytes: int) -> bool:
        raw = self._frozen or (stamp.out_size_bytes, stamp.err_size_bytes)
        if self._used_bytes + sum(raw) + size_bytes > self._limit_bytes + reserve_bytes:
            return False
        self._used_bytes += size_bytes
        return True

    def _cut_back(self, stamp: Stamp) -> None:
        assert self._frozen is not None, "asked when it is reached"
        if stamp.out_size_bytes > self._frozen.out or stamp.err_size_bytes > self._frozen.err:
            cut_back(self._journal, self._frozen)


def enforce(journal: Path, limit_bytes: int) -> None:
    """Look at what is written past Python, from outside of the job: freeze it, say so, cut it back.

    The notice is one append to the journal, which is the job's; should it come
    after the final record, readers know that (`core.journal.last_record`).
    """
    out, err, *others = (
        _size_of(path)
        for path in (*(companion(journal, suffix) for suffix in (OUT_SUFFIX, ERR_SUFFIX, OBJECTS_SUFFIX)), journal)
    )
    frozen = load_frozen(journal)
    if frozen is None and out + err + sum(others) > limit_bytes:
        frozen = Lengths(out, err)
        if _freeze(journal, frozen):
            _append(journal, _notice(Stamp(time.time(), out, err), limit_bytes))
    if frozen is not None and (out > frozen.out or err > frozen.err):
        cut_back(journal, frozen)


def load_frozen(journal: Path) -> Lengths | None:
    """Return up to where the raw files of a job count; None while all of them does."""
    try:
        fd = os.open(companion(journal, CAPPED_SUFFIX), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        out, err = os.read(fd, 64).split()
    finally:
        os.close(fd)
    return Lengths(int(out), int(err))


def cut_back(journal: Path, frozen: Lengths) -> None:
    """Shorten the raw files to their frozen lengths; who appends to them goes on from there."""
    for suffix, length in ((OUT_SUFFIX, frozen.out), (ERR_SUFFIX, frozen.err)):
        path = companion(journal, suffix)
        if _size_of(path) > length:
            with contextlib.suppress(FileNotFoundError):  # removed just now
                os.truncate(path, length)


def _freeze(journal: Path, lengths: Lengths) -> bool:
    """Write the file, whole at once; False when somebody else did before."""
    path = companion(journal, CAPPED_SUFFIX)
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, b"%d %d\n" % lengths)
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        os.close(fd)
        draft.unlink()
    return True


def _notice(stamp: Stamp, limit_bytes: int) -> WarningRecord:
    size = f"{limit_bytes / _BYTES_OF_MB:g} MB"
    text = f"The output has reached its cap of {size}: what is written from now on is not kept. The job goes on."
    return WarningRecord(stamp, text, CAPPED)


def _append(journal: Path, record: Record) -> None:
    fd = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        os.write(fd, format_record(record))
    finally:
        os.close(fd)


def _size_of(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - half the cost of Path.stat, for each job again and again
    except FileNotFoundError:
        return 0
