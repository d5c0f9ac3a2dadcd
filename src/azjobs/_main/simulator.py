"""Entry point of the simulator's process: `python -m azjobs._main.simulator --folder DIR`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> int:
    """Serve a folder until told to stop; 0 then, 3 when another simulator has the folder."""
    parser = argparse.ArgumentParser(prog="python -m azjobs._main.simulator", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where its identity and endpoint are kept")
    parser.add_argument("--port", type=int, default=0, help="0: the former one, else any free one")
    parser.add_argument("--ready-fd", type=int, help="written to, then closed, once it listens")
    parser.add_argument("--detach", action="store_true", help="fork, and go on without a parent")
    options = parser.parse_args()
    if options.detach and os.fork():
        return 0
    os.umask(0o077)

    # After the fork: what is imported then is the simulator's alone, and the caller waits for less.
    import asyncio  # noqa: PLC0415 - see above

    from azjobs.simulator.server import SimulatorAlreadyRunning, serve  # noqa: PLC0415 - see above

    def ready() -> None:
        if options.ready_fd is not None:
            os.write(options.ready_fd, b"ready\n")
            os.close(options.ready_fd)

    try:
        asyncio.run(serve(options.folder.absolute(), port=options.port, ready=ready))
    except SimulatorAlreadyRunning as error:
        print(error, file=sys.stderr)  # noqa: T201 - its log
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
