"""10,000 jobs that wait for their turn: what it costs to queue them, to hold them, to look at them, to stop them."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.measuring import pids_of, pss_mb, table, throw_away_home

JOBS = 10_000


def main() -> None:
    """Print the tables."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen

    with throw_away_home() as home:
        first = az.start_job(time.sleep, argument_list=[3600], queue="bench", throttle_limit=1)
        (daemon,) = pids_of(home, "azjobs._main.daemon")
        before_mb = pss_mb(daemon)
        begun = time.perf_counter()
        for _ in range(JOBS):
            az.start_job(int, queue="bench")
        queued_s = time.perf_counter() - begun
        print(f"{JOBS:,} process jobs, each durable when start_job returns")
        table("queued", {"azjobs": JOBS / queued_s, **in_memory()}, "jobs/s", fewer_is_better=False)
        print(f"  daemon: {before_mb:.1f} MB before, {pss_mb(daemon):.1f} MB PSS with them")
        print(f"  azjobs job get --state Running: {listing_ms(home):.0f} ms")
        begun = time.perf_counter()
        az.remove_job(state="NotStarted", force=True)
        print(f"  stopped and removed in {time.perf_counter() - begun:.1f} s")
        az.stop_job(first)
    with throw_away_home() as home:
        begin_batch(az, home)


def begin_batch(az: object, home: Path) -> None:
    """A batch of as many targets, one at a time; meanwhile another client asks how long it is kept waiting."""
    from azjobs.core.wire import DaemonStatus, Status  # noqa: PLC0415 - as above
    from azjobs.session.link.local import local  # noqa: PLC0415 - as above

    az.connect_az_account(environment="AzureSimulator")  # type: ignore[attr-defined]  # the module
    local().client.ask(Status(0), DaemonStatus)
    longest_s, is_over = 0.0, threading.Event()

    def ask() -> None:
        nonlocal longest_s
        while not is_over.is_set():
            asked = time.perf_counter()
            local().client.ask(Status(0), DaemonStatus)
            longest_s = max(longest_s, time.perf_counter() - asked)

    asker = threading.Thread(target=ask)
    asker.start()
    begun = time.perf_counter()
    names = [f"group-{n}" for n in range(JOBS)]
    batch = az.remove_az_resource_group(names, throttle_limit=1, as_job=True)  # type: ignore[attr-defined]
    took_s = time.perf_counter() - begun
    is_over.set()
    asker.join()
    (daemon,) = pids_of(home, "azjobs._main.daemon")
    print(
        f"a batch of {JOBS:,} targets: durable after {took_s:.2f} s; another client waited {longest_s:.2f} s at most;"
    )
    print(f"  daemon {pss_mb(daemon):.1f} MB PSS")
    begun = time.perf_counter()
    az.stop_job(batch)  # type: ignore[attr-defined]
    print(f"  stopped in {time.perf_counter() - begun:.1f} s")


def in_memory() -> dict[str, float]:
    """What a program has by itself: gone with it."""
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        blocker = pool.submit(time.sleep, 1.0)
        begun = time.perf_counter()
        waiting = [pool.submit(int) for _ in range(JOBS)]
        rate = JOBS / (time.perf_counter() - begun)
        for future in waiting:
            future.cancel()
        blocker.result()
    return {"ProcessPoolExecutor (in memory)": rate}


def listing_ms(home: Path) -> float:
    """The listing of what runs, as a whole process."""
    command = [str(Path(sys.executable).with_name("azjobs")), "job", "get", "--state", "Running"]
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={"AZJOBS_HOME": str(home), "PATH": "/usr/bin"})
    return (time.perf_counter() - begun) * 1000
