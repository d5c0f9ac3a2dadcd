"""What a stop, a cancel and a resumption make of an Azure job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from core_samples import GET, PUT, PUT_IF_NEW, STATUS_URL, URL, call, error, make_plan_job, make_process_job, reply
from msgspec.structs import replace

from azjobs.core.arm import Answer, OnUnanswered, Request
from azjobs.core.errors import Fault, Sent
from azjobs.core.events import (
    Effect,
    NotAnswered,
    ReadUrl,
    Recovered,
    Released,
    Replied,
    Resumed,
    SendRequest,
    SignInMissing,
    StopAsked,
    TimedOut,
    WriteOutput,
)
from azjobs.core.job import Call, Ended, Fetching, Intended, Job, Looking, Unclear, Watching
from azjobs.core.lro import Monitor, Watch
from azjobs.core.machine import step
from azjobs.core.plan import Decision, Done, Send
from azjobs.core.plans import PLANS
from azjobs.core.states import Blocked, Completed, Failed, Running, Stopped, Stopping
from azjobs.core.stopping import refusal_to_resume, refusals

DEPLOY = Request("PUT", "/r/d", "d", {}, cancel_path="/r/d/cancel")
CANCEL = Request("POST", "/r/d/cancel", "d", on_unanswered=OnUnanswered.AGAIN, cancels="d")
WATCHING = Watching(Watch(Monitor.ASYNC_OPERATION, STATUS_URL), status="Running")
TOO_LATE = error(409, "DeploymentCannotBeCancelled")
OK = Ended(Answer(200))
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
    return make_plan_job(state=Running(1.0), calls=calls, remote_state="Running")


def cancelling(**calls: Call) -> Job:
    """A job that has asked for the cancel of its deployment d."""
    asked = {"d": call(DEPLOY, WATCHING), "cancel d": call(CANCEL, Intended(1)), **calls}
    return make_plan_job(state=Stopping(1.0), calls=asked, is_cancelling=True, remote_state="Running")


def status(word: str) -> Replied:
    return Replied(3.0, "d", reply(200, {"status": word}), STATUS_URL)


def cancel_answered(answer: Any) -> Replied:
    return Replied(2.0, "cancel d", answer, f"{URL}/cancel")


def test_cancel_is_recorded_and_sent_and_the_watch_goes_on(set_plan: SetPlan) -> None:
    """The job is Stopping; what it was about to send is given up; nothing but the cancel goes out."""
    set_plan(Send({}))
    before = running(d=call(DEPLOY, WATCHING), e=call(PUT, Intended(1)), g=call(GET, Intended(1)))
    job, effects = step(before, StopAsked(2.0, cancel=True, recalled=("e", "g")))
    assert (job.state, job.status_message) == (Stopping(1.0), "Azure was asked to cancel d.")
    assert job.work.calls["cancel d"] == call(CANCEL, Intended(1))  # type: ignore[union-attr]
    assert [effect for effect in effects if isinstance(effect, SendRequest | ReadUrl)] == [SendRequest("cancel d")]
    job, _ = step(job, cancel_answered(reply(204)))
    assert (job.state, job.status_message) == (Stopping(1.0), "Azure cancels d.")


NOTHING = "there was nothing to cancel in Azure."
NO_WAY = "Azure offers no way to cancel this operation, and"


@pytest.mark.parametrize(
    ("calls", "recalled", "state", "message"),
    [
        ({"a": call(PUT, WATCHING)}, (), "Running", f"{NO_WAY} it goes on there (x, creating)."),
        ({"a": call(PUT, Looking(1))}, (), "Unknown", f"{NO_WAY} whether it goes on there is not known (x, creating)."),
        ({"d": call(DEPLOY, Intended(1))}, ("d",), "", NOTHING),
        ({"d": call(DEPLOY, OK), "g": call(GET, Intended(1))}, (), "", NOTHING),
    ],
    ids=["none-offered", "none-offered-and-unknown", "never-sent", "all-done"],
)
def test_where_nothing_can_be_cancelled_the_job_is_watched_no_more(
    set_plan: SetPlan, calls: dict[str, Call], recalled: tuple[str, ...], state: str, message: str
) -> None:
    """Both are said in one sentence."""
    set_plan(Send({}))
    job, effects = step(running(**calls), StopAsked(2.0, cancel=True, recalled=recalled))
    assert (job.state, effects) == (Stopped(1.0, 2.0, state), [])
    assert job.status_message == f"Stopped watching: {message}"


RECALLED = [
    pytest.param(PUT, Intended(2), Intended(0), "", id="earlier-attempts-are-known-to-be-in-vain"),
    pytest.param(PUT_IF_NEW, Intended(1), Intended(0), "", id="the-first-under-a-condition"),
    pytest.param(PUT_IF_NEW, Intended(2), Intended(1), "Unknown", id="an-earlier-one-may-have-taken-effect"),
    pytest.param(PUT, WATCHING, WATCHING, "Running", id="what-is-watched-is-not-recalled"),
]


@pytest.mark.parametrize(("request_", "phase", "after", "state"), RECALLED)
@pytest.mark.parametrize("event", [StopAsked(2.0, recalled=("a",)), TimedOut(2.0, ("a",))], ids=["stop", "time"])
def test_what_was_recalled_is_not_under_way(
    set_plan: SetPlan, request_: Request, phase: Any, after: Any, state: str, event: StopAsked | TimedOut
) -> None:
    """A request that never went out is none of what Azure may be doing."""
    set_plan(Send({}))
    before = replace(running(a=call(request_, phase)), time_limit_s=1.0)
    job, _ = step(before, event)
    assert job.remote_state == state
    assert job.work.calls == {"a": call(request_, after)}  # type: ignore[union-attr]


def test_cancelled_at_azure_is_stopped(set_plan: SetPlan) -> None:
    """The operation's own word ends it, whether or not the cancel was answered."""
    set_plan(lambda answers: answers["d"].fault or Done())
    for job in (cancelling(), step(cancelling(), cancel_answered(reply(204)))[0]):
        after, effects = step(job, status("Canceled"))
        assert (after.state, effects) == (Stopped(1.0, 3.0, "Canceled"), [])
        assert (after.remote_state, after.is_cancelling) == ("Canceled", False)
        assert after.status_message == "Azure cancelled it (d). What it had made by then stays."


