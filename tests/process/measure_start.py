"""Measure from submit to result of a function that does nothing, and how many a second.

Run: python tests/process/measure_start.py [fork|standby] [azure]
The result counts when a follower of the journal, woken by an event, has the output record.
"""

# ruff: noqa: T201 - a script that prints
from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

from azjobs.core.job import ProcessKind
from azjobs.core.journal import Output
from azjobs.process.frames import StartMessage
from azjobs.process.interpreter import interpreter_key
from azjobs.process.launcher import Exited, ForkLauncher, StandbyLauncher, StartProcess
from azjobs.process.payload import dump
from azjobs.process.reader import follow


def describe(folder: Path, *, azure: bool) -> StartProcess:
    """Describe a job that returns 1."""
    job_id = str(uuid.uuid4())
    message = StartMessage(
        journal=str(folder / f"{job_id}.journal"),
        kind=ProcessKind.FUNCTION,
        environ=dict(os.environb),
        folder=os.fsencode(folder),
        umask=0o22,
        sys_path=sys.path,
        payload=dump(lambda: 1),
    )
    journal = Path(message.journal)
    return StartProcess(job_id=job_id, journal=journal, interpreter=interpreter_key(), message=message, azure=azure)


async def measure(folder: Path, *, is_fork: bool, azure: bool) -> None:
    """Print the medians."""
    ends: dict[str, asyncio.Event] = {}

    def told(exited: Exited) -> None:
        ends[exited.job_id].set()

    launcher = ForkLauncher(told) if is_fork else StandbyLauncher(told)

    async def run(*, pause_s: float) -> float:
        await asyncio.sleep(pause_s)
        began_at = time.perf_counter()
        start = describe(folder, azure=azure)
        ends[start.job_id] = asyncio.Event()
        await launcher.start(start)
        if pause_s:
            next(b for b in follow(start.journal) if any(isinstance(e.record, Output) for e in b))
        result_s = time.perf_counter() - began_at
        await ends[start.job_id].wait()
        return result_s

    pause_s = 0.05 if is_fork else 0.5
    await run(pause_s=pause_s)
    times_ms = sorted([await run(pause_s=pause_s) * 1000 for _ in range(100 if is_fork else 20)])
    print(f"submit to result, one at a time, ms: median {statistics.median(times_ms):.2f}", end=" ")
    print(f"min {times_ms[0]:.2f} p90 {times_ms[len(times_ms) * 9 // 10]:.2f}")
    if is_fork:
        slots = asyncio.Semaphore(3)

        async def in_slot() -> None:
            async with slots:
                await run(pause_s=0)

        began_at = time.perf_counter()
        await asyncio.gather(*(in_slot() for _ in range(500)))
        print(f"500 jobs, 3 at a time: {500 / (time.perf_counter() - began_at):.0f} a second")
    await launcher.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(measure(Path(name), is_fork="standby" not in sys.argv, azure="azure" in sys.argv))
