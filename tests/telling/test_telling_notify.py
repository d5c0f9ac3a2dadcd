"""The command that a job has for its end is run by the daemon: in peace, and over the deaths of daemon and keeper."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.job import PlanWork, Watching
from azjobs.daemon.processes import notices
from terminal import Home, Shell, wait_until

LIMIT_S = 30.0


def wait_for_file(path: str) -> None:
    import pathlib  # noqa: PLC0415 - in the job
    import time  # noqa: PLC0415 - in the job

    while not pathlib.Path(path).exists():
        time.sleep(0.01)


@pytest.fixture
def note(tmp_path: Path) -> Callable[..., list[str]]:
    """Make a notify command that adds a line of JSON about its run to a file; `more` is Python that it runs then."""
    program = tmp_path / "note.py"

    def make(more: str = "pass") -> list[str]:
        program.write_text(
            "import json, os, pathlib, sys, time\n"
            "told = {'argv': sys.argv[1:], 'stdin': json.load(sys.stdin), 'environ': dict(os.environ)}\n"
            f"with open({str(tmp_path / 'notes')!r}, 'a') as file:\n"
            "    file.write(json.dumps(told) + '\\n')\n"
            f"{more}\n"
        )
        return [sys.executable, str(program)]

    return make


def notes(tmp_path: Path) -> list[dict[str, Any]]:
    """What was noted so far."""
    file = tmp_path / "notes"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def is_watched(job: az.Job[Any]) -> bool:
    work = job.view.row.work
    return isinstance(work, PlanWork) and any(isinstance(call.phase, Watching) for call in work.calls.values())


def is_given(job: az.Job[Any]) -> bool:
    notice = job.view.row.notice
    assert notice is not None
    return notice.is_given


def test_a_notify_command_is_told_of_the_job_and_has_the_environment_of_its_submit(
    home: Home, tmp_path: Path, note: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As words, of which no shell makes anything else; on stdin it has the job as `job get` shows it."""
    monkeypatch.setenv("OWN_WORD", "from the submit")
    job = az.start_job(int, name="count", notify_command=[*note(), "$HOME; false"])
    wait_until(lambda: is_given(job), what="the notice is recorded")
    (told,) = notes(tmp_path)
    assert told["argv"] == ["$HOME; false"]
    assert told["environ"]["OWN_WORD"] == "from the submit"
    facts = {name: value for name, value in told["environ"].items() if name.startswith("AZJOBS_JOB_")}
    assert facts == {
        "AZJOBS_JOB_ID": str(job.id),
        "AZJOBS_JOB_UUID": job.uuid,
        "AZJOBS_JOB_NAME": "count",
        "AZJOBS_JOB_STATE": "Completed",
        "AZJOBS_JOB_TYPE": "BackgroundJob",
        "AZJOBS_JOB_TARGET": "",
        "AZJOBS_JOB_ERROR": "",
    }
    assert (told["stdin"]["id"], told["stdin"]["state"]) == (job.id, "Completed")


def test_nobody_needs_to_be_connected_for_a_notice(
    shell: Shell, home: Home, tmp_path: Path, note: Callable[..., list[str]]
) -> None:
    """The command line that submitted it has ended; a failure is told with its reason."""
    command = subprocess.list2cmdline(note())
    assert shell(f"azjobs job start --notify-command '{command}' -- false").code == 0
    wait_until(lambda: notes(tmp_path), what="it was noted")
    environ = notes(tmp_path)[0]["environ"]
    assert environ["AZJOBS_JOB_STATE"] == "Failed"
    assert environ["AZJOBS_JOB_ERROR"] == "ExitStatus: The command ended with exit status 1."


