"""How soon a waiter knows of the end of a job, and what daemon, keeper and warm parents cost when nothing happens."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import median, pids_of, pss_mb, table, throw_away_home

RUNS = 40
WORK_S = 0.05  # long enough that whoever waits does wait
IDLE_S = 10.0
LEFT_S = 20.0  # longer than connections to the cloud are kept


def until_now() -> float:
    """The work: ends with the instant of its end."""
    time.sleep(WORK_S)
    return time.time()


def main() -> None:
    """Print both tables."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen

    with throw_away_home() as home:
        az.connect_az_account(environment="AzureSimulator")
        az.start_job(until_now).result(timeout=30)
        ways: dict[str, Callable[[Any], None]] = {
            "azjobs": lambda job: job.result(timeout=30),
            "azjobs, wait_job()": lambda job: az.wait_job(job, timeout=30),
            "azjobs, done callback": by_callback,
            "azjobs, await": lambda job: asyncio.run(awaited(job)),
            "azjobs, watch_jobs()": lambda job: list(az.watch_jobs(job)),
        }
        rows = {name: [late_ms(az.start_job(until_now), wait) for _ in range(RUNS)] for name, wait in ways.items()}
        rows["azjobs, operation in Azure"] = [late_ms(operation(az), ways["azjobs"]) for _ in range(RUNS)]
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            pool.submit(until_now).result()
            rows["ProcessPoolExecutor"] = [(-pool.submit(until_now).result() + time.time()) * 1000 for _ in range(RUNS)]
        table(f"end of the job to its waiter, median of {RUNS}", {k: median(v) for k, v in rows.items()}, "ms")
        worst = max(max(found) for name, found in rows.items() if name.startswith("azjobs"))
        print(f"  {'the worst of all of ours':<44}{worst:>12,.2f}")
        print("  whoever asks once a second, as a poller does, knows of it 500 ms late on average")
        idle(home)


def operation(az: Any) -> Any:
    """A job at the embedded cloud."""
    return az.invoke_az_rest_method(
        path=f"/subscriptions/{az.get_az_context().subscription.id}/resourceGroups/g?api-version=2022-09-01",
        method="PUT",
        payload={"location": "eastus"},
        as_job=True,
    )


def late_ms(job: Any, wait: Callable[[Any], None]) -> float:
    """How long after a job had written its end its waiter went on."""
    from azjobs.process.journal import load_end  # noqa: PLC0415 - after the home is chosen

    wait(job)
    seen_at = time.time()
    end = load_end(job.view.journal)
    assert end is not None
    return (seen_at - end.stamp.at) * 1000


def by_callback(job: Any) -> None:
    """Wait by a callback."""
    called: concurrent.futures.Future[None] = concurrent.futures.Future()
    job.add_done_callback(lambda _: called.set_result(None))
    called.result(timeout=30)


async def awaited(job: Any) -> None:
    """Wait in an event loop."""
    await job


def idle(home: Path) -> None:
    """Print what is there when nothing happens, and how often it was woken."""
    time.sleep(LEFT_S)
    daemon = pids_of(home, "_main.daemon")[0]
    parts = {"keeper": pids_of(home, "keeper.py"), "daemon": [daemon], "warm parents": children(daemon)}
    before = {name: sum(map(wakes, pids)) for name, pids in parts.items()}
    time.sleep(IDLE_S)
    print(f"idle, after jobs of both kinds (PSS MB; wake-ups in {IDLE_S:.0f} s)")
    total = 0.0
    for name, pids in parts.items():
        size = sum(map(pss_mb, pids))
        total += size if name != "warm parents" else 0.0
        print(f"  {name:<44}{size:>12,.2f}{sum(map(wakes, pids)) - before[name]:>8}")
    print(f"  {'keeper and daemon':<44}{total:>12,.2f}")


def children(pid: int) -> list[int]:
    """The children of a process [proc(5), children]."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found + [deeper for child in found for deeper in children(child)]


def wakes(pid: int) -> int:
    """How often the threads of a process were woken [proc(5), status]."""
    count = 0
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - numbers
        for line in Path(f"/proc/{pid}/task/{task}/status").read_text().splitlines():
            if line.startswith("voluntary_ctxt"):
                count += int(line.split()[1])
    return count
