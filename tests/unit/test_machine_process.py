"""A job in a process of its own: what each event makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from core_samples import make_process_job

from azjobs.core.arm import Reply
from azjobs.core.errors import Fault
from azjobs.core.events import (
    Begun,
    Effect,
    Event,
    InputAsked,
    ProcessEnded,
    ProcessStarted,
    Recovered,
    Released,
    Replied,
    SecretMissing,
    SignInMissing,
    StartProcess,
    StopAsked,
    StopProcess,
)
from azjobs.core.job import JobType, ProcessWork
from azjobs.core.machine import step
from azjobs.core.questions import ask_for_input, ask_for_secrets
from azjobs.core.states import (
    Blocked,
    Completed,
    Failed,
    NotStarted,
    Question,
    QuestionKind,
    Running,
    State,
    Stopped,
    Stopping,
)

BAD = Fault("ExitStatus", "It ended with exit status 3.")
DIED = Fault("ProcessDied", "The job's process ended without saying how.")
QUESTION = Question(QuestionKind.SECRET, "Password must be given again: azjobs job answer ID", ("pw",))
BLOCKED = Blocked(1.0, QUESTION)
MISSING = SecretMissing(5.0, ("pw",))
SIGN_IN = Blocked(1.0, Question(QuestionKind.SIGN_IN, "Sign in."))  # its process runs, and waits for a token
ASKS = Blocked(1.0, ask_for_input("q1", "Name? ", is_hidden=False))  # its process runs, and waits for a line
ASKED = InputAsked(5.0, "q1", "Name? ")
ASKS_HIDDEN = Blocked(1.0, ask_for_input("q2", "Password: ", is_hidden=True))
ASKED_HIDDEN = InputAsked(5.0, "q2", "Password: ", is_hidden=True)
SIGNED_OUT = SignInMissing(5.0, "", "Sign in.")
LOST = "environment is lost: answer from a shell that has the one it needs"
START, STOP = [StartProcess()], [StopProcess()]

STEPS = [
    pytest.param(NotStarted(), Begun(5.0), Running(5.0), START, id="it-begins"),
    pytest.param(Running(1.0), Begun(5.0), Running(1.0), [], id="it-begins-once"),
    pytest.param(BLOCKED, Begun(5.0), BLOCKED, [], id="it-begins-once-also-when-blocked"),
    pytest.param(NotStarted(), Recovered(5.0), Running(5.0), START, id="it-begins-after-a-recovery"),
    pytest.param(Running(1.0), Recovered(5.0), Running(1.0), START, id="nothing-of-it-had-run"),
    pytest.param(Stopping(1.0), Recovered(5.0), Stopping(1.0), STOP, id="its-stop-may-not-have-been-heard"),
    pytest.param(BLOCKED, Recovered(5.0), BLOCKED, [], id="its-question-stands"),
    pytest.param(Running(1.0), MISSING, BLOCKED, [], id="a-secret-is-missing"),
    pytest.param(Stopping(1.0), MISSING, Stopped(1.0, 5.0), [], id="a-stop-needs-no-secret"),
    pytest.param(BLOCKED, Released(5.0), Running(1.0), START, id="the-secret-was-given"),
    pytest.param(Running(1.0), Released(5.0), Running(1.0), [], id="nothing-was-asked"),
    pytest.param(NotStarted(), StopAsked(5.0), Stopped(5.0, 5.0), [], id="stopped-before-it-began"),
    pytest.param(BLOCKED, StopAsked(5.0), Stopped(1.0, 5.0), [], id="stopped-while-it-asked"),
    pytest.param(Running(1.0), StopAsked(5.0), Stopping(1.0), STOP, id="a-running-one-is-being-stopped"),
    pytest.param(Stopping(1.0), StopAsked(5.0), Stopping(1.0), STOP, id="asked-twice"),
    pytest.param(Running(1.0), ProcessEnded(5.0, "completed"), Completed(1.0, 5.0), [], id="it-ended-well"),
    pytest.param(Running(1.0), ProcessEnded(5.0, "failed", BAD), Failed(1.0, 5.0, BAD), [], id="it-failed"),
    pytest.param(Running(1.0), ProcessEnded(5.0), Failed(1.0, 5.0, DIED), [], id="it-died-without-a-word"),
    pytest.param(Running(1.0), ProcessEnded(5.0, "stopped"), Stopped(1.0, 5.0), [], id="it-was-stopped-in-itself"),
    pytest.param(
        Stopping(1.0), ProcessEnded(5.0, "completed"), Stopped(1.0, 5.0), [], id="a-stop-that-it-heard-politely"
    ),
    pytest.param(Stopping(1.0), ProcessEnded(5.0, "failed", BAD), Stopped(1.0, 5.0), [], id="a-stop-that-killed-it"),
    pytest.param(
        NotStarted(), ProcessEnded(5.0, "failed", BAD), Failed(5.0, 5.0, BAD), [], id="it-could-not-be-started"
    ),
    pytest.param(Running(1.0), SIGNED_OUT, SIGN_IN, [], id="its-process-has-no-sign-in"),
    pytest.param(SIGN_IN, SIGNED_OUT, SIGN_IN, [], id="its-process-asks-again"),
    pytest.param(BLOCKED, SIGNED_OUT, BLOCKED, [], id="without-a-process-nothing-asks-for-a-sign-in"),
    pytest.param(Stopping(1.0), SIGNED_OUT, Stopping(1.0), [], id="a-stop-needs-no-sign-in"),
    pytest.param(SIGN_IN, Released(5.0), Running(1.0), [], id="signed-in-again-its-process-goes-on"),
    pytest.param(SIGN_IN, Recovered(5.0), SIGN_IN, [], id="what-its-process-waits-for-stands"),
    pytest.param(SIGN_IN, StopAsked(5.0), Stopping(1.0), STOP, id="stopped-while-its-process-waits"),
    pytest.param(SIGN_IN, ProcessEnded(5.0, "completed"), Completed(1.0, 5.0), [], id="it-ended-well-unanswered"),
    pytest.param(SIGN_IN, ProcessEnded(5.0, "failed", BAD), Failed(1.0, 5.0, BAD), [], id="it-failed-unanswered"),
    pytest.param(SIGN_IN, ProcessEnded(5.0), Failed(1.0, 5.0, DIED), [], id="it-died-unanswered"),
    pytest.param(SIGN_IN, ProcessEnded(5.0, "stopped"), Stopped(1.0, 5.0), [], id="it-was-stopped-unanswered"),
    pytest.param(Running(1.0), ASKED, ASKS, [], id="its-process-asks-for-a-line"),
    pytest.param(Running(1.0), ASKED_HIDDEN, ASKS_HIDDEN, [], id="its-process-asks-for-a-hidden-line"),
    pytest.param(ASKS, ASKED_HIDDEN, ASKS_HIDDEN, [], id="its-process-asks-the-next-question"),
    pytest.param(SIGN_IN, ASKED, ASKS, [], id="signed-in-again-another-thread-asks"),
    pytest.param(BLOCKED, ASKED, BLOCKED, [], id="without-a-process-nothing-asks-for-a-line"),
    pytest.param(NotStarted(), ASKED, NotStarted(), [], id="before-it-began-nothing-asks"),
    pytest.param(Stopping(1.0), ASKED, Stopping(1.0), [], id="a-stop-needs-no-answer"),
    pytest.param(ASKS, Released(5.0), Running(1.0), [], id="answered-its-process-goes-on"),
    pytest.param(ASKS, Recovered(5.0), ASKS, [], id="what-its-process-asks-stands"),
    pytest.param(ASKS, StopAsked(5.0), Stopping(1.0), STOP, id="stopped-while-its-process-asks"),
    pytest.param(ASKS, ProcessEnded(5.0, "completed"), Completed(1.0, 5.0), [], id="it-ended-well-though-it-asked"),
    pytest.param(ASKS, ProcessEnded(5.0), Failed(1.0, 5.0, DIED), [], id="it-died-while-it-asked"),
    pytest.param(Running(1.0), Replied(5.0, "a", Reply(200), ""), Running(1.0), [], id="a-reply-is-not-for-it"),
]


@pytest.mark.parametrize(("state", "event", "expected", "effects"), STEPS)
def test_each_event_leads_to_its_state(state: State, event: Event, expected: State, effects: list[Effect]):
    """Given a process job's state and an event, the next state and effects follow."""
    job, found = step(make_process_job(state=state, secrets={"pw": "Password"}), event)
    assert (job.state, found) == (expected, effects)


