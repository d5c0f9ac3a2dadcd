"""A no-op job in a process of its own, from submit to result: one at a time, and 1,000 at once."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.measuring import median, table, throw_away_home, times_ms

RUNS = 50
JOBS = 1000  # each runs int(), which every process has imported: what is measured is the way to it and back


def in_process_of(method: str) -> Callable[[], None]:
    """Start a process by multiprocessing and wait for its end."""
    context = multiprocessing.get_context(method)

    def run() -> None:
        process = context.Process(target=int)
        process.start()
        process.join()

    return run


def fork_and_wait() -> None:
    """The floor: fork this process, which has imported as much as a warm parent."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def interpreter() -> None:
    """A new interpreter that does nothing."""
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def main() -> None:
    """Print both tables."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen by whoever runs this

    multiprocessing.get_context("forkserver").set_forkserver_preload(["azjobs"])
    with throw_away_home():
        rows = {
            "azjobs": median(times_ms(lambda: az.start_job(int).result(timeout=30), RUNS)),
            "fork of an equally warm process (floor)": median(times_ms(fork_and_wait, RUNS)),
            "python -c pass": median(times_ms(interpreter, RUNS)),
            "multiprocessing forkserver": median(times_ms(in_process_of("forkserver"), RUNS)),
            "multiprocessing spawn": median(times_ms(in_process_of("spawn"), 10)),
        }
        table(f"submit to result, median of {RUNS}", rows, "ms")
        table(f"{JOBS} jobs", {"azjobs": rate(az), "python -c pass": rate_of(interpreter, 200),
                               "multiprocessing forkserver": rate_of(in_process_of("forkserver"), 200)},
              "jobs/s", fewer_is_better=False)  # fmt: skip


def rate(az: object) -> float:
    """Jobs a second, from the first submit to the last result."""
    begun = time.perf_counter()
    jobs = [az.start_job(int) for _ in range(JOBS)]  # type: ignore[attr-defined]  # the module
    for job in jobs:
        job.result(timeout=120)
    return JOBS / (time.perf_counter() - begun)


def rate_of(work: Callable[[], None], count: int) -> float:
    """How many a second, one after the other, as they block their caller."""
    begun = time.perf_counter()
    for _ in range(count):
        work()
    return count / (time.perf_counter() - begun)