def test_an_operation_in_azure_has_a_notify_command_as_every_job_has(
    signed_in: Shell, tmp_path: Path, note: Callable[..., list[str]]
) -> None:
    """A call that is no job has none, and says so."""
    line = f"azjobs resource-group new --name web --location eastus --notify-command '{' '.join(note())}'"
    refused = signed_in(line)
    assert (refused.code, refused.err) == (2, "A notify command is run at the end of a job: add as_job.\n")
    assert signed_in(f"{line} --as-job").code == 0
    wait_until(lambda: notes(tmp_path), what="it was noted")
    (told,) = notes(tmp_path)
    assert told["environ"]["AZJOBS_SESSION"] == "terminal-1"
    assert (told["environ"]["AZJOBS_JOB_TARGET"], told["environ"]["AZJOBS_JOB_STATE"]) == ("web", "Completed")
    assert told["stdin"]["context"]["isSimulator"]


def test_a_notice_that_fails_is_said_with_its_output_and_changes_nothing_else(
    home: Home, note: Callable[..., list[str]]
) -> None:
    """In the job's message, and in the log of the daemon."""
    job = az.start_job(int, notify_command=note("sys.exit('no mail server')"))
    wait_until(lambda: is_given(job), what="the notice is recorded")
    sentence = "The notify command ended with exit status 1: no mail server"
    assert (job.state, job.status_message) == (az.JobState.COMPLETED, sentence)
    assert "no mail server" in (home.folder / "logs" / "daemon.log").read_text()
    assert job.result() == 0


def test_a_notice_is_given_again_when_the_daemon_was_killed_before_it_had_ended(
    home: Home, tmp_path: Path, note: Callable[..., list[str]]
) -> None:
    """At least once: the keeper starts the next daemon for it, though no job is unfinished."""
    go = tmp_path / "go"
    command = note(f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)")
    job = az.start_job(int, notify_command=command)
    wait_until(lambda: len(notes(tmp_path)) == 1, what="it is being run")
    assert job.state is az.JobState.COMPLETED
    home.kill("_main.daemon")
    wait_until(lambda: len(notes(tmp_path)) == 2, what="it is being run again")
    assert not is_given(job)
    go.touch()
    wait_until(lambda: is_given(job), what="the notice is recorded")
    assert len(notes(tmp_path)) == 2


def test_a_late_notice_of_a_stop_does_not_stand_for_the_end_of_the_resumed_job(
    home: Home, tmp_path: Path, note: Callable[..., list[str]]
) -> None:
    """That one is given until it is recorded itself, over a daemon that was killed."""
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.time("held")
    wait = f"pathlib.Path({str(tmp_path)!r}, told['environ']['AZJOBS_JOB_STATE'])"
    command = note(f"while not {wait}.exists(): time.sleep(0.01)\nsys.exit('told')")
    az.new_az_resource_group("g", location="eastus")
    job = az.remove_az_resource_group("g", as_job=True, notify_command=command)
    wait_until(lambda: is_watched(job), what="the operation is watched")
    az.stop_job(job)
    wait_until(lambda: len(notes(tmp_path)) == 1, what="the stop is being told")
    az.resume_job(job)
    home.cloud.finish()
    wait_until(lambda: len(notes(tmp_path)) == 2, what="the end is being told")
    (tmp_path / "Stopped").touch()
    log = home.folder / "logs" / "daemon.log"
    wait_until(lambda: "exit status 1: told" in log.read_text(), what="the stop was told")
    home.kill("_main.daemon")
    wait_until(lambda: len(notes(tmp_path)) == 3, what="the end is being told again")
    assert notes(tmp_path)[2]["environ"]["AZJOBS_JOB_STATE"] == "Completed"
    (tmp_path / "Completed").touch()
    wait_until(lambda: is_given(job), what="the notice is recorded")


