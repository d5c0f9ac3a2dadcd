"""Receiving what jobs gave and said."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from upstream_functions import add, count_until, raise_error, say_on_every_stream, wait_for

import azjobs as az
from azjobs.core.errors import InvalidInput, JobNotFound
from azjobs.session.link.local import local
from terminal import Home, Shell, wait_until

LIMIT_S = 30.0


@pytest.mark.upstream(14, 15)
@pytest.mark.difference("once")
def test_a_running_job_is_received_in_consecutive_parts(live: Home, shell: Shell, tmp_path: Path) -> None:
    """None lost and none twice, whoever asks; what was kept is a beginning of what is received later."""
    flag = tmp_path / "flag"
    job = az.start_job(count_until, argument_list=[str(flag)])
    kept = wait_until(lambda: az.receive_job(job, keep=True))
    more = wait_until(lambda: found if len(found := az.receive_job(job, keep=True)) > len(kept) else None)
    assert more[: len(kept)] == kept
    first = az.receive_job(job)
    assert first[: len(more)] == more
    wait_until(lambda: job.has_more_data)
    second = [int(line) for line in shell(f"azjobs job receive {job.id}").out.split()]
    flag.touch()
    last = az.receive_job(job, wait=True)
    everything = [*first, *second, *last]
    assert everything == list(range(len(everything)))


@pytest.mark.upstream(48, 54)
def test_a_running_job_is_received_to_its_end(live: Home, tmp_path: Path) -> None:
    """With the job itself first where that is asked for; then nothing is left."""
    flag = tmp_path / "flag"
    job = az.start_job(wait_for, argument_list=[str(flag), "value"])
    wait_until(lambda: Path(f"{flag}.begun").exists())
    assert job.state is az.JobState.RUNNING
    flag.touch()
    assert az.receive_job(job, wait=True, write_job_in_results=True) == [job, "value"]
    assert (job.state, job.has_more_data) == (az.JobState.COMPLETED, False)


@pytest.mark.upstream(47)
@pytest.mark.difference("events")
def test_a_job_has_one_event(live: Home, shell: Shell) -> None:
    """Its end, after its value; in a shell it is told on stderr, where it cannot be taken for output."""
    job = az.start_job(add, argument_list=[1, 1], name="sum")
    value, event = az.receive_job(job, wait=True, write_events=True)
    assert (value, event.job, event.state) == (2, job, az.JobState.COMPLETED)
    done = shell(f"azjobs job receive {job.id} --wait --write-events")
    assert (done.out, done.err.rpartition(" ")[2]) == ("", "Completed\n")


@pytest.mark.upstream(49, 85, 132)
def test_jobs_are_received_to_their_ends_and_gone(live: Home) -> None:
    """One in a line, or four."""
    received = az.receive_job(az.start_job(add, argument_list=[1, 1]), wait=True, auto_remove_job=True)
    assert (received, az.get_job()) == ([2], [])
    jobs = [az.start_job(add, argument_list=[n, n]) for n in range(4)]
    assert az.receive_job(jobs, wait=True, auto_remove_job=True) == [0, 2, 4, 6]
    assert az.get_job() == []
    with pytest.raises(JobNotFound):
        az.get_job(jobs[0])


@pytest.mark.upstream(50)
@pytest.mark.difference("keep and wait")
def test_kept_records_are_given_again(live: Home) -> None:
    """While waiting too; once they are received they are not given any more."""
    job = az.start_job(add, argument_list=[1, 1])
    assert [az.receive_job(job, wait=True, keep=keep) for keep in (True, True, False, False)] == [[2], [2], [2], []]
    assert job.result() == 2


@pytest.mark.upstream(51)
@pytest.mark.difference("one job one object")
def test_a_job_is_one_job(live: Home) -> None:
    """It has no hidden child: its ids follow one another, and its output is its own."""
    one, two = (az.start_job(add, argument_list=[1, n]) for n in (1, 2))
    assert two.id == (one.id or 0) + 1
    assert one.child_jobs == []
    assert az.receive_job(one, wait=True, no_recurse=True) == [2]


@pytest.mark.upstream(53)
@pytest.mark.difference("where")
def test_jobs_are_not_chosen_by_their_place(live: Home) -> None:
    """Nothing of azjobs takes a location or a computer's name to choose jobs."""
    for function in (az.get_job, az.receive_job, az.wait_job, az.stop_job, az.remove_job):
        assert not {"location", "computer_name", "session_id"} & inspect.signature(function).parameters.keys()
    assert az.start_job(add, argument_list=[1, 1]).location == "localhost"


