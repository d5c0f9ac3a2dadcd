"""The only code that changes a job's state: an event goes in, the next job and the effects come out.

Pure: nothing is sent, written or started here. The runner performs the effects
and returns what came of them as events. `core.calls` decides for one request of
a plan, this module for the job as a whole, `core.stopping` for what a stop means
to it, `core.processes` for a process job, `core.batches` for one that is divided
among child jobs.
"""

from __future__ import annotations

from msgspec.structs import replace

from azjobs.core import calls, progress, stopping
from azjobs.core.arm import Request
from azjobs.core.batches import step_batch
from azjobs.core.errors import Fault, Sent, over_time
from azjobs.core.events import (
    Begun,
    Effect,
    Event,
    NotAnswered,
    NotSent,
    Recovered,
    Refused,
    Released,
    Replied,
    Resumed,
    SecretMissing,
    SignInMissing,
    StopAsked,
    TimedOut,
    WriteError,
    WriteOutput,
    WriteProgress,
)
from azjobs.core.job import BatchWork, Call, Ended, Intended, Job, Phase, PlanWork, ProcessWork, Unclear, Watching
from azjobs.core.plan import Done, Send
from azjobs.core.plans import PLANS
from azjobs.core.processes import step_process
from azjobs.core.questions import ask_for_secrets, ask_for_sign_in, ask_whether_it_took_effect
from azjobs.core.states import (
    Blocked,
    Completed,
    Failed,
    NotStarted,
    Question,
    QuestionKind,
    Running,
    Stopped,
    Stopping,
    began_at,
    is_finished,
)

Outcome = tuple[Job, list[Effect]]


def step(job: Job, event: Event) -> Outcome:
    """Return the job after `event`, and what is to be done about it.

    An event for a job that has ended changes nothing: a reply may arrive after
    a stop. But one that was stopped may be told to go on.
    """
    if isinstance(event, Resumed):
        return _resume(job, event.at)
    if is_finished(job.state):
        return job, []
    match job.work:
        case PlanWork() as work:
            return _step_plan(job, work, event)
        case ProcessWork() as work:
            return step_process(job, work, event)
        case BatchWork() as work:
            return step_batch(job, work, event)


def _step_plan(job: Job, work: PlanWork, event: Event) -> Outcome:
    match event:
        case Begun(at) if isinstance(job.state, NotStarted):
            return _recover(job, work, at)  # a job that takes over an operation comes with a call under way
        case Recovered(at):
            return _recover(job, work, at)
        case Released(at, choice):
            return _release(job, work, at, choice)
        case StopAsked(at) if isinstance(job.state, NotStarted):  # it waited for its turn
            return replace(job, state=Stopped(at, at)), []
        case StopAsked():
            return _stop(job, work, event)
        case TimedOut() if not isinstance(job.state, NotStarted):
            return _time_out(job, work, event)
        case SecretMissing() | SignInMissing() if _waits_for(work, event.call):
            return _hold(job, work, event)
        case Replied() | NotSent() | NotAnswered() | Refused() if _waits_for(work, event.call):
            call = work.calls[event.call]
            existed, may_send = _existed(work, call), _may_send(job, call)
            phase, effects = calls.next_phase(event.call, call, event, existed=existed, may_send=may_send)
            return _advance(_with_phase(job, work, event.call, phase), event.at, effects)
    return job, []


def _waits_for(work: PlanWork, key: str) -> bool:
    """Whether something is under way for this call: what comes for another one is late, and says nothing any more."""
    call = work.calls.get(key)
    return call is not None and not call.is_held and not isinstance(call.phase, Ended | Unclear)


def _may_send(job: Job, call: Call) -> bool:
    """Whether a request may go out again: of a job that fails or is being stopped only what cancels another."""
    return bool(call.request.cancels) or not (job.failing is not None or job.is_cancelling)


def _existed(work: PlanWork, call: Call) -> bool | None:
    """Whether the call's resource was there before, as a read of this plan saw it; None when none did."""
    path = call.request.path.lower()
    for other in work.calls.values():
        if other.request.is_read and isinstance(other.phase, Ended) and other.request.path.lower() == path:
            fault = other.phase.answer.fault
            if fault is None or fault.http_status == 404:
                return fault is None
    return None


