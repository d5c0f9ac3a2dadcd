"""A job of a plan: what each event makes of it, and what is to be done then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from core_samples import (
    DELETE,
    GET,
    PATCH,
    PUT,
    PUT_IF_NEW,
    RESTART,
    STATUS_URL,
    URL,
    call,
    error,
    make_plan_job,
    make_process_job,
    reply,
    resource,
)

from azjobs.core.arm import Answer, Request
from azjobs.core.errors import Fault, Sent
from azjobs.core.events import (
    Begun,
    Event,
    NotAnswered,
    NotSent,
    ProcessEnded,
    ProcessStarted,
    ReadUrl,
    Recovered,
    Refused,
    Released,
    Replied,
    SecretMissing,
    SendRequest,
    SignInMissing,
    StopAsked,
    WriteError,
    WriteOutput,
    WriteProgress,
)
from azjobs.core.job import Call, Ended, Fetching, Intended, Job, Looking, PlanWork, Unclear, Watching, parse_job
from azjobs.core.lro import Monitor, Watch
from azjobs.core.machine import step
from azjobs.core.plan import Decision, Done, Send
from azjobs.core.plans import PLANS
from azjobs.core.states import (
    Blocked,
    Completed,
    Failed,
    JobState,
    NotStarted,
    Question,
    QuestionKind,
    Running,
    Stopped,
)

OTHER = Request("PUT", "/r/y", "y", {})
OK = Ended(Answer(200))
BAD = Fault("Bad", "Because.", "x")
STATUS = Watch(Monitor.ASYNC_OPERATION, STATUS_URL)
SECRET = Question(QuestionKind.SECRET, "Password must be given again: azjobs job answer ID", ("pw",))
SIGN_IN = Question(QuestionKind.SIGN_IN, "Sign in again: azjobs account connect")

SetPlan = Callable[[Decision | Callable[[Mapping[str, Answer]], Decision]], None]


@pytest.fixture
def set_plan(monkeypatch: pytest.MonkeyPatch) -> SetPlan:
    """Return what makes the plan of the tests: a decision, or a function of the answers so far."""

    def set_it(decide: Decision | Callable[[Mapping[str, Answer]], Decision]) -> None:
        def plan(_: Mapping[str, Any], answers: Mapping[str, Answer]) -> Decision:
            return decide(answers) if callable(decide) else decide

        monkeypatch.setitem(PLANS, "test@1", plan)

    return set_it


def running(**calls: Call) -> Job:
    """A job that began at 1, with these calls by key."""
    return make_plan_job(state=Running(1.0), calls=calls, secrets={"pw": "Password"})


def calls_of(job: Job) -> dict[str, Call]:
    """The calls of a job, after its way through the store."""
    assert isinstance(job.work, PlanWork)
    assert parse_job(msgspec.json.encode(job)) == job
    return job.work.calls


def test_job_that_begins_sends_what_its_plan_asks_for(set_plan: SetPlan):
    """The first requests of the plan are recorded as intents and sent, each under its own condition."""
    set_plan(Send({"a": PUT_IF_NEW, "b": GET}))
    job, effects = step(make_plan_job(), Begun(2.0))
    assert job.state == Running(2.0)
    assert calls_of(job) == {"a": call(PUT_IF_NEW, Intended(1)), "b": call(GET, Intended(1))}
    assert effects == [
        SendRequest("a", is_conditional=True),
        SendRequest("b"),
        WriteProgress("job", "creating x"),
    ]
    assert job.status_message == "creating x"


def test_job_begins_once(set_plan: SetPlan):
    """A second beginning changes nothing, whatever the state."""
    set_plan(Send({"a": PUT}))
    for job in (running(a=call(PUT, Intended(1))), msgspec.structs.replace(running(), state=Blocked(1.0, SECRET))):
        assert step(job, Begun(9.0)) == (job, [])


def test_plan_that_is_done_at_once_completes_the_job(set_plan: SetPlan):
    """A plan with nothing to do gives its result."""
    set_plan(Done({"a": 1}))
    job, effects = step(make_plan_job(), Begun(2.0))
    assert (job.state, effects) == (Completed(2.0, 2.0), [WriteOutput({"a": 1})])


def test_plan_that_refuses_at_once_fails_the_job(set_plan: SetPlan):
    """A plan that refuses its arguments fails the job with its reason."""
    set_plan(BAD)
    job, effects = step(make_plan_job(), Begun(2.0))
    assert (job.state, effects) == (Failed(2.0, 2.0, BAD), [WriteError(BAD)])


def test_plan_that_is_not_known_fails_the_job():
    """A job of a plan that this version does not have ends with that reason."""
    job, _ = step(make_plan_job("gone@9"), Begun(2.0))
    fault = Fault("PlanUnknown", "This version of azjobs has no plan gone@9.", sent=Sent.NO)
    assert job.state == Failed(2.0, 2.0, fault)


def test_plan_that_stalls_fails_the_job(set_plan: SetPlan):
    """A plan that asks for nothing and is not done does not hang."""
    set_plan(Send({}))
    job, _ = step(make_plan_job(), Begun(2.0))
    assert isinstance(job.state, Failed)
    assert job.state.fault.code == "PlanStalled"


def test_answer_leads_the_plan_on(set_plan: SetPlan):
    """When a request ends, the plan sees its answer, and only what is new is sent."""
    seen: list[Mapping[str, Answer]] = []

    def decide(answers: Mapping[str, Answer]) -> Decision:
        seen.append(answers)
        return Send({"a": GET, "b": GET, "c": PUT})

    set_plan(decide)
    before = running(a=call(GET, Intended(1)), b=call(GET, Intended(1)))
    job, effects = step(before, Replied(3.0, "a", reply(200, 7), URL))
    assert seen == [{"a": Answer(200, 7)}]
    assert effects == [SendRequest("c"), WriteProgress("job", "creating x")]
    assert list(calls_of(job)) == ["a", "b", "c"]


def test_last_answer_completes_the_job(set_plan: SetPlan):
    """The plan's result is the job's output, and its state carries both times."""
    set_plan(lambda answers: Done(answers["a"].body))
    before = msgspec.structs.replace(running(a=call(GET, Intended(1))), percent=50.0, remote_state="Creating")
    job, effects = step(before, Replied(3.0, "a", reply(200, 7), URL))
    assert job.state == Completed(1.0, 3.0)
    assert effects == [WriteOutput(7)]
    assert (job.percent, job.status_message, job.remote_state) == (None, "", "Succeeded")


def test_plan_that_is_done_waits_for_what_is_under_way(set_plan: SetPlan):
    """A job is not complete while one of its requests is under way."""
    set_plan(Done(1))
    before = running(a=call(PUT, Intended(1)), b=call(OTHER, Intended(1)))
    job, _ = step(before, Replied(3.0, "a", reply(204), URL))
    assert job.state == Running(1.0)
    job, effects = step(job, Replied(4.0, "b", reply(204), URL))
    assert (job.state, effects) == (Completed(1.0, 4.0), [WriteOutput(1)])


def test_what_azure_says_is_shown(set_plan: SetPlan):
    """The operation's own word and percentage are the job's; each change of them is told once."""
    set_plan(Send({"a": PUT}))
    job = running(a=call(PUT, Watching(STATUS)))
    poll = Replied(3.0, "a", reply(200, {"status": "Creating", "percentComplete": 40}), STATUS_URL)
    job, effects = step(job, poll)
    assert (job.remote_state, job.percent) == ("Creating", 40.0)
    assert effects[1:] == [WriteProgress("job", "creating x", 40.0)]
    again, effects = step(job, poll)
    assert again == job
    assert [type(effect) for effect in effects] == [ReadUrl]


def test_failed_plan_waits_for_what_azure_is_doing(set_plan: SetPlan):
    """After a failure nothing more is sent, reads are given up, and the job ends when Azure's work has ended."""
    set_plan(lambda answers: BAD if "a" in answers else Send({}))
    before = running(
        a=call(PUT, Intended(1)),
        b=call(OTHER, Watching(STATUS, was_created=True)),
        c=call(GET, Intended(1)),
        d=call(PUT_IF_NEW, Intended(0), is_held=True),
    )
    job, effects = step(before, Replied(3.0, "a", error(403, "E"), URL))
    assert job.state == Running(1.0)
    assert job.failing == BAD
    assert [type(c.phase) for c in calls_of(job).values()] == [Ended, Watching, Ended, Ended]
    assert effects == [WriteProgress("job", "creating y")]
    job, effects = step(job, Replied(4.0, "b", reply(200, {"status": "Succeeded"}), STATUS_URL))
    fault = msgspec.structs.replace(BAD, left=("y",))
    assert (job.state, job.failing, effects) == (Failed(1.0, 4.0, fault), None, [WriteError(fault)])


