"""Replace small JSON files whole, one writer at a time, and never lose one that cannot be read.

A file is written to a temporary one beside it, flushed to the disk and renamed
over the old one: a reader sees the old or the new, never a part. Whoever changes
it holds the flock of `<file>.lock` from reading to renaming.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from binascii import crc32
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from azjobs.core.errors import HomeUnusable, StoreTooNew
from azjobs.store.private import open_private

LOCK_DEADLINE_S = 30.0  # guess: a change takes milliseconds, but a busy disk may keep a hundred writers for seconds
LOCK_RETRY_S = 0.005  # guess: about as long as a change takes

T = TypeVar("T", bound=msgspec.Struct)


class Head(msgspec.Struct):
    """What every version of such a file begins with."""

    format: int = 1


class WholeFile(Generic[T]):
    """A JSON file that holds one value; `empty` is its value while it does not exist.

    `remedy`: what to do once a file that cannot be understood is removed.
    """

    def __init__(
        self, path: Path, kind: type[T], empty: T, *, newest_format: int, remedy: str = "sign in again"
    ) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(kind)
        self._empty = empty
        self._newest_format = newest_format
        self._remedy = remedy

    def load(self) -> T:
        """Return the value.

        Raises:
            HomeUnusable: it cannot be read or understood; the message names the file and a copy of it.
            StoreTooNew: a newer version of azjobs wrote it.
        """
        try:
            with os.fdopen(open_private(self.path), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return self._empty
        except OSError as error:
            raise HomeUnusable(f"{self.path} cannot be read: {error.strerror}.") from error
        try:
            head = msgspec.json.decode(data, type=Head)
            if head.format > self._newest_format:
                raise StoreTooNew(f"{self.path} was written by a newer version of azjobs; nothing was changed.")
            return self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            copy = self._keep_copy(data)
            raise HomeUnusable(
                f"{self.path} cannot be understood ({error}); nothing was changed. It was copied to {copy}. "
                f"Repair {self.path.name}, or remove it and {self._remedy}."
            ) from error

    def change(self, decide: Callable[[T], T]) -> T:
        """Replace the value by what `decide` makes of it; returns that. What `decide` raises leaves the file as it is.

        Raises:
            HomeUnusable, StoreTooNew: as `load`, or it cannot be written.
        """
        if not os.access(self.path.parent, os.W_OK):
            return self._unchanged(decide)
        with _locked(self.path):
            old = self.load()
            new = decide(old)
            if new != old or not self.path.exists():
                _remove_leftovers(self.path)
                save_whole(self.path, msgspec.json.format(msgspec.json.encode(new), indent=2) + b"\n")
            return new

    def _unchanged(self, decide: Callable[[T], T]) -> T:
        """In a folder that cannot be written, what changes nothing is let pass."""
        old = self.load()
        if decide(old) != old:
            raise HomeUnusable(f"{self.path} cannot be written; nothing was changed. Use --scope Process.")
        return old

    def _keep_copy(self, data: bytes) -> Path:
        """The name comes from the content: the same damage is copied once."""
        copy = self.path.with_name(f"{self.path.name}.damaged-{crc32(data):08x}")
        if not copy.exists():
            with contextlib.suppress(OSError):  # the error about the file itself is the one to tell
                save_whole(copy, data)
        return copy


def save_whole(path: Path, data: bytes) -> None:
    """Replace a file, mode 0600, and wait until that survives a loss of power.

    Raises:
        HomeUnusable: it cannot be written; the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise HomeUnusable(f"{path} cannot be written: {error.strerror}; nothing was changed.") from error


def _remove_leftovers(path: Path) -> None:
    """Remove what writers left that were killed: whoever holds the lock is the only one that writes now."""
    begin = f".{path.name}."
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.name.startswith(begin) and entry.name[len(begin) :].isdecimal():
                os.unlink(entry.path)  # noqa: PTH108 - scandir gives names


def sync_folder(folder: Path) -> None:
    """Make the names of new files durable, as `fsync` does for what is in them."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock beside a file; the lock file stays, since removing it would let two hold "the" lock."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        fd = open_private(lock, os.O_RDWR | os.O_CREAT)
    except FileNotFoundError as error:
        raise HomeUnusable(f"{lock} cannot be made: {error.strerror}; nothing was changed.") from error
    try:
        _take(fd, lock)
        yield
    finally:
        os.close(fd)


def _take(fd: int, lock: Path) -> None:
    deadline_at = time.monotonic() + LOCK_DEADLINE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            if time.monotonic() > deadline_at:
                raise HomeUnusable(_stuck(fd, lock)) from error
        except OSError as error:
            said = f"{lock} cannot be locked: {error.strerror}. Set AZJOBS_HOME to a local disk."
            raise HomeUnusable(said) from error
        time.sleep(LOCK_RETRY_S)


def _stuck(fd: int, lock: Path) -> str:
    pid = _holder(os.fstat(fd).st_ino)
    holder = f"process {pid}" if pid else "another process"
    return (
        f"{lock} has been held by {holder} for more than {LOCK_DEADLINE_S:g} seconds; nothing was changed. "
        "Let it go on, or end it, and try again."
    )


def _holder(inode: int) -> str:
    """Return the pid that holds the flock of a file; "" where the system does not tell [proc_locks(5)]."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            words = line.split()  # 1: FLOCK ADVISORY WRITE <pid> <device>:<inode> 0 EOF; a waiter has "->"
            if words[1:2] == ["FLOCK"] and words[5].rpartition(":")[2] == str(inode):
                return words[4]
    return ""
