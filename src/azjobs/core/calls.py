"""Decide the next phase of one request of a plan: intended, looked at, watched, fetched, ended.

Pure. One effect for each intent: a write whose fate is unknown is never simply
sent again. It goes out under a condition that the service refuses if the first
one took effect, or the resource is read after the time in which an unanswered
request settles, or, where looking cannot tell, the user is asked.

`existed` says whether the resource was there before, as an earlier read of the
plan saw it; None when none did. `may_send`: False once the plan has failed.
"""

from __future__ import annotations

from msgspec.structs import replace

from azjobs.core import lro, retry
from azjobs.core.arm import Answer, OnUnanswered, Reply, Request, error_of
from azjobs.core.errors import Fault, Sent
from azjobs.core.events import NotAnswered, NotSent, ReadUrl, Refused, Replied, SendRequest
from azjobs.core.job import Call, Ended, Fetching, Intended, Looking, Phase, Unclear, Watching
from azjobs.core.looking import Sight, look_at, look_path
from azjobs.core.polling import CallEvent, Moved, after_fetch, after_poll, apply_step
from azjobs.core.retry import Verdict, backoff_s

GIVEN_UP = "GivenUp"  # code of the fault of what was not sent, since the job was to send nothing more
LOOK_AGAIN_S = 2.0  # guess: pace of looking while a machine is between two power states, or a resource is deleted


def send(key: str, request: Request, delay_s: float = 0.0) -> SendRequest:
    """The effect that sends a request, under its condition where it has one."""
    return SendRequest(key, delay_s, is_conditional=request.on_unanswered is OnUnanswered.CONDITION)


def next_phase(
    key: str, call: Call, event: CallEvent | Refused, *, existed: bool | None = None, may_send: bool = True
) -> Moved:
    """Return the phase of `call` after `event`, and what to do."""
    request, phase = call.request, call.phase
    if isinstance(event, Refused):
        return _after_refused(call, event.fault), []
    match phase:
        case Intended():
            moved = _after_send(key, request, phase, event, existed=existed, may_send=may_send)
        case Looking():
            moved = _after_look(key, request, phase, event, existed=existed, may_send=may_send)
        case Watching():
            moved = after_poll(key, request, phase, event)
        case Fetching():
            moved = after_fetch(key, phase, event)
        case _:
            moved = phase, []
    is_sent_again = any(isinstance(effect, SendRequest) for effect in moved[1])
    return moved if may_send or not is_sent_again else given_up(key, Call(request, moved[0]))


def recovered(key: str, call: Call, *, may_send: bool = True) -> Moved:
    """Return how a call goes on that another daemon had begun: one rule a phase."""
    match call.phase:
        case Intended(sends=0) if not may_send:
            return given_up(key, call)
        case Intended(sends=0) as phase:  # never sent
            return replace(phase, sends=1), [send(key, call.request)]
        case Intended() as phase if call.request.is_read:
            return phase, [send(key, call.request)]
        case Intended() as phase:  # may have been sent
            return _unanswered(key, call.request, phase, may_send=may_send)
        case Looking() as phase:
            return phase, [ReadUrl(key, look_path(call.request), settle=True)]
        case Watching(watch, delay_s=delay_s) as phase:  # the reading before may have been just now
            return phase, [ReadUrl(key, watch.url, delay_s)]
    return _read_on(key, call.phase)


def released(key: str, call: Call, choice: str) -> Moved:
    """Return how a call goes on that waited for the user's answer."""
    match call.phase:
        case Intended(sends) as phase:
            return replace(phase, sends=sends + 1), [send(key, call.request)]
        case Looking() as phase:
            return phase, [ReadUrl(key, look_path(call.request))]
        case Unclear(sends) if choice == "again":
            return Intended(sends=sends + 1), [send(key, call.request)]
        case Unclear() if choice == "done":
            return Ended(Answer(200)), []
    return _read_on(key, call.phase)


def held(call: Call) -> Call:
    """Return the call as it waits for the answer to a question; the attempt that found out was not sent."""
    phase = call.phase
    if isinstance(phase, Intended):
        phase = replace(phase, sends=max(0, phase.sends - 1))
    return Call(call.request, phase, is_held=True)


def recalled(call: Call) -> Call:
    """Return the call after its next attempt was recalled before it went out.

    Without a condition an attempt follows only on one that is known to have had no effect.
    """
    if not isinstance(call.phase, Intended):
        return call
    earlier = call.phase.sends - 1 if call.request.on_unanswered is OnUnanswered.CONDITION else 0
    return replace(call, phase=replace(call.phase, sends=max(0, earlier)))


