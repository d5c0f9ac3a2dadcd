"""Functions as jobs: what they return, print, log and raise is in the journal, in order, whatever else dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import job_functions as functions
import pytest
from process_site import Site, is_gone, is_locked, wait_until

from azjobs.core.job import ProcessKind
from azjobs.core.journal import Begin, End, Error, Information, Outcome, Output, Progress, StoredObject
from azjobs.process.identity import boot_id, pid_namespace, start_time
from azjobs.process.journal import is_alive, load_end
from azjobs.process.offer import Offer
from azjobs.process.payload import dump
from azjobs.process.reader import JournalReader


def test_a_function_gives_its_value_as_output(any_site: Site) -> None:
    """The first record names the process, then comes the value, then the end; the launcher tells the exit."""
    job = any_site.call(functions.add, 2, 3)
    begin, output, end = job.records()
    assert isinstance(begin, Begin)
    assert (begin.pid, begin.start_time) == job.started
    assert (begin.boot_id, begin.pid_namespace) == (boot_id(), pid_namespace())
    assert isinstance(output, Output)
    assert isinstance(end, End)
    assert (job.output(), end.outcome) == ([5], Outcome.COMPLETED)
    assert job.exited() == (job.journal.stem, *job.started, 0)


def test_a_function_of_the_caller_needs_no_module_in_the_job(site: Site) -> None:
    """Lambdas and closures travel by value."""
    offset = 40
    assert site.call(lambda value: value + offset, 2).output() == [42]


def test_what_is_yielded_is_output_in_the_order_of_printing(any_site: Site) -> None:
    """What is printed goes to information, each yielded value to output."""
    assert any_site.call(functions.count).told() == ["information: starting", 0, 1, 2]


def test_a_generator_may_return_a_value_at_last(site: Site) -> None:
    """The returned value comes after the yielded ones."""
    assert site.call(functions.count_and_return).output() == [1, "the end"]


def test_coroutines_and_asynchronous_generators_are_run(site: Site) -> None:
    """An async def works as def does."""
    assert site.call(functions.twice, 21).output() == [42]
    assert site.call(functions.count_async).output() == [1, 2]


def test_none_returned_is_no_output(site: Site) -> None:
    """A function without a result has only its two records."""
    assert [type(record) for record in site.call(functions.say_nothing).records()] == [Begin, End]


def test_an_exception_is_an_error_and_the_job_failed(any_site: Site) -> None:
    """The traceback shows the user's frames and no local variables."""
    job = any_site.call(functions.fail)
    error, end = job.error(), job.end()
    assert (error.type, error.message) == ("ValueError", "no such machine")
    assert "job_functions.py" in error.traceback
    assert "KeyError: 7" in error.traceback
    assert "azjobs/process" not in error.traceback
    assert "hunter2" not in job.journal.read_text().replace('password = \\"hunter2\\"', "")
    assert (end.outcome, end.error and end.error.code) == (Outcome.FAILED, "ValueError")
    assert job.exited().exit_code == 1


def test_each_stream_has_its_records_in_one_order(site: Site) -> None:
    """print, logging, warnings, progress and output arrive in the order of the calls, nothing is dropped."""
    job = site.call(functions.speak_on_all_streams)
    assert job.told() == [
        "information: one",
        "warning: two",
        "error: three",
        "warning: four",
        "progress: ",
        "information: five",
        "debug: six",
        "seven",
        "information: eight",
        "information: nine",
    ]
    (progress,) = (record for record in job.records() if isinstance(record, Progress))
    assert (progress.activity, progress.status, progress.percent, progress.parent) == ("copy", "half", 50.0, "all")


def test_output_of_c_code_has_its_place_among_the_records(site: Site) -> None:
    """More than a pipe holds, written while Python's lock is held, neither blocks nor loses its place."""
    job = site.call(functions.print_past_python, 300_000)
    texts = [(r.text, r.partial) for r in job.records() if isinstance(r, Information)]
    assert (texts[0], texts[-3:]) == (
        ("before", False),
        [("between", False), ("error output", False), ("after", False)],
    )
    raw = "".join(text + "\n" * (not partial) for text, partial in texts[1:-3])
    assert raw == ("x" * 99 + "\n") * 3000


