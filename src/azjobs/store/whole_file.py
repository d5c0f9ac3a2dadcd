"""Replace small JSON files whole, one writer at a time, and never lose one that cannot be read.

A file is written to a temporary one beside it, flushed to the disk and renamed
over the old one: a reader sees the old or the new, never a part. Whoever changes
it holds the flock of `<file>.lock` from reading to renaming.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from binascii import crc32
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from azjobs.core.errors import HomeUnusable, StoreTooNew

T = TypeVar("T", bound=msgspec.Struct)


class _Head(msgspec.Struct):
    """What every version of such a file begins with."""

    format: int = 1


class WholeFile(Generic[T]):
    """A JSON file that holds one value; `empty` is its value while it does not exist."""

    def __init__(self, path: Path, kind: type[T], empty: T, *, newest_format: int) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(kind)
        self._empty = empty
        self._newest_format = newest_format

    def load(self) -> T:
        """Return the value.

        Raises:
            HomeUnusable: it cannot be read or understood; the message names the file and a copy of it.
            StoreTooNew: a newer version of azjobs wrote it.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return self._empty
        except OSError as error:
            raise HomeUnusable(f"{self.path} cannot be read: {error.strerror}.") from error
        try:
            head = msgspec.json.decode(data, type=_Head)
            if head.format > self._newest_format:
                raise StoreTooNew(f"{self.path} was written by a newer version of azjobs; nothing was changed.")
            return self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            copy = self._keep_copy(data)
            raise HomeUnusable(
                f"{self.path} cannot be understood ({error}); nothing was changed. It was copied to {copy}. "
                f"Repair {self.path.name}, or remove it and sign in again."
            ) from error

    def change(self, decide: Callable[[T], T]) -> T:
        """Replace the value by what `decide` makes of it; returns that. What `decide` raises leaves the file as it is.

        Raises:
            HomeUnusable, StoreTooNew: as `load`, or it cannot be written.
        """
        with _locked(self.path):
            old = self.load()
            new = decide(old)
            if new != old or not self.path.exists():
                save_whole(self.path, msgspec.json.format(msgspec.json.encode(new), indent=2) + b"\n")
            return new

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
        _sync_folder(path.parent)
    except OSError as error:
        raise HomeUnusable(f"{path} cannot be written: {error.strerror}; nothing was changed.") from error


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock beside a file; the lock file stays, since removing it would let two hold "the" lock."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HomeUnusable(f"{lock} cannot be opened: {error.strerror}; nothing was changed.") from error
    try:
        _take(fd, lock)
        yield
    finally:
        os.close(fd)


def _take(fd: int, lock: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError as error:
        raise HomeUnusable(f"{lock} cannot be locked: {error.strerror}. Set AZJOBS_HOME to a local disk.") from error