def test_failed_job_tells_what_it_left(set_plan: SetPlan):
    """What was created still exists; what was created and failed is marked; what was there before is not named."""
    set_plan(lambda answers: answers["d"].fault or Done())
    before = running(
        a=call(PUT, Ended(Answer(201, created=True))),
        b=call(OTHER, Ended(Answer(200, fault=BAD, created=True))),
        c=call(PATCH, Ended(Answer(200))),
        d=call(DELETE, Intended(1)),
    )
    job, _ = step(before, Replied(3.0, "d", error(403, "E"), URL))
    assert isinstance(job.state, Failed)
    assert job.state.fault.left == ("x", "y (failed)")


def test_write_that_failed_plan_would_repeat_is_given_up(set_plan: SetPlan):
    """A request that was throttled while another failed is not sent again."""
    set_plan(BAD)
    before = msgspec.structs.replace(running(a=call(PUT, Intended(1))), failing=BAD)
    job, effects = step(before, Replied(3.0, "a", reply(429), URL))
    assert (job.state, effects) == (Failed(1.0, 3.0, BAD), [WriteError(BAD)])


def test_read_before_tells_what_was_created(set_plan: SetPlan):
    """What the plan's own read found there was not created by the job, whatever the case of its path."""
    set_plan(lambda answers: BAD if "w" in answers else Send({}))
    put = Request("PUT", "/R/x", "x", {})
    for status, left in ((200, ()), (404, ("x",))):
        fault = None if status == 200 else Fault("E", "", http_status=404)
        read_before = call(GET, Ended(Answer(status, fault=fault)))
        before = running(r=read_before, w=call(put, Intended(1)))
        job, _ = step(before, Replied(3.0, "w", reply(202 if status == 200 else 200, resource()), URL))
        if isinstance(job.state, Running):
            job, _ = step(job, Replied(4.0, "w", reply(200, resource()), URL))
        assert isinstance(job.state, Failed)
        assert job.state.fault.left == left


