"""Jobs of functions, scripts and commands as Python sees them: futures whose work goes on by itself."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.layout import Layout
from azjobs.core.states import is_finished
from azjobs.session.jobs.following import Following
from azjobs.session.jobs.looking import load_view
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import local
from terminal import Home, wait_until

pytestmark = pytest.mark.usefixtures("live")
LIMIT_S = 20.0


@pytest.fixture(autouse=True)
def _no_jobs_left(live: Home) -> Iterator[None]:
    yield
    az.remove_job(az.get_job(), force=True)


def double(number: int) -> int:
    return number * 2


def count() -> Iterator[int]:
    print("starting")  # noqa: T201 - to see where it goes
    yield from range(3)


def wait_for_file(path: str) -> str:
    """Run until the file is there; `begun` tells that it runs."""
    import pathlib  # noqa: PLC0415 - in the job
    import time  # noqa: PLC0415 - in the job

    pathlib.Path(f"{path}.begun").touch()
    while not pathlib.Path(path).exists():
        time.sleep(0.01)
    return "seen"


def begun(path: Path) -> bool:
    return Path(f"{path}.begun").exists()


def test_a_function_runs_in_a_process_of_its_own_and_gives_its_value_again_and_again() -> None:
    """The value consumes nothing, and any handle of any session has it."""
    job = az.start_job(lambda: (os.getpid(), {"a": [1]}), name="mine")
    pid, value = job.result(LIMIT_S)
    assert pid != os.getpid()
    assert value == {"a": [1]}
    assert job.result() == (pid, value)
    assert pickle.loads(pickle.dumps(job)).result() == (pid, value)
    assert az.get_job("MINE")[0].result() == (pid, value)
    assert (job.state, job.done(), job.exception(), job.error) == (az.JobState.COMPLETED, True, None, None)


def test_a_job_shows_itself_in_one_line_while_it_runs_and_after(tmp_path: Path) -> None:
    """Number, name, kind and true state."""
    job = az.start_job(wait_for_file, argument_list=[str(tmp_path / "go")])
    assert repr(job) == f"<Job {job.id} 'Job{job.id}' BackgroundJob Running>"
    assert (job.running(), job.done(), job.cancelled()) == (True, False, False)
    (tmp_path / "go").touch()
    assert job.result(LIMIT_S) == "seen"
    assert repr(job) == f"<Job {job.id} 'Job{job.id}' BackgroundJob Completed>"
    assert "Completed" in job._repr_html_()
    assert job.begin_time is not None
    assert job.end_time is not None
    assert job.begin_time <= job.end_time


def test_what_a_generator_yields_is_output_and_what_it_prints_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Output is received once; the value is there for ever."""
    job = az.start_job(count)
    received = az.receive_job(job, wait=True)
    assert received == [0, 1, 2]
    assert capsys.readouterr().out == "starting\n"
    assert [record.text for record in received.information] == ["starting"]
    assert az.receive_job(job) == []
    assert job.result() == [0, 1, 2]
    assert job.has_more_data is False


def test_keep_leaves_the_records_for_the_next_who_asks() -> None:
    """With and without waiting."""
    job = az.start_job(count)
    assert az.receive_job(job, wait=True, keep=True) == [0, 1, 2]
    assert az.receive_job(job, keep=True) == [0, 1, 2]
    assert az.receive_job(job) == [0, 1, 2]
    assert az.receive_job(job, keep=True) == []


def test_each_record_is_given_once_to_many_who_ask_at_the_same_time() -> None:
    """Whoever asks first has it; nobody has it twice."""
    job = az.start_job(lambda: (yield from range(500)))
    got: list[int] = []

    def take() -> None:
        while not job.done() or job.has_more_data:
            got.extend(az.receive_job(job))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert sorted(got) == list(range(500))


def test_iterating_a_job_gives_its_output_while_it_runs(tmp_path: Path) -> None:
    """The first value is there before the job can end."""

    def slowly(go: str) -> Iterator[str]:
        yield "first"
        wait_for_file(go)
        yield "second"

    job = az.start_job(slowly, argument_list=[str(tmp_path / "go")])
    values = iter(job)
    assert next(values) == "first"
    assert not job.done()
    (tmp_path / "go").touch()
    assert list(values) == ["second"]
    assert list(job) == ["first", "second"]


