"""Entry point of a warm parent: `python -m azjobs._main.warm_parent FD [MODULE...]`.

FD is the channel to the daemon; the modules are imported before anything is forked.
"""

from azjobs.process.ending import register_ending

register_ending()  # before any other import can register an exit handler, so that ours runs last

import os  # noqa: E402 - see above
import socket  # noqa: E402
import sys  # noqa: E402

from azjobs.process.job import run_job  # noqa: E402
from azjobs.process.preload import preload  # noqa: E402
from azjobs.process.warm import DaemonGone, WarmParent  # noqa: E402


def main() -> None:
    """Serve; a child comes out of it with its job."""
    os.chdir("/")
    preload(sys.argv[2:])
    try:
        start = WarmParent(socket.socket(fileno=int(sys.argv[1]))).serve()
    except DaemonGone:
        os._exit(0)
    if start is None:  # a spare that was never needed
        os._exit(0)
    run_job(*start)


if __name__ == "__main__":
    main()