def _advance(job: Job, at: float, effects: list[Effect] | None = None) -> Outcome:
    """Ask the plan what is next, and end the job when there is nothing left to wait for."""
    work = job.work
    assert isinstance(work, PlanWork)
    effects = list(effects or [])
    result: Done | None = None
    if job.failing is None and not job.is_cancelling:
        match _decide(work):
            case Send(requests):
                work, more = _intend(work, requests)
                effects += more
            case Done() as result:
                pass
            case Fault() as fault:
                job = replace(job, failing=fault)
    if job.failing is not None or job.is_cancelling:
        work, more = _wind_down(work)
        effects += more
    if job.is_cancelling:
        work, more = stopping.ask(work)
        effects += more
    job = replace(job, work=work)
    if progress.outstanding(work):
        return _go_on(job, work, at, effects)
    if job.failing is not None:
        return _fail(job, work, job.failing, at, effects)
    if job.is_cancelling:
        return _end_cancelled(job, work, at, effects)
    if result is not None:
        return _complete(job, result, at, effects)
    stuck = Fault("PlanStalled", f"The plan {work.plan} asks for nothing and is not done: please report this.")
    return _fail(job, work, stuck, at, effects)


def _end_cancelled(job: Job, work: PlanWork, at: float, effects: list[Effect]) -> Outcome:
    """Tell what became of a job that was to be cancelled: it may have been too late for that."""
    decision = _decide(work)
    if isinstance(decision, Done):
        return _complete(job, decision, at, effects)
    fault = stopping.failure_of(work)
    return _fail(job, work, fault, at, effects) if fault is not None else (stopping.ended(job, work, at), effects)


def _complete(job: Job, result: Done, at: float, effects: list[Effect]) -> Outcome:
    remote_state = "Succeeded" if job.remote_state else ""
    job = replace(job, state=Completed(began_at(job.state, at), at), remote_state=remote_state, is_cancelling=False)
    return replace(job, status_message="", percent=None), [*effects, WriteOutput(result.result)]


def _decide(work: PlanWork) -> Send | Done | Fault:
    plan = PLANS.get(work.plan)
    if plan is None:
        return Fault("PlanUnknown", f"This version of azjobs has no plan {work.plan}.", sent=Sent.NO)
    ended = ((key, call.phase) for key, call in work.calls.items() if not call.request.cancels)
    answers = {key: phase.answer for key, phase in ended if isinstance(phase, Ended)}
    return plan(work.arguments, answers)


def _intend(work: PlanWork, requests: dict[str, Request]) -> tuple[PlanWork, list[Effect]]:
    """Take up the requests that are new."""
    new = {key: Call(request, Intended(sends=1)) for key, request in requests.items() if key not in work.calls}
    sends: list[Effect] = [calls.send(key, call.request) for key, call in new.items()]
    return replace(work, calls={**work.calls, **new}), sends


def _wind_down(work: PlanWork) -> tuple[PlanWork, list[Effect]]:
    """Once nothing more is to be begun: give up what only the plan wants, and wait for what Azure is doing."""
    new, effects = dict(work.calls), list[Effect]()
    for key, call in work.calls.items():
        if call.request.cancels:
            continue
        is_idle = call.is_held and isinstance(call.phase, Intended)
        is_read = call.request.is_read and not isinstance(call.phase, Ended)
        if is_idle or is_read or isinstance(call.phase, Unclear):
            phase, more = calls.given_up(key, call)
            new[key] = Call(call.request, phase)
            effects += more
    return replace(work, calls=new), effects


def _go_on(job: Job, work: PlanWork, at: float, effects: list[Effect]) -> Outcome:
    """Say how far the job is: blocked while a call waits for an answer, else running."""
    question = _question(job, work)
    started_at = began_at(job.state, at)
    message = stopping.describe(work) if job.is_cancelling else progress.describe(work)
    percent = progress.percent_of(work)
    if question is not None:
        blocked = Blocked(started_at, question)
        return replace(job, state=blocked, status_message=question.text, percent=percent), effects
    if message and (message, percent) != (job.status_message, job.percent):
        effects = [*effects, WriteProgress(job.name, message, percent)]
    state = Stopping(started_at) if job.is_cancelling else Running(started_at)
    return replace(job, state=state, status_message=message, percent=percent), effects


def _question(job: Job, work: PlanWork) -> Question | None:
    """What the job has to ask: first what calls are held for, then whether an unclear one took effect."""
    asked = job.state.question if isinstance(job.state, Blocked) else None
    if asked is not None and any(call.is_held for call in work.calls.values()):
        return asked
    for key, call in work.calls.items():
        if isinstance(call.phase, Unclear):
            return ask_whether_it_took_effect(key, call.request.label)
    return None