def test_output_of_a_child_process_has_its_place_among_the_records(site: Site) -> None:
    """What a subprocess prints is information, between the lines before and after it."""
    told = site.call(functions.print_by_child).told()
    assert told == ["information: before", "information: child", "information: complaint", "information: after"]


def test_text_held_by_the_c_library_is_not_lost(site: Site) -> None:
    """It is flushed before the end, as at the exit of any program."""
    assert site.call(functions.print_by_the_c_library).told() == ["information: held by C"]


def test_standard_output_can_be_used_as_a_file(site: Site) -> None:
    """Bytes, parts of lines, and its descriptor given to a child: all arrive, in order."""
    assert site.call(functions.use_stdout_as_file).told() == [
        "information: bytes \\xff",
        "information: not flushed by newline",
        "information:  but by hand",
        "information: handed on",
        "information: utf-8 False",
    ]


def test_scripts_can_configure_logging_in_a_job(site: Site, tmp_path: Path) -> None:
    """Level and format are heeded, a file is added; records still go to the stream of their level."""
    job = site.call(functions.configure_logging, str(tmp_path / "log"))
    told = job.told()
    assert told[:3] == ["information: INFO formatted", "debug: DEBUG also in a file", "error: ERROR in the end"]
    (caught,) = told[3:]
    assert str(caught).startswith("error: ERROR caught\nTraceback (most recent call last):")
    assert (tmp_path / "log").read_text() == "DEBUG:root:also in a file\n"


def test_a_forked_child_of_the_job_speaks_without_writing_in_the_journal(site: Site) -> None:
    """Its output arrives by the raw files; the job's own end is the only one."""
    job = site.call(functions.print_in_forked_child)
    told = job.told()
    assert told == [
        "information: parent",
        "information: child",
        "information: child error",
        "information: parent again",
    ]
    assert sum(isinstance(record, End) for record in job.records()) == 1


def test_threads_and_exit_handlers_speak_before_the_end(any_site: Site) -> None:
    """The value is safe at once; the end comes when nothing runs any more."""
    assert any_site.call(functions.use_thread).told() == [
        "returned",
        "information: thread",
        "information: exit handler",
    ]


def test_an_exception_in_a_thread_is_an_error_record(site: Site) -> None:
    """The job itself goes on, as a Python program does."""
    job = site.call(functions.raise_in_thread)
    assert (job.told(), job.end().outcome) == (["error: in a thread", "went on"], Outcome.COMPLETED)


@pytest.mark.parametrize(
    ("code", "outcome", "exit_code", "errors"),
    [
        (None, Outcome.COMPLETED, 0, []),
        (0, Outcome.COMPLETED, 0, []),
        (3, Outcome.FAILED, 3, ["exit status 3"]),
        ("too late", Outcome.FAILED, 1, ["too late"]),
    ],
)
def test_sys_exit_ends_a_job_as_it_ends_a_program(
    site: Site, code: object, outcome: Outcome, exit_code: int, errors: list[str]
) -> None:
    """None and 0 are success; a number is the exit status; a text is the error."""
    job = site.call(functions.leave, code)
    assert [record.message for record in job.records() if isinstance(record, Error)] == errors
    assert (job.end().outcome, job.exited().exit_code) == (outcome, exit_code)


def test_a_value_that_is_no_json_comes_back_as_the_object(site: Site) -> None:
    """It lies beside the journal; the record has a text and the nearest JSON for other faces."""
    job = site.call(lambda: (1, {2}, 3j))
    assert job.output() == [(1, {2}, 3j)]
    job = site.call(lambda: (1, [2]))
    (output,) = (record for record in job.records() if isinstance(record, Output))
    assert isinstance(output.content, StoredObject)
    assert (output.content.text, output.content.view, output.content.type_name) == ("(1, [2])", [1, [2]], "tuple")
    assert job.journal.with_suffix(".objects").stat().st_mode & 0o777 == 0o600


