"""A job that asks (`input`, `getpass`) is Blocked with its question, and goes on once somebody has answered."""

from __future__ import annotations

import asyncio
import getpass
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core import wire
from azjobs.core.errors import InvalidInput, Refused
from azjobs.core.states import QuestionKind
from azjobs.session.link.client import Client
from azjobs.session.link.local import local
from terminal import Home, wait_until

LIMIT_S = 30.0


def asked(job: az.Job[Any], prompt: str) -> str:
    """Wait until a job asks with this prompt; returns which of its questions it is."""

    def is_asked() -> bool:
        question = job.view.question
        return question is not None and question.prompt == prompt

    wait_until(is_asked, what=f"the job asks {prompt!r}: {job.view.row.state}")
    question = job.view.question
    assert question is not None
    return question.ask


def greet() -> str:
    """Ask for a name."""
    return f"Hello {input('Your name? ')}."


def test_input_blocks_the_job_until_it_is_answered(live: Home) -> None:
    """Its question is its prompt; the answer is what `input` returns, and its process is the same."""
    job = az.start_job(greet)
    asked(job, "Your name? ")
    pid = job.view.row.work.pid
    assert job.state is az.JobState.BLOCKED
    assert job.status_message == f'"Your name?" Type: azjobs job answer {job.id} --text …'
    assert az.answer_job(job, text="Ana") == job
    assert job.result(LIMIT_S) == "Hello Ana."
    assert (job.view.row.work.pid, job.view.question, job.status_message) == (pid, None, "")
    assert az.receive_job(job).information == []  # the prompt is the question, and no output beside it


def test_an_empty_answer_is_an_answer(live: Home) -> None:
    """As Enter is on a terminal."""
    job = az.start_job(greet)
    asked(job, "Your name? ")
    az.answer_job(job, text="")
    assert job.result(LIMIT_S) == "Hello ."


def test_getpass_asks_for_what_nobody_is_to_see(live: Home) -> None:
    """Each name of it; the answer is given as a password, and is nowhere in the home, nor is it in any text."""

    def ask() -> tuple[int, int, int]:
        import getpass  # noqa: PLC0415 - in the job

        one = getpass.getpass()
        two = getpass.unix_getpass("Second: ", stream=None)
        return len(one), len(two), len(getpass.fallback_getpass("Third: "))

    secret = "c4nary-of-a-line"
    job = az.start_job(ask)
    for prompt in ("Password: ", "Second: ", "Third: "):
        asked(job, prompt)
        question = job.view.question
        assert question is not None
        assert question.kind is QuestionKind.HIDDEN_INPUT
        az.answer_job(job, az.SecureString(secret))
    assert job.result(LIMIT_S) == (len(secret),) * 3
    for file in live.folder.rglob("*"):
        if file.is_file() and "simulator" not in file.parts:
            assert secret.encode() not in file.read_bytes(), file


def test_a_line_that_is_not_secret_is_not_stored_either(live: Home) -> None:
    """Only what the job itself makes of it is."""

    def ask() -> int:
        return len(input("Word? "))

    job = az.start_job(ask)
    asked(job, "Word? ")
    az.answer_job(job, text="c4nary-in-the-open")
    assert job.result(LIMIT_S) == 18
    for file in live.folder.rglob("*"):
        if file.is_file():
            assert b"c4nary-in-the-open" not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("say", "prompt", "output"),
    [
        ("print('Name: ', end='')", "Name: ", ""),
        ("sys.stdout.write('a\\nName: '); sys.stdout.flush()", "Name: ", "a\nName: "),
        ("print('Name: ', end='', file=sys.stderr)", "Name: ", ""),
        ("print('before')", "", "before\n"),
    ],
    ids=["begun", "flushed", "on standard error", "whole line"],
)
def test_the_line_that_was_begun_is_the_question(
    live: Home, capsys: pytest.CaptureFixture[str], say: str, prompt: str, output: str
) -> None:
    """As programs ask that print their prompt themselves; what was flushed is in the output too."""

    def ask(say: str) -> str:
        exec(f"import sys\n{say}")
        return input()

    job = az.start_job(ask, argument_list=[say])
    asked(job, prompt)
    az.receive_job(job)
    assert capsys.readouterr().out == output
    az.answer_job(job, text="x")
    assert job.result(LIMIT_S) == "x"


