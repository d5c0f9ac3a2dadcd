"""Receiving with what PowerShell lets one ask for besides: events, the jobs themselves, and their removal."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.errors import InvalidInput
from azjobs.core.states import JobState
from azjobs.process.reader import Entry
from azjobs.session.jobs.receiving import Manner, receive_all, remove_ended
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import local
from terminal import Home, Shell, wait_until

ECHO = ["sh", "-c", "echo out; echo err >&2"]
NEEDS_WAIT = {
    "auto_remove_job": "only what has ended is removed.",
    "write_events": "the events are the ends of the jobs.",
    "write_job_in_results": "it says whose results follow, as they come.",
}


@pytest.mark.parametrize("name", NEEDS_WAIT)
def test_what_belongs_to_waiting_is_refused_without_it(home: Home, shell: Shell, name: str) -> None:
    """In one sentence that says why, as the parameters are written; nothing is received."""
    job = az.start_job(command=ECHO)
    job.result(30)
    asked: dict[str, Any] = {name: True}
    with pytest.raises(InvalidInput) as refusal:
        az.receive_job(job, **asked)
    assert str(refusal.value) == f"{name} needs wait: {NEEDS_WAIT[name]}"
    option = "--" + name.replace("_", "-")
    assert shell(f"azjobs job receive 1 {option}") == (2, "", f"{option} needs --wait: {NEEDS_WAIT[name]}\n")
    assert "".join(az.receive_job(job)) == "out\n"


def test_records_cannot_be_left_and_removed(home: Home, shell: Shell) -> None:
    """To keep the records of a job and to remove the job are two wishes."""
    job = az.start_job(command=ECHO)
    sentence = "keep leaves the records, auto_remove_job removes them: give one of the two."
    with pytest.raises(InvalidInput, match=sentence):
        az.receive_job(job, wait=True, keep=True, auto_remove_job=True)
    assert "".join(az.receive_job(job, wait=True, keep=True)) == "out\n"  # which PowerShell refuses
    assert "".join(az.receive_job(job, wait=True)) == "out\n"
    assert az.receive_job(job, wait=True) == []


def test_a_received_job_can_be_removed_at_once(home: Home, shell: Shell) -> None:
    """Once it has ended; one that has not when the time is over stays."""
    done, goes_on = az.start_job(command=ECHO), az.start_job(command=["sleep", "60"])
    done.result(30)
    received = az.receive_job([done, goes_on], wait=True, timeout=0.1, auto_remove_job=True)
    assert ("".join(received), az.get_job()) == ("out\n", [goes_on])
    az.stop_job(goes_on)
    assert shell(f"azjobs job receive {goes_on.id} --wait --auto-remove-job") == (0, "", "")
    assert az.get_job() == []


def test_a_job_whose_error_is_raised_stays(home: Home) -> None:
    """The error tells of it, so it must be there to be looked at."""
    job = az.start_job(command=["false"])
    with pytest.raises(az.JobFailed):
        az.receive_job(job, wait=True, auto_remove_job=True, error_action="Stop")
    assert az.get_job() == [job]


def test_jobs_come_first_and_events_last(home: Home) -> None:
    """In one list: the jobs that were named, then of each its output and its end."""
    one, two = az.start_job(abs, argument_list=[-1]), az.start_job(int, argument_list=["no"])
    received = az.receive_job([one, two], wait=True, write_events=True, write_job_in_results=True)
    assert received[:3] == [one, two, 1]
    first, second = received[3:]
    assert (first.job, first.state, second.job, second.state) == (one, JobState.COMPLETED, two, JobState.FAILED)
    assert (first.is_end, first.at) == (True, one.end_time)
    again = az.receive_job(one, wait=True, write_events=True)
    assert [(event.state, event.previous_state) for event in again] == [(JobState.COMPLETED, None)]


def test_the_shell_tells_of_jobs_and_events_on_stderr(home: Home, shell: Shell) -> None:
    """So that stdout has the output and nothing else."""
    assert shell("azjobs job start --name one -q -- sh -c 'echo out'").out == "1\n"
    done = shell("azjobs job receive 1 --wait --write-events --write-job-in-results")
    assert (done.code, done.out) == (0, "out\n")
    table, job, event = done.err.splitlines()
    assert (table.split()[:2], job.split()[:2]) == (["Id", "Name"], ["1", "one"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z one: (\w+ -> )?Completed", event), event


def test_values_of_several_jobs_are_one_list(home: Home, shell: Shell) -> None:
    """So that --output json is JSON."""
    jobs = [az.start_job(abs, argument_list=[-number]) for number in (1, 2)]
    az.wait_job(jobs, timeout=30)
    assert shell("azjobs job receive 1 2 --output json").json == [1, 2]


class _Ending:
    """Whoever receives; a job that was received until the time was over comes to its end right after."""

    def __init__(self, fifo: Path, job: az.Job[Any]) -> None:
        self._fifo, self._job = fifo, job

    def deliver(self, view: JobView, entries: Sequence[Entry]) -> None:
        """Records come."""

    def ask(self, _view: JobView) -> bool:
        """Nobody answers."""
        return False

    def end(self, _before: JobView, _after: JobView) -> None:
        """The job says its last word."""
        self._fifo.write_text("go on\n")
        assert self._job.result(30)


def test_a_job_that_ends_when_the_time_is_over_is_not_removed_with_what_nobody_was_given(home: Home) -> None:
    """It is removed by the next receiver, who is given the rest."""
    os.mkfifo(home.folder / "fifo")
    job = az.start_job(command=["sh", "-c", "echo one; read x < fifo; echo two"], working_directory=home.folder)
    wait_until(lambda: job.has_more_data)
    here, manner = local(), Manner(wait=True, auto_remove_job=True)
    whole = receive_all(here, [job.view], manner, _Ending(home.folder / "fifo", job), timeout_s=0.2)
    remove_ended(here, whole, manner)
    assert (az.get_job(), "".join(az.receive_job(job, wait=True, auto_remove_job=True))) == ([job], "two\n")
    assert az.get_job() == []