@pytest.mark.upstream(33, 75, 92)
def test_the_error_of_a_job_has_its_message(live: Home) -> None:
    """Among what is received, and on the job."""
    job = az.start_job(raise_error, argument_list=["MyError"])
    received = az.receive_job(job, wait=True)
    assert (received, [(error.type, error.message) for error in received.errors]) == ([], [("ValueError", "MyError")])
    assert job.error is not None
    assert (job.state, "MyError" in job.error.message) == (az.JobState.FAILED, True)


@pytest.mark.upstream(126)
@pytest.mark.difference("errors once")
def test_an_error_is_shown_once(live: Home, shell: Shell) -> None:
    """In one line, and where its traceback is; it is not received again, and the job still has it."""
    job = az.start_job(raise_error, argument_list=["MyError"])
    az.wait_job(job, timeout=LIMIT_S)
    done = shell(f"azjobs job receive {job.id}")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"ValueError: MyError\nDetails: azjobs job get {job.id} --debug\n"
    assert shell(f"azjobs job receive {job.id}") == (0, "", "")
    assert job.error is not None


@pytest.mark.upstream(34, 35, 76, 77, 78, 79, 80, 81, 99, 100, 101, 102, 103, 130)
@pytest.mark.difference("streams")
@pytest.mark.parametrize("count", [1, 3])
def test_each_stream_is_received_from_one_job_or_several(live: Home, count: int) -> None:
    """An error that is only logged ends nothing; there is no verbose level."""
    jobs = [az.start_job(say_on_every_stream, argument_list=[str(n)]) for n in range(count)]
    received = az.receive_job(jobs, wait=True)
    numbers = [str(n) for n in range(count)]
    assert received == numbers
    assert [error.message for error in received.errors] == [f"error {n}" for n in numbers]
    assert ["warning " + n in warning.text for n, warning in zip(numbers, received.warnings, strict=True)] == [
        True
    ] * count
    assert [one.text for one in received.debug] == [f"debug {n}" for n in numbers]
    assert [one.text for one in received.information] == [text for n in numbers for text in (f"info {n}", f"print {n}")]
    assert received.verbose == []
    assert {job.state for job in jobs} == {az.JobState.COMPLETED}


@pytest.mark.upstream(36, 128)
def test_all_progress_is_received(live: Home) -> None:
    """In order, and again where it is kept; that it has ended is told by the state."""

    def work() -> str:
        for percent in (10, 50, 100):
            az.write_progress("Copying", f"{percent} done", percent)
        return "done"

    job = az.start_job(work)
    kept, taken = az.receive_job(job, wait=True, keep=True), az.receive_job(job)
    assert kept == taken == ["done"]
    told = [(one.activity, one.status, one.percent) for one in taken.progress]
    assert told == [("Copying", f"{percent} done", percent) for percent in (10, 50, 100)]
    assert kept.progress == taken.progress


@pytest.mark.difference("order")
def test_streams_are_shown_in_the_order_in_which_they_were_written(live: Home, shell: Shell, tmp_path: Path) -> None:
    """Not one stream after the other."""
    lines = [f"{stream} {n}" for n in (1, 2, 3) for stream in ("out", "err")]
    gates = {line: tmp_path / line for line in lines}  # one each: who writes may close it after the next is opened
    for gate in gates.values():
        os.mkfifo(gate)
    pause = f"read go < '{tmp_path}'/"  # until what was written has arrived: it comes by two pipes
    each = f'echo out $n; {pause}"out $n"; echo err $n >&2; {pause}"err $n"'
    job = az.start_job(command=["sh", "-c", f"for n in 1 2 3; do {each}; done"])
    journal = local().layout.journal_file(job.uuid)
    wait_until(journal.exists, what="the job has begun")
    for line, gate in gates.items():
        wait_until(lambda line=line: line.encode() in journal.read_bytes(), what=f"{line} has arrived")
        gate.write_text("go\n")
    assert shell(f"azjobs job receive {job.id} --wait 2>&1").out.splitlines() == lines