def test_succeeded_before_the_cancel_is_completed(set_plan: SetPlan) -> None:
    """With its result; a cancel that has no answer yet is waited for no more."""
    set_plan(lambda answers: Done("value") if "d" in answers else Send({}))
    job, effects = step(cancelling(), status("Succeeded"))
    assert (job.state, effects) == (Completed(1.0, 3.0), [WriteOutput("value")])
    assert (job.remote_state, job.is_cancelling) == ("Succeeded", False)


def test_what_has_just_succeeded_is_not_cancelled_but_completed(set_plan: SetPlan) -> None:
    """Its result is being read: nothing is asked of Azure."""
    set_plan(lambda answers: Done("value") if "d" in answers else Send({}))
    job, effects = step(running(d=call(DEPLOY, Fetching(URL))), StopAsked(2.0, cancel=True))
    assert (job.state, [effect for effect in effects if isinstance(effect, SendRequest)]) == (Stopping(1.0), [])
    job, effects = step(job, Replied(3.0, "d", reply(200, {}), URL))
    assert (job.state, effects) == (Completed(1.0, 3.0), [WriteOutput("value")])


def test_what_more_the_plan_wants_is_not_begun_after_a_cancel(set_plan: SetPlan) -> None:
    """What was under way is done; the job is Stopped and says what had been done."""
    set_plan(Send({"d": DEPLOY, "next": PUT}))
    job, effects = step(cancelling(), status("Succeeded"))
    assert (job.state, effects) == (Stopped(1.0, 3.0, "Succeeded"), [])
    assert job.status_message == "Stopped. Azure had done until then: d."


def test_failed_while_it_was_to_be_cancelled_is_failed(set_plan: SetPlan) -> None:
    """For its own reason."""
    set_plan(lambda answers: answers["d"].fault or Done())
    body = {"status": "Failed", "error": {"code": "Quota", "message": "No."}}
    job, _ = step(cancelling(), Replied(3.0, "d", reply(200, body), STATUS_URL))
    assert isinstance(job.state, Failed)
    assert (job.state.fault.code, job.is_cancelling) == ("Quota", False)


def test_a_refused_cancel_is_said_and_may_be_asked_again(set_plan: SetPlan) -> None:
    """The watch goes on to the end; a second cancel is sent anew."""
    set_plan(Send({}))
    job, effects = step(cancelling(), cancel_answered(TOO_LATE))
    assert (job.state, [e for e in effects if isinstance(e, SendRequest | ReadUrl)]) == (Stopping(1.0), [])
    said = "Azure refused to cancel d (DeploymentCannotBeCancelled: Because)."
    assert job.status_message == f"{said} It is watched to its end."
    assert refusals(job.work) == [said]  # type: ignore[arg-type]
    job, effects = step(job, StopAsked(3.0, cancel=True))
    assert SendRequest("cancel d") in effects
    assert refusals(job.work) == []  # type: ignore[arg-type]


def test_a_cancel_is_sent_again_where_nobody_answered(set_plan: SetPlan) -> None:
    """Twice is as once: after a lost answer, and after the death of a daemon; a refusal says nothing then."""
    set_plan(Send({}))
    for event in (NotAnswered(2.0, "cancel d", "timed out"), Recovered(2.0)):
        job, effects = step(cancelling(), event)
        assert [effect.call for effect in effects if isinstance(effect, SendRequest)] == ["cancel d"]
        job, _ = step(job, cancel_answered(TOO_LATE))
        assert (refusals(job.work), job.status_message) == ([], "Azure was asked to cancel d.")  # type: ignore[arg-type]


