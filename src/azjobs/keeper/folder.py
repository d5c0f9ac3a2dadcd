"""The run folder: whose it is, what lies in it, and the locks held in it.

Serves the keeper and its clients, so that both refuse the same folders with
the same sentence. Nothing here follows a symbolic link at the last step.
"""

# ruff: noqa: PTH103, PTH105, PTH108, PTH110, PTH120, PTH208 - pathlib would cost the keeper 0.9 MB

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time

from azjobs.keeper.errors import DaemonRunning, FolderUnusable, KeeperRunning, LocksUnsupported, SocketPathTooLong

SOCKET_NAME = "daemon.sock"
FAILED_NAME = "daemon.failed"
KEEPER_LOCK_NAME = "keeper.lock"
DAEMON_LOCK_NAME = "daemon.lock"
START_LOCK_NAME = "start.lock"
LOGS_NAME = "logs"

#: Bytes of sun_path with its closing zero: 104 on macOS, 108 on Linux [sys/un.h]; the smaller one everywhere.
SOCKET_PATH_LIMIT_BYTES = 104
_LOCK_TRIES, _LOCK_RETRY_S = 5, 0.01  # a client that looks whether a keeper runs holds the lock for microseconds
_DAEMON_LOCK_TRIES = 500  # guess: five seconds, in which a daemon that is asked to leave has left
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


def socket_path(run_folder: str) -> str:
    """Return where the daemon's socket lies.

    Raises:
        SocketPathTooLong: a socket cannot have that path.
    """
    path = f"{run_folder}/{SOCKET_NAME}"
    size_bytes = len(os.fsencode(path))
    if size_bytes >= SOCKET_PATH_LIMIT_BYTES:
        raise SocketPathTooLong(
            f"The socket path {path} has {size_bytes} bytes and has to stay under {SOCKET_PATH_LIMIT_BYTES}. "
            "Set AZJOBS_HOME to a shorter folder."
        )
    return path


def check_private(folder: str) -> None:
    """Make sure that nobody else can enter `folder`.

    Raises:
        FolderUnusable: it is missing, a link, another user's, or open to others.
    """
    try:
        facts = os.lstat(folder)
    except OSError as error:
        raise FolderUnusable(f"{folder} cannot be used: {error.strerror}.") from error
    if not stat.S_ISDIR(facts.st_mode):
        raise FolderUnusable(f"{folder} has to be a folder, not a link or a file. Remove it and try again.")
    if facts.st_uid != os.geteuid():
        raise FolderUnusable(f"{folder} belongs to another user. Set AZJOBS_HOME to a folder of your own.")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise FolderUnusable(f"{folder} is open to other users. Type: chmod 700 {folder}")


def make_private(folder: str) -> None:
    """Create `folder` with mode 0700 where it is missing, and its parents, and check it.

    Raises:
        FolderUnusable: it cannot be created, or see `check_private`.
    """
    try:
        os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
        os.makedirs(folder, mode=0o700, exist_ok=True)  # makedirs gives the mode to the last folder only
    except OSError as error:
        raise FolderUnusable(
            f"{folder} cannot be created: {error.strerror}. Set AZJOBS_HOME to a folder of your own."
        ) from error
    check_private(folder)


def open_private(path: str, flags: int) -> int:
    """Open `path` with mode 0600, creating it, never through a link; return the descriptor.

    Raises:
        FolderUnusable: it cannot be opened.
    """
    try:
        return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FolderUnusable(
            f"{path} cannot be opened: {error.strerror}. Set AZJOBS_HOME to a folder of your own."
        ) from error


def try_lock(fd: int, path: str) -> bool:
    """Take the exclusive lock of the open file `fd` if it is free; return whether it was.

    Raises:
        LocksUnsupported: the file system has no locks.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise LocksUnsupported(
            f"{path} cannot be locked: {error.strerror}. Set AZJOBS_HOME to a folder on a local disk."
        ) from error
    return True


def hold_keeper_lock(run_folder: str) -> int:
    """Take the lock that a keeper holds for life; return its descriptor, to be kept open.

    Raises:
        KeeperRunning: another keeper has it.
        LocksUnsupported: the file system has no locks.
        FolderUnusable: the file cannot be opened.
    """
    path = f"{run_folder}/{KEEPER_LOCK_NAME}"
    fd = open_private(path, os.O_RDWR)
    for _ in range(_LOCK_TRIES):
        if try_lock(fd, path):
            os.ftruncate(fd, 0)  # the id in it is that of a keeper long gone
            return fd
        time.sleep(_LOCK_RETRY_S)
    os.close(fd)
    raise KeeperRunning


def hold_daemon_lock(run_folder: str) -> int:
    """Take the lock that a daemon holds for life, so that everybody can see that there is one; return its descriptor.

    Raises:
        DaemonRunning: another daemon has it, and does not end.
        LocksUnsupported, FolderUnusable: as for the keeper's.
    """
    path = f"{run_folder}/{DAEMON_LOCK_NAME}"
    fd = open_private(path, os.O_RDWR)
    for _ in range(_DAEMON_LOCK_TRIES):
        if try_lock(fd, path):
            os.ftruncate(fd, 0)
            write_pid(fd)
            return fd
        time.sleep(_LOCK_RETRY_S)
    os.close(fd)
    raise DaemonRunning("A daemon of this home runs already, and goes on: this one leaves.")


def write_pid(lock_fd: int) -> None:
    """Write this process's id into the empty file whose lock it holds."""
    os.pwrite(lock_fd, b"%d\n" % os.getpid(), 0)


def save_whole(path: str, text: str) -> None:
    """Replace the file `path` by `text`, mode 0600, so that a reader sees all or nothing of it."""
    temporary = f"{path}.{os.getpid()}"
    fd = open_private(temporary, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(fd, text.encode(errors="surrogateescape"))
    finally:
        os.close(fd)
    os.replace(temporary, path)


def remove(path: str) -> None:
    """Remove the file `path` if it is there and can be removed."""
    try:
        os.unlink(path)
    except OSError:
        return


def touch_all(run_folder: str) -> bool:
    """Make all that lies in the folder look used, so that no cleaner takes it; return whether the socket is there."""
    try:
        names = os.listdir(run_folder)
        for name in names:
            os.utime(f"{run_folder}/{name}", follow_symlinks=False)
    except OSError:  # somebody removes files right now
        return os.path.exists(f"{run_folder}/{SOCKET_NAME}")
    return SOCKET_NAME in names