def test_click_asks_like_this_too(live: Home) -> None:
    """Its prompts end in `input` and `getpass`."""

    def ask() -> list[str]:
        import click  # noqa: PLC0415 - in the job

        return [click.prompt("Name", type=str), click.prompt("Key", hide_input=True), str(click.confirm("Sure?"))]

    job = az.start_job(ask)
    asked(job, "Name: ")
    az.answer_job(job, text="Ana")
    asked(job, "Key: ")
    az.answer_job(job, az.SecureString("k"))
    asked(job, "Sure? [y/N]: ")
    az.answer_job(job, text="y")
    assert job.result(LIMIT_S) == ["Ana", "k", "True"]


def test_rich_asks_like_this_too(live: Home) -> None:
    """It prints its prompt, and then calls `input` or `getpass`."""

    def ask() -> list[str]:
        from rich.prompt import Prompt  # noqa: PLC0415 - in the job

        return [Prompt.ask("Name"), Prompt.ask("Key", password=True)]

    job = az.start_job(ask)
    asked(job, "Name: ")
    az.answer_job(job, text="Ana")
    asked(job, "Key: ")
    az.answer_job(job, az.SecureString("k"))
    assert job.result(LIMIT_S) == ["Ana", "k"]


def test_threads_that_ask_at_once_are_answered_one_after_another(live: Home) -> None:
    """Each gets the answer to its own question."""

    def many() -> list[str]:
        import concurrent.futures  # noqa: PLC0415 - in the job

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda n: input(f"{n}? "), range(4)))

    job = az.start_job(many)
    seen: list[str] = []
    for _ in range(4):
        wait_until(lambda: (q := job.view.question) is not None and q.prompt not in seen, what=f"the next of {seen}")
        question = job.view.question
        assert question is not None
        seen.append(question.prompt)
        az.answer_job(job, text=f"answer to {question.prompt}")
    assert job.result(LIMIT_S) == [f"answer to {n}? " for n in range(4)]


def test_a_forked_child_asks_too(live: Home) -> None:
    """By a connection of its own."""

    def fork() -> str:
        import os  # noqa: PLC0415 - in the job

        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, input("Child? ").encode())
            os._exit(0)
        os.wait()
        return os.read(reading, 100).decode()

    job = az.start_job(fork)
    asked(job, "Child? ")
    az.answer_job(job, text="yes")
    assert job.result(LIMIT_S) == "yes"


def test_a_process_asks_the_next_daemon_again(live: Home) -> None:
    """The job stays Blocked with the same question, and is answered then."""
    job = az.start_job(greet)
    first = asked(job, "Your name? ")
    live.kill("_main.daemon")
    assert job.state is az.JobState.BLOCKED
    assert job.view.question is not None
    assert job.view.question.ask == first
    az.answer_job(job, text="Ana")
    assert job.result(LIMIT_S) == "Hello Ana."


def test_a_process_asks_again_when_the_keeper_has_gone_too(live: Home) -> None:
    """Nothing of a question is kept by daemon or keeper."""
    job = az.start_job(greet)
    asked(job, "Your name? ")
    live.kill("keeper.py")
    az.answer_job(job, text="Ana")
    assert job.result(LIMIT_S) == "Hello Ana."


@pytest.mark.parametrize("is_threaded", [False, True], ids=["main thread", "other thread"])
def test_a_job_that_asks_can_be_stopped(live: Home, *, is_threaded: bool) -> None:
    """Its process ends by itself, without anybody's answer, and what it printed is kept."""

    def ask(is_threaded: bool) -> None:  # noqa: FBT001 - by position
        import threading  # noqa: PLC0415 - in the job
        import time  # noqa: PLC0415 - in the job

        print("before")  # noqa: T201 - to its output
        if is_threaded:
            threading.Thread(target=lambda: input("Go on? ")).start()
            time.sleep(60)
        input("Go on? ")

    job = az.start_job(ask, argument_list=[is_threaded])
    asked(job, "Go on? ")
    az.stop_job(job)
    assert job.state is az.JobState.STOPPED
    assert [record.text for record in az.receive_job(job).information] == ["before"]
    with pytest.raises(InvalidInput, match="waits for no answer"):
        az.answer_job(job, text="too late")


