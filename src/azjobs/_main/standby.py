"""Entry point of a standby interpreter: `python -m azjobs._main.standby FD [MODULE...]`.

It imports the modules, waits for one job on FD, and becomes that job's process.
For systems where a process must not go on after a fork without exec.
"""

from azjobs.process.ending import register_ending

register_ending()  # before any other import can register an exit handler, so that ours runs last

import os  # noqa: E402 - see above
import socket  # noqa: E402
import sys  # noqa: E402

from azjobs.process.clib import become_subreaper  # noqa: E402
from azjobs.process.frames import format_frame, send_frame  # noqa: E402
from azjobs.process.job import detach, keep_only, run_job  # noqa: E402
from azjobs.process.preload import preload  # noqa: E402
from azjobs.process.warm import ready, wait_for_job  # noqa: E402


def main() -> None:
    """Wait for a job, then be it."""
    preload(sys.argv[2:])
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        send_frame(channel, format_frame(ready()))
        start = wait_for_job(channel)
    if start is None:  # the daemon is gone, and with it the job that might have come
        os._exit(0)
    detach()
    become_subreaper()
    keep_only(start.fds)
    run_job(*start)


if __name__ == "__main__":
    main()