def test_a_notice_is_given_for_an_end_that_no_daemon_saw_and_without_the_keeper_that_held_its_environment(
    home: Home, tmp_path: Path, note: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next daemon, with what a program needs to run at all."""
    monkeypatch.setenv("OWN_WORD", "from the submit")
    go = tmp_path / "go"
    job = az.start_job(wait_for_file, argument_list=[str(go)], notify_command=note())
    wait_until(lambda: job.view.row.work.pid, what="the process is known")  # type: ignore[union-attr]
    monkeypatch.delenv("OWN_WORD")
    keeper, daemon = home.process("keeper"), home.process("_main.daemon")
    os.kill(daemon, signal.SIGSTOP)
    os.kill(keeper, signal.SIGKILL)
    os.kill(daemon, signal.SIGKILL)
    go.touch()
    az.wait_job(job, timeout=LIMIT_S)
    wait_until(lambda: is_given(job), what="the notice is recorded")
    (told,) = notes(tmp_path)
    assert "OWN_WORD" not in told["environ"]
    assert told["environ"]["PATH"]
    assert told["stdin"]["state"] == "Completed"


def test_a_notify_command_that_cannot_be_run_is_refused_before_there_is_a_job(home: Home, shell: Shell) -> None:
    """With the word that is wrong."""
    with pytest.raises(az.InvalidInput, match="There is no program no-such-program to notify with"):
        az.start_job(int, notify_command="no-such-program now")
    done = shell('azjobs job start --notify-command "mail \'me" -- true')
    assert (done.code, done.out) == (2, "")
    assert "cannot be taken apart into words" in done.err
    assert az.get_job() == []


def test_a_notify_command_is_stopped_with_all_it_started_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it said is told."""
    monkeypatch.setattr(notices, "LIMIT_S", 0.3)

    async def run() -> tuple[str, int]:
        with tempfile.TemporaryFile() as said:
            words = ["sh", "-c", "echo calling; sleep 600 & echo $!; wait"]
            process = subprocess.Popen(words, stdout=said, start_new_session=True)  # noqa: ASYNC220 - as the daemon does
            wait_until(lambda: os.pread(said.fileno(), 100, 0).count(b"\n") == 2, what="it has a child")
            problem = await notices._outcome(process, said)
            said.seek(0)
            return problem, int(said.read().split()[1])

    problem, child = asyncio.run(run())
    assert problem.startswith("was stopped after 0 s: calling")
    deadline_at = time.monotonic() + LIMIT_S
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline_at
        time.sleep(0.01)


def test_a_batch_has_one_notice_for_all_of_its_targets(
    signed_in: Shell, home: Home, tmp_path: Path, note: Callable[..., list[str]]
) -> None:
    """When the last of them has ended."""
    for name in ("one", "two"):
        az.new_az_resource_group(name=name, location="eastus")
    batch = az.remove_az_resource_group(name=["one", "two"], as_job=True, notify_command=note())
    wait_until(lambda: is_given(batch), what="the notice is recorded")
    (told,) = notes(tmp_path)
    assert (told["environ"]["AZJOBS_JOB_TYPE"], told["environ"]["AZJOBS_JOB_UUID"]) == ("BatchJob", batch.uuid)
    assert [child.state for child in batch.child_jobs] == [az.JobState.COMPLETED] * 2


def test_a_job_that_is_resumed_is_told_of_again_by_its_notice_and_to_those_who_watch(
    signed_in: Shell, home: Home, tmp_path: Path, note: Callable[..., list[str]]
) -> None:
    """At its stop, and at its end after that."""
    home.cloud.time("held")
    az.new_az_resource_group(name="web", location="eastus")
    with az.watch_jobs(changes_only=True) as events:
        job = az.remove_az_resource_group(name="web", as_job=True, notify_command=note())
        told = [next(events)]
        wait_until(lambda: is_watched(job), what="Azure is at work")
        az.stop_job(job)
        wait_until(lambda: is_given(job), what="the notice of the stop is recorded")
        az.resume_job(job)
        assert not is_given(job)
        home.cloud.finish()
        wait_until(lambda: is_given(job), what="the notice of the end is recorded")
        while told[-1].state is not az.JobState.COMPLETED:
            told.append(next(events))
    assert [event.state for event in told if event.is_end] == [az.JobState.STOPPED, az.JobState.COMPLETED]
    stopped = next(n for n, event in enumerate(told) if event.state is az.JobState.STOPPED)
    assert told[stopped + 1].state is az.JobState.RUNNING
    assert [one["environ"]["AZJOBS_JOB_STATE"] for one in notes(tmp_path)] == ["Stopped", "Completed"]
