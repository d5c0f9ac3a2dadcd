"""C. A job that asks: the transcripts, as users type them, on terminals and without one."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from terminal import Home, Python, Shell, matches, wait_until

PASSWORD = "Pa55-word-long"
ASKS = """
import getpass
print("looking")
answer = input("Continue? ")
print("going on:", answer)
print(len(getpass.getpass("Key: ")))
"""


@pytest.fixture
def nightly(shell: Shell, tmp_path: Path) -> Shell:
    """A job, 1, that asks twice: for a line, and for what nobody is to see."""
    script = tmp_path / "nightly.py"
    script.write_text(ASKS)
    assert shell(f"azjobs job start --name nightly --file {script} -q").out == "1\n"
    wait_until(lambda: state(shell) == "Blocked", what="the job asks")
    return shell


def state(shell: Shell) -> str:
    found: str = shell("azjobs job get 1 --output json").json["state"]
    return found


def test_receiving_on_a_terminal_asks_and_the_job_goes_on(nightly: Shell) -> None:
    """What was said comes first; the answer to `getpass` is not seen."""
    done = nightly.tty("azjobs job receive 1 --wait", ("Continue? ", "yes"), ("Key: ", PASSWORD))
    assert done.code == 0, done
    lines = [line.strip() for line in done.out.splitlines() if line.strip()]
    assert lines == ["looking", "Continue? yes", "going on: yes", "Key:", str(len(PASSWORD))]
    assert nightly("azjobs job wait 1").code == 0


def test_receiving_without_a_terminal_says_what_is_asked(nightly: Shell) -> None:
    """What was said is given; then one sentence that says what to type. Without --wait nothing is said at all."""
    told = 'Job 1 nightly waits: "Continue?" Type: azjobs job answer 1 --text …'
    done = nightly("azjobs job receive 1 --wait")
    assert (done.code, done.out, done.err) == (1, "looking\n", f"{told}\n")
    done = nightly("azjobs job receive 1")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_waiting_for_a_job_that_asks_says_so(nightly: Shell) -> None:
    """At once, whatever the time limit; other jobs are waited for first."""
    told = 'Job 1 nightly waits: "Continue?" Type: azjobs job answer 1 --text …\n'
    done = nightly("azjobs job wait 1")
    assert (done.code, done.err) == (1, told)
    assert nightly("azjobs job start --name other -q -- true").out == "2\n"
    done = nightly("azjobs job wait 1 2")
    assert (done.code, done.err) == (1, told)
    assert nightly("azjobs job get 2 --output json").json["state"] == "Completed"
    done = nightly("azjobs job result 1")
    assert (done.code, done.out, done.err) == (1, "", told)


def test_the_question_is_shown_with_the_job(nightly: Shell) -> None:
    """As its status, and in JSON with the prompt as the job wrote it."""
    job = nightly("azjobs job get 1 --output json").json
    text = '"Continue?" Type: azjobs job answer 1 --text …'
    assert job["statusMessage"] == text
    assert job["question"] == {"kind": "input", "text": text, "names": [], "prompt": "Continue? "}
    found = nightly("azjobs job get --state Blocked --output tsv --query '[?question].[id, question.prompt]'")
    assert found.out == "1\tContinue? \n"


def test_a_script_answers(nightly: Shell) -> None:
    """A line by --text, what nobody is to see on stdin; the output is as it would have been on a terminal."""
    assert nightly("azjobs job answer 1 --text yes").code == 0
    wait_until(lambda: "Key:" in (nightly("azjobs job get 1 --output json").json["statusMessage"] or ""))
    assert nightly("azjobs job answer 1 --password-stdin", stdin=f"{PASSWORD}\n").code == 0
    assert nightly("azjobs job wait 1").code == 0
    assert nightly("azjobs job receive 1").out == f"looking\ngoing on: yes\n{len(PASSWORD)}\n"


def test_answering_on_a_terminal_asks(nightly: Shell) -> None:
    """With the job's own prompt; what nobody is to see is not shown."""
    done = nightly.tty("azjobs job answer 1", ("Continue? ", "no"))
    assert (done.code, done.out.strip()) == (0, "Continue? no")
    wait_until(lambda: "Key:" in (nightly("azjobs job get 1 --output json").json["statusMessage"] or ""))
    done = nightly.tty("azjobs job answer 1", ("Key: ", PASSWORD))
    assert (done.code, done.out.strip()) == (0, "Key:")
    assert nightly("azjobs job wait 1").code == 0


