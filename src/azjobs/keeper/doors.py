"""The two listening sockets that outlive a daemon: its Unix socket, and the loopback port of the identity endpoint.

They are bound once by a keeper and inherited by each daemon it starts, so that
a client's connection waits in the backlog while a daemon is replaced.
"""

# ruff: noqa: PTH104 - pathlib would cost the keeper 0.9 MB

from __future__ import annotations

import os
import select
import socket
import stat

from azjobs.keeper.errors import FolderUnusable, SocketTaken, UsageWrong
from azjobs.keeper.folder import remove, socket_path

BACKLOG = 512  # a guess: many shells of one user at once; the system may cut it (macOS: 128)


def bind_unix(run_folder: str) -> socket.socket:
    """Bind the daemon's socket, in place of a dead one; the caller holds the keeper's lock.

    Raises:
        SocketPathTooLong: see `socket_path`.
        SocketTaken: a living process answers on it.
        FolderUnusable: the file system refuses a socket there.
    """
    path = socket_path(run_folder)
    if _is_answered(path):
        raise SocketTaken
    remove(path)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        door.bind(path)
        door.listen(BACKLOG)
    except OSError as error:
        door.close()
        raise FolderUnusable(f"The socket {path} cannot be made: {error.strerror}.") from error
    door.setblocking(False)
    return door


def adopt_unix(fd: int, run_folder: str) -> socket.socket:
    """Take over the listening socket `fd` of a keeper that is gone.

    Raises:
        UsageWrong: `fd` does not listen.
        FolderUnusable: nobody could find it any more.
    """
    path = socket_path(run_folder)
    try:
        door = socket.socket(fileno=fd)
        is_listening = door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0
    except OSError as error:
        raise UsageWrong(f"The descriptor {fd} is no socket.") from error
    if not is_listening or door.family != socket.AF_UNIX:
        raise UsageWrong(f"The descriptor {fd} is no listening Unix socket.")
    if not _is_socket(path):
        raise FolderUnusable(f"The socket {path} is no longer there.")
    door.setblocking(False)
    return door


def bind_loopback(fd: int | None) -> socket.socket | None:
    """Take over the listening socket `fd`, or bind a free port of loopback; None where there is no such interface."""
    if fd is not None:
        return socket.socket(fileno=fd)
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        door.bind(("127.0.0.1", 0))
        door.listen(BACKLOG)
    except OSError:
        door.close()
        return None
    door.setblocking(False)
    return door


def turn_away(door: socket.socket) -> None:
    """Accept and close every connection that waits."""
    door.setblocking(False)  # a daemon shares the flag and may have left it otherwise
    while True:
        try:
            connection, _ = door.accept()
        except OSError:  # none waits any more, or that one has gone already
            return
        connection.close()


def is_waited_on(door: socket.socket) -> bool:
    """Tell whether a connection waits."""
    poll = select.poll()
    poll.register(door, select.POLLIN)
    return bool(poll.poll(0))


def withdraw(run_folder: str) -> str:
    """Take the socket's path away so that nobody new can connect; return the name under which it can be put back."""
    path = socket_path(run_folder)
    aside = f"{path}.{os.getpid()}"
    os.rename(path, aside)
    return aside


def put_back(run_folder: str, aside: str) -> None:
    """Undo `withdraw`."""
    os.rename(aside, socket_path(run_folder))


def _is_answered(path: str) -> bool:
    if not _is_socket(path):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:  # its backlog is full: somebody holds it
            return True
        except OSError:
            return False
    return True


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False