@pytest.mark.parametrize(
    "wrong",
    [{}, {"password": az.SecureString("x")}, {"choice": "again"}, {"secrets": {"pw": az.SecureString("x")}}],
    ids=["nothing", "a password", "a choice", "named secrets"],
)
def test_a_wrong_kind_of_answer_says_what_is_asked(live: Home, wrong: dict[str, Any]) -> None:
    """In one sentence, and the job asks on."""
    job = az.start_job(greet)
    ask = asked(job, "Your name? ")
    with pytest.raises(InvalidInput, match=rf'^Job {job.id} Job{job.id} waits: "Your name\?" Type: azjobs job answer'):
        az.answer_job(job, **wrong)
    assert asked(job, "Your name? ") == ask
    az.answer_job(job, text="x")
    assert job.result(LIMIT_S) == "Hello x."


def test_what_nobody_is_to_see_is_not_taken_as_text(live: Home) -> None:
    """A password is never an argument."""
    job = az.start_job(lambda: len(getpass.getpass()))
    asked(job, "Password: ")
    with pytest.raises(InvalidInput, match='waits: "Password:" Type: azjobs job answer'):
        az.answer_job(job, text="secret")
    with pytest.raises(InvalidInput, match="one of text and password"):
        az.answer_job(job, az.SecureString("secret"), text="secret")
    az.answer_job(job, az.SecureString(""))
    assert job.result(LIMIT_S) == 0


def test_an_answer_is_one_line(live: Home) -> None:
    """What is more could only be lost."""
    job = az.start_job(greet)
    asked(job, "Your name? ")
    with pytest.raises(InvalidInput, match="one line"):
        az.answer_job(job, text="Ana\nEve")
    az.answer_job(job, text="Ana")
    assert job.result(LIMIT_S) == "Hello Ana."


def test_a_late_answer_is_for_no_other_question(live: Home) -> None:
    """Two answer the same question: the second is told, and the next question is not answered by it."""

    def twice() -> list[str]:
        return [input("One? "), input("Two? ")]

    job = az.start_job(twice)
    first = asked(job, "One? ")
    az.answer_job(job, text="1")
    asked(job, "Two? ")
    late = wire.Answer(0, job.uuid, line=az.SecureString("1"), ask=first)
    with pytest.raises(InvalidInput, match=r'That is no longer asked\. It waits: "Two\?" Type: azjobs job answer'):
        local().client.ask(late, wire.Accepted)
    az.answer_job(job, text="2")
    assert job.result(LIMIT_S) == ["1", "2"]


def test_only_the_process_of_a_job_asks(live: Home) -> None:
    """A session has a terminal of its own to ask on, and a key of no job opens nothing."""
    with pytest.raises(Refused, match="Only the process of a job"):
        local().client.ask(wire.AskUser(0, "q"), wire.Line)
    with pytest.raises(Refused, match="has ended"):
        Client(local().layout, None, "no key").ask(wire.AskUser(0, "q"), wire.Line)


def test_waiting_for_a_job_that_asks_says_so(live: Home) -> None:
    """Whatever way it is waited for; with its question and what to type."""
    job = az.start_job(greet)
    told = rf'^Job {job.id} Job{job.id} waits: "Your name\?" Type: azjobs job answer {job.id} --text …$'
    ways: list[Callable[[], object]] = [
        lambda: job.result(LIMIT_S),
        lambda: job.exception(LIMIT_S),
        lambda: az.wait_job(job, timeout=LIMIT_S),
        lambda: az.receive_job(job, wait=True, timeout=LIMIT_S),
        lambda: az.receive_job(job, wait=True, keep=True, timeout=LIMIT_S),
        lambda: list(job),
    ]
    for way in ways:
        with pytest.raises(az.JobBlocked, match=told):
            way()
    assert az.receive_job(job) == []
    az.answer_job(job, text="x")
    assert job.result(LIMIT_S) == "Hello x."