@pytest.mark.parametrize("words", ["", "--choice again", "--password-stdin"])
def test_a_wrong_answer_is_one_sentence_and_changes_nothing(nightly: Shell, words: str) -> None:
    """It says what is asked, exit code 2, and the job asks on."""
    done = nightly(f"azjobs job answer 1 {words}", stdin="secret\n")
    told = 'Job 1 nightly waits: "Continue?" Type: azjobs job answer 1 --text …\n'
    assert (done.code, done.out, done.err) == (2, "", told)
    assert state(nightly) == "Blocked"


def test_nobody_is_asked_any_more_when_the_job_is_stopped(nightly: Shell) -> None:
    """What it had said is kept; an answer then is refused in one sentence."""
    assert nightly("azjobs job stop 1").code == 0
    assert state(nightly) == "Stopped"
    assert nightly("azjobs job receive 1 --wait").out == "looking\n"
    done = nightly("azjobs job answer 1 --text yes")
    assert (done.code, done.err) == (2, "nightly waits for no answer: it is Stopped.\n")


def test_closing_the_terminal_at_the_question_leaves_it_open(nightly: Shell) -> None:
    """Ctrl-D is no answer, and Ctrl-C is none: the job asks on."""
    done = nightly.tty("azjobs job receive 1 --wait </dev/null; azjobs job receive 1 --wait", ("Continue? ", "\x04"))
    assert matches("looking Job 1 nightly waits: … Continue? Job 1 nightly waits: …", done.out), done
    assert "Continue? " not in done.out.splitlines()[-1], "what is said next does not stand beside the prompt"
    assert state(nightly) == "Blocked"
    done = nightly.tty("azjobs job receive 1 --wait; echo $?", ("Continue? ", "\x03"))
    assert done.out.splitlines()[-2:] == ["Interrupted. The jobs go on.", "130"], done
    assert state(nightly) == "Blocked"


def test_a_program_on_a_terminal_is_asked_too(nightly: Shell, tmp_path: Path) -> None:
    """receive_job(wait=True): `input` and `getpass` of the program itself ask."""
    program = tmp_path / "program.py"
    program.write_text("import azjobs as az\nprint(az.receive_job(1, wait=True), az.get_job(1).state)\n")
    line = f"{shlex.quote(sys.executable)} -W error {program}"
    done = nightly.tty(line, ("Continue? ", "yes"), ("Key: ", PASSWORD))
    received = ["looking\n", "going on: yes\n", f"{len(PASSWORD)}\n"]
    assert (done.code, done.out) == (0, f"Continue? yes\nKey: \n{received} Completed\n"), done


def test_a_program_without_a_terminal_is_told(nightly: Shell, python: Python) -> None:
    """JobBlocked, with what was received."""
    done = python(
        """
        try:
            az.receive_job(1, wait=True)
        except az.JobBlocked as error:
            print(error, error.output)
        az.answer_job(1, text="yes")
        """
    )
    told = "Job 1 nightly waits: \"Continue?\" Type: azjobs job answer 1 --text … ['looking\\n']\n"
    assert (done.code, done.out) == (0, told), done


def test_a_question_outlives_a_killed_daemon(nightly: Shell, home: Home) -> None:
    """The process asks the next one again."""
    home.kill("_main.daemon")
    assert nightly("azjobs job answer 1 --text yes").code == 0
    wait_until(lambda: "Key:" in (nightly("azjobs job get 1 --output json").json["statusMessage"] or ""))
    home.kill("_main.daemon")
    assert nightly("azjobs job answer 1 --password-stdin", stdin="x\n").code == 0
    assert nightly("azjobs job wait 1").code == 0


def test_a_command_has_nobody_to_ask(shell: Shell) -> None:
    """Its standard input is empty, as before."""
    code = "import sys; print(repr(sys.stdin.read())); input()"
    assert shell(f"azjobs job start -q -- {shlex.quote(sys.executable)} -c {shlex.quote(code)}").out == "1\n"
    assert shell("azjobs job wait 1").code == 1
    done = shell("azjobs job receive 1")
    assert done.out == "''\n"
    assert "EOFError" in done.err