@pytest.mark.difference("reader that stops")
def test_what_cannot_be_shown_stays_to_be_received(live: Home, shell: Shell) -> None:
    """A full disk or a reader that has gone takes nothing with it."""
    id = shell("azjobs job start -q -- echo precious").out.strip()
    assert shell(f"azjobs job wait {id}").code == 0
    assert shell(f"azjobs job receive {id} >/dev/full").code == 1
    assert shell(f"azjobs job receive {id}").out == "precious\n"


@pytest.mark.difference("questions")
def test_receiving_does_not_hang_on_a_question(live: Home) -> None:
    """The job is Blocked, says what it asks, and is answered by its own command."""
    job = az.start_job(lambda: input("Really? "))
    wait_until(lambda: job.state is az.JobState.BLOCKED)
    assert az.receive_job(job) == []
    with pytest.raises(az.JobBlocked, match="Really"):
        az.wait_job(job, timeout=LIMIT_S)
    with pytest.raises(az.JobBlocked, match="Really"):
        az.receive_job(job, wait=True, timeout=LIMIT_S)
    az.stop_job(job)


@pytest.mark.difference("blocked")
def test_a_blocked_job_does_not_keep_others_from_being_waited_for(live: Home, tmp_path: Path) -> None:
    """Waiting is refused only when nothing is left that could end by itself."""
    blocked = az.start_job(lambda: input("Really? "))
    wait_until(lambda: blocked.state is az.JobState.BLOCKED)
    flag = tmp_path / "flag"
    goes_on = az.start_job(wait_for, argument_list=[str(flag)])
    assert az.wait_job([blocked, goes_on], timeout=0.05) == []
    flag.touch()
    assert az.wait_job([blocked, goes_on], any=True, timeout=LIMIT_S) == [goes_on]
    az.stop_job(blocked)


@pytest.mark.difference("exit status")
def test_a_command_that_ends_badly_has_failed(live: Home) -> None:
    """With its exit status; what it wrote to stderr alone fails nothing."""
    bad, loud = az.start_job(command=["sh", "-c", "exit 3"]), az.start_job(command=["sh", "-c", "echo oops >&2"])
    az.wait_job([bad, loud], timeout=LIMIT_S)
    assert bad.error is not None
    assert (bad.state, bad.error.code) == (az.JobState.FAILED, "ExitStatus")
    assert (loud.state, [error.message for error in az.receive_job(loud).errors]) == (az.JobState.COMPLETED, ["oops"])


@pytest.mark.difference("handled errors")
def test_a_handled_error_of_what_runs_first_fails_nothing(live: Home) -> None:
    """Nor does what it writes to stderr."""

    def first() -> Iterator[str]:
        try:
            raise_error("handled")
        except ValueError as error:
            print(error, file=__import__("sys").stderr)
        yield "ready"

    job = az.start_job(add, argument_list=[1, 1], initialization_script=first)
    assert (az.receive_job(job, wait=True), job.state) == (["ready", 2], az.JobState.COMPLETED)


@pytest.mark.difference("uncapped")
def test_no_stream_ends_after_a_thousand_records(live: Home) -> None:
    """All of 1,500 debug records are received."""

    def work() -> None:
        import logging  # noqa: PLC0415 - in the job

        logging.basicConfig(level=logging.DEBUG)
        for number in range(1500):
            logging.getLogger("work").debug("%d", number)

    received = az.receive_job(az.start_job(work), wait=True)
    assert [one.text for one in received.debug] == [str(number) for number in range(1500)]


@pytest.mark.difference("rich values")
def test_values_come_back_as_they_were(live: Home) -> None:
    """With their types and methods, however deep they are."""
    from fractions import Fraction  # noqa: PLC0415 - what a job may return

    value: Any = {"deep": [{"deeper": (Fraction(1, 3), Path("x"))}]}
    got = az.receive_job(az.start_job(lambda: value), wait=True)[0]
    assert got == value
    assert got["deep"][0]["deeper"][0].limit_denominator(2) == Fraction(1, 2)


@pytest.mark.difference("together")
def test_what_does_not_go_together_is_refused(live: Home) -> None:
    """To remove a job and keep its records are two wishes."""
    with pytest.raises(InvalidInput, match="give one of the two"):
        az.receive_job(az.start_job(add, argument_list=[1, 1]), wait=True, keep=True, auto_remove_job=True)