def test_failed_read_before_tells_nothing(set_plan: SetPlan):
    """A read that was refused does not say whether the resource was there."""
    set_plan(lambda answers: BAD if "w" in answers else Send({}))
    read_before = call(GET, Ended(Answer(403, fault=Fault("E", "", http_status=403))))
    job, _ = step(running(r=read_before, w=call(PUT, Intended(1))), Replied(3.0, "w", reply(201, resource()), URL))
    assert isinstance(job.state, Failed)
    assert job.state.fault.left == ("x",)


# Blocked


def test_missing_secret_blocks_the_job_and_only_what_needs_it(set_plan: SetPlan):
    """The job asks for the secret by its text; the request that needs it waits, another one goes on."""
    set_plan(Send({"a": PUT, "b": OTHER}))
    before = running(a=call(PUT, Intended(1)), b=call(OTHER, Watching(STATUS)))
    job, effects = step(before, SecretMissing(3.0, ("pw",), "a"))
    assert (job.state, job.status_message, effects) == (Blocked(1.0, SECRET), SECRET.text, [])
    assert calls_of(job)["a"] == call(PUT, Intended(0), is_held=True)
    poll = Replied(4.0, "b", reply(200, {"status": "Running"}, retry_after="5"), STATUS_URL)
    job, effects = step(job, poll)
    assert job.state == Blocked(1.0, SECRET)
    assert job.status_message == SECRET.text
    assert effects == [ReadUrl("b", STATUS_URL, 5.0)]
    job, effects = step(job, Released(5.0))
    assert job.state == Running(1.0)
    assert calls_of(job)["a"] == call(PUT, Intended(1))
    assert effects == [SendRequest("a"), WriteProgress("job", "creating x, y")]


