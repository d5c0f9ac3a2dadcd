"""Start one daemon: fork, hand over the descriptors, execute."""

from __future__ import annotations

import os
import signal
import socket

from azjobs.keeper.errors import FolderUnusable
from azjobs.keeper.folder import LOGS_NAME, open_private
from azjobs.keeper.handover import IDENTITY_NAME, KEEPER_NAME, LISTEN_NAME, NAMES

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost the keeper 0.7 MB
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

LOG_NAME = "daemon.log"
NOT_EXECUTED = 127  # as a shell says it
NOT_STARTED_STATUS = NOT_EXECUTED << 8  #: the wait status of a daemon that was not even forked
_HANDLED = (signal.SIGTERM, signal.SIGCHLD)
_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE)
_HANDOVER_NAMES = frozenset(name.encode() for name in NAMES)


class Plan:
    """What every daemon of this keeper is started with."""

    __slots__ = ("command", "environment", "home", "identity_fd", "listen_fd")

    def __init__(
        self,
        *,
        command: list[str],
        environment: Mapping[bytes, bytes],
        home: str,
        listen_fd: int,
        identity_fd: int | None,
    ) -> None:
        self.command = command
        self.environment = environment
        self.home = home
        self.listen_fd = listen_fd
        self.identity_fd = identity_fd


def log_path(home: str) -> str:
    """Return the file that a daemon's stdout and stderr are appended to."""
    return f"{home}/{LOGS_NAME}/{LOG_NAME}"


def start_daemon(plan: Plan) -> tuple[int, socket.socket]:
    """Start a daemon; return its process id and the keeper's end of the private channel.

    A command that cannot be executed ends with 127 and a sentence in the log.

    Raises:
        OSError: the system has no process or descriptor left.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    log_fd = _open_log(plan.home)
    # A signal for the newborn must not be counted as one for the keeper, whose handlers it has until it executes.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    try:
        pid = os.fork()
        if pid == 0:
            _execute(plan, theirs.fileno(), log_fd)
    except OSError:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        os.close(log_fd)
        theirs.close()
    ours.setblocking(False)
    return pid, ours


def _open_log(home: str) -> int:
    try:
        return open_private(log_path(home), os.O_WRONLY | os.O_APPEND)
    except FolderUnusable:  # a daemon without a log serves better than none
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def _execute(plan: Plan, channel_fd: int, log_fd: int) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        for number in (*_HANDLED, *_IGNORED):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log_fd, 1)
        os.dup2(log_fd, 2)
        fds = {LISTEN_NAME: plan.listen_fd, KEEPER_NAME: channel_fd, IDENTITY_NAME: plan.identity_fd}
        environment = {name: value for name, value in plan.environment.items() if name not in _HANDOVER_NAMES}
        for name, fd in fds.items():
            if fd is not None:
                os.set_inheritable(fd, True)
                environment[name.encode()] = b"%d" % fd
        os.execvpe(plan.command[0], plan.command, environment)  # noqa: S606 - the command the keeper was given, no shell
    except OSError as error:
        os.write(2, f"{plan.command[0]} cannot be executed: {error.strerror}\n".encode(errors="backslashreplace"))
    finally:
        os._exit(NOT_EXECUTED)  # not one line of the keeper's own may run in the child
