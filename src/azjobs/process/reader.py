"""Read a job's journal: what is new, live until the end, once or again.

Text that bypassed Python (C code, child processes of a function) is in two raw
files; every record says how long they were when it was written, so readers put
that text in its place in the one order. Between two records its standard output
comes before its standard error; nothing tells their order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import NamedTuple, Self

from azjobs.core.job import ProcessKind
from azjobs.core.journal import (
    CHUNK_SIZE_BYTES,
    MARK_BYTES,
    End,
    Error,
    Gap,
    Information,
    Output,
    Progress,
    Record,
    Stamp,
    find_unread,
    is_content,
    scan,
)
from azjobs.process.cap import load_frozen
from azjobs.process.cursor import Position, hold_cursor, load_position
from azjobs.process.journal import CURSOR_SUFFIX, ERR_SUFFIX, OUT_SUFFIX, companion, is_complete, is_of_here, load_begin
from azjobs.process.pieces import chunk_of, line_of, whole_sequences
from azjobs.process.watch import Wake, open_watch

_WINDOW_BYTES = 256 * 1024  # guess: bounds the memory of a reader; doubled for a longer record
_GLANCE_BYTES = 4 * 1024  # guess: the next record is mostly in it, and decoding it costs a listing nothing
_BATCH_BYTES, _BATCH_ENTRIES = 256 * 1024, 1000  # guesses: what a receiver holds at once, and may be given again
TORN = "The process ended in the middle of writing: 1 record is lost."
_BACKSTOP_S = 1.0  # guess: how late the end of a process that cannot be watched may be noticed
_CLOSING_S, _CLOSING_LOOKS = 0.002, 5  # guesses: the lock was seen to go within microseconds of the event


class Entry(NamedTuple):
    """One record, and where a cursor stands once it was given."""

    record: Record
    after: Position


class JournalReader:
    """Reads one journal forward from a position. Close it, or use it as a context manager."""

    def __init__(
        self,
        journal: Path,
        position: Position = Position(),  # noqa: B008 - immutable
        *,
        window_bytes: int = _WINDOW_BYTES,
    ) -> None:
        self.position = position
        self._window_bytes = window_bytes
        self._path = journal
        self._fd = os.open(journal, os.O_RDONLY | os.O_CLOEXEC)
        self._out = _RawFile(companion(journal, OUT_SUFFIX))
        self._err = _RawFile(companion(journal, ERR_SUFFIX))
        self._kind: ProcessKind | None = None

    def read(self, *, final: bool = False) -> Iterator[Entry]:
        """Yield what is there and was not yielded yet.

        An unfinished line of raw text is held back, since it may go on, unless a
        record follows it or `final` says that nothing more will come. What is
        written meanwhile is left for the next call: a fast writer cannot keep it.
        """
        # Raw sizes first: then every record that is not read below was written after this raw text.
        out_size, err_size = self._out.size(), self._err.size()
        written_at = max(self._out.written_at(), self._err.written_at())
        size = os.fstat(self._fd).st_size
        self._hold_to_cap()
        window = self._window_bytes
        while (limit := min(window, size - self.position.journal)) > 0:
            data = os.pread(self._fd, limit, self.position.journal)
            found, consumed = scan(data, self.position.journal)
            for item in found:
                yield from self._raw_until(item.record.stamp)
                self.position = self.position._replace(journal=item.end)
                yield Entry(item.record, self.position)
            if len(data) < window and consumed < size:  # the last record is not whole yet
                self.position = self.position._replace(journal=consumed)
                if final:
                    yield from self._torn(size)
                break
            if not found and consumed == self.position.journal:
                window *= 2
            self.position = self.position._replace(journal=consumed)
        yield from self._raw_until(Stamp(written_at, out_size, err_size), only_lines=not final)

    def _torn(self, size: int) -> Iterator[Entry]:
        """Count the record that a process did not write to its end, once; the daemon's own are written again."""
        if load_begin(self._path) is not None:
            self.position = self.position._replace(journal=size)
            yield Entry(Gap(Stamp(os.fstat(self._fd).st_mtime), 0.0, TORN), self.position)

    def _hold_to_cap(self) -> None:
        """Beyond the frozen lengths raw text does not count, though it is there for a moment."""
        frozen = load_frozen(self._path)
        if frozen is not None:
            self._out.end, self._err.end = frozen

    def batches(self, *, final: bool = False) -> Iterator[list[Entry]]:
        """Read as `read`, so much at once as a receiver may hold; the job's final record is the last of its batch."""
        batch: list[Entry] = []
        start = sum(self.position)
        for entry in self.read(final=final):
            batch.append(entry)
            is_full = len(batch) == _BATCH_ENTRIES or sum(entry.after) - start >= _BATCH_BYTES
            if is_full or isinstance(entry.record, End):
                yield batch
                batch, start = [], sum(entry.after)
        if batch:
            yield batch

    def seek_unread(self) -> bool:
        """Pass over what is not to be received, as far as that can be done quickly; False: there is nothing else."""
        self._hold_to_cap()
        if self._out.has_more(self.position.out) or self._err.has_more(self.position.err):
            return True
        at = self.position.journal
        while data := os.pread(self._fd, _WINDOW_BYTES, at):
            found = find_unread(data)
            if found >= 0:
                self.position = self.position._replace(journal=at + found)
                return True
            if len(data) < _WINDOW_BYTES:
                return False
            at += len(data) - MARK_BYTES
        return False

    def close(self) -> None:
        """Close the files."""
        os.close(self._fd)
        self._out.close()
        self._err.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _raw_until(self, stamp: Stamp, *, only_lines: bool = False) -> Iterator[Entry]:
        while piece := self._out.read(self.position.out, stamp.out_size_bytes, only_lines=only_lines):
            self.position = self.position._replace(out=self.position.out + len(piece))
            yield Entry(self._raw_record(stamp, piece, is_error=False), self.position)
        while piece := self._err.read(self.position.err, stamp.err_size_bytes, only_lines=only_lines):
            self.position = self.position._replace(err=self.position.err + len(piece))
            yield Entry(self._raw_record(stamp, piece, is_error=True), self.position)

    def _raw_record(self, stamp: Stamp, piece: bytes, *, is_error: bool) -> Record:
        """A script file's raw output is output, as a command's; a function's is information, as print."""
        if self._kind is None:
            begin = load_begin(self._path)
            self._kind = begin.work if begin else ProcessKind.FUNCTION
        if self._kind is ProcessKind.FILE and not is_error:
            return Output(stamp, chunk_of(piece))
        text, partial, data = line_of(piece)
        if self._kind is ProcessKind.FILE:
            return Error(stamp, "", text, partial=partial, data=data)
        return Information(stamp, text, partial, data)


