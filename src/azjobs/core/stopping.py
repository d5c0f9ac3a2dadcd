"""Decide what a stop means to an Azure job: to watch no more, or to have Azure end what it is doing.

Pure; a part of `core.machine`. A cancel is a request like any other: recorded
before it is sent, sent again where nobody answered, since twice is as once. That
Azure took it ends nothing yet: what the operation itself says in the end is true.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from azjobs.core import calls, progress
from azjobs.core.arm import Answer, OnUnanswered, Request
from azjobs.core.errors import Fault, Sent
from azjobs.core.events import Effect
from azjobs.core.job import BatchWork, Call, Ended, Intended, Job, PlanWork, Watching
from azjobs.core.states import Stopped, began_at, is_finished

CANCELED = "Canceled"  # the service's own spelling, as `remote_state`


def detached(job: Job, work: PlanWork, at: float, *, recalled: Iterable[str] = (), is_to_cancel: bool = False) -> Job:
    """Stop watching. What Azure was asked to do goes on there; `is_to_cancel`: that was to be ended, and cannot be."""
    recalled = set(recalled)
    kept = {key: call for key, call in work.calls.items() if not call.request.cancels}
    work = replace(work, calls={key: calls.recalled(c) if key in recalled else c for key, c in kept.items()})
    verbs = progress.under_way(work)
    what = ", ".join(part for part in (job.target, *verbs) if part)
    is_known = progress.is_accepted(work)
    if verbs and progress.has_succeeded(work):
        remote_state, message = "Succeeded", f"Stopped watching. The operation has succeeded in Azure ({what})."
    elif not verbs:
        remote_state = ""
        message = "Stopped watching: there was nothing to cancel in Azure." if is_to_cancel else "Stopped watching."
    elif is_to_cancel:
        remote_state = "Running" if is_known else "Unknown"
        fate = "it goes on there" if is_known else "whether it goes on there is not known"
        message = f"Stopped watching: Azure offers no way to cancel this operation, and {fate} ({what})."
    else:
        remote_state = "Running" if is_known else "Unknown"
        fate = "The operation goes on" if is_known else "It is not known whether the operation goes on"
        message = f"Stopped watching. {fate} in Azure ({what})."
    return _stopped(replace(job, work=work), at, remote_state, message)


def can_cancel(work: PlanWork, recalled: Iterable[str]) -> bool:
    """Whether Azure is, or may be, at work on something that it lets one cancel, or has just done it."""
    unsent = set(recalled)
    return any(
        call.request.cancel_path
        and progress.is_attempted(call)
        and not isinstance(call.phase, Ended)
        and key not in unsent
        for key, call in work.calls.items()
    )


def begin(work: PlanWork, recalled: Iterable[str]) -> tuple[PlanWork, list[Effect]]:
    """Give up what was recalled, and let cancels that were refused be asked for anew."""
    unsent, effects = set(recalled), list[Effect]()
    new = dict[str, Call]()
    for key, call in work.calls.items():
        if call.request.cancels and (key in unsent or _refusal(call)):
            continue  # `ask` asks anew
        new[key] = call
        if key in unsent:
            phase, more = calls.given_up(key, call)
            new[key] = Call(call.request, phase)
            effects += more
    return replace(work, calls=new), effects


def ask(work: PlanWork) -> tuple[PlanWork, list[Effect]]:
    """Ask Azure to cancel each operation that is watched, once; what has ended need not be asked for any more."""
    new, effects = dict(work.calls), list[Effect]()
    for key, call in work.calls.items():
        target = work.calls.get(call.request.cancels)
        if target is not None and isinstance(target.phase, Ended) and not isinstance(call.phase, Ended):
            new[key] = Call(call.request, Ended(Answer(204)))
        cancel_key = f"cancel {key}"
        if call.request.cancel_path and isinstance(call.phase, Watching) and cancel_key not in work.calls:
            request = Request(
                "POST",
                call.request.cancel_path,
                call.request.label,
                on_unanswered=OnUnanswered.AGAIN,
                cancels=key,
            )
            new[cancel_key] = Call(request, Intended(sends=1))
            effects.append(calls.send(cancel_key, request))
    return replace(work, calls=new), effects


def describe(work: PlanWork) -> str:
    """Say how far the cancelling is, and what is waited for besides."""
    said: list[str] = []
    for call in work.calls.values():
        target = work.calls.get(call.request.cancels)
        if target is None or isinstance(target.phase, Ended):
            continue
        if fault := _refusal(call):
            said.append(f"{_not_cancelled(call.request.label, fault)} It is watched to its end.")
        else:
            is_taken = isinstance(call.phase, Watching) or (isinstance(call.phase, Ended) and _answer(call).is_ok)
            said.append(f"Azure {'cancels' if is_taken else 'was asked to cancel'} {call.request.label}.")
    return " ".join(said) or f"Stopping: {progress.describe(work)}"


def refusals(work: PlanWork) -> list[str]:
    """Say which cancels were refused, once all were; [] as long as Azure may end something."""
    asked = [call for call in work.calls.values() if call.request.cancels]
    found = [(call.request.label, fault) for call in asked if (fault := _refusal(call))]
    if not asked or len(found) < len(asked):
        return []
    return [_not_cancelled(label, fault) for label, fault in found]


def failure_of(work: PlanWork) -> Fault | None:
    """Why something failed by itself while it was to be cancelled; None when nothing did."""
    for call in _ended_writes(work):
        fault = _answer(call).fault
        if fault is None or _is_canceled(call):
            continue
        if fault.code != calls.GIVEN_UP and not _is_unknown(fault):
            return fault
    return None


def ended(job: Job, work: PlanWork, at: float) -> Job:
    """End a job that was to be cancelled, of which nothing is under way any more: what Azure said in the end."""
    writes = _ended_writes(work)
    canceled = [call.request.label for call in writes if _is_canceled(call)]
    unknown = [call.request.label for call in writes if _is_unknown(_answer(call).fault)]
    done = [call.request.label for call in writes if _answer(call).is_ok]
    if canceled:
        message = f"Azure cancelled it ({', '.join(canceled)}). What it had made by then stays."
        return _stopped(job, at, CANCELED, message)
    if unknown:
        return _stopped(job, at, "Unknown", f"Stopped. Whether it took effect is not known: {', '.join(unknown)}.")
    if done:
        return _stopped(job, at, "Succeeded", f"Stopped. Azure had done until then: {', '.join(done)}.")
    return _stopped(job, at, "", "Stopped before anything was sent.")


def is_resumable(job: Job) -> bool:
    """Whether a stopped job has something to go on with."""
    return isinstance(job.state, Stopped) and isinstance(job.work, PlanWork) and bool(progress.outstanding(job.work))


def refusal_to_resume(job: Job) -> str:
    """Say why a job cannot go on, in one sentence; "" when it can."""
    label = f"Job {job.id}" if job.id is not None else f"Job {job.uuid}"
    if not is_finished(job.state):
        return f"{label} is not stopped: it is {job.state_name.value}."
    if isinstance(job.work, BatchWork):
        return ""  # its children tell
    if not isinstance(job.state, Stopped):
        return f"{label} is not stopped: it has ended as {job.state_name.value}."
    if not isinstance(job.work, PlanWork):
        return f"{label} was a process, which was ended: start it anew. Only an operation in Azure goes on unwatched."
    if not is_resumable(job):
        return f"{label} has nothing left to watch: {job.status_message or 'nothing of it goes on in Azure.'}"
    return ""


def _stopped(job: Job, at: float, remote_state: str, message: str) -> Job:
    state = Stopped(began_at(job.state, at), at, remote_state)
    job = replace(job, state=state, status_message=message, remote_state=remote_state)
    return replace(job, percent=None, failing=None, is_cancelling=False)


def _ended_writes(work: PlanWork) -> list[Call]:
    writes = (call for call in work.calls.values() if not call.request.is_read and not call.request.cancels)
    return [call for call in writes if isinstance(call.phase, Ended)]


def _answer(call: Call) -> Answer:
    assert isinstance(call.phase, Ended)
    return call.phase.answer


def _is_canceled(call: Call) -> bool:
    return _answer(call).is_canceled


def _is_unknown(fault: Fault | None) -> bool:
    return fault is not None and fault.sent is Sent.UNKNOWN


def _refusal(call: Call) -> Fault | None:
    return call.phase.answer.fault if isinstance(call.phase, Ended) else None


def _not_cancelled(label: str, fault: Fault) -> str:
    if _is_unknown(fault):
        return f"Azure did not answer whether it cancels {label}."
    why = f"{fault.code}: {fault.message}" if fault.message else fault.code
    return f"Azure refused to cancel {label} ({why.rstrip('.')})."