@pytest.mark.parametrize(("state", "effects"), [(Running(1.0), []), (Stopping(1.0), STOP)])
def test_process_is_known_once_it_runs(state: State, effects: list[Any]):
    """Pid, start time and boot are recorded; a stop that was asked for before is said again."""
    job, found = step(make_process_job(state=state), ProcessStarted(5.0, 42, 7, "boot"))
    assert isinstance(job.work, ProcessWork)
    assert (job.work.pid, job.work.start_time, job.work.boot_id) == (42, 7, "boot")
    assert (job.state, found) == (state, effects)


def test_question_is_shown_and_taken_away():
    """A blocked job shows what it asks, and no longer when it goes on or is stopped."""
    job, _ = step(make_process_job(state=Running(1.0), secrets={"pw": "Password"}), MISSING)
    assert job.status_message == QUESTION.text
    assert step(job, Released(6.0))[0].status_message == ""
    assert step(job, StopAsked(6.0))[0].status_message == ""


@pytest.mark.parametrize("event", [Released(6.0), StopAsked(6.0), ProcessEnded(6.0, "completed")])
def test_question_of_a_process_is_shown_until_it_is_answered_or_moot(event: Event):
    """The sentence that says what to type is gone with the question."""
    job, _ = step(make_process_job(state=Running(1.0)), SIGNED_OUT)
    assert job.status_message == "Sign in."
    assert step(job, event)[0].status_message == ""


def test_process_that_is_known_only_after_it_asked_is_not_started_twice():
    """It may connect before its start was recorded."""
    job, _ = step(make_process_job(state=Running(1.0)), SIGNED_OUT)
    job, effects = step(job, ProcessStarted(5.5, 42, 7, "boot"))
    assert (job.state, effects) == (SIGN_IN, [])
    assert step(job, Released(6.0))[1] == []


def test_process_job_is_a_background_job():
    """Its type is PowerShell's word for it."""
    assert make_process_job().type is JobType.BACKGROUND


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (("pw", "pw", "key"), "Password, key must be given again"),
        (("environment",), f"Its {LOST}"),
        (("pw", "environment"), f"Password must be given again, and its {LOST}"),
    ],
)
def test_question_says_what_is_missing_and_what_to_type(names: tuple[str, ...], asked: str):
    """Each secret by its text, once; a lost environment is asked for from a shell that has it."""
    question = ask_for_secrets({"pw": "Password"}, names)
    assert (question.text, question.names) == (f"{asked}: azjobs job answer ID", tuple(dict.fromkeys(names)))