def given_up(key: str, call: Call) -> Moved:
    """Return how a call that would be sent next ends, now that the plan has failed or the job is being stopped.

    An earlier attempt under a condition may have taken effect: that is looked at.
    """
    phase = call.phase
    if isinstance(phase, Unclear):
        fault = Fault("Unknown", "It is not known whether it took effect.", call.request.label, sent=Sent.UNKNOWN)
        return Ended(Answer(0, fault=fault)), []
    if not isinstance(phase, Intended):
        return phase, []
    fault = Fault(GIVEN_UP, "It was given up: the job sends nothing more.", call.request.label, sent=Sent.NO)
    earlier = phase.sends if call.is_held else phase.sends - 1
    if call.request.on_unanswered is OnUnanswered.CONDITION and earlier > 0:
        return Looking(earlier, fault=fault), [ReadUrl(key, look_path(call.request), settle=True)]
    return Ended(Answer(0, fault=fault)), []


def _read_on(key: str, phase: Phase) -> Moved:
    match phase:
        case Watching(watch):
            return phase, [ReadUrl(key, watch.url)]
        case Fetching(url):
            return phase, [ReadUrl(key, url)]
    return phase, []  # Unclear: the question stands. Ended: nothing to do.


def _after_refused(call: Call, fault: Fault) -> Ended:
    """End a call that was refused on this side; what Azure did until then stays as it is known."""
    was_created = isinstance(call.phase, Watching | Fetching) and call.phase.was_created
    is_attempted = not isinstance(call.phase, Intended) or call.phase.sends > 1
    if is_attempted and not call.request.is_read:
        fault = replace(fault, sent=Sent.UNKNOWN if isinstance(call.phase, Intended | Looking) else Sent.YES)
    return Ended(Answer(0, fault=fault, created=was_created))


def _after_send(
    key: str, request: Request, phase: Intended, event: CallEvent, *, existed: bool | None, may_send: bool
) -> Moved:
    match event:
        case NotSent(problem=problem):
            problems = phase.problems + 1
            if problems >= retry.UNSENT_TRIES and phase.sends <= 1:
                fault = Fault("ServiceUnreachable", f"{problem} Nothing was sent.", request.label, sent=Sent.NO)
                return Ended(Answer(0, fault=fault)), []
            return replace(phase, problems=problems, refusals=0), [send(key, request, backoff_s(problems))]
        case NotAnswered(problem=problem):
            fault = Fault("NotAnswered", problem, request.label, sent=Sent.UNKNOWN)
            if request.is_read:
                return _read_again(key, request, phase, fault)
            return _unanswered(key, request, phase, fault, may_send=may_send)
        case Replied(reply=reply) if reply.status < 300:
            step = lro.first_step(request, reply, event.url)
            return apply_step(key, request, step, was_created=_creates(request, reply.status, existed=existed))
        case Replied(reply=reply) if reply.status == 412 and request.on_unanswered is OnUnanswered.CONDITION:
            # It exists. Ours, if it went out before: then it is the effect of that attempt.
            watch = lro.resource_watch(request.method, event.url)
            watching = Watching(watch, was_created=phase.sends > 1 and existed is not True)
            return watching, [ReadUrl(key, watch.url)]
        case Replied(reply=reply):
            return _after_refusal(key, request, phase, reply, may_send=may_send)


def _creates(request: Request, status: int, *, existed: bool | None) -> bool:
    """Whether a PUT that was accepted, or (status 0) was seen to have taken effect, made a new resource."""
    if request.method != "PUT":
        return False
    if existed is False or (status and request.on_unanswered is OnUnanswered.CONDITION):
        return True
    return status == 201 if existed else status != 200  # 201 is for new ones; 200 mostly for an update [RPC, "PUT"]


def _after_refusal(key: str, request: Request, phase: Intended, reply: Reply, *, may_send: bool) -> Moved:
    fault = error_of(reply, target=request.label)
    match retry.judge(request, reply, problems=phase.problems):
        case Verdict.FINAL if request.on_unanswered is OnUnanswered.CONDITION and phase.sends > 1:
            # This attempt is refused, perhaps because the one before took effect.
            return Looking(phase.sends, fault=fault), [ReadUrl(key, look_path(request), settle=True)]
        case Verdict.FINAL if request.on_unanswered is OnUnanswered.AGAIN and phase.sends > 1:
            return Ended(Answer(reply.status, reply.body)), []  # refused, perhaps because an earlier one was taken
        case Verdict.FINAL:
            return Ended(Answer(reply.status, reply.body, fault)), []
        case Verdict.AGAIN if reply.status in (409, 429):
            delay_s = backoff_s(phase.refusals, reply.retry_after_s)
            return replace(phase, problems=0, refusals=phase.refusals + 1), [send(key, request, delay_s)]
        case Verdict.AGAIN:
            return _read_again(key, request, phase, fault, reply.retry_after_s)
        case Verdict.UNANSWERED:
            return _unanswered(key, request, phase, fault, reply.retry_after_s, may_send=may_send)


