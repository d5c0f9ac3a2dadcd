"""Stopping a process job: asked first, then nothing of it is left, wherever it moved; what it said is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.wire import Ok, Stop
from azjobs.process.identity import has_ended, start_time
from azjobs.session.link.local import local
from terminal import Home, wait_until

LIMIT_S = 30.0
#: Moves away as daemons do (a fork, a session of its own, a fork), hears no SIGTERM, and says which process it is.
MOVES_AWAY = """
import os, signal, sys, time
def move_away(path):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with open(path + ".new", "w") as file:
                file.write(str(os.getpid()))
            os.rename(path + ".new", path)
            time.sleep(600)
        os._exit(0)
    os.wait()
"""
MAIN = f"{MOVES_AWAY}\nprint('before', flush=True)\nmove_away(sys.argv[1])\ntime.sleep(600)"


class Grandchild:
    """The process that moved away."""

    def __init__(self, path: Path) -> None:
        wait_until(path.exists, what="the grandchild has moved away")
        self.pid = int(path.read_text())
        self._started = start_time(self.pid)
        assert self._started is not None
        assert os.getsid(self.pid) not in (self.pid, os.getsid(0))

    @property
    def is_gone(self) -> bool:
        """Whether it runs no more."""
        assert self._started is not None
        return has_ended(self.pid, self._started)


def command(path: Path, **options: Any) -> az.Job[Any]:
    """A command that ends when it is asked to; what it started does not."""
    return az.start_job(command=[sys.executable, "-c", MAIN, str(path)], **options)


def ask_to_stop(job: az.Job[Any]) -> None:
    """Ask, and do not wait for the end."""
    local().client.ask(Stop(0, (job.uuid,)), Ok)


def stubborn(path: str) -> None:
    """Hear a stop and do not end; a process of it has moved away."""
    import signal  # noqa: PLC0415 - in the job
    import time  # noqa: PLC0415 - in the job

    space: dict[str, Any] = {}
    exec(MOVES_AWAY, space)
    signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))  # noqa: T201 - to its output
    print("before")  # noqa: T201 - to its output
    space["move_away"](path)
    while True:
        time.sleep(1)


def polite(path: str, daemon: int) -> None:
    """Asked to stop: end once this daemon has gone, and leave behind what has moved away."""
    import os  # noqa: PLC0415 - in the job
    import time  # noqa: PLC0415 - in the job

    space: dict[str, Any] = {}
    exec(MOVES_AWAY, space)
    space["move_away"](path)
    try:
        time.sleep(600)
    finally:
        print("asked", flush=True)  # noqa: T201 - to its output
        while os.path.exists(f"/proc/{daemon}"):  # noqa: PTH110 - quick
            time.sleep(0.001)
        print("cleaned up")  # noqa: T201 - to its output


def said(job: az.Job[Any]) -> list[str]:
    return [record.text for record in az.receive_job(job, keep=True).information]


def test_what_moved_away_is_gone_before_a_job_is_stopped(live: Home, tmp_path: Path) -> None:
    """The command ends when it is asked; its grandchild, orphaned and in a session of its own, is killed."""
    job = command(tmp_path / "pid")
    grandchild = Grandchild(tmp_path / "pid")
    az.stop_job(job)
    assert (job.state, grandchild.is_gone) == (az.JobState.STOPPED, True)
    assert az.receive_job(job) == ["before\n"]


@pytest.mark.slow
def test_who_does_not_end_when_asked_is_killed_with_what_moved_away(live: Home, tmp_path: Path) -> None:
    """After the grace; what was said before and meanwhile is kept."""
    job = az.start_job(stubborn, argument_list=[str(tmp_path / "pid")])
    grandchild = Grandchild(tmp_path / "pid")
    az.stop_job(job)
    assert (job.state, grandchild.is_gone) == (az.JobState.STOPPED, True)
    assert said(job) == ["before", "asked"]
    with pytest.raises(az.JobStopped):
        job.result()


def test_a_time_limit_ends_what_moved_away_too(live: Home, tmp_path: Path) -> None:
    """It is as a stop, but the job has failed."""
    job = command(tmp_path / "pid", time_limit=2.0)
    grandchild = Grandchild(tmp_path / "pid")
    with pytest.raises(az.JobFailed):
        job.result(LIMIT_S)
    assert grandchild.is_gone
    assert az.receive_job(job) == ["before\n"]


@pytest.mark.slow
def test_a_stop_outlives_the_daemon_that_was_asked(live: Home, tmp_path: Path) -> None:
    """Killed in the midst of the grace: the next one asks again, and kills after it."""
    job = az.start_job(stubborn, argument_list=[str(tmp_path / "pid")])
    grandchild = Grandchild(tmp_path / "pid")
    ask_to_stop(job)
    wait_until(lambda: said(job) == ["before", "asked"], what="it is asked")
    live.kill("_main.daemon")
    wait_until(lambda: job.state is az.JobState.STOPPED, what="the next daemon finishes the stop")
    assert grandchild.is_gone
    assert set(said(job)) == {"before", "asked"}


def test_what_a_polite_job_leaves_behind_ends_though_the_daemon_was_killed(live: Home, tmp_path: Path) -> None:
    """The process ended while no daemon was there; the next one finds what came from it."""
    daemon = live.process("_main.daemon") if _runs(live) else None
    if daemon is None:
        az.start_job(lambda: None).result(LIMIT_S)
        daemon = live.process("_main.daemon")
    job = az.start_job(polite, argument_list=[str(tmp_path / "pid"), daemon])
    grandchild = Grandchild(tmp_path / "pid")
    ask_to_stop(job)
    wait_until(lambda: said(job) == ["asked"], what="it is asked")
    assert live.kill("_main.daemon") == daemon
    wait_until(lambda: job.state is az.JobState.STOPPED, what="the next daemon finishes the stop")
    wait_until(lambda: grandchild.is_gone, what="what moved away is gone")
    assert said(job) == ["asked", "cleaned up"]


def test_to_be_asked_twice_does_not_interrupt_cleaning_up(live: Home, tmp_path: Path) -> None:
    """A stop of a job that is stopping changes nothing."""
    go = tmp_path / "go"

    def careful(go: str) -> None:
        import pathlib  # noqa: PLC0415 - in the job
        import time  # noqa: PLC0415 - in the job

        try:
            print("running", flush=True)  # noqa: T201 - to its output
            time.sleep(600)
        finally:
            print("cleaning up", flush=True)  # noqa: T201 - to its output
            while not pathlib.Path(go).exists():
                time.sleep(0.01)
            print("cleaned up")  # noqa: T201 - to its output

    job = az.start_job(careful, argument_list=[str(go)])
    wait_until(lambda: said(job) == ["running"], what="it runs")
    ask_to_stop(job)
    wait_until(lambda: said(job) == ["running", "cleaning up"], what="it cleans up")
    assert job.state is az.JobState.STOPPING
    ask_to_stop(job)
    go.touch()
    az.stop_job(job)
    assert job.state is az.JobState.STOPPED
    assert said(job) == ["running", "cleaning up", "cleaned up"]


def test_a_job_that_waits_for_its_turn_is_stopped_without_having_run(live: Home, tmp_path: Path) -> None:
    """NotStarted: it never begins, and says nothing."""
    first = az.start_job(command=["sleep", "600"], queue="stopping", throttle_limit=1)
    second = az.start_job(command=["touch", str(tmp_path / "ran")], queue="stopping", throttle_limit=1)
    assert second.state is az.JobState.NOT_STARTED
    az.stop_job(second)
    assert second.state is az.JobState.STOPPED
    az.stop_job(first)
    assert first.state is az.JobState.STOPPED
    assert not (tmp_path / "ran").exists()


def test_a_job_that_has_ended_is_left_as_it_is(live: Home) -> None:
    """A stop that comes too late is no error."""
    job = az.start_job(lambda: "value")
    assert job.result(LIMIT_S) == "value"
    assert az.stop_job(job) == [job]
    assert (job.state, job.result()) == (az.JobState.COMPLETED, "value")


def _runs(home: Home) -> bool:
    return bool(home.find("_main.daemon"))