def test_several_missing_secrets_are_asked_for_together(set_plan: SetPlan):
    """A second request that finds a secret missing adds its names; one that has no text is asked for by name."""
    set_plan(Send({"a": PUT, "b": OTHER}))
    job, _ = step(running(a=call(PUT, Intended(1)), b=call(OTHER, Intended(1))), SecretMissing(3.0, ("pw",), "a"))
    job, _ = step(job, SecretMissing(4.0, ("pw", "key"), "b"))
    text = "Password, key must be given again: azjobs job answer ID"
    assert job.state == Blocked(1.0, Question(QuestionKind.SECRET, text, ("pw", "key")))


@pytest.mark.parametrize(
    ("phase", "effect"),
    [
        pytest.param(Intended(1), SendRequest("a"), id="a-write"),
        pytest.param(Looking(1), ReadUrl("a", "/r/x"), id="a-look"),
        pytest.param(Watching(STATUS), ReadUrl("a", STATUS_URL), id="a-watch"),
        pytest.param(Fetching(URL), ReadUrl("a", URL), id="a-result"),
    ],
)
def test_missing_sign_in_holds_whatever_needs_it(set_plan: SetPlan, phase: Any, effect: Any):
    """Reading a status needs a sign-in too: it waits for one, and goes on where it was."""
    set_plan(Send({"a": PUT, "b": OTHER}))
    before = running(a=call(PUT, phase), b=call(OTHER, Watching(STATUS)))
    job, effects = step(before, SignInMissing(3.0, "a", ""))
    assert (job.state, effects) == (Blocked(1.0, SIGN_IN), [])
    job, effects = step(job, Released(4.0))
    assert job.state == Running(1.0)
    assert calls_of(job)["a"] == call(PUT, phase)
    assert effects[0] == effect
    assert [type(one) for one in effects[1:]] == [WriteProgress]  # nothing for b, which was never held


def test_sign_in_question_says_what_the_broker_said(set_plan: SetPlan):
    """The broker's own sentence is asked where it has one."""
    set_plan(Send({"a": PUT}))
    job, _ = step(running(a=call(PUT, Intended(1))), SignInMissing(3.0, "a", "Connect to Contoso again."))
    assert job.status_message == "Connect to Contoso again."


def test_unclear_request_is_asked_about(set_plan: SetPlan):
    """The question names the request; the choice "done" ends it as done, "again" sends it again."""
    set_plan(lambda answers: Done(answers["a"].status) if "a" in answers else Send({"a": RESTART}))
    job, effects = step(running(a=call(RESTART, Intended(1))), NotAnswered(3.0, "a", "Timed out."))
    assert effects == []
    assert isinstance(job.state, Blocked)
    assert (job.state.question.kind, job.state.question.names) == (QuestionKind.UNANSWERED, ("a",))
    assert "whether 'x' took effect" in job.status_message
    done, effects = step(job, Released(4.0, "done"))
    assert (done.state, effects) == (Completed(1.0, 4.0), [WriteOutput(200)])
    again, effects = step(job, Released(4.0, "again"))
    assert again.state == Running(1.0)
    assert calls_of(again)["a"] == call(RESTART, Intended(2))
    assert effects == [SendRequest("a"), WriteProgress("job", "restarting x")]
    assert step(job, Released(4.0)) == (job, [])


def test_choice_is_about_one_request(set_plan: SetPlan):
    """With two unclear requests the user is asked about one after the other, never about both at once."""
    set_plan(lambda answers: Done(1) if len(answers) == 2 else Send({}))
    before = running(a=call(RESTART, Unclear()), b=call(RESTART, Unclear()))
    job, _ = step(before, Recovered(2.0))
    assert isinstance(job.state, Blocked)
    assert job.state.question.names == ("a",)
    job, effects = step(job, Released(3.0, "done"))
    assert isinstance(job.state, Blocked)
    assert (job.state.question.names, effects) == (("b",), [])
    job, _ = step(job, Released(4.0, "done"))
    assert job.state == Completed(1.0, 4.0)