def _read_again(key: str, request: Request, phase: Intended, fault: Fault, retry_after_s: float | None = None) -> Moved:
    problems = phase.problems + 1
    if problems >= retry.READ_TRIES:
        return Ended(Answer(fault.http_status or 0, fault=fault)), []
    delay_s = backoff_s(phase.problems, retry_after_s)
    return replace(phase, problems=problems, refusals=0), [send(key, request, delay_s)]


def _unanswered(
    key: str,
    request: Request,
    phase: Intended,
    fault: Fault | None = None,
    retry_after_s: float | None = None,
    *,
    may_send: bool,
) -> Moved:
    """Nobody knows whether this write took effect. `fault`: what the service said, where it said something."""
    if request.on_unanswered is OnUnanswered.AGAIN:
        return _send_again(key, request, phase, fault, retry_after_s)
    if request.on_unanswered is OnUnanswered.ASK or (request.method == "POST" and not request.done_when):
        return Unclear(phase.sends), []
    delay_s = backoff_s(phase.problems, retry_after_s) if phase.problems or retry_after_s is not None else 0.0
    is_last = not may_send or phase.sends >= retry.WRITE_TRIES
    if request.on_unanswered is OnUnanswered.CONDITION and not is_last:
        again = Intended(sends=phase.sends + 1, problems=phase.problems + 1)
        return again, [send(key, request, delay_s)]
    times = "once" if phase.sends == 1 else f"{phase.sends} times"
    nothing = Fault("NoEffect", f"It was sent {times} without an answer, and had no effect.", request.label)
    looking = Looking(phase.sends, fault=(fault or nothing) if is_last else None)
    return looking, [ReadUrl(key, look_path(request), delay_s, settle=True)]


def _send_again(key: str, request: Request, phase: Intended, fault: Fault | None, retry_after_s: float | None) -> Moved:
    """Send what is the same twice as once, unless that was in vain too often."""
    problems = phase.problems + 1
    if problems >= retry.WRITE_TRIES:
        unanswered = Fault("NotAnswered", "Azure did not answer.", request.label, sent=Sent.UNKNOWN)
        return Ended(Answer(0, fault=fault or unanswered)), []
    again = Intended(sends=phase.sends + 1, problems=problems)
    return again, [send(key, request, backoff_s(phase.problems, retry_after_s))]


def _after_look(
    key: str, request: Request, phase: Looking, event: CallEvent, *, existed: bool | None, may_send: bool
) -> Moved:
    """Did the unanswered write take effect? Only a readable answer counts."""
    reply = event.reply if isinstance(event, Replied) else None
    is_new = existed is False or request.on_unanswered is OnUnanswered.CONDITION
    sight = look_at(request, reply, is_new=is_new) if reply else Sight.UNREADABLE
    if sight is Sight.UNREADABLE or not isinstance(event, Replied):
        problems = phase.problems + 1
        wait_s = backoff_s(problems, reply.retry_after_s if reply else None)
        return replace(phase, problems=problems), [ReadUrl(key, look_path(request), wait_s)]
    if sight is Sight.NOTHING:
        return _without_effect(key, request, phase, event.reply, may_send=may_send)
    if sight is Sight.DIFFERENT and phase.sends < retry.WRITE_TRIES and may_send:
        return Intended(sends=phase.sends + 1), [send(key, request)]  # the same PUT or PATCH twice is as once [RPC]
    if sight in (Sight.UNTELLABLE, Sight.DIFFERENT):
        return Unclear(phase.sends), []
    if request.method in ("PUT", "PATCH"):
        step = lro.next_step(lro.resource_watch(request.method, event.url), event.reply)
        return apply_step(key, request, step, was_created=_creates(request, 0, existed=existed))
    if sight is Sight.EFFECT:
        return Ended(Answer(204 if request.method == "DELETE" else 200)), []
    return replace(phase, is_accepted=True, problems=0), [ReadUrl(key, look_path(request), LOOK_AGAIN_S)]


def _without_effect(key: str, request: Request, phase: Looking, reply: Reply, *, may_send: bool) -> Moved:
    if phase.is_accepted:
        return _after_lost_record(request, phase, reply), []
    if phase.fault is not None:
        return Ended(Answer(phase.fault.http_status or 0, fault=phase.fault)), []
    again = Intended(sends=phase.sends + 1)
    return (again, [send(key, request)]) if may_send else given_up(key, Call(request, Intended(sends=1)))


def _after_lost_record(request: Request, phase: Looking, reply: Reply) -> Ended | Unclear:
    """Azure was at work on it, and the resource does not show what came of that."""
    if reply.status in (404, 410):
        return Ended(Answer(reply.status, reply.body, error_of(reply, target=request.label)))
    if request.method == "DELETE":
        message = "Azure accepted it, but the resource is still there."
        return Ended(Answer(reply.status, fault=Fault("NotDeleted", message, request.label)))
    return Unclear(phase.sends)