class _RawFile:
    """One of the two raw files; it is no error when there is none."""

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._fd = -1
        self.end: int | None = None

    def size(self) -> int:
        return os.fstat(self._fd).st_size if self._fd >= 0 else 0

    def has_more(self, start: int) -> bool:
        return start < (self.size() if self.end is None else min(self.size(), self.end))

    def written_at(self) -> float:
        return os.fstat(self._fd).st_mtime if self._fd >= 0 else 0.0

    def read(self, start: int, end: int, *, only_lines: bool) -> bytes:
        """Return a piece from `start`, at most up to `end`: whole lines where there is a newline."""
        end = end if self.end is None else min(end, self.end)
        if self._fd < 0 or start >= end:
            return b""
        piece = os.pread(self._fd, min(end - start, CHUNK_SIZE_BYTES), start)
        newline = piece.rfind(b"\n")
        if newline >= 0:
            return piece[: newline + 1]
        if len(piece) < CHUNK_SIZE_BYTES:
            return b"" if only_lines else piece
        return piece[: whole_sequences(piece) or len(piece)]

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def follow(
    journal: Path,
    position: Position = Position(),  # noqa: B008 - immutable
    *,
    timeout_s: float | None = None,
    told_fd: int | None = None,
) -> Iterator[list[Entry]]:
    """Yield what is new, batch by batch, until the job has ended, `timeout_s` is over or `told_fd` is readable.

    It sleeps until the journal changes. Nothing is consumed: no cursor is touched.
    """
    with JournalReader(journal, position) as reader, _Waiter(journal, timeout_s, told_fd) as waiter:
        while True:
            is_last = is_complete(journal)  # asked before reading: then everything is there to be read
            for batch in reader.batches(final=is_last):
                yield batch
                is_last = is_last or isinstance(batch[-1].record, End)
            if is_last or not waiter.wait():
                return