def test_choice_for_another_question_is_not_taken(set_plan: SetPlan):
    """A choice that arrives while the job asks for a secret decides nothing about an unclear request."""
    set_plan(Send({"a": RESTART, "b": PUT}))
    job, _ = step(running(a=call(RESTART, Unclear()), b=call(PUT, Intended(1))), SecretMissing(3.0, ("pw",), "b"))
    assert job.state == Blocked(1.0, SECRET)
    job, effects = step(job, Released(4.0, "again"))
    assert isinstance(job.state, Blocked)
    assert job.state.question.kind is QuestionKind.UNANSWERED
    assert effects == [SendRequest("b")]
    assert calls_of(job)["a"] == call(RESTART, Unclear())


def test_failed_plan_asks_nothing_more(set_plan: SetPlan):
    """A question whose answer no longer matters is not asked: the job ends, or goes on running."""
    set_plan(lambda answers: BAD if "b" in answers else Send({}))
    before = running(
        a=call(PUT, Intended(0), is_held=True),
        b=call(OTHER, Intended(1)),
        c=call(OTHER, Watching(STATUS)),
        d=call(RESTART, Unclear()),
    )
    job, _ = step(msgspec.structs.replace(before, state=Blocked(1.0, SECRET)), Replied(3.0, "b", error(403, "E"), URL))
    assert job.state == Running(1.0)
    assert [type(c.phase) for c in calls_of(job).values()] == [Ended, Ended, Watching, Ended]
    job, _ = step(job, Replied(4.0, "c", reply(200, {"status": "Succeeded"}), STATUS_URL))
    assert job.state == Failed(1.0, 4.0, BAD)


def test_failed_plan_still_waits_for_a_held_watch(set_plan: SetPlan):
    """A job whose operation goes on unseen for want of a sign-in stays blocked, though its plan has failed."""
    set_plan(BAD)
    job, _ = step(running(a=call(PUT, Watching(STATUS))), SignInMissing(3.0, "a", ""))
    assert job.state == Blocked(1.0, SIGN_IN)
    job, effects = step(job, Released(4.0))
    assert (job.state, effects[0]) == (Running(1.0), ReadUrl("a", STATUS_URL))


# Recovery and stop


def test_recovered_job_goes_on(set_plan: SetPlan):
    """Each request goes on by its own rule, what was held tries again, and new ones of the plan are sent."""
    set_plan(Send({"a": PUT, "b": OTHER, "c": PUT, "new": GET}))
    before = running(a=call(PUT, Intended(1)), b=call(OTHER, Watching(STATUS)), c=call(PUT, Intended(0), is_held=True))
    job, effects = step(msgspec.structs.replace(before, state=Blocked(1.0, SECRET)), Recovered(9.0))
    assert job.state == Running(1.0)
    expected = [
        ReadUrl("a", "/r/x", settle=True),
        ReadUrl("b", STATUS_URL),
        SendRequest("c"),
        SendRequest("new"),
        WriteProgress("job", "creating x, y, x"),
    ]
    assert effects == expected
    assert not any(one.is_held for one in calls_of(job).values())


def test_recovered_job_that_had_not_begun_begins(set_plan: SetPlan):
    """A job that was accepted and nothing more begins now."""
    set_plan(Send({"a": PUT}))
    job, effects = step(make_plan_job(), Recovered(9.0))
    assert job.state == Running(9.0)
    assert effects[0] == SendRequest("a")


def test_recovered_failing_job_sends_nothing(set_plan: SetPlan):
    """A job whose plan has failed looks whether its last request took effect, and sends nothing."""
    set_plan(BAD)
    before = msgspec.structs.replace(running(a=call(PUT_IF_NEW, Intended(1)), b=call(PUT, Intended(0))), failing=BAD)
    job, effects = step(before, Recovered(9.0))
    assert effects == [ReadUrl("a", "/r/x", settle=True), WriteProgress("job", "creating x")]
    assert isinstance(calls_of(job)["b"].phase, Ended)