def test_a_failed_function_is_a_job_failed_with_its_reason() -> None:
    """Result raises it with the traceback in the job, receive_job does not unless told to, and has it in the errors."""

    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("too little")

    job = az.start_job(fail, name="doomed")
    with pytest.raises(az.JobFailed, match=r"(?m)^doomed failed: ValueError\. too little\.$") as caught:
        job.result(LIMIT_S)
    assert caught.value.output == [1]
    assert caught.value.fault == job.error
    (note,) = caught.value.__notes__
    assert note.startswith("In the job:\nTraceback")
    assert 'raise ValueError("too little")' in note
    assert str(job.exception()) == str(caught.value)
    received = az.receive_job(job, keep=True)
    assert received == [1]
    assert [error.type for error in received.errors] == ["ValueError"]
    assert "raise ValueError" in received.errors[0].traceback
    with pytest.raises(az.JobFailed) as stopped:
        az.receive_job(job, error_action="Stop")
    assert stopped.value.output == [1]


def test_a_command_gives_its_standard_output_exactly(tmp_path: Path) -> None:
    """Its folder is the one given; bytes that are no text stay bytes."""
    job = az.start_job(command=["sh", "-c", "pwd; printf 'no newline'"], working_directory=tmp_path)
    assert job.result(LIMIT_S) == f"{tmp_path}\nno newline"
    binary = az.start_job(command=["printf", r"\377\376"])
    assert binary.result(LIMIT_S) == b"\xff\xfe"


def test_a_commands_exit_status_is_its_failure() -> None:
    """What it wrote until then is kept."""
    job = az.start_job(command=["sh", "-c", "echo some; echo bad >&2; exit 3"], name="cmd")
    with pytest.raises(az.JobFailed, match=r"cmd failed: .*exit status 3"):
        job.result(LIMIT_S)
    received = az.receive_job(job)
    assert received == ["some\n"]
    assert [error.message for error in received.errors] == ["bad"]


def test_a_script_runs_as_the_main_program_with_its_words(tmp_path: Path) -> None:
    """Imports beside it work, as with python FILE."""
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n")
    script = tmp_path / "report.py"
    script.write_text("import sys, beside\nprint(__name__, beside.WORD, sys.argv[1:])\n")
    job = az.start_job(file_path=script, argument_list=["--day", 1])
    assert job.result(LIMIT_S) == "__main__ beside ['--day', '1']\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "A job is a function, a script"),
        ({"function": double, "command": ["ls"]}, "A job is a function, a script"),
        ({"function": 5}, "A job runs a function, not int"),
        ({"file_path": "/nowhere/report.py"}, "The script /nowhere/report.py cannot be read: No such file"),
        ({"command": ["no-such-program-here"]}, "There is no program no-such-program-here"),
        ({"command": "ls -l"}, "A command is a list of words"),
        ({"command": ["ls"], "argument_list": ["-l"]}, "A command's words stand in command="),
        ({"command": ["ls"], "keyword_arguments": {"a": 1}}, "keyword_arguments are for functions"),
        ({"function": double, "working_directory": "/nowhere"}, "There is no folder /nowhere"),
    ],
)
def test_what_cannot_be_started_is_one_sentence_and_no_job(arguments: dict[str, Any], sentence: str) -> None:
    """It is found out before anything is submitted."""
    before = az.get_job()
    with pytest.raises(az.InvalidInput) as caught:
        az.start_job(**arguments)
    assert sentence in str(caught.value)
    assert az.get_job() == before


def test_an_argument_that_cannot_be_sent_is_named_and_there_is_no_job() -> None:
    """CannotSend says which and why."""
    before = az.get_job()
    with pytest.raises(az.CannotSend, match=r"Argument 'number' \(_thread\.lock\) cannot be sent"):
        az.start_job(double, argument_list=[threading.Lock()])
    assert az.get_job() == before


def test_a_value_of_a_wrong_type_is_refused_at_once_and_its_place_named() -> None:
    """It is not sent: a daemon hangs up on what it cannot read, and would be asked again and again."""
    with pytest.raises(az.InvalidInput, match=r"Expected `str`, got `int` - at `\$\.job\.name`"):
        az.start_job(double, argument_list=[1], name=5)  # type: ignore[call-overload]
    assert az.get_job() == []


def test_futures_functions_work_on_jobs() -> None:
    """as_completed and wait know when jobs of many kinds have ended, by one thread."""
    jobs = [az.start_job(double, argument_list=[n]) for n in range(5)]
    done = {job.result() for job in concurrent.futures.as_completed(jobs, timeout=LIMIT_S)}
    assert done == {0, 2, 4, 6, 8}
    more = [az.start_job(double, argument_list=[n]) for n in range(3)]
    ended, left = concurrent.futures.wait(more, timeout=LIMIT_S)
    assert (ended, left) == (set(more), set())
    assert [thread.name for thread in threading.enumerate()].count("azjobs-listener") <= 1