def test_a_large_value_comes_back_whole(site: Site) -> None:
    """What is too large for a record is kept beside the journal, readable by everybody."""
    assert site.call(lambda: ["x" * 100] * 5000).output() == [["x" * 100] * 5000]


def test_an_object_of_a_class_of_the_caller_comes_back_as_that_class(site: Site) -> None:
    """Classes that exist only in the caller travel there and back."""

    class Machine:
        name = "vm"

    (value,) = site.call(Machine).output()
    assert type(value) is Machine


def test_a_value_that_cannot_be_kept_fails_the_job_and_says_why(site: Site) -> None:
    """There is an error that names the type."""
    job = site.call(functions.return_lock)
    assert job.error().message == "A value of type _thread.lock cannot be kept: cannot pickle '_thread.lock' object."
    assert job.end().outcome is Outcome.FAILED


def test_the_process_is_set_up_as_at_submit(any_site: Site, tmp_path: Path) -> None:
    """Folder, mask and environment are those of the message; stdin is empty; nothing else is open."""
    folder = tmp_path / "ö folder"
    folder.mkdir()
    environ = {b"JOB_TEST_VARIABLE": "wert€".encode(), b"PATH": b"/bin"}
    (seen,) = any_site.call(
        functions.describe_process, folder=os.fsencode(folder), umask=0o27, environ=environ
    ).output()
    assert isinstance(seen, dict)
    fds = sorted(int(fd) for fd in seen.pop("fds"))
    # 0 to 2, the journal, the two raw files, and the listing itself.
    assert (fds[:3], len(fds)) == ([0, 1, 2], 7)
    assert seen == {
        "folder": str(folder),
        "umask": 0o27,
        "variable": "wert€",
        "home": None,
        "sid_is_pid": True,
        "stdin": "",
        "raw_stdin": "",
        "argv": [""],
        "comm": "azjobs-job\n",
        "main": None,
    }


def test_a_folder_that_is_gone_fails_the_job_in_words(site: Site, tmp_path: Path) -> None:
    """The user's code does not run somewhere else instead."""
    job = site.call(functions.add, 1, 2, folder=os.fsencode(tmp_path / "gone"))
    assert (job.error().type, job.end().outcome) == ("FileNotFoundError", Outcome.FAILED)
    assert str(tmp_path / "gone") in job.error().message


def test_secrets_travel_by_the_channel_and_are_seen_nowhere(any_site: Site) -> None:
    """Neither environment nor command line, payload nor files hold the secret; the function has it."""
    secret = "hunter2-of-the-test"
    payload = dump(
        lambda value: (functions.length_of(value), functions.show_process()),
        (functions.Secret(secret),),
        persistent=lambda value: "first" if isinstance(value, functions.Secret) else None,
    )
    assert secret.encode() not in payload
    job = any_site.call(print, payload=payload, prepare="job_functions:prepare", runtime={"secrets": {"first": secret}})
    assert job.told()[0] == "information: entered"
    (value,) = job.output()
    assert isinstance(value, tuple)
    assert value[0] == len(secret)
    assert all(secret not in text for text in value[1].values())
    files = list(job.journal.parent.glob(f"{job.journal.stem}*"))
    assert len(files) > 1
    assert all(secret.encode() not in file.read_bytes() for file in files)


def test_a_secret_is_refused_as_a_result(site: Site) -> None:
    """The runtime's refusal is the job's error."""
    payload = dump(
        functions.give_back,
        (functions.Secret("x"),),
        persistent=lambda v: "s" if isinstance(v, functions.Secret) else None,
    )
    job = site.call(print, payload=payload, prepare="job_functions:prepare", runtime={"secrets": {"s": "x"}})
    assert "a secret is not a result" in job.error().message
    assert not job.journal.with_suffix(".objects").exists()


