"""Signal the very process that is meant, and end what came from this one."""

from __future__ import annotations

import os
import signal
import time

from azjobs.process.identity import is_running
from azjobs.process.table import descendants, list_processes

ROUNDS = 200  # guess: a bound on the hunt after a tree that forks as fast as it is killed
ROUND_PAUSE_S = 0.005  # guess: the kernel needs a moment to take a killed process away


def signal_process(pid: int, started: int, number: signal.Signals) -> None:
    """Signal this very process; one that is gone is no error. By pidfd where there is one, so that no other is hit."""
    try:
        if not hasattr(os, "pidfd_open"):
            if is_running(pid, started):
                os.kill(pid, number)
            return
        fd = os.pidfd_open(pid)
        try:
            if is_running(pid, started):
                signal.pidfd_send_signal(fd, number)
        finally:
            os.close(fd)
    except ProcessLookupError:
        return


def kill_own_descendants() -> None:
    """Kill everybody who comes from this process, which adopts their orphans: nobody is left when it ends.

    So a job that was asked to stop needs no daemon to take along what moved away from it.
    """
    for _ in range(ROUNDS):
        left = [process for process in descendants(list_processes(), {os.getpid()}) if not process.is_zombie]
        if not left:
            return
        for process in left:
            signal_process(process.pid, process.start_time, signal.SIGKILL)
        time.sleep(ROUND_PAUSE_S)