def _fail(job: Job, work: PlanWork, fault: Fault, at: float, effects: list[Effect]) -> Outcome:
    fault = replace(fault, left=progress.left_behind(work))
    remote_state = "Failed" if job.remote_state else ""
    job = replace(job, failing=None, is_cancelling=False, percent=None, status_message="", remote_state=remote_state)
    return replace(job, state=Failed(began_at(job.state, at), at, fault)), [*effects, WriteError(fault)]


def _hold(job: Job, work: PlanWork, event: SecretMissing | SignInMissing) -> Outcome:
    """Wait for an answer before this call goes on; the others do."""
    asked = job.state.question if isinstance(job.state, Blocked) else None
    if isinstance(event, SignInMissing):
        question = ask_for_sign_in(event.text)
    else:
        before = asked.names if asked is not None and asked.kind is QuestionKind.SECRET else ()
        question = ask_for_secrets(work.secrets, (*before, *event.names))
    work = replace(work, calls={**work.calls, event.call: calls.held(work.calls[event.call])})
    return _advance(replace(job, work=work, state=Blocked(began_at(job.state, event.at), question)), event.at)


def _release(job: Job, work: PlanWork, at: float, choice: str) -> Outcome:
    """Take up again what waited for the answer; a choice is about the request that was asked about, and no other."""
    if not isinstance(job.state, Blocked):
        return job, []
    asked = job.state.question
    new, effects = dict(work.calls), list[Effect]()
    for key, call in work.calls.items():
        is_chosen = asked.kind is QuestionKind.UNANSWERED and key in asked.names
        if call.is_held or (is_chosen and isinstance(call.phase, Unclear)):
            phase, more = calls.released(key, call, choice)
            new[key] = Call(call.request, phase)
            effects += more
    return _advance(replace(job, work=replace(work, calls=new)), at, effects)


def _recover(job: Job, work: PlanWork, at: float) -> Outcome:
    """Take the job up from what was recorded, one rule a phase (`calls.recovered`)."""
    new, effects = dict[str, Call](), list[Effect]()
    for key, call in work.calls.items():
        phase, more = calls.recovered(key, call, may_send=_may_send(job, call))
        new[key] = Call(call.request, phase)
        effects += more
    state = Running(at) if isinstance(job.state, NotStarted) else job.state
    return _advance(replace(job, state=state, work=replace(work, calls=new)), at, effects)


def _stop(job: Job, work: PlanWork, event: StopAsked) -> Outcome:
    """Watch no more; or have Azure end what it lets one cancel, and watch until it has."""
    if not event.cancel or not stopping.can_cancel(work, event.recalled):
        is_in_vain = event.cancel
        return stopping.detached(job, work, event.at, recalled=event.recalled, is_to_cancel=is_in_vain), []
    work, effects = stopping.begin(work, event.recalled)
    return _advance(replace(job, work=work, is_cancelling=True), event.at, effects)


def _resume(job: Job, at: float) -> Outcome:
    """Take a stopped job up again from its calls, as after the death of a daemon; of its next end is told anew."""
    notice = replace(job.notice, is_given=False) if job.notice is not None else None
    resumed = replace(job, state=Running(began_at(job.state, at)), status_message="", notice=notice, resumed_at=at)
    if isinstance(job.work, BatchWork) and is_finished(job.state):  # its children go on, and tell it the rest
        return resumed, []
    if not stopping.is_resumable(job):
        return job, []
    assert isinstance(job.work, PlanWork)
    return _recover(resumed, job.work, at)


def _time_out(job: Job, work: PlanWork, event: TimedOut) -> Outcome:
    """As a stop, but the job has failed: it did not do in time what it was asked to."""
    after = stopping.detached(job, work, event.at, recalled=event.recalled)
    assert job.time_limit_s is not None
    assert isinstance(after.state, Stopped)
    fault = replace(over_time(job.time_limit_s, after.status_message), left=progress.left_behind(work))
    state = Failed(after.state.started_at, event.at, fault)
    return replace(after, state=state, status_message=""), [WriteError(fault)]


def _with_phase(job: Job, work: PlanWork, key: str, phase: Phase) -> Job:
    call = work.calls[key]
    job = replace(job, work=replace(work, calls={**work.calls, key: Call(call.request, phase)}))
    if isinstance(phase, Watching) and phase.status and not call.request.cancels:
        return replace(job, remote_state=phase.status)
    return job
