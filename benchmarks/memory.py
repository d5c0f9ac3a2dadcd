"""Proportional set size: of a live job, and of what stands by."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time

from benchmarks.measuring import pids_of, pss_mb, table, throw_away_home

LIVE = 50


def sleep() -> None:
    """The job."""
    time.sleep(600)


def own_pid() -> int:
    """A job that tells its process."""
    time.sleep(600)
    return os.getpid()


def main() -> None:
    """Print both tables."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen

    with throw_away_home() as home:
        jobs = [az.start_job(sleep) for _ in range(LIVE)]
        deadline_at = time.monotonic() + 30
        while len(alive := pids_of(home, "warm_parent")) < LIVE + 1 and time.monotonic() < deadline_at:
            time.sleep(0.05)
        ours = sorted(pss_mb(pid) for pid in alive)[: len(alive) - 1]
        context = multiprocessing.get_context("spawn")
        spawned = [context.Process(target=sleep, daemon=True) for _ in range(8)]
        plain = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(8)]
        for process in spawned:
            process.start()
        time.sleep(2)
        rows = {
            "azjobs": sum(ours) / len(ours),
            "python -c": sum(pss_mb(p.pid) for p in plain) / len(plain),
            "multiprocessing spawn": sum(pss_mb(p.pid or 0) for p in spawned) / len(spawned),
        }
        for process in [*spawned, *plain]:
            process.kill()
            process.wait() if isinstance(process, subprocess.Popen) else process.join()
        table(f"a live job, mean of {len(ours)} (others of 8)", rows, "PSS MB")
        for name, word in (("keeper", "keeper.py"), ("daemon", "_main.daemon"), ("warm parent", "warm_parent")):
            pids = pids_of(home, word)
            if pids:
                print(f"  {name:<44}{max(pss_mb(pid) for pid in pids):>12,.2f}")
        for job in jobs:
            az.remove_job(job, force=True)