@pytest.mark.parametrize(
    ("calls", "remote_state", "message"),
    [
        pytest.param({}, "", "Stopped watching.", id="nothing-was-sent"),
        pytest.param({"a": call(GET, Intended(1))}, "", "Stopped watching.", id="a-read"),
        pytest.param({"a": call(PUT, Intended(0), is_held=True)}, "", "Stopped watching.", id="a-held-write"),
        pytest.param({"a": call(PUT, OK)}, "", "Stopped watching.", id="all-done"),
        pytest.param(
            {"a": call(PUT, Watching(STATUS)), "b": call(OTHER, Fetching(URL)), "c": call(DELETE, Intended(1))},
            "Running",
            "Stopped watching. The operation goes on in Azure (x, creating, deleting).",
            id="azure-is-at-work",
        ),
        pytest.param(
            {"a": call(PUT, Fetching(URL)), "b": call(OTHER, Intended(0))},
            "Succeeded",
            "Stopped watching. The operation has succeeded in Azure (x, creating).",
            id="only-results-are-missing",
        ),
        pytest.param(
            {"a": call(PUT, Looking(1))},
            "Unknown",
            "Stopped watching. It is not known whether the operation goes on in Azure (x, creating).",
            id="nobody-knows",
        ),
    ],
)
def test_stopped_job_says_what_goes_on(set_plan: SetPlan, calls: dict[str, Call], remote_state: str, message: str):
    """A stop ends the watching; what Azure goes on doing is told, as far as it is known."""
    set_plan(Send({}))
    job, effects = step(msgspec.structs.replace(running(**calls), remote_state="InProgress"), StopAsked(5.0))
    assert (job.state, effects) == (Stopped(1.0, 5.0, remote_state), [])
    assert (job.remote_state, job.status_message) == (remote_state, message)


def test_job_is_stopped_before_it_begins():
    """A job that has not begun ends at once."""
    job, effects = step(make_plan_job(), StopAsked(5.0))
    assert (job.state, effects) == (Stopped(5.0, 5.0), [])


# Events that change nothing

EVENTS: list[Event] = [
    Begun(9.0),
    Replied(9.0, "a", reply(200), URL),
    NotSent(9.0, "a", ""),
    NotAnswered(9.0, "a", ""),
    SecretMissing(9.0, ("pw",), "a"),
    SignInMissing(9.0, "a", ""),
    Refused(9.0, "a", BAD),
    Released(9.0, "again"),
    ProcessStarted(9.0, 1, 1, ""),
    ProcessEnded(9.0, "completed"),
    StopAsked(9.0),
    Recovered(9.0),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("state", [Completed(1.0, 2.0), Failed(1.0, 2.0, BAD), Stopped(1.0, 2.0)])
@pytest.mark.parametrize("make", [lambda: running(a=call(PUT, Watching(STATUS))), make_process_job])
def test_job_that_has_ended_never_changes(make: Callable[[], Job], state: Any, event: Event):
    """Whatever comes after the end changes nothing and has no effect."""
    job = msgspec.structs.replace(make(), state=state)
    assert step(job, event) == (job, [])


@pytest.mark.parametrize("phase", [OK, Unclear(), Intended(0)], ids=lambda phase: type(phase).__name__)
@pytest.mark.parametrize("event", EVENTS[1:7], ids=lambda event: type(event).__name__)
def test_event_of_a_request_that_waits_for_none_changes_nothing(set_plan: SetPlan, phase: Any, event: Event):
    """What comes for a request that has ended, or waits for the user, is late and says nothing."""
    set_plan(Send({}))
    job = running(a=call(PUT, phase, is_held=isinstance(phase, Intended)), b=call(OTHER, Watching(STATUS)))
    assert step(job, event) == (job, [])


@pytest.mark.parametrize(
    "event",
    [*(EVENTS[n] for n in (1, 2, 3, 4, 5, 6)), Released(9.0), ProcessEnded(9.0)],
    ids=lambda e: type(e).__name__,
)
def test_event_that_is_not_for_the_job_changes_nothing(set_plan: SetPlan, event: Event):
    """An unknown request, an answer without a question, a process that it does not have."""
    set_plan(Send({}))
    job = running(z=call(PUT, Watching(STATUS)))
    assert step(job, event) == (job, [])


def test_states_have_powershell_s_names():
    """The stored state of a job is told by PowerShell's word."""
    assert make_plan_job().state_name is JobState.NOT_STARTED
    assert make_plan_job().state == NotStarted()
    assert running().state_name is JobState.RUNNING
