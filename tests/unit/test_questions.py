"""What a blocked job asks is a sentence that says what to type, for that very job."""

from __future__ import annotations

import pytest
from core_samples import make_process_job
from msgspec.structs import replace

from azjobs.core.questions import (
    ENVIRONMENT,
    PROMPT_CAP,
    ask_for_input,
    ask_for_secrets,
    ask_for_sign_in,
    ask_whether_it_took_effect,
    is_answered_by,
    question_of,
    status_of,
)
from azjobs.core.states import Blocked, Question, Running

LINE = ask_for_input("q1", "Continue? ", is_hidden=False)
HIDDEN = ask_for_input("q1", "Password: ", is_hidden=True)
SECRET = ask_for_secrets({"pw": "The password"}, ["pw"])
SECRET_AND_SHELL = ask_for_secrets({"pw": "The password"}, ["pw", ENVIRONMENT])
SHELL = ask_for_secrets({}, [ENVIRONMENT])
UNCLEAR = ask_whether_it_took_effect("a", "virtualMachines/x")


@pytest.mark.parametrize(
    ("prompt", "is_hidden", "text"),
    [
        ("Continue? ", False, '"Continue?" Type: azjobs job answer 7 --text …'),
        ("Password: ", True, '"Password:" Type: azjobs job answer 7'),
        ("", False, "It asks for a line. Type: azjobs job answer 7 --text …"),
        ("one\n  two ", False, '"one two" Type: azjobs job answer 7 --text …'),
        ("customer ID: ", False, '"customer ID:" Type: azjobs job answer 7 --text …'),
        ("azjobs job answer ID", False, '"azjobs job answer ID" Type: azjobs job answer 7 --text …'),
        ("x" * 300, False, f'"{"x" * 200}…" Type: azjobs job answer 7 --text …'),
    ],
)
def test_what_a_process_asks_is_quoted(prompt: str, *, is_hidden: bool, text: str):
    """In one line that is not too long, with the job's id; the prompt itself is kept as it was written."""
    job = make_process_job(state=Blocked(1.0, ask_for_input("q1", prompt, is_hidden=is_hidden)))
    found = question_of(replace(job, id=7))
    assert found is not None
    assert (found.text, found.prompt, found.ask) == (text, prompt, "q1")


def test_a_prompt_that_no_screen_can_show_is_cut():
    """A job is stored with its question."""
    assert len(ask_for_input("q", "x" * 100_000, is_hidden=False).prompt) == PROMPT_CAP


@pytest.mark.parametrize("question", [LINE, HIDDEN, SECRET, SHELL, SECRET_AND_SHELL, UNCLEAR])
def test_a_question_names_its_job(question: Question):
    """By its id, or for ever where it has none yet; it is also what is going on."""
    job = make_process_job(state=Blocked(1.0, question))
    for named, word in ((replace(job, id=12), "12"), (job, job.uuid)):
        found = question_of(named)
        assert found is not None
        assert f"azjobs job answer {word}" in found.text
        assert " ID" not in found.text
        assert status_of(named) == found.text


def test_a_question_that_is_answered_elsewhere_stays_as_it_is():
    """What the sign-in service said tells what to type."""
    question = ask_for_sign_in("It has expired. Type: azjobs account connect")
    assert question_of(make_process_job(state=Blocked(1.0, question))) == question


def test_a_job_that_asks_nothing_has_no_question():
    """Its status is what it says of itself."""
    job = make_process_job(state=Running(1.0))
    assert question_of(job) is None
    assert status_of(replace(job, status_message="half done")) == "half done"


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        (LINE, {"text"}),
        (HIDDEN, {"password"}),
        (SECRET, {"password"}),
        (SECRET_AND_SHELL, {"password"}),
        (SHELL, {""}),
        (UNCLEAR, {"choice"}),
        (ask_for_sign_in(""), {"choice", ""}),
    ],
)
def test_only_an_answer_of_its_kind_is_one(question: Question, answers: set[str]):
    """A line to a line, a password to what nobody is to see, a choice to an unanswered request."""
    assert {given for given in ("text", "password", "choice", "") if is_answered_by(question, given)} == answers
