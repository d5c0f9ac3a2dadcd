"""Keep what is in a home private: refuse links and what others own, repair modes that are too wide."""

from __future__ import annotations

import errno
import os
import stat
import warnings
from pathlib import Path

from azjobs.core.errors import HomeUnusable, ModeRepaired

OTHERS = 0o077


def open_private(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a file of the user's own, created with mode 0600 where `flags` say so; returns its descriptor.

    Raises:
        FileNotFoundError: it does not exist.
        HomeUnusable: it is a link, no file, another user's, or cannot be opened.
    """
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        if error.errno == errno.ELOOP:
            raise HomeUnusable(_link(path)) from error
        raise HomeUnusable(f"{path} cannot be opened: {error.strerror}; nothing was changed.") from error
    try:
        _make_private(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def make_private_folder(folder: Path) -> None:
    """Make a folder below the home with mode 0700, or repair it.

    Raises:
        HomeUnusable: a link or a file is in its place, it is another user's, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        raise HomeUnusable(f"{folder} cannot be made: {error.strerror}; nothing was changed.") from error
    if stat.S_ISLNK(facts.st_mode):
        raise HomeUnusable(_link(folder))
    check_owner(folder, facts)
    repair_folder(folder, facts)


def check_owner(path: Path, facts: os.stat_result) -> None:
    """Raise HomeUnusable if another user owns it."""
    if facts.st_uid != os.geteuid():
        raise HomeUnusable(f"{path} belongs to another user; nothing was changed. Remove it, or set AZJOBS_HOME.")


def repair_folder(folder: Path, facts: os.stat_result) -> None:
    """Close a folder of the user's own to others, with a warning if it was open."""
    if stat.S_IMODE(facts.st_mode) & OTHERS:
        try:
            folder.chmod(stat.S_IMODE(facts.st_mode) & 0o700)
        except OSError as error:
            said = f"{folder} is open to other users and cannot be closed: {error.strerror}. Type: chmod 700 {folder}"
            raise HomeUnusable(said) from error
        _warn(folder, facts, 0o700)


def _make_private(fd: int, path: Path) -> None:
    facts = os.fstat(fd)
    if not stat.S_ISREG(facts.st_mode):
        raise HomeUnusable(f"{path} is not a file. Remove it and try again.")
    check_owner(path, facts)
    if stat.S_IMODE(facts.st_mode) & OTHERS:
        try:
            os.fchmod(fd, 0o600)
        except OSError as error:
            if error.errno != errno.EROFS:  # nobody can change it there, for better or worse
                raise HomeUnusable(f"{path} is open to other users and cannot be closed: {error.strerror}.") from error
            return
        _warn(path, facts, 0o600)


def _link(path: Path) -> str:
    return f"{path} is a symbolic link, which is not followed; nothing was changed. Remove it and try again."


def _warn(path: Path, facts: os.stat_result, mode: int) -> None:
    before = stat.S_IMODE(facts.st_mode)
    warnings.warn(
        ModeRepaired(f"{path} was open to other users (mode {before:04o}); its mode is {mode:04o} again."), stacklevel=4
    )
