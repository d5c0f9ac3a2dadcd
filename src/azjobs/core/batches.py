"""Decide the next state of a job that is divided among child jobs. Pure; a part of `core.machine`.

It knows of its children only how many are in each state; what became of which
target is told by the children themselves.
"""

from __future__ import annotations

from msgspec.structs import replace

from azjobs.core.errors import Fault, over_time
from azjobs.core.events import (
    Begun,
    ChildChanged,
    Counted,
    Effect,
    Event,
    Recovered,
    StopAsked,
    StopChildren,
    TimedOut,
)
from azjobs.core.job import BatchWork, Job
from azjobs.core.states import (
    FINISHED,
    Blocked,
    Completed,
    Failed,
    JobState,
    NotStarted,
    Question,
    QuestionKind,
    Running,
    Stopped,
    Stopping,
    began_at,
    is_finished,
    stopping_from,
)

Outcome = tuple[Job, list[Effect]]
CHILDREN_FAILED = "ChildrenFailed"


def step_batch(job: Job, work: BatchWork, event: Event) -> Outcome:
    """Return the unfinished batch after `event`, and what is to be done about it."""
    match event:
        case Begun(at) | Recovered(at) if isinstance(job.state, NotStarted):
            return _settled(replace(job, state=Running(at)), work, at), []
        case ChildChanged(at, before, after):
            # Later failures find nothing to stop.
            is_first_failure = after is JobState.FAILED and not work.counts.get(JobState.FAILED)
            job = _settled(job, replace(work, counts=_moved(work.counts, before, after)), at)
            return job, _begin_no_more(job, work) if is_first_failure else []
        case Counted(at, counts):
            job = _settled(job, replace(work, counts=counts), at)
            return job, _begin_no_more(job, work) if counts.get(JobState.FAILED) else []
        case StopAsked(at, cancel):
            return _stop(job, work, stopping_from(job.state, at), at, is_to_cancel=cancel)
        case TimedOut(at) if not isinstance(job.state, NotStarted):
            assert job.time_limit_s is not None
            return _stop(job, work, Stopping(began_at(job.state, at), over_time(job.time_limit_s)), at)
        case Recovered(at) if isinstance(job.state, Stopping):
            return _stop(job, work, job.state, at)
    return job, []


def unfinished(counts: dict[JobState, int]) -> int:
    """How many children have not ended."""
    return sum(n for state, n in counts.items() if state not in FINISHED)


def _stop(job: Job, work: BatchWork, state: Stopping, at: float, *, is_to_cancel: bool = False) -> Outcome:
    job = _settled(replace(job, state=state), work, at)
    return job, [StopChildren(cancel=is_to_cancel)] if isinstance(job.state, Stopping) else []


def _settled(job: Job, work: BatchWork, at: float) -> Job:
    """Say how far the batch is, from the states of its children."""
    counts, total = work.counts, work.total
    job, started_at = replace(job, work=work), began_at(job.state, at)
    ended = total - unfinished(counts)
    failed = counts.get(JobState.FAILED, 0)
    if ended == total:
        return _ended(job, work, at)
    said = f"{ended} of {total} ended" + (f", {failed} failed" if failed else "")
    job = replace(job, status_message=said, percent=100 * ended / total)
    if isinstance(job.state, Stopping):
        return job
    waiting = counts.get(JobState.BLOCKED, 0)
    if waiting:
        text = f"{waiting} of {total} wait for an answer: azjobs job get --include-child-job --child-job-state Blocked"
        question = Question(QuestionKind.CHILD, text)
        return replace(job, state=Blocked(started_at, question), status_message=text)
    return replace(job, state=Running(started_at))


def _begin_no_more(job: Job, work: BatchWork) -> list[Effect]:
    return [StopChildren(is_only_idle=True)] if work.is_fail_fast and not is_finished(job.state) else []


def _ended(job: Job, work: BatchWork, at: float) -> Job:
    """Failed if any failed, Stopped if any was stopped, else Completed."""
    counts, started_at = work.counts, began_at(job.state, at)
    failed, stopped = counts.get(JobState.FAILED, 0), counts.get(JobState.STOPPED, 0)
    over = job.state.fault if isinstance(job.state, Stopping) else None
    job = replace(job, status_message="", percent=None)
    if over is not None and (failed or stopped):
        return replace(job, state=Failed(started_at, at, over))
    if failed:
        more = f", {stopped} were stopped" if stopped else ""
        fault = Fault(CHILDREN_FAILED, f"{failed} of {work.total} failed{more}.")
        return replace(job, state=Failed(started_at, at, fault))
    if stopped:
        return replace(job, state=Stopped(started_at, at))
    return replace(job, state=Completed(started_at, at))


def _moved(counts: dict[JobState, int], before: JobState, after: JobState) -> dict[JobState, int]:
    moved = {**counts, before: counts.get(before, 0) - 1}
    moved[after] = moved.get(after, 0) + 1
    return {state: n for state, n in moved.items() if n}
