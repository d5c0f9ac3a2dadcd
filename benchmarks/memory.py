"""Proportional set size: of a live job, and of what stands by."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measuring import parent_of, pids_of, pss_mb, table, throw_away_home

LIVE = 50
SLEEP_S = 600


def job_pids(home: Path, daemon: int) -> list[int]:
    """The processes of jobs: the warm parent is the daemon's child, they are its own."""
    return [pid for pid in pids_of(home, "warm_parent") if parent_of(pid) != daemon]


def main() -> None:
    """Print both tables."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen

    with throw_away_home() as home:
        jobs = [az.start_job(time.sleep, argument_list=[SLEEP_S]) for _ in range(LIVE)]
        deadline_at = time.monotonic() + 30
        (daemon,), (keeper,) = pids_of(home, "_main.daemon"), pids_of(home, "keeper.py")
        while len(alive := job_pids(home, daemon)) < LIVE and time.monotonic() < deadline_at:
            time.sleep(0.05)
        context = multiprocessing.get_context("spawn")
        spawned = [context.Process(target=time.sleep, args=(SLEEP_S,), daemon=True) for _ in range(8)]
        plain = [subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({SLEEP_S})"]) for _ in range(8)]
        for process in spawned:
            process.start()
        time.sleep(2)
        ours = [pss_mb(pid) for pid in alive]
        rows = {
            "azjobs": sum(ours) / len(ours),
            "python -c": sum(pss_mb(p.pid) for p in plain) / len(plain),
            "multiprocessing spawn": sum(pss_mb(p.pid or 0) for p in spawned) / len(spawned),
        }
        for process in [*spawned, *plain]:
            process.kill()
            process.wait() if isinstance(process, subprocess.Popen) else process.join()
        table(f"a live job, mean of {len(ours)} (others of 8)", rows, "PSS MB")
        for name, pid in {"keeper": keeper, "daemon": daemon, "warm parent": parent_of(alive[0])}.items():
            print(f"  {name:<44}{pss_mb(pid):>12,.2f}")
        for job in jobs:
            az.remove_job(job, force=True)
