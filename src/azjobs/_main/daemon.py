"""Start the daemon: `python -m azjobs._main.daemon --home FOLDER`. The keeper does it; nobody else has to."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from pathlib import Path

from azjobs.core.errors import AzJobsError
from azjobs.core.version import VERSION
from azjobs.daemon.daemon import Daemon, listening_socket, protect
from azjobs.keeper.channel import KeeperChannel
from azjobs.keeper.errors import KeeperError, KeeperRunning
from azjobs.keeper.folder import hold_daemon_lock
from azjobs.keeper.handover import Handover, take_handover
from azjobs.keeper.launch import run_folder
from azjobs.keeper.successor import start_successor
from azjobs.store.ballast import make_room
from azjobs.store.stand_in import load_layout

log = logging.getLogger("azjobs.daemon")

FAILED = 1  # the keeper starts another one


async def serve(home: Path, handover: Handover) -> int:
    """Run one daemon to its end; without a keeper, start the next one and leave. Returns the exit status."""
    keeper = await KeeperChannel.open(handover.keeper_fd)
    listening = listening_socket(handover.listen_fd)
    identity = listening_socket(handover.identity_fd) if handover.identity_fd is not None else None
    daemon = Daemon(load_layout(home), version=VERSION, keeper=keeper)
    gc.freeze()
    await daemon.run(listening, identity)
    if daemon.is_failed:
        return FAILED
    if keeper.closed.done():
        log.warning("The keeper is gone: starting a new one.")
        try:
            is_started = len(daemon.runner) > 0
            start_successor(run_folder(home), home, listen=listening, identity=identity, is_started=is_started)
        except KeeperRunning:
            return FAILED  # only the channel broke: the keeper starts the next daemon when this one fails
        except KeeperError as error:
            log.error("%s", error)  # noqa: TRY400 - no news in a traceback; the next client tries again
        return 0
    await keeper.close()
    return 0


def main(arguments: list[str]) -> int:
    """Serve; returns the exit status: 0 when idle or asked to leave."""
    home = Path(arguments[arguments.index("--home") + 1])
    protect()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for name in ("azure", "msal", "urllib3", "aiohttp", "asyncio"):  # what they log may hold what must not be seen
        logging.getLogger(name).setLevel(logging.WARNING)
    handover = take_handover()
    if handover is None:
        sys.stderr.write("The daemon is started by its keeper. Type: azjobs daemon run\n")
        return 2
    make_room(load_layout(home).ballast_file)
    try:
        hold_daemon_lock(str(run_folder(home)))  # for life: its descriptor is never closed
        return asyncio.run(serve(home, handover))
    except (AzJobsError, KeeperError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED


if __name__ == "__main__":
    status = main(sys.argv[1:])
    logging.shutdown()
    sys.stderr.flush()
    os._exit(
        status
    )  # all is recorded: Python would wait for a thread in which a credential hangs, and the home with it