def test_whoever_watches_is_told_what_is_asked_and_what_to_type(live: Home) -> None:
    """The event that it is Blocked names the very job; the next one that it runs on."""
    job = az.start_job(greet)
    asked(job, "Your name? ")
    seen = []
    with az.watch_jobs(job) as events:
        for event in events:
            seen.append((event.state, event.status_message))
            if event.state is az.JobState.BLOCKED:
                az.answer_job(job, text="x")
    told = f'"Your name?" Type: azjobs job answer {job.id} --text …'
    assert seen[0] == (az.JobState.BLOCKED, told)
    assert [state for state, _ in seen[1:]] in (
        [az.JobState.RUNNING, az.JobState.COMPLETED],
        [az.JobState.COMPLETED],
    )


def test_an_event_loop_that_waits_is_told_too(live: Home, tmp_path: Path) -> None:
    """Before and after the job has asked; once it is answered the same handle can be awaited again."""
    go = tmp_path / "go"

    def ask(go: str) -> str:
        import pathlib  # noqa: PLC0415 - in the job
        import time  # noqa: PLC0415 - in the job

        while not pathlib.Path(go).exists():
            time.sleep(0.01)
        return input("Go on? ")

    async def main() -> str:
        job = az.start_job(ask, argument_list=[str(go)])
        waiting = asyncio.create_task(_await(job))
        other = asyncio.create_task(_await(az.get_job(job)))
        await asyncio.sleep(0)
        go.touch()
        for told in await asyncio.gather(waiting, other, return_exceptions=True):
            assert isinstance(told, az.JobBlocked)
            assert "Go on?" in str(told)
        with pytest.raises(az.JobBlocked):
            await job
        az.answer_job(job, text="yes")
        return await job

    assert asyncio.run(asyncio.wait_for(main(), LIMIT_S)) == "yes"


async def _await(job: az.Job[Any]) -> Any:
    return await job


def test_whoever_waits_already_is_told_at_once(live: Home, tmp_path: Path) -> None:
    """The job asks later: what it said until then is given, and then the wait is over."""
    go = tmp_path / "go"

    def ask(go: str) -> str:
        import pathlib  # noqa: PLC0415 - in the job
        import time  # noqa: PLC0415 - in the job

        while not pathlib.Path(go).exists():
            time.sleep(0.01)
        return input("Go on? ")

    job = az.start_job(ask, argument_list=[str(go)])
    ends: list[BaseException] = []

    def receive() -> None:
        try:
            list(job)
        except az.JobBlocked as error:
            ends.append(error)

    waiting = threading.Thread(target=receive)
    waiting.start()
    wait_until(lambda: job.view.row.work.pid, what="the process is known")
    go.touch()
    waiting.join(LIMIT_S)
    assert [type(end) for end in ends] == [az.JobBlocked]
    az.answer_job(job, text="yes")
    assert job.result(LIMIT_S) == "yes"


def test_what_the_others_say_is_received_before_it_says_who_asks(live: Home) -> None:
    """Of several jobs; what was received is in the exception."""
    asking, other = az.start_job(greet), az.start_job(lambda: "value")
    with pytest.raises(az.JobBlocked, match="Your name") as caught:
        az.receive_job([asking, other], wait=True)
    assert caught.value.output == ["value"]
    az.answer_job(asking, text="x")
    assert az.receive_job(asking, wait=True) == ["Hello x."]


def test_there_is_still_nothing_to_read(live: Home) -> None:
    """Who reads sys.stdin itself finds it empty, as a command does."""

    def read() -> tuple[str, str]:
        import sys  # noqa: PLC0415 - in the job

        return sys.stdin.read(), sys.stdin.readline()

    assert az.start_job(read).result(LIMIT_S) == ("", "")


def test_input_reads_what_the_job_was_given_and_asks_nobody(live: Home) -> None:
    """A standard input is read to its end, as in any program; what nobody is to see is asked for all the same."""

    def read() -> list[str]:
        import getpass  # noqa: PLC0415 - in the job

        lines = [input(), input()]
        try:
            input()
        except EOFError:
            lines.append("end")
        return [*lines, str(len(getpass.getpass()))]

    job = az.start_job(read, input_object=["one", "two"])
    asked(job, "Password: ")
    az.answer_job(job, az.SecureString("abc"))
    assert job.result(LIMIT_S) == ["one", "two", "end", "3"]