def test_a_callback_is_called_with_the_job_also_when_nobody_holds_it() -> None:
    """Once, with the handle; at once when the job has ended already."""
    called: list[Any] = []
    told = threading.Event()
    az.start_job(double, argument_list=[4]).add_done_callback(lambda job: (called.append(job.result()), told.set()))
    assert told.wait(LIMIT_S)
    assert called == [8]
    job = az.start_job(double, argument_list=[5])
    job.result(LIMIT_S)
    job.add_done_callback(lambda job: called.append(job.result()))
    assert called == [8, 10]


def test_a_job_can_be_awaited_and_wrapped() -> None:
    """In an event loop, by itself or as an asyncio future."""

    async def main() -> tuple[int, int]:
        one, two = az.start_job(double, argument_list=[1]), az.start_job(double, argument_list=[2])
        return await one, await asyncio.wrap_future(two)

    assert asyncio.run(asyncio.wait_for(main(), LIMIT_S)) == (2, 4)


def test_to_give_up_awaiting_leaves_the_job_running(tmp_path: Path) -> None:
    """Cancelling an await detaches."""
    job = az.start_job(wait_for_file, argument_list=[str(tmp_path / "go")])

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job, 0.05)

    asyncio.run(impatient())
    assert job.state is az.JobState.RUNNING
    (tmp_path / "go").touch()
    assert job.result(LIMIT_S) == "seen"


def test_asynchronous_functions_and_generators_run_to_their_end() -> None:
    """A coroutine has its value, an asynchronous generator a list."""

    async def value() -> int:
        return 7

    async def values() -> AsyncIterator[int]:
        yield 1
        yield 2

    assert az.start_job(value).result(LIMIT_S) == 7
    assert az.start_job(values).result(LIMIT_S) == [1, 2]


def test_the_time_to_wait_can_end_before_the_job_does(tmp_path: Path) -> None:
    """The job goes on: WaitTimedOut is a TimeoutError, wait_job returns those that have ended."""
    slow = az.start_job(wait_for_file, argument_list=[str(tmp_path / "go")])
    quick = az.start_job(double, argument_list=[1])
    with pytest.raises(TimeoutError, match="it goes on"):
        slow.result(timeout=0.02)
    assert az.wait_job([slow, quick], any=True, timeout=LIMIT_S) == [quick]
    assert az.wait_job([slow, quick], timeout=0.02) == [quick]
    (tmp_path / "go").touch()
    assert az.wait_job([slow, quick], timeout=LIMIT_S) == [slow, quick]


def test_a_stopped_process_is_over_and_its_output_is_kept(tmp_path: Path) -> None:
    """Its value is JobStopped; to stop it again changes nothing."""

    def talk(go: str) -> Iterator[str]:
        yield "said"
        wait_for_file(go)

    job = az.start_job(talk, argument_list=[str(tmp_path / "never")])
    assert next(iter(job)) == "said"
    assert az.stop_job(job) == [job]
    assert (job.state, job.cancelled(), job.done()) == (az.JobState.STOPPED, True, True)
    with pytest.raises(az.JobStopped, match="was stopped before it had a result"):
        job.result()
    assert isinstance(job.exception(), az.JobStopped)
    assert az.receive_job(job) == ["said"]
    assert az.stop_job(job) == [job]


def test_cancel_is_true_only_when_the_work_will_not_go_on(tmp_path: Path) -> None:
    """A process is stopped; one that has ended was not cancelled."""
    job = az.start_job(wait_for_file, argument_list=[str(tmp_path / "never")])
    wait_until(lambda: begun(tmp_path / "never"))
    assert job.cancel() is True
    assert job.state is az.JobState.STOPPED
    ended = az.start_job(double, argument_list=[1])
    ended.result(LIMIT_S)
    assert ended.cancel() is False


