"""Queues and time limits: jobs that wait for their turn, in order; jobs whose time is over."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.wire import DaemonStatus, Status
from azjobs.session.link.local import local
from terminal import Home, wait_until

LIMIT_S = 30.0


def kill_daemon() -> None:
    os.kill(local().client.ask(Status(0), DaemonStatus).pid, signal.SIGKILL)


def wait_for_file(name: str) -> str:
    """Run until the file is there."""
    while not Path(name).exists():
        time.sleep(0.01)
    return name


def start(folder: Path, count: int, queue: str, limit: int | None = None) -> list[az.Job[str]]:
    """Jobs that run until their files are made."""
    made = [
        az.start_job(wait_for_file, argument_list=[str(folder / str(n))], queue=queue, throttle_limit=limit)
        for n in range(count)
    ]
    assert all(job.id is not None for job in made)
    return made


def states(jobs: list[az.Job[Any]]) -> list[str]:
    return [job.state.value for job in jobs]


def become(jobs: list[az.Job[Any]], *wanted: str) -> None:
    wait_until(lambda: states(jobs) == list(wanted), what=f"{wanted}, not {states(jobs)}")


def test_jobs_of_a_queue_begin_in_their_order_and_no_more_at_once_than_its_limit(live: Home, tmp_path: Path) -> None:
    """The others are NotStarted; each that ends lets the next one begin."""
    jobs = start(tmp_path, 4, "in-order", 2)
    become(jobs, "Running", "Running", "NotStarted", "NotStarted")
    (tmp_path / "1").touch()
    become(jobs, "Running", "Completed", "Running", "NotStarted")
    (tmp_path / "0").touch()
    become(jobs, "Completed", "Completed", "Running", "Running")
    for n in (2, 3):
        (tmp_path / str(n)).touch()
    become(jobs, *["Completed"] * 4)


def test_a_later_limit_holds_for_all_jobs_of_the_queue(live: Home, tmp_path: Path) -> None:
    """A higher one lets those that wait begin; a lower one ends nothing that runs."""
    jobs = start(tmp_path, 3, "later-limit", 1)
    become(jobs, "Running", "NotStarted", "NotStarted")
    jobs += start(tmp_path, 1, "later-limit", 3)
    become(jobs, "Running", "Running", "Running", "NotStarted")
    jobs += start(tmp_path, 1, "later-limit", 1)
    (tmp_path / "0").touch()  # of the first, the fourth and the fifth
    become(jobs, "Completed", "Running", "Running", "NotStarted", "NotStarted")
    (tmp_path / "1").touch()
    (tmp_path / "2").touch()
    become(jobs, *["Completed"] * 5)


def test_the_daemon_is_killed_and_the_queue_goes_on_as_it_was(live: Home, tmp_path: Path) -> None:
    """What waited waits, what ran runs, and the next begins in its turn."""
    jobs = start(tmp_path, 3, "killed", 1)
    become(jobs, "Running", "NotStarted", "NotStarted")
    kill_daemon()
    (tmp_path / "0").touch()
    become(jobs, "Completed", "Running", "NotStarted")
    kill_daemon()
    become(jobs, "Completed", "Running", "NotStarted")
    (tmp_path / "1").touch()
    become(jobs, "Completed", "Completed", "Running")
    (tmp_path / "2").touch()
    assert jobs[2].result(LIMIT_S)


def test_a_job_that_is_stopped_while_it_waits_never_begins(live: Home, tmp_path: Path) -> None:
    """And it holds up nobody."""
    jobs = start(tmp_path, 3, "stopped", 1)
    become(jobs, "Running", "NotStarted", "NotStarted")
    az.stop_job(jobs[1])
    (tmp_path / "0").touch()
    become(jobs, "Completed", "Stopped", "Running")
    (tmp_path / "2").touch()
    assert jobs[2].result(LIMIT_S)
    assert jobs[1].begin_time == jobs[1].end_time


def outer() -> int:
    """Start jobs in the queue of this one, and wait for them."""
    inner = [az.start_job(len, argument_list=["x" * n], queue="nested") for n in range(3)]
    return sum(job.result(LIMIT_S) for job in inner)


def test_a_job_that_waits_for_jobs_of_its_own_queue_lets_them_run(live: Home) -> None:
    """In PowerShell such jobs wait for each other for ever (ThreadJob issue 59)."""
    assert az.start_job(outer, queue="nested", throttle_limit=1).result(LIMIT_S) == 3


def impatient(folder: str, other: int) -> int:
    """Wait for a job of its own queue until another one has the turn, then work on; returns the id of the first."""
    wait_for_file(f"{folder}/go")
    inner = az.start_job(wait_for_file, argument_list=[f"{folder}/inner"], queue="impatient")
    while az.get_job(other).state != "Running":
        az.wait_job(inner, timeout=0.05)
    Path(f"{folder}/working").touch()
    wait_for_file(f"{folder}/done")
    assert inner.id is not None
    return inner.id


def test_a_job_that_waits_no_longer_keeps_its_turn_again(live: Home, tmp_path: Path) -> None:
    """It gave its turn away only while it waited: what comes next in the queue begins once it has ended."""
    (other_file := tmp_path / "other").mkdir()
    first = az.start_job(wait_for_file, argument_list=[str(tmp_path / "first")], queue="impatient", throttle_limit=1)
    assert first.id is not None
    outer = az.start_job(impatient, argument_list=[str(tmp_path), first.id + 2], queue="impatient")
    (other,) = start(other_file, 1, "impatient")
    (tmp_path / "first").touch()
    become([first, outer, other], "Completed", "Running", "NotStarted")
    (tmp_path / "go").touch()
    wait_until((tmp_path / "working").exists)
    (other_file / "0").touch()
    become([outer, other], "Running", "Completed")
    (inner,) = [job for job in az.get_job() if job.id is not None and other.id is not None and job.id > other.id]
    assert inner.state == "NotStarted"
    (tmp_path / "done").touch()
    assert outer.result(LIMIT_S) == inner.id
    (tmp_path / "inner").touch()
    inner.result(LIMIT_S)


def stubborn(folder: str) -> None:
    """Leave a process behind that moved away, and do not end when asked."""
    import subprocess  # noqa: PLC0415 - in the job

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("begun", flush=True)  # noqa: T201 - its output
    script = f"import os, time; open(r'{folder}/pid', 'w').write(str(os.getpid())); time.sleep(600)"
    subprocess.Popen(["python3", "-c", script], start_new_session=True)
    time.sleep(600)


@pytest.mark.slow
def test_a_job_whose_time_is_over_is_ended_with_all_that_it_started_and_has_failed(live: Home, tmp_path: Path) -> None:
    """It says why; what it printed is kept; a daemon that comes meanwhile counts on."""
    job = az.start_job(stubborn, argument_list=[str(tmp_path)], time_limit=5.0)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    kill_daemon()
    az.wait_job(job, timeout=LIMIT_S)
    assert job.state == "Failed"
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("TimeLimit", "It was not done within 5 s.")
    assert [one.text for one in az.receive_job(job).information] == ["begun"]
    wait_until(lambda: not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists())


def test_a_stop_of_a_job_whose_time_is_over_changes_nothing_of_why_it_ended(live: Home, tmp_path: Path) -> None:
    """It is being ended already, and has failed."""
    job = az.start_job(stubborn, argument_list=[str(tmp_path)], time_limit=0.5)
    become([job], "Stopping")
    az.stop_job(job)
    az.wait_job(job, timeout=LIMIT_S)
    assert job.error is not None
    assert (job.state, job.error.code) == ("Failed", "TimeLimit")


def test_the_time_limit_of_an_azure_job_ends_the_watching_and_says_what_goes_on(signed_in: Home) -> None:
    """A job that waits for its turn has no time yet that could be over."""
    signed_in.cloud.time("at-once", kinds={"group-delete": {"mode": "held"}})
    try:
        az.new_az_resource_group("limit", "eastus")
        job = az.remove_az_resource_group("limit", as_job=True, time_limit=0.5)
        az.wait_job(job, timeout=LIMIT_S)
        assert job.error is not None
        assert job.error.code == "TimeLimit"
        assert "The operation goes on in Azure (limit, deleting)." in job.error.message
        assert (job.state, job.remote_state) == ("Failed", "Running")
    finally:
        signed_in.cloud.time("at-once", kinds={"group-delete": {"mode": "at-once"}})
        signed_in.cloud.finish()


def test_a_misspelt_parameter_of_a_command_is_an_error_and_nothing_is_done(signed_in: Home) -> None:
    """It is not passed over: a stop that was to be a rehearsal must not be one."""
    before = len(signed_in.cloud.requests())
    with pytest.raises(TypeError, match="unexpected keyword argument 'throtle_limit'"):
        az.remove_az_resource_group(["a"], throtle_limit=1)  # type: ignore[call-overload]
    assert len(signed_in.cloud.requests()) == before