def receive(journal: Path, deliver: Callable[[Sequence[Entry]], None], *, keep: bool = False) -> bool:
    """Give what nobody has received yet to `deliver`, then move the cursor, unless `keep`.

    `deliver` must have flushed what it was given when it returns; if it raises,
    the records stay for the next receiver. Called with batches of bounded size.
    Returns whether the job's final record was among them.
    """
    if not journal.exists():
        return False
    has_ended = False
    with hold_cursor(companion(journal, CURSOR_SUFFIX)) as cursor:
        is_last = is_complete(journal)
        with JournalReader(journal, cursor.position) as reader:
            for batch in reader.batches(final=is_last):
                has_ended = has_ended or isinstance(batch[-1].record, End)
                deliver(batch)
                if not keep:
                    cursor.advance(batch[-1].after)
    return has_ended


def receive_to_end(
    journal: Path,
    deliver: Callable[[Sequence[Entry]], None],
    *,
    timeout_s: float | None = None,
    told_fd: int | None = None,
) -> bool:
    """Receive until the job has ended; False when before that `timeout_s` was over, or `told_fd` readable.

    The cursor is held only while something is given, so another receiver gets its share.
    """
    with _Waiter(journal, timeout_s, told_fd) as waiter:
        while True:
            is_last = is_complete(journal)  # another receiver may get the final record
            if receive(journal, deliver) or is_last:
                return True
            if not waiter.wait():
                return False


def has_unread(journal: Path) -> bool:
    """Whether there is something to receive that nobody has received; how far the work is does not count."""
    position = load_position(companion(journal, CURSOR_SUFFIX))
    try:
        reader = JournalReader(journal, position, window_bytes=_GLANCE_BYTES)
    except FileNotFoundError:
        return False
    with reader:
        if not reader.seek_unread():
            return False
        return any(_is_more(entry.record) for entry in reader.read(final=is_complete(journal)))


def _is_more(record: Record) -> bool:
    return is_content(record) and not isinstance(record, Progress)


class _Waiter:
    """Sleeps until a journal may have more, or something is told, or a deadline; else it does nothing.

    A process that ends has closed its journal before it is told of, so no event of
    that can be missed. Without a process to be watched (its first record is not
    there yet, or it is of another pid namespace) the kernel tells that the file
    was closed just before it drops the lock: for a moment after that the journal
    is looked at again without an event, and now and then all the same.
    """

    def __init__(self, journal: Path, timeout_s: float | None, told_fd: int | None) -> None:
        self._deadline_at = None if timeout_s is None else monotonic() + timeout_s
        self._looks_left = 0
        self._journal = journal
        self._has_process = False
        self._watch = open_watch()
        for path in (journal, companion(journal, OUT_SUFFIX), companion(journal, ERR_SUFFIX)):
            if path.exists():
                self._watch.add(path)
        if told_fd is not None:
            self._watch.add_told(told_fd)

    def wait(self) -> bool:
        """Sleep; False when the time is over, or something was told."""
        if not self._has_process and (begin := load_begin(self._journal)) is not None and is_of_here(begin):
            self._has_process = True
            if not self._watch.add_process(begin.pid, begin.start_time):
                return True  # it has ended: there is nothing to wait for
        pauses = [_CLOSING_S] if self._looks_left else [] if self._has_process else [_BACKSTOP_S]
        if self._deadline_at is not None:
            pauses.append(self._deadline_at - monotonic())
            if pauses[-1] <= 0:
                return False
        wake = self._watch.wait(min(pauses, default=None))
        if wake is Wake.TOLD:
            return False
        self._looks_left = _CLOSING_LOOKS if wake is Wake.CLOSED else max(0, self._looks_left - 1)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.close()