def test_a_running_job_is_removed_only_by_force(tmp_path: Path) -> None:
    """Without force it stays as it is; with force it is stopped first, and nothing of it is left."""
    job = az.start_job(wait_for_file, argument_list=[str(tmp_path / "never")])
    with pytest.raises(az.JobNotFinished, match=f"^Job {job.id} is running. Stop it first, or use force.$"):
        az.remove_job(job)
    assert job.state is az.JobState.RUNNING
    journal = job.view.journal
    wait_until(lambda: begun(tmp_path / "never"))
    az.remove_job(job, force=True)
    assert repr(job) == f"<Job {job.uuid} removed>"
    assert not list(journal.parent.glob(f"{job.uuid}*"))
    assert job.done()
    with pytest.raises(az.JobNotFound):
        job.result()


def test_jobs_are_found_by_id_name_pattern_state_and_session() -> None:
    """A name that is not there is an error that says what to type; a pattern may find none."""
    one, two = (
        az.start_job(double, argument_list=[1], name="New-one"),
        az.start_job(double, argument_list=[2], name="two"),
    )
    az.wait_job([one, two], timeout=LIMIT_S)
    assert az.get_job() == [one, two]
    assert az.get_job(one.id) == az.get_job(one) == one
    assert az.get_job("new-*") == az.get_job(name="NEW-ONE") == az.get_job(one.uuid) == [one]
    assert az.get_job([two, one.id]) == [one, two]
    assert az.get_job("nothing*") == []
    assert az.get_job(state="completed", session="this") == [one, two]
    assert az.get_job(state=az.JobState.RUNNING) == []
    for unknown in (999, "999", "missing"):
        with pytest.raises(az.JobNotFound, match=f"^No job {unknown}. Type: azjobs job get$"):
            az.get_job(unknown)
    with pytest.raises(az.InvalidInput, match="There is no state Asleep"):
        az.get_job(state="Asleep")


def test_a_job_has_the_environment_folder_and_imports_of_its_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they were when it was submitted."""
    (tmp_path / "only_here.py").write_text("VALUE = 42\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SOME_SETTING", "ünïcode")

    def look() -> tuple[str, str, int]:
        import only_here  # type: ignore[import-not-found]  # noqa: PLC0415 - in the job

        return os.environ["SOME_SETTING"], os.getcwd(), only_here.VALUE  # noqa: PTH109 - as text

    assert az.start_job(look).result(LIMIT_S) == ("ünïcode", str(tmp_path), 42)


def test_jobs_go_on_when_their_program_has_ended(tmp_path: Path) -> None:
    """Another program finds the job, and has its value."""
    code = (
        "import azjobs as az, sys\n"
        "def work(go):\n"
        "    import pathlib, time\n"
        "    while not pathlib.Path(go).exists(): time.sleep(0.01)\n"
        "    return 'after the end'\n"
        "print(az.start_job(work, argument_list=[sys.argv[1]]).id)\n"
    )
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "go")], capture_output=True, text=True, check=True
    )
    assert told.stderr == ""
    job = az.get_job(int(told.stdout))
    assert job.state is az.JobState.RUNNING
    (tmp_path / "go").touch()
    assert job.result(LIMIT_S) == "after the end"


def test_a_handle_is_small() -> None:
    """A thousand jobs in the hand cost little."""
    import tracemalloc  # noqa: PLC0415 - here only

    job = az.start_job(double, argument_list=[1])
    here = job._here
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        handles = [az.Job(job.uuid, here) for _ in range(500)]
        size_bytes = (tracemalloc.get_traced_memory()[0] - before) / len(handles)
    finally:
        tracemalloc.stop()
    assert size_bytes < 2000


def test_who_waits_reads_the_store_once_when_the_job_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the daemon tells meanwhile is no reason to: its connection is open since an earlier wait."""
    _keep_a_connection()
    looks: list[str] = []

    def count_looks(layout: Layout[Path], uuid: str) -> JobView:
        looks.append(uuid)
        return load_view(layout, uuid)

    monkeypatch.setattr("azjobs.session.jobs.job.load_view", count_looks)
    job = az.start_job(double, argument_list=[21])
    assert job.result(LIMIT_S) == 42
    assert looks == [job.uuid]


def test_a_result_needs_no_daemon_although_an_earlier_wait_had_one(home: Home) -> None:
    """Its connection has ended with it: the store is read, and nothing is started."""
    job = az.start_job(double, argument_list=[21])
    assert job.result(LIMIT_S) == 42
    _keep_a_connection()
    home.end()
    assert job.result(LIMIT_S) == 42
    assert not home.pids()


def _keep_a_connection() -> None:
    """As who has waited for a job."""
    with Following(local().client, [az.start_job(double, argument_list=[0]).uuid]) as changes:
        while (changed := changes.next(LIMIT_S)) is not None and not is_finished(changed.state):
            pass
