"""Watching jobs: each change is told once and in order, over the replacement of the daemon and of the keeper."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import signal
import threading
from pathlib import Path

import azjobs as az
from azjobs.core.states import JobState
from azjobs.core.wire import DaemonStatus, Status
from azjobs.session.link.local import local
from terminal import Home

LIMIT_S = 30.0


def wait_for_file(path: str) -> str:
    import pathlib  # noqa: PLC0415 - in the job
    import time  # noqa: PLC0415 - in the job

    while not pathlib.Path(path).exists():
        time.sleep(0.005)
    return "seen"


def until(path: Path, name: str = "") -> az.Job[str]:
    """Start a job that ends when the file is there."""
    return az.start_job(wait_for_file, argument_list=[str(path)], name=name)


def states(events: list[az.JobEvent], job: az.Job[str]) -> list[JobState]:
    """Return the states that were told of one job, each once in a row."""
    told: list[JobState] = []
    for event in events:
        if event.job == job and event.state not in told[-1:]:
            told.append(event.state)
    return told


def test_a_watch_tells_the_present_state_first_and_ends_with_the_last_end(live: Home, tmp_path: Path) -> None:
    """With jobs named; each event says what the state was before."""
    one, two = until(tmp_path / "one"), until(tmp_path / "two", "second")
    told: list[az.JobEvent] = []
    for event in az.watch_jobs(one, two):
        told.append(event)
        if len({event.job for event in told}) == 2:
            (tmp_path / "one").touch()
        if event.job == one and event.is_end:
            (tmp_path / "two").touch()
    assert states(told, one)[-2:] == states(told, two)[-2:] == [JobState.RUNNING, JobState.COMPLETED]
    last = told[-1]
    assert (last.job, last.name, last.id, last.previous_state) == (two, "second", two.id, JobState.RUNNING)
    assert last.at == two.end_time
    assert not last.is_removed
    assert told[0].previous_state is None
    assert [event.is_end for event in told].count(True) == 2


def test_a_watch_of_jobs_that_have_ended_tells_them_once_and_ends(live: Home, tmp_path: Path) -> None:
    """With `changes_only` there is nothing to tell."""
    (tmp_path / "go").touch()
    job = until(tmp_path / "go")
    job.result(LIMIT_S)
    assert [event.state for event in az.watch_jobs(job)] == [JobState.COMPLETED]
    assert list(az.watch_jobs(job, changes_only=True)) == []
    assert list(az.watch_jobs("no-such-*")) == []


def test_a_watch_of_all_jobs_tells_of_new_ones_and_of_removals(live: Home, tmp_path: Path) -> None:
    """Those of before are told only without `changes_only`."""
    (tmp_path / "go").touch()
    before = until(tmp_path / "go", "before")
    before.result(LIMIT_S)
    with az.watch_jobs(changes_only=True) as events:
        job = until(tmp_path / "go", "new")
        told = [next(events)]
        while not told[-1].is_end:
            told.append(next(events))
        az.remove_job(job)
        removed = next(events)
    assert {event.job for event in told} == {job}
    assert told[0].previous_state is None
    assert (removed.job, removed.name, removed.is_removed) == (job, "new", True)
    with az.watch_jobs() as events:
        assert before in {next(events).job for _ in az.get_job()}


def test_an_end_is_told_once_however_often_the_daemon_is_killed(home: Home, tmp_path: Path) -> None:
    """Ends while no daemon runs are told by the next one."""
    jobs = [until(tmp_path / f"go{n}") for n in range(3)]
    told: list[az.JobEvent] = []
    with az.watch_jobs() as events:
        while {event.job for event in told if event.state is JobState.RUNNING} != set(jobs):
            told.append(next(events))
        for n, job in enumerate(jobs):
            daemon = home.process("_main.daemon")
            os.kill(daemon, signal.SIGSTOP)
            (tmp_path / f"go{n}").touch()
            os.kill(daemon, signal.SIGKILL)
            while not (told[-1].job == job and told[-1].is_end):
                told.append(next(events))
    ends = [event.job for event in told if event.is_end]
    assert ends == jobs


def test_what_was_removed_while_nobody_told_is_told_after_the_connection_is_back(home: Home, tmp_path: Path) -> None:
    """The present is compared with what was told before."""
    (tmp_path / "go").touch()
    job = until(tmp_path / "go", "gone")
    job.result(LIMIT_S)
    with az.watch_jobs() as events:
        assert next(events).job == job
        events._following.drop()
        events._connection = None  # as when the daemon lets go of it
        az.remove_job(job)
        event = next(events)
    assert (event.job, event.name, event.is_removed, event.previous_state) == (job, "gone", True, JobState.COMPLETED)


def test_an_async_watch_tells_without_a_thread_of_its_own(live: Home, tmp_path: Path) -> None:
    """The event loop goes on meanwhile; the iteration ends with the jobs."""

    async def watch() -> list[az.JobEvent]:
        job = until(tmp_path / "go")
        told = []
        threads = 0
        async for event in az.watch_jobs(job):
            told.append(event)
            threads = threads or threading.active_count()
            if event.state is JobState.RUNNING:
                asyncio.get_running_loop().call_later(0.01, (tmp_path / "go").touch)
        assert threading.active_count() <= threads
        return told

    told = asyncio.run(asyncio.wait_for(watch(), LIMIT_S))
    assert [event.is_end for event in told].count(True) == 1


def test_an_async_watch_goes_on_with_the_next_daemon(home: Home, tmp_path: Path) -> None:
    """Killed while the task waits."""

    async def watch() -> JobState:
        job = until(tmp_path / "go")
        async for event in az.watch_jobs(job):
            if event.state is JobState.RUNNING:
                home.kill("_main.daemon")
                (tmp_path / "go").touch()
        return event.state

    assert asyncio.run(asyncio.wait_for(watch(), LIMIT_S)) is JobState.COMPLETED


def test_cancelling_an_async_watch_frees_its_socket_and_leaves_no_thread_or_task(live: Home, tmp_path: Path) -> None:
    """Also where the loop is left, or the watch is closed."""

    async def watch(until_seen: asyncio.Event) -> None:
        async for _ in az.watch_jobs():
            until_seen.set()

    async def main() -> None:
        job = until(tmp_path / "go")
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
        await loop.run_in_executor(None, os.getpid)  # the loop's own thread, which it keeps
        local().client.ask(Status(0), DaemonStatus)
        before = open_sockets(), threading.active_count()
        for _ in range(5):
            seen = asyncio.Event()
            task = asyncio.ensure_future(watch(seen))
            await seen.wait()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            async for _ in az.watch_jobs():
                break
            async with contextlib.aclosing(az.watch_jobs()) as events:
                await anext(events)
        assert (open_sockets(), threading.active_count()) == before
        assert task.done()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        (tmp_path / "go").touch()
        assert await job == "seen"

    asyncio.run(main())


def open_sockets() -> int:
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += str(entry.readlink()).startswith("socket:")
    return count


def test_a_batch_is_one_job_among_all_jobs(signed_in: Home) -> None:
    """Its children are told of where they are named."""
    for name in ("batch-one", "batch-two"):
        az.new_az_resource_group(name=name, location="eastus")
    with az.watch_jobs(changes_only=True) as events:
        batch = az.remove_az_resource_group(name=["batch-one", "batch-two"], as_job=True)
        told = [next(events)]
        while not (told[-1].job == batch and told[-1].is_end):
            told.append(next(events))
    assert {event.job for event in told} == {batch}
    children = batch.child_jobs
    assert {event.job for event in az.watch_jobs(*children)} == set(children)
