"""What one no-op job asks of the system, by process: counts do not depend on how busy a machine is. Needs strace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import pids_of, throw_away_home

JOBS = 40
FEWEST = 0.5  # a job; less often is not shown


def main() -> None:
    """Print a line for each process: how many system calls a job, and which."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen

    strace = shutil.which("strace")
    if strace is None:
        print("strace is not installed: nothing is counted.")
        return
    with throw_away_home() as home, tempfile.TemporaryDirectory() as folder:
        for _ in range(10):
            az.start_job(int).result(timeout=60)
        (daemon,) = pids_of(home, "_main.daemon")
        (parent, *_) = Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
        who = {"client": os.getpid(), "daemon": daemon, "keeper": pids_of(home, "keeper.py")[0], "warm parent": parent}
        counting = []
        for name, pid in who.items():
            threads = ["-f"] if name == "daemon" else []  # of the warm parent it would be its children
            words = [strace, "-qq", "-c", *threads, "-o", f"{folder}/{name}", "-p", str(pid)]
            counting.append(subprocess.Popen(words))
        time.sleep(2)  # until they have begun
        for _ in range(JOBS):
            az.start_job(int).result(timeout=60)
        time.sleep(0.5)  # what is done after the end
        for process in counting:
            process.send_signal(signal.SIGINT)
            process.wait()
        print("system calls of one job, from submit to result, one after the other")
        for name in who:
            print_counts(name, Path(folder, name).read_text())


def print_counts(name: str, summary: str) -> None:
    """Print what strace -c counted of a process: per cent, seconds, µs a call, calls, perhaps errors, name."""
    rows = [line.split() for line in summary.splitlines() if line.strip() and line.split()[0][0].isdigit()]
    calls = {row[-1]: int(row[3]) / JOBS for row in rows if row[-1] != "total"}
    often = {call: count for call, count in sorted(calls.items(), key=lambda item: -item[1]) if count >= FEWEST}
    print(f"  {name:<12}{sum(calls.values()):>6.0f}  {', '.join(f'{call} {n:.1f}' for call, n in often.items())}")
