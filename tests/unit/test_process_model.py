"""Whatever happens to a process job in whatever order, its process is started once and the state tells the truth.

A random run drives `step` against a process that asks for tokens and lines, a user who
stops, signs in and answers, and daemons that die.
"""

from __future__ import annotations

import pytest
from core_samples import make_process_job
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from azjobs.core.events import (
    Begun,
    Event,
    InputAsked,
    ProcessEnded,
    ProcessStarted,
    Recovered,
    Released,
    SecretMissing,
    SignInMissing,
    StartProcess,
    StopAsked,
    StopProcess,
)
from azjobs.core.job import Job, ProcessWork, format_job, parse_job
from azjobs.core.machine import step
from azjobs.core.states import Blocked, QuestionKind, Running, Stopping, is_finished


class ProcessOfAJob(RuleBasedStateMachine):
    """One job, its process, the daemon beside it and the user before it."""

    def __init__(self) -> None:
        super().__init__()
        self.job: Job = make_process_job(secrets={"pw": "Password"})
        self.now = 0.0
        self.to_start = 0
        self.started = 0
        self.is_alive = False
        self.is_waiting = False  # for what only a person can bring about
        self.is_told_to_stop = False

    @initialize()
    def begin(self) -> None:
        """It is accepted."""
        self.feed(Begun(self.now))

    def feed(self, event: Event) -> None:
        """Carry an event through the machine, and take up the effects."""
        before = self.job
        self.now += 1.0
        self.job, effects = step(self.job, event)
        if is_finished(before.state):
            assert (self.job, effects) == (before, [])
        self.to_start += effects.count(StartProcess())
        self.is_told_to_stop = self.is_told_to_stop or StopProcess() in effects

    def is_going_on(self) -> bool:
        """Whether the job has not ended."""
        return not is_finished(self.job.state)

    @rule(is_secret_there=st.booleans())
    @precondition(lambda self: self.to_start)
    def starts(self, *, is_secret_there: bool) -> None:
        """Its process is started, unless a secret is missing or it is to stop."""
        self.to_start -= 1
        if not self.is_going_on():
            return
        if not is_secret_there:
            self.feed(SecretMissing(self.now, ("pw",)))
        elif isinstance(self.job.state, Stopping):
            self.feed(ProcessEnded(self.now, "stopped"))
        else:
            self.started += 1
            self.is_alive = True

    @rule()
    @precondition(lambda self: self.is_alive and self.is_going_on())
    def is_known(self) -> None:
        """That it runs is recorded, perhaps after it has asked for something."""
        self.feed(ProcessStarted(self.now, 42, 7, "boot"))

    @rule(is_signed_in=st.booleans())
    @precondition(lambda self: self.is_alive and not self.is_waiting and self.is_going_on())
    def asks_for_a_token(self, *, is_signed_in: bool) -> None:
        """It is given one, or its sign-in is gone; a daemon that knew it as waiting learns that it does not."""
        if not is_signed_in:
            self.feed(SignInMissing(self.now, "", "Sign in."))
            self.is_waiting = isinstance(self.job.state, Blocked)
        elif isinstance(self.job.state, Blocked):
            self.feed(Released(self.now))

    @rule(is_hidden=st.booleans(), prompt=st.text(max_size=5))
    @precondition(lambda self: self.is_alive and not self.is_waiting and self.is_going_on())
    def asks_for_a_line(self, *, is_hidden: bool, prompt: str) -> None:
        """It calls `input` or `getpass`."""
        self.feed(InputAsked(self.now, "q", prompt, is_hidden))
        self.is_waiting = isinstance(self.job.state, Blocked)

    @rule()
    @precondition(lambda self: isinstance(self.job.state, Blocked))
    def user_answers(self) -> None:
        """The user signs in again, or gives the secret."""
        self.is_waiting = False
        self.feed(Released(self.now))

    @rule()
    @precondition(lambda self: self.is_going_on())
    def user_stops(self) -> None:
        """The user stops it."""
        self.feed(StopAsked(self.now))

    @rule(outcome=st.sampled_from(["", "completed", "failed", "stopped"]))
    @precondition(lambda self: self.is_alive and self.is_going_on())
    def ends(self, outcome: str) -> None:
        """Its process ends, waiting or not."""
        self.is_alive = self.is_waiting = False
        self.feed(ProcessEnded(self.now, outcome))

    @rule()
    @precondition(lambda self: self.is_going_on())
    def daemon_dies(self) -> None:
        """The next one knows what is recorded: of a job without a process it says that it was recovered."""
        self.to_start = 0
        if self.is_alive:
            self.is_waiting = False  # it asks the next daemon again
        elif isinstance(self.job.state, Blocked):
            self.feed(Released(self.now))
        else:
            self.feed(Recovered(self.now))

    @rule()
    @precondition(lambda self: not self.is_going_on())
    def event_after_the_end(self) -> None:
        """Whatever comes after the end changes nothing."""
        for event in (StopAsked(0.5), Released(0.5), SignInMissing(0.5, "", ""), ProcessEnded(0.5, "completed")):
            self.feed(event)

    @invariant()
    def all_is_well(self) -> None:
        """The job survives the store, has one process, and says what it waits for."""
        assert parse_job(format_job(self.job)) == self.job
        assert self.started + (self.to_start if self.is_going_on() else 0) <= 1
        state = self.job.state
        if isinstance(state, Blocked):
            assert self.job.status_message == state.question.text
            assert (state.question.kind is not QuestionKind.SECRET) == self.is_alive
        else:
            assert self.job.status_message == ""
        if self.is_waiting and self.is_going_on():
            assert isinstance(state, Blocked | Stopping)
        if isinstance(state, Running):
            assert self.is_alive or self.to_start == 1
        if isinstance(state, Stopping) and self.is_alive:
            assert self.is_told_to_stop
        assert isinstance(self.job.work, ProcessWork)


ProcessOfAJob.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestProcessOfAJob = pytest.mark.slow(ProcessOfAJob.TestCase)
