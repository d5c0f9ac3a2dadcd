"""Whatever the network, the service and the daemon's deaths do, a job does each thing once and reports the truth.

A random run drives `step` against a model of Resource Manager: requests are
lost, executed without an answer, late, throttled, refused; the daemon dies and
loses what it had not made durable; status records expire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from arm_model import HOST, STYLES, ArmModel, Resource
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from azjobs.core.arm import Answer, OnUnanswered, Reply, Request
from azjobs.core.errors import Fault, Sent
from azjobs.core.events import (
    Begun,
    Event,
    NotAnswered,
    NotSent,
    ReadUrl,
    Recovered,
    Refused,
    Released,
    Replied,
    Resumed,
    SecretMissing,
    SendRequest,
    SignInMissing,
    StopAsked,
    WriteError,
    WriteOutput,
)
from azjobs.core.job import Ended, Job, PlanWork, Unclear, format_job, parse_job
from azjobs.core.machine import step
from azjobs.core.plan import Decision, Done, Send
from azjobs.core.plans import PLANS
from azjobs.core.states import Blocked, Completed, Failed, QuestionKind, Stopped, is_finished
from azjobs.core.stopping import is_resumable

READS = {name: Request("GET", f"/r/{name}", name) for name in ("a", "b", "u", "w")}
FIRST = {
    "put a": Request("PUT", "/r/a", "a", {"properties": {"x": 1}}),
    "put b": Request("PUT", "/r/b", "b", {"properties": {"x": 2}}, on_unanswered=OnUnanswered.CONDITION),
    "put n": Request("PUT", "/r/n", "n", {"location": "East US"}, holes={"/p": "password"}),
    "put k": Request("PUT", "/r/k", "k", {"properties": {"x": 4}}, cancel_path="/r/k/cancel"),
    "delete d": Request("DELETE", "/r/d?force=true", "d", look_path="/r/d"),
}
SECOND = {
    "put u": Request("PUT", "/r/u", "u", {"properties": {"x": 3}}),
    "patch w": Request("PATCH", "/r/w", "w", {"tags": {"t": "1"}}),
    "deallocate": Request("POST", "/r/v/deallocate", "v", look_path="/r/v/instanceView", done_when="deallocated"),
    "restart": Request("POST", "/r/v/restart", "v", on_unanswered=OnUnanswered.ASK),
    "reimage": Request("POST", "/r/v/reimage", "v", on_unanswered=OnUnanswered.ASK),
}
CREATED = {"put a": "a", "put b": "b", "put n": "n", "put k": "k"}
NOT_EXECUTED = ["not sent", "429", "409", "secret", "sign-in"] * 2 + ["403", "refused"]
IDEMPOTENT = {"put u", "patch w"}


def everything(arguments: Mapping[str, Any], answers: Mapping[str, Answer]) -> Decision:
    """A plan with a request of each kind: reads, then writes side by side, then others side by side."""
    for stage in (READS, FIRST, SECOND):
        wanted = {key: request for key, request in stage.items() if key in arguments["wanted"]}
        for key in wanted:
            fault = answers[key].fault if key in answers else None
            if fault is not None and not (stage is READS and fault.http_status == 404):
                return fault
        if not wanted.keys() <= answers.keys():
            return Send(wanted)
    return Done("all done")


PLAN = "everything@1"


@pytest.fixture(autouse=True)
def plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLANS, PLAN, everything)


@dataclass
class InFlight:
    """A request whose answer never came, and which may yet arrive."""

    key: str
    request: Request
    is_conditional: bool


Pending = SendRequest | ReadUrl


class JobAgainstArm(RuleBasedStateMachine):
    """One job, the model of the service, and everything that can go wrong between them."""

    def __init__(self) -> None:
        super().__init__()
        PLANS[PLAN] = everything
        self.arm = ArmModel()
        self.now = 0.0
        self.pending: list[Pending] = []
        self.late: list[InFlight] = []
        self.written: list[WriteOutput | WriteError] = []
        self.asked_again: dict[str, int] = {}
        self.was_stopped = False

    @initialize(b_exists=st.booleans(), writes=st.sets(st.sampled_from([*FIRST, *SECOND]), min_size=1, max_size=4))
    def begin(self, *, b_exists: bool, writes: set[str]) -> None:
        """Submit the job to a service in which some things exist."""
        for name in ("d", "u", "w", *(["b"] if b_exists else [])):
            self.arm.resources[f"/r/{name}"] = Resource("other", {})
        reads = {name for name in READS if any(key.endswith(f" {name}") for key in writes)}
        work = PlanWork(PLAN, {"wanted": sorted(reads | writes)}, secrets={"password": "Password"})
        self.job = Job(uuid="j", name="job", command="c", session="s", submitted_at=0.0, work=work)
        self.durable = self.job
        self.feed(Begun(self.now))

    def feed(self, event: Event) -> None:
        """Carry an event through the machine, and take up the effects."""
        before = self.job
        self.job, effects = step(self.job, event)
        if is_finished(before.state) and not isinstance(event, Resumed):
            assert (self.job, effects) == (before, [])
        self.now += 1.0
        for effect in effects:
            if isinstance(effect, SendRequest | ReadUrl):
                self.pending.append(effect)
            elif isinstance(effect, WriteOutput | WriteError):
                self.written.append(effect)
        if is_finished(self.job.state):
            self.pending.clear()

    def call_of(self, effect: Pending) -> Request:
        """The request that an effect is about."""
        assert isinstance(self.job.work, PlanWork)
        return self.job.work.calls[effect.call].request

    def take(self, data: st.DataObject, kind: type[Pending]) -> Pending:
        """Choose one of the pending effects."""
        effect: Pending = data.draw(st.sampled_from([effect for effect in self.pending if isinstance(effect, kind)]))
        self.pending.remove(effect)
        return effect

    def has(self, kind: type[Pending]) -> bool:
        """Whether an effect of this kind is pending."""
        return any(isinstance(effect, kind) for effect in self.pending)

    def is_going_on(self) -> bool:
        """Whether the job has not ended."""
        return not is_finished(self.job.state)

    # What becomes of a request

    @rule(data=st.data(), style=st.sampled_from(STYLES), fails=st.booleans())
    @precondition(lambda self: self.has(SendRequest))
    def answered(self, data: st.DataObject, style: str, *, fails: bool) -> None:
        """It arrives, and its answer too."""
        effect = self.take(data, SendRequest)
        request = self.call_of(effect)
        assert isinstance(effect, SendRequest)
        if request.is_read:
            reply = self.arm.read(request.path)
        else:
            self.durable = self.job  # the barrier before each send
            reply = self.arm.execute(effect.call, request, style, conditional=effect.is_conditional, fails=fails)
        self.feed(Replied(self.now, effect.call, reply, HOST + request.path))

    @rule(
        data=st.data(), fate=st.sampled_from(["lost", "executed", "late"]), status=st.sampled_from([0, 408, 500, 503])
    )
    @precondition(lambda self: self.has(SendRequest))
    def unanswered(self, data: st.DataObject, fate: str, status: int) -> None:
        """Nobody hears what became of it: it never arrived, it was executed, it arrives later."""
        effect = self.take(data, SendRequest)
        request = self.call_of(effect)
        assert isinstance(effect, SendRequest)
        self.durable = self.job
        self.put_in_flight(effect, request, fate, data)
        if status:
            self.feed(Replied(self.now, effect.call, Reply(status, {}, None), HOST + request.path))
        else:
            self.feed(NotAnswered(self.now, effect.call, "timed out"))

    def put_in_flight(self, effect: SendRequest, request: Request, fate: str, data: st.DataObject) -> None:
        """Decide what really happens to a request whose answer nobody hears."""
        flight = InFlight(effect.call, request, effect.is_conditional)
        if fate != "lost" and not request.is_read:
            self.late.append(flight)
            if fate == "executed":
                self.arrive(flight, data)

    def arrive(self, flight: InFlight, data: st.DataObject) -> None:
        """A request arrives for whose answer nobody waits."""
        self.late.remove(flight)
        style, fails = data.draw(st.sampled_from(STYLES)), data.draw(st.booleans())
        self.arm.execute(flight.key, flight.request, style, conditional=flight.is_conditional, fails=fails)

    @rule(data=st.data())
    @precondition(lambda self: self.late)
    def arrives_late(self, data: st.DataObject) -> None:
        """A request arrives after its sender has given up waiting."""
        self.arrive(data.draw(st.sampled_from(self.late)), data)

    @rule(data=st.data(), problem=st.sampled_from(NOT_EXECUTED))
    @precondition(lambda self: self.has(SendRequest))
    def not_executed(self, data: st.DataObject, problem: str) -> None:
        """It is not executed, and its sender knows."""
        effect = self.take(data, SendRequest)
        request, at = self.call_of(effect), self.now
        url = HOST + request.path
        if problem == "refused" and self.is_in_doubt(effect.call):
            problem = "not sent"  # what was refused here cannot be looked at either: that is said as unknown
        events: dict[str, Event] = {
            "not sent": NotSent(at, effect.call, "No route."),
            "429": Replied(at, effect.call, Reply(429, {"retry-after": "1"}), url),
            "409": Replied(at, effect.call, Reply(409, {"retry-after": "1"}), url),
            "403": Replied(at, effect.call, Reply(403, {}, {"error": {"code": "No", "message": "no"}}), url),
            "secret": SecretMissing(at, ("password",), effect.call),
            "sign-in": SignInMissing(at, effect.call, ""),
            "refused": Refused(at, effect.call, Fault("WrongTarget", "wrong", sent=Sent.NO)),
        }
        self.feed(events[problem])

    def is_in_doubt(self, key: str) -> bool:
        """Whether an earlier attempt may have taken effect."""
        return self.arm.executed[key] > 0 or any(flight.key == key for flight in self.late)

    @rule(data=st.data(), problem=st.sampled_from(["", "", "", "not sent", "not answered", "429", "503", "sign-in"]))
    @precondition(lambda self: self.has(ReadUrl))
    def reads(self, data: st.DataObject, problem: str) -> None:
        """A status or a resource is read, or is not."""
        effect = self.take(data, ReadUrl)
        assert isinstance(effect, ReadUrl)
        url, at = effect.url if effect.url.startswith(HOST) else HOST + effect.url, self.now
        if effect.settle:  # what has not arrived by then never will
            for flight in [flight for flight in self.late if flight.key == effect.call]:
                if data.draw(st.booleans()):
                    self.arrive(flight, data)
                else:
                    self.late.remove(flight)
        events: dict[str, Event] = {
            "not sent": NotSent(at, effect.call, "No route."),
            "not answered": NotAnswered(at, effect.call, "timed out"),
            "429": Replied(at, effect.call, Reply(429, {"retry-after": "1"}), url),
            "503": Replied(at, effect.call, Reply(503), url),
            "sign-in": SignInMissing(at, effect.call, ""),
        }
        self.feed(events.get(problem) or Replied(at, effect.call, self.arm.read(url), url))

    # What becomes of operations

    @rule()
    @precondition(lambda self: not self.is_going_on())
    def event_after_the_end(self) -> None:
        """Whatever comes after the end changes nothing."""
        for event in (Begun(0.5), StopAsked(0.5), Recovered(0.5), NotAnswered(0.5, "put a", "")):
            self.feed(event)

    @rule(data=st.data(), loses=st.booleans())
    @precondition(lambda self: any(not o.is_done for o in self.arm.operations.values()))
    def operation_ends(self, data: st.DataObject, *, loses: bool) -> None:
        """An operation ends; its record may expire before anybody has read it."""
        url = data.draw(st.sampled_from([url for url, o in self.arm.operations.items() if not o.is_done]))
        self.arm.finish(url)
        self.arm.operations[url].is_lost = loses

    # What becomes of the daemon, and what the user does

    @rule(data=st.data(), is_power_loss=st.booleans())
    @precondition(lambda self: self.is_going_on())
    def daemon_dies(self, data: st.DataObject, *, is_power_loss: bool) -> None:
        """All that is pending is gone; what was being sent may arrive; a power loss takes what was not durable."""
        before, self.job = self.job, self.durable if is_power_loss else self.job
        self.durable = self.job
        sends = [effect for effect in self.pending if isinstance(effect, SendRequest)]
        self.pending.clear()
        assert isinstance(self.job.work, PlanWork)
        assert isinstance(before.work, PlanWork)
        for effect in sends:  # only one whose intent survived can have gone out
            call = before.work.calls[effect.call]
            if call == self.job.work.calls.get(effect.call):
                fate = data.draw(st.sampled_from(["lost", "executed", "late"]))
                self.put_in_flight(effect, call.request, fate, data)
        self.feed(Recovered(self.now))

    @rule()
    @precondition(lambda self: isinstance(self.job.state, Blocked))
    def user_answers(self) -> None:
        """The user gives the secret, signs in again, or says truly whether the request took effect."""
        assert isinstance(self.job.state, Blocked)
        question = self.job.state.question
        choice = ""
        if question.kind is QuestionKind.UNANSWERED:
            (key,) = question.names
            self.late = [flight for flight in self.late if flight.key != key]  # users are slow
            for url, operation in self.arm.operations.items():
                if operation.key == key:
                    self.arm.finish(url)
            choice = "done" if key in self.arm.succeeded else "again"
            if choice == "again" and self.arm.executed[key]:
                self.asked_again[key] = self.asked_again.get(key, 0) + 1
        self.feed(Released(self.now, choice))

    @rule(event=st.sampled_from([Begun(0.5), Released(0.5, "again"), NotAnswered(0.5, "unknown", "")]))
    @precondition(lambda self: self.is_going_on() and not isinstance(self.job.state, Blocked))
    def stray_event(self, event: Event) -> None:
        """An event that says nothing new changes nothing."""
        before = self.job
        self.feed(event)
        assert self.job == before

    @rule(data=st.data(), cancel=st.booleans(), is_recalled=st.booleans())
    @precondition(lambda self: self.is_going_on() and self.now > 6)
    def user_stops(self, data: st.DataObject, *, cancel: bool, is_recalled: bool) -> None:
        """The user stops the job; what was about to be sent is recalled, or is on its way already."""
        self.was_stopped = True
        sends = [effect for effect in self.pending if isinstance(effect, SendRequest)]
        recalled = tuple(effect.call for effect in sends) if is_recalled else ()
        if is_recalled:
            self.pending = [effect for effect in self.pending if effect not in sends]
        requests = {effect.call: self.call_of(effect) for effect in sends}
        self.feed(StopAsked(self.now, cancel, recalled))
        if is_finished(self.job.state) and not is_recalled:
            self.durable = self.job
            for effect in sends:
                fate = data.draw(st.sampled_from(["lost", "executed", "late"]))
                self.put_in_flight(effect, requests[effect.call], fate, data)

    @rule()
    @precondition(lambda self: hasattr(self, "job") and is_resumable(self.job))
    def user_resumes(self) -> None:
        """The user lets a stopped job go on."""
        self.durable = self.job
        self.feed(Resumed(self.now))
        assert not isinstance(self.job.state, Stopped)

    # What must always be true

    @invariant()
    def all_is_well(self) -> None:
        """The job survives the store, is never stuck, has one effect an intent, and tells the truth."""
        if hasattr(self, "job"):
            assert parse_job(format_job(self.job)) == self.job
            self.it_is_never_stuck()
            self.each_intent_has_one_effect()
            self.what_it_reports_is_true()

    def it_is_never_stuck(self) -> None:
        """Every request that has not ended has one thing under way for it, or waits for the user's answer."""
        if is_finished(self.job.state):
            return
        assert isinstance(self.job.work, PlanWork)
        waiting = 0
        for key, call in self.job.work.calls.items():
            under_way = sum(effect.call == key for effect in self.pending)
            is_waiting = call.is_held or isinstance(call.phase, Unclear)
            waiting += is_waiting
            if call.request.cancels and isinstance(call.phase, Ended):
                continue  # what it was to cancel has ended: it is dropped when it is due
            assert under_way == (0 if isinstance(call.phase, Ended) or is_waiting else 1), (key, call)
        assert isinstance(self.job.state, Blocked) == (waiting > 0)
        assert self.pending or waiting

    def each_intent_has_one_effect(self) -> None:
        """Nothing takes effect twice, unless the user says so; the same update again is no second effect."""
        for key, count in self.arm.executed.items():
            assert count <= 1 + self.asked_again.get(key, 0), f"{key} took effect {count} times"

    def what_it_reports_is_true(self) -> None:
        """A finished job tells what really is."""
        state = self.job.state
        if isinstance(state, Completed):
            assert self.written[-1:] == [WriteOutput("all done")]
            self.check_completed()
        elif isinstance(state, Failed):
            assert self.written[-1:] == [WriteError(state.fault)]
            by_us = {n for key, n in CREATED.items() if (r := self.arm.resources.get(f"/r/{n}")) and r.by == key}
            assert {label.removesuffix(" (failed)") for label in state.fault.left} == by_us, state.fault
        elif isinstance(state, Stopped):
            assert self.was_stopped
            self.check_stopped(state.remote_state)

    def check_stopped(self, remote_state: str) -> None:
        """What is said to go on in Azure may go on there, and nothing else does."""
        going_on = [operation for operation in self.arm.operations.values() if not operation.is_done]
        assert remote_state in ("", "Running", "Unknown", "Canceled", "Succeeded")
        if remote_state in ("", "Canceled", "Succeeded"):
            assert not going_on
            # The service refuses a second attempt; a cancel that comes late finds nothing to cancel.
            assert all(flight.is_conditional or flight.request.cancels for flight in self.late)
        if remote_state == "Canceled":
            assert any(operation.is_canceled for operation in self.arm.operations.values())

    def check_completed(self) -> None:
        """Everything that the plan wanted is as it wanted it."""
        assert isinstance(self.job.work, PlanWork)
        wanted = (FIRST | SECOND).keys() & set(self.job.work.arguments["wanted"])
        for key in wanted & (CREATED.keys() | IDEMPOTENT):
            request = (FIRST | SECOND)[key]
            resource = self.arm.resources[request.path]
            assert resource.state == "Succeeded"
            assert resource.by == "other" or resource.body == request.body
        if "delete d" in wanted:
            assert "/r/d" not in self.arm.resources
        if "deallocate" in wanted:
            assert self.arm.power == "deallocated"
        assert wanted & {"restart", "reimage"} <= self.arm.succeeded

    def teardown(self) -> None:
        """Left alone with a service that works, the job ends."""
        if not hasattr(self, "job"):
            return
        for _ in range(400):
            if is_finished(self.job.state):
                break
            self.go_on()
            self.it_is_never_stuck()
        assert is_finished(self.job.state)
        self.each_intent_has_one_effect()
        self.what_it_reports_is_true()

    def go_on(self) -> None:
        """One thing goes well."""
        for url in list(self.arm.operations):
            self.arm.finish(url)
        self.late.clear()
        if isinstance(self.job.state, Blocked):
            self.user_answers()
            return
        effect = self.pending.pop(0)
        request, at = self.call_of(effect), self.now
        if isinstance(effect, ReadUrl) or request.is_read:
            url = effect.url if isinstance(effect, ReadUrl) else request.path
            url = url if url.startswith(HOST) else HOST + url
            self.feed(Replied(at, effect.call, self.arm.read(url), url))
        else:
            reply = self.arm.execute(effect.call, request, "sync", conditional=effect.is_conditional, fails=False)
            self.feed(Replied(at, effect.call, reply, HOST + request.path))


JobAgainstArm.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, suppress_health_check=list(HealthCheck)
)
TestJobAgainstArm = pytest.mark.slow(JobAgainstArm.TestCase)
