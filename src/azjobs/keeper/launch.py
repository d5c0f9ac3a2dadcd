"""Reach the daemon from a client, and start the keeper where there is none.

Thirty clients at once lead to one start: a client that finds nobody takes
`start.lock`, tries again, and only then starts. Standard library only, no
asyncio; what only a start needs is imported when there is one.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from azjobs.keeper.errors import DaemonFailed, FolderUnusable, ForeignPeer, KeeperRunning, StartTimedOut
from azjobs.keeper.folder import (
    DAEMON_LOCK_NAME,
    FAILED_NAME,
    KEEPER_LOCK_NAME,
    SOCKET_NAME,
    SOCKET_PATH_LIMIT_BYTES,
    START_LOCK_NAME,
    check_private,
    make_private,
    open_private,
    socket_path,
    try_lock,
)
from azjobs.keeper.options import IDLE_S
from azjobs.keeper.start import start_keeper

TIMEOUT_S = 10.0  # a guess: a hundred times what a start takes
_RETRY_S = 0.01  # a guess: a tenth of what a start takes
_REFUSAL_S = 0.5  # a guess: a keeper that gave up closes a connection within a millisecond
_LOCAL_LEVEL, _LOCAL_PEERCRED = 0, 1  # SOL_LOCAL, LOCAL_PEERCRED [macOS sys/un.h]
_UCRED = struct.Struct("3i")  # pid, uid, gid [unix(7)]
_XUCRED_START = struct.Struct("2I")
_XUCRED_SIZE_BYTES = 76  # struct xucred: version, uid, number of groups, 16 groups [macOS sys/ucred.h]


def run_folder(home: Path) -> Path:
    """Return the private folder of the daemon's socket for `home`, created if missing.

    It is `<home>/run`, unless a socket's path there would be too long for the system;
    then a folder in /tmp named after the user and the home. Not in XDG_RUNTIME_DIR: it is
    missing under cron and removed at logout, and every session has to find the same daemon.

    Raises:
        FolderUnusable: it cannot be created, or is not the user's own with mode 0700.
    """
    home = Path(os.path.abspath(home))  # noqa: PTH100 - resolve() would follow links, and name one home twice
    folder = home / "run"
    if len(os.fsencode(folder / SOCKET_NAME)) >= SOCKET_PATH_LIMIT_BYTES:
        import hashlib  # noqa: PLC0415 - loads OpenSSL, for the rare long home only

        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        folder = Path("/tmp") / f"azjobs-{os.geteuid()}-{digest}"  # noqa: S108 - made 0700, owner and mode are checked
    make_private(str(folder))
    return folder


def connect(
    run_folder: Path,
    home: Path,
    *,
    timeout_s: float = TIMEOUT_S,
    daemon_command: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
    idle_s: float = IDLE_S,
) -> socket.socket:
    """Return a connection to the daemon of `home`, started if needed; blocking, without a timeout.

    A connection may be accepted and closed again by a keeper whose daemon keeps
    failing: whoever reads end of file before the first byte asks `load_failure`.

    Args:
        run_folder: what `run_folder(home)` gave.
        home: the home folder.
        timeout_s: how long to try.
        daemon_command: how a keeper that is started here starts its daemons.
        environment: the daemon's; this process's own without secrets when None.
        idle_s: how long such a keeper stays without daemon and secrets.

    Raises:
        FolderUnusable, SocketPathTooLong, LocksUnsupported: no socket can be there.
        DaemonFailed: the daemon keeps failing; says where its log is.
        StartFailed, StartTimedOut: no daemon answers.
        ForeignPeer: another user answers.
    """
    deadline_at = time.monotonic() + timeout_s
    check_private(str(run_folder))
    path = socket_path(str(run_folder))
    start = partial(start_keeper, run_folder, home, command=daemon_command, environment=environment, idle_s=idle_s)
    while True:
        connection = attach(run_folder) or _start_unless_started(run_folder, start)
        if connection is not None:
            _raise_if_refused(run_folder, connection)
            return connection
        if time.monotonic() >= deadline_at:
            raise StartTimedOut(f"Nobody answers on {path} after {timeout_s:g} s. See {home / 'logs' / 'keeper.log'}")
        time.sleep(_RETRY_S)


def attach(run_folder: Path) -> socket.socket | None:
    """Return a connection to a daemon or to the keeper waiting for one; None when there is neither. Starts no keeper.

    Raises:
        FolderUnusable: what lies there cannot be connected to.
        StartTimedOut: too many others wait to be served.
        ForeignPeer: another user answers.
    """
    path = str(run_folder / SOCKET_NAME)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        is_connected = _is_connected(connection, path)
        if is_connected:
            _check_peer(connection)
    except BaseException:
        connection.close()
        raise
    if not is_connected:
        connection.close()
        return None
    return connection


def load_failure(run_folder: Path) -> str | None:
    """Return why the keeper turns connections away, one sentence; None when it does not."""
    try:
        return (run_folder / FAILED_NAME).read_text(errors="surrogateescape").strip()
    except FileNotFoundError:
        return None


def running_keeper(run_folder: Path) -> int | None:
    """Return the process id of the keeper that serves `run_folder`; None when none does, or none yet.

    Raises:
        LocksUnsupported: the file system has no locks.
    """
    return _holder(run_folder / KEEPER_LOCK_NAME)


def running_daemon(run_folder: Path) -> int | None:
    """Return the process id of the daemon that serves `run_folder`, likewise."""
    return _holder(run_folder / DAEMON_LOCK_NAME)


def _holder(path: Path) -> int | None:
    """Return the process id in a lock file that is held; None when it is free, or the id is not written yet."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        if try_lock(fd, str(path)):
            return None
        written = os.read(fd, 32).strip()
        return int(written) if written else None
    finally:
        os.close(fd)