def test_a_cancel_that_is_never_answered_is_given_up(set_plan: SetPlan) -> None:
    """After some attempts; the operation is watched all the same."""
    set_plan(Send({}))
    job = cancelling()
    for _ in range(4):
        job, effects = step(job, NotAnswered(2.0, "cancel d", "timed out"))
    assert not [effect for effect in effects if isinstance(effect, SendRequest)]
    assert job.status_message == "Azure did not answer whether it cancels d. It is watched to its end."


def test_what_needs_a_sign_in_is_asked_for_while_it_is_cancelled(set_plan: SetPlan) -> None:
    """Blocked, and Stopping again once it is answered: the cancel goes out then."""
    set_plan(Send({}))
    job, _ = step(cancelling(), SignInMissing(2.0, "cancel d", ""))
    assert isinstance(job.state, Blocked)
    job, effects = step(job, Released(3.0))
    assert (job.state, SendRequest("cancel d") in effects) == (Stopping(1.0), True)


def test_an_unclear_request_is_no_question_to_who_stops(set_plan: SetPlan) -> None:
    """That it is unknown is said in the end."""
    set_plan(Send({}))
    job, _ = step(cancelling(u=call(PUT, Unclear(1))), cancel_answered(TOO_LATE))
    job, _ = step(job, status("Succeeded"))
    assert job.state == Stopped(1.0, 3.0, "Unknown")
    assert job.status_message == "Stopped. Whether it took effect is not known: x."


def test_a_second_stop_gives_the_cancelling_up(set_plan: SetPlan) -> None:
    """Nothing of the cancel is left, so that a resumed job does not send it."""
    set_plan(Send({}))
    job, _ = step(cancelling(), StopAsked(3.0))
    assert job.state == Stopped(1.0, 3.0, "Running")
    assert list(job.work.calls) == ["d"]  # type: ignore[union-attr]
    job, effects = step(job, Resumed(4.0))
    assert (job.state, job.is_cancelling) == (Running(1.0), False)
    assert [effect for effect in effects if isinstance(effect, SendRequest | ReadUrl)] == [ReadUrl("d", STATUS_URL)]


RESUMED: list[Any] = [
    pytest.param(call(PUT, WATCHING), [ReadUrl("a", STATUS_URL)], id="watched-again"),
    pytest.param(call(PUT, Intended(0)), [SendRequest("a")], id="never-sent-is-sent"),
    pytest.param(call(PUT, Intended(1)), [ReadUrl("a", "/r/x", settle=True)], id="unknown-is-looked-at"),
    pytest.param(call(PUT_IF_NEW, Intended(1)), [SendRequest("a", is_conditional=True)], id="under-its-condition"),
]


@pytest.mark.parametrize(("stopped", "effects"), RESUMED)
def test_a_stopped_job_goes_on_by_the_rules_of_recovery(
    set_plan: SetPlan, stopped: Call, effects: list[Effect]
) -> None:
    """Each request from what was recorded of it; the job has begun when it began."""
    set_plan(Send({}))
    before = replace(running(a=stopped), state=Stopped(1.0, 2.0, "Running"))
    job, found = step(before, Resumed(9.0))
    assert job.state == Running(1.0)
    assert [effect for effect in found if isinstance(effect, SendRequest | ReadUrl)] == effects


@pytest.mark.parametrize(
    ("job", "why"),
    [
        (running(a=call(PUT, WATCHING)), "Job 3 is not stopped: it is Running."),
        (replace(running(), state=Completed(1.0, 2.0)), "Job 3 is not stopped: it has ended as Completed."),
        (make_process_job(state=Stopped(1.0, 2.0)), "Job 3 was a process, which was ended: start it anew."),
        (replace(running(a=call(PUT, OK)), state=Stopped(1.0, 2.0)), "Job 3 has nothing left to watch: "),
    ],
)
def test_what_cannot_be_resumed_stays_as_it_is(job: Job, why: str) -> None:
    """One sentence says why, and the event changes nothing."""
    job = replace(job, id=3)
    assert refusal_to_resume(job).startswith(why)
    assert step(job, Resumed(9.0)) == (job, [])


def test_a_given_up_request_is_no_failure_of_its_own(set_plan: SetPlan) -> None:
    """A cancelled job is Failed only for what Azure said."""
    fault = Fault("GivenUp", "", sent=Sent.NO)
    set_plan(fault)
    job, _ = step(cancelling(a=call(PUT, Ended(Answer(0, fault=fault)))), status("Canceled"))
    assert job.state == Stopped(1.0, 3.0, "Canceled")