def test_a_hook_that_does_not_exist_fails_the_job(site: Site) -> None:
    """Nothing of the user's runs without what it was granted."""
    job = site.call(functions.add, 1, 2, prepare="no_such_module:prepare")
    assert (job.error().type, job.output(), job.end().outcome) == ("ModuleNotFoundError", [], Outcome.FAILED)


def test_a_job_that_is_killed_frees_the_lock_and_has_no_end(any_site: Site) -> None:
    """What it said so far is kept, and the launcher tells the signal."""
    job = any_site.call(functions.crash)
    assert job.exited().exit_code == -signal.SIGKILL
    assert [type(record) for record in job.records()] == [Begin, Information]
    assert (is_alive(job.journal), load_end(job.journal)) == (False, None)


def test_a_job_that_is_asked_to_stop_cleans_up_and_says_so(site: Site) -> None:
    """SIGTERM is an exception in the user's code; the end is stopped, the output stays."""
    for function in (functions.wait_for_stop, functions.wait_for_stop_async):
        job = site.call(function)
        job.wait_for_text("running")
        os.kill(job.pid, signal.SIGTERM)
        assert job.told() == ["information: running", "information: cleaned up"]
        assert job.end().outcome is Outcome.STOPPED


def test_children_of_a_job_do_not_hold_its_lock(site: Site, tmp_path: Path) -> None:
    """Neither a subprocess that keeps descriptors open, nor a forked copy, nor what a fork executes."""
    flag = tmp_path / "flag"
    job = site.call(functions.start_children, str(flag))
    assert job.end().outcome is Outcome.COMPLETED
    job.exited()
    wait_until(lambda: not is_locked(job.journal), "a forked child is scheduled once, and lets go of the lock")
    pids = [int(record.text) for record in job.records() if isinstance(record, Information)]
    assert all(start_time(pid) is not None for pid in pids)
    assert len(pids) == 3
    flag.touch()
    wait_until(lambda: is_gone(pids), "the children end")


def test_a_job_that_was_never_handed_its_work_says_so(site: Site, tmp_path: Path) -> None:
    """A daemon killed in the middle of a start leaves a journal that tells that no code of the user's ran."""
    process = site.process(ProcessKind.FUNCTION)

    async def start_and_die() -> None:
        parent = await site.launcher._pool.get(process.key)
        with Offer(process) as offer:
            await parent.start(offer.request, offer.fds)
            offer._channel.send(b"\0\x10\0\0half")

    site.thread.run(start_and_die())
    wait_until(lambda: load_end(process.journal) is not None, "the process gives up")
    end = load_end(process.journal)
    assert end is not None
    assert (end.outcome, end.error and end.error.code) == (Outcome.FAILED, "StartLost")


def test_a_start_message_that_cannot_be_read_ends_the_job_with_an_error(site: Site) -> None:
    """A fault of ours is seen in the journal as everything else."""
    process = site.process(ProcessKind.FUNCTION)

    async def start_with_garbage() -> None:
        parent = await site.launcher._pool.get(process.key)
        with Offer(process) as offer:
            await parent.start(offer.request, offer.fds)
            offer._channel.send(b"\0\0\0\1x")

    site.thread.run(start_with_garbage())
    wait_until(lambda: load_end(process.journal) is not None, "the process gives up")
    with JournalReader(process.journal) as reader:
        records = [entry.record for entry in reader.read()]
    assert [type(record) for record in records] == [Begin, Error, End]
    end = load_end(process.journal)
    assert end is not None
    assert end.error is not None
    assert (end.outcome, end.error.code) == (Outcome.FAILED, "Internal")


def test_reading_again_gives_the_same_records(site: Site) -> None:
    """Raw text is put in the same place on every reading, also from the middle."""
    job = site.call(functions.print_by_child)
    job.exited()
    with JournalReader(job.journal) as reader:
        entries = list(reader.read(final=True))
    whole = [entry.record for entry in entries]
    assert len(whole) == 6
    for number, entry in enumerate(entries):
        with JournalReader(job.journal, entry.after) as reader:
            assert [later.record for later in reader.read(final=True)] == whole[number + 1 :]