def peer_uid(connection: socket.socket) -> int:
    """Return the user id of the process that connected, or listened, at the other end of a Unix socket."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _, uid, _ = _UCRED.unpack(credentials)
    else:
        credentials = connection.getsockopt(_LOCAL_LEVEL, _LOCAL_PEERCRED, _XUCRED_SIZE_BYTES)
        _, uid = _XUCRED_START.unpack_from(credentials)
    return int(uid)


def _start_unless_started(run_folder: Path, start: Callable[[], None]) -> socket.socket | None:
    """Start the keeper if this client is the one to do it; None: try again in a moment."""
    path = str(run_folder / START_LOCK_NAME)
    fd = open_private(path, os.O_RDWR)
    try:
        if not try_lock(fd, path):
            return None
        connection = attach(run_folder)
        if connection is None and running_keeper(run_folder) is None:
            start()
            connection = attach(run_folder)
    except KeeperRunning:
        return None  # another got there without the lock, or is about to end
    finally:
        os.close(fd)
    return connection


def _check_peer(connection: socket.socket) -> None:
    if peer_uid(connection) != os.geteuid():
        raise ForeignPeer


def _is_connected(connection: socket.socket, path: str) -> bool:
    deadline_at = time.monotonic() + TIMEOUT_S
    connection.setblocking(False)  # a blocking connect waits for a full backlog without end
    while True:
        try:
            connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except BlockingIOError:
            if time.monotonic() >= deadline_at:
                raise StartTimedOut(f"The daemon takes no more connections on {path}.") from None
            time.sleep(_RETRY_S)
        except OSError as error:
            raise FolderUnusable(f"{path} cannot be used: {error.strerror}.") from error
        else:
            connection.setblocking(True)
            return True


def _raise_if_refused(run_folder: Path, connection: socket.socket) -> None:
    """Raise the keeper's sentence if it closed `connection` because the daemon keeps failing."""
    sentence = load_failure(run_folder)
    if sentence is None:
        return
    connection.settimeout(_REFUSAL_S)
    try:
        is_refused = connection.recv(1, socket.MSG_PEEK) == b""
    except TimeoutError:
        is_refused = False  # the sentence was of a moment ago: a daemon is being started
    except ConnectionResetError:
        is_refused = True
    connection.settimeout(None)
    if is_refused:
        connection.close()
        raise DaemonFailed(sentence)
