"""Kill anything at any moment: everything ends in the state that Azure and the processes really reached.

Twenty machines of several requests each and five process jobs are submitted, and
the client leaves. From then on nobody is connected and nobody types; the state
is read from the store's file and from the embedded cloud.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azjobs.core.job import Job, PlanWork
from azjobs.core.states import FINISHED, JobState
from azjobs.store.reader import read_jobs
from terminal import Home, Python, Shell, wait_until

MACHINES = 20
PROCESSES = 5
PASSWORD = "Pa55-word-long"
SCALE = 0.02  # of the nominal durations: a machine takes a few seconds

SUBMIT = f"""
import pathlib, time
az.connect_az_account(environment="AzureSimulator")
creds = az.Credential("vmadmin", az.SecureString("{PASSWORD}"))
def work(path, seconds):
    with open(path, "a") as file:
        file.write("began\\n")
    time.sleep(seconds)
    with open(path, "a") as file:
        file.write("ended\\n")
    return path
for n in range({MACHINES}):
    az.new_az_vm(name=f"vm{{n:02}}", credential=creds, as_job=True)
for n in range({PROCESSES}):
    az.start_job(work, argument_list=[str(pathlib.Path("FOLDER", f"process{{n}}")), 1.0 + n])
"""


class Site:
    """A home with its jobs under way."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder

    def jobs(self) -> list[Job]:
        """The jobs as they are recorded."""
        return read_jobs(self.home.folder / "store.db")

    def states(self) -> Counter[JobState]:
        """How many jobs are in which state."""
        return Counter(job.state_name for job in self.jobs())

    def all_ended(self) -> bool:
        """Whether nothing is unfinished."""
        jobs = self.jobs()
        return len(jobs) == MACHINES + PROCESSES and all(job.state_name in FINISHED for job in jobs)

    def check_truth(self) -> None:
        """Every job tells what really happened, and nothing happened twice."""
        assert self.states() == {JobState.COMPLETED: MACHINES + PROCESSES}, [
            (job.name, job.state) for job in self.jobs() if job.state_name is not JobState.COMPLETED
        ]
        effects: list[dict[str, Any]] = self.home.cloud.effects()
        twice = {key: n for key, n in Counter((e["resource_id"], e["effect"]) for e in effects).items() if n > 1}
        assert not twice
        machines = [e for e in effects if "/virtualmachines/" in e["resource_id"] and e["effect"] == "created"]
        assert len(machines) == MACHINES
        for n in range(PROCESSES):
            assert (self.folder / f"process{n}").read_text() == "began\nended\n"


@pytest.fixture
def site(home: Home, python: Python, shell: Shell, tmp_path: Path) -> Callable[[], Site]:
    """Submit everything and leave."""

    def submit() -> Site:
        assert shell("azjobs account connect --environment AzureSimulator").code == 0
        home.cloud.time("scaled", scale=SCALE)
        folder = tmp_path / "work"
        folder.mkdir()
        done = python(SUBMIT.replace("FOLDER", str(folder)), timeout_s=60)
        assert done.code == 0, done
        return Site(home, folder)

    return submit


def kill_if_there(home: Home, word: str) -> int:
    """Kill each such process of the home that is there just now, and return how many there were."""
    killed = 0
    for pid in home.find(word):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(5))
def test_a_daemon_killed_ten_times_at_random_loses_and_doubles_nothing(site: Callable[[], Site], seed: int) -> None:
    """SIGKILL at ten random moments with no client there: every job completes, each resource is made once."""
    moments = random.Random(seed)
    here = site()
    kills = 0
    while kills < 10 and not here.all_ended():
        time.sleep(moments.uniform(0.0, 0.8))  # the random moment itself, not a wait for anything
        kills += kill_if_there(here.home, "_main.daemon")
    wait_until(here.all_ended, timeout_s=120, what="all jobs have ended")
    here.check_truth()


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("is_daemon_killed", [False, True], ids=["warm parent", "both"])
def test_a_killed_warm_parent_takes_no_job_along(site: Callable[[], Site], *, is_daemon_killed: bool) -> None:
    """The job processes go on, and their ends are told."""
    here = site()
    wait_until(lambda: all((here.folder / f"process{n}").exists() for n in range(PROCESSES)))
    parent = wait_until(here.home.warm_parent, what="a warm parent is there")
    if is_daemon_killed:
        here.home.kill("_main.daemon")
    with contextlib.suppress(ProcessLookupError):  # it leaves when its daemon does
        os.kill(parent, signal.SIGKILL)
    wait_until(here.all_ended, timeout_s=120, what="all jobs have ended")
    here.check_truth()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_without_the_keeper_jobs_that_need_the_password_ask_and_complete(
    site: Callable[[], Site], shell: Shell
) -> None:
    """The keeper is killed: what still needs the password is Blocked, and completes once answered."""
    here = site()
    here.home.kill("keeper.py")

    def settled() -> bool:
        states = here.states()
        return sum(states[s] for s in (JobState.BLOCKED, *FINISHED)) == MACHINES + PROCESSES

    wait_until(settled, timeout_s=120, what="every job has ended or asks")
    blocked = [job for job in here.jobs() if job.state_name is JobState.BLOCKED]
    assert blocked, "the keeper was killed before any machine had its password"
    for job in blocked:
        needs_password = isinstance(job.work, PlanWork)  # a process that had not started asks for its environment
        line = f"azjobs job answer {job.id}" + (" --password-stdin" if needs_password else "")
        done = shell(line, stdin=f"{PASSWORD}\n" if needs_password else None)
        assert done.code == 0, done
    wait_until(here.all_ended, timeout_s=120, what="all jobs have ended")
    here.check_truth()
