"""Become a keeper: leave the starter's surroundings, take the lock, bind the door, then serve.

The environment meant for the daemon comes through a pipe, so that it never
stands in /proc/PID/environ of the keeper; a keeper that was started with it
executes itself anew.
"""

from __future__ import annotations

import os
import sys

from azjobs.keeper.doors import adopt_unix, bind_loopback, bind_unix
from azjobs.keeper.errors import KeeperError
from azjobs.keeper.folder import (
    FAILED_NAME,
    LOGS_NAME,
    check_private,
    hold_keeper_lock,
    make_private,
    remove,
    write_pid,
)
from azjobs.keeper.loop import Keeper, note
from azjobs.keeper.options import Options, parse_options
from azjobs.keeper.protection import (
    format_environment,
    isolate,
    lead_session,
    own_environment,
    parse_environment,
    protect,
)
from azjobs.keeper.spawn import Plan

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost the keeper 0.7 MB
if TYPE_CHECKING:
    import socket
    from typing import NoReturn


def serve(arguments: list[str]) -> int:
    """Be the keeper until its end; return the exit code: 0, or `keeper_exit` of what stood in the way."""
    try:
        options = parse_options(arguments)
        if options.env_fd is None:
            _start_anew(arguments)
        environment = _read_environment(options.env_fd)
        options.env_fd = None  # read to its end and closed
        isolate(options.inherited_fds())
        lock_fd, door, identity = _take_places(options)
    except KeeperError as error:
        note(str(error))
        return error.keeper_exit
    if options.is_detached and os.fork():
        os._exit(0)  # the starter may stop waiting; the locks and the door live on in the child
    lead_session()
    protection = protect()
    write_pid(lock_fd)
    plan = Plan(
        command=options.command,
        environment=environment,
        home=options.home,
        listen_fd=door.fileno(),
        identity_fd=identity.fileno() if identity is not None else None,
    )
    keeper = Keeper(options, plan, door, protection)
    _say_ready(options)
    keeper.run()
    return 0


def _take_places(options: Options) -> tuple[int, socket.socket, socket.socket | None]:
    """Take the lock, then the door, then the identity port; the first to hold the lock is the keeper."""
    check_private(options.run_folder)
    make_private(f"{options.home}/{LOGS_NAME}")
    lock_fd = hold_keeper_lock(options.run_folder)
    if options.listen_fd is None:
        door = bind_unix(options.run_folder)
    else:
        door = adopt_unix(options.listen_fd, options.run_folder)
    remove(f"{options.run_folder}/{FAILED_NAME}")  # a keeper that was killed could not
    return lock_fd, door, bind_loopback(options.identity_fd)


def _say_ready(options: Options) -> None:
    if options.ready_fd is not None:
        os.write(options.ready_fd, b"\n")
        os.close(options.ready_fd)


def _read_environment(fd: int) -> dict[bytes, bytes]:
    with os.fdopen(fd, "rb") as pipe:
        return parse_environment(pipe.read())


def _start_anew(arguments: list[str]) -> NoReturn:
    """Execute this program again without the environment, which the new image reads from a pipe.

    The writer is a grandchild, so that the new image has no child it does not know.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(format_environment(os.environb))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    os.set_inheritable(reading, True)
    command = [sys.executable, "-I", "-S", sys.argv[0], "--env-fd", str(reading), *arguments]
    os.execve(sys.executable, command, own_environment(os.environb))  # noqa: S606 - this very program, no shell
