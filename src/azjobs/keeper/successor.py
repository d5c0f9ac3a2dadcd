"""What a daemon does when its keeper is gone: start a new one, hand it the open doors, and leave.

The listening sockets travel with their backlogs, so a client that connected in
the meantime waits and is served by the next daemon. What the keeper held in
memory is lost; that is for the next daemon to find out.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from azjobs.keeper.errors import KeeperRunning
from azjobs.keeper.options import IDLE_S
from azjobs.keeper.start import start_keeper

_LOCK_WAIT_S = 1.0  # a guess: a dying process closes its files, channel and lock among them, within milliseconds
_RETRY_S = 0.02


def start_successor(
    run_folder: Path,
    home: Path,
    *,
    listen: socket.socket,
    identity: socket.socket | None = None,
    is_started: bool = True,
    daemon_command: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
    idle_s: float = IDLE_S,
) -> None:
    """Start a keeper in place of the one that is gone. Blocks for about 0.1 s.

    Stop accepting before the call and end the process soon after it: the new
    keeper starts no daemon while this process lives (30 s at most).

    Args:
        run_folder: the daemon's run folder.
        home: its home folder.
        listen: the daemon's listening Unix socket.
        identity: its listening identity port, if it has one.
        is_started: start a daemon at once, as there is unfinished work; else at the next connection.
        daemon_command: how daemons are started; as `start_keeper` does when None.
        environment: the next daemon's; this process's own without secrets when None.
        idle_s: how long the keeper stays without daemon and secrets.

    Raises:
        KeeperRunning: the keeper lives and only the channel broke. Leave with an exit code
            other than 0: it starts the next daemon.
        KeeperError: no keeper can be started; leave, the next client tries again.
    """
    reading, _kept_until_death = os.pipe()  # the writing end is closed by the end of this process, and not before
    handed = {"--listen-fd": listen.fileno(), "--after-fd": reading}
    if identity is not None:
        handed["--identity-fd"] = identity.fileno()
    options = [word for name, fd in handed.items() for word in (name, str(fd))]
    deadline_at = time.monotonic() + _LOCK_WAIT_S
    try:
        while True:
            try:
                start_keeper(
                    run_folder,
                    home,
                    command=daemon_command,
                    environment=environment,
                    idle_s=idle_s,
                    options=[*options, "--start"] if is_started else options,
                    inherited_fds=tuple(handed.values()),
                )
            except KeeperRunning:
                if time.monotonic() >= deadline_at:
                    raise
                time.sleep(_RETRY_S)
            else:
                return
    finally:
        os.close(reading)
