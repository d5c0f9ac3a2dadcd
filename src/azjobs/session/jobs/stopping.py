"""Stop jobs, and let stopped ones go on; as in `job_list`, what costs to import is imported where it is used."""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from azjobs.core.errors import JobBlocked, JobNotStopped
from azjobs.core.job import BatchWork, PlanWork
from azjobs.core.spelling import spell_out
from azjobs.core.states import FINISHED, JobState
from azjobs.session.jobs.job_list import handle_of, is_one, wait_until_over
from azjobs.session.jobs.looking import load_children, load_views
from azjobs.session.jobs.selecting import Selectors, select_to_act
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import Local, local

if TYPE_CHECKING:
    from azjobs.session.jobs.job import Job
    from azjobs.session.jobs.selecting import JobLike, Jobs

T = TypeVar("T")


@spell_out
def stop_job(job: Jobs | None = None, *, cancel: bool = False, **which: Unpack[Selectors]) -> list[Job[Any]]:
    """Stop jobs and return them: a process is ended, an operation in Azure goes on unwatched.

    Jobs that have ended are left as they are. What was printed is kept.
    `status_message` and `remote_state` say what goes on in Azure.

    Args:
        job: ids, names, patterns or jobs.
        cancel: have Azure end the operation too, and wait for what it says in the end. It offers that for few
            operations, such as deployments; any other goes on, as without this.

    Raises:
        JobNotFound: an id or name is not there; nothing was stopped.
    """
    here = local()
    views = select_to_act(here, job, which)
    stop_views(here, views, cancel=cancel)
    return [handle_of(view, here) for view in views]


def stop_views(here: Local, views: Sequence[JobView], *, cancel: bool = False) -> list[str]:
    """Stop jobs, wait until they have ended, and return the sentences about what goes on without them.

    One whose cancel Azure refuses is not waited for: it goes on, watched, to its end.
    """
    uuids = tuple(view.uuid for view in views if view.state not in FINISHED)
    if not uuids:
        return []
    from azjobs.core.wire import Ok, Stop

    text = here.client.ask(Stop(0, uuids, cancel), Ok).text
    if cancel:
        return _await_cancels(here, uuids)
    with contextlib.suppress(JobBlocked):
        wait_until_over(here, uuids, timeout_s=None)
    return text.splitlines()


@overload
def resume_job(job: int | Job[T]) -> Job[T]: ...
@overload
def resume_job(job: str | Iterable[JobLike] | None = None, **which: Unpack[Selectors]) -> list[Job[Any]]: ...
@spell_out
def resume_job(job: Jobs | None = None, **which: Unpack[Selectors]) -> Job[Any] | list[Job[Any]]:
    """Let stopped Azure jobs go on, and return them: what goes on in Azure is watched again, and the rest is done.

    Secrets were forgotten when the job stopped: one that still needs its password asks for it (`answer_job`).
    The returned handle waits again. One that had been told of the stop stays told, as every future: it ends once.

    Args:
        job: an id or a job gives that one job; a name, a pattern or several of them give a list.

    Raises:
        JobNotStopped: one is not stopped, is no Azure job, or nothing of it goes on; none was resumed.
        JobNotFound: an id or name is not there; none was resumed.
    """
    here = local()
    views = select_to_act(here, job, which)
    resume_views(here, views)
    handles = [handle_of(view, here) for view in views]
    return handles[0] if is_one(job) and not any(which.values()) else handles


def resume_views(here: Local, views: Sequence[JobView]) -> None:
    """Let stopped jobs go on; raises as `resume_job`."""
    from azjobs.core.stopping import refusal_to_resume
    from azjobs.core.wire import Ok, Resume

    for view in views:
        if why := refusal_to_resume(view.row):
            raise JobNotStopped(why)
    uuids = tuple(view.uuid for view in views)
    if not uuids:
        return
    try:
        here.client.ask(Resume(0, uuids), Ok)
    except JobNotStopped:  # asked twice, over a daemon's replacement, or by two at once
        if any(view.state in FINISHED for view in load_views(here.layout, uuids=uuids)):
            raise


def _await_cancels(here: Local, uuids: Sequence[str]) -> list[str]:
    """Wait until each job has ended, asks, or has Azure's refusal; return what is to be said of each."""
    from azjobs.session.jobs.following import Following

    children = [child.uuid for uuid in uuids for child in load_children(here.layout, uuid)]
    with Following(here.client, [*uuids, *children]) as changes:
        while True:
            views = load_views(here.layout, uuids=uuids)
            outcomes = [
                _of_batch(here, view) if isinstance(view.row.work, BatchWork) else _of_one(view) for view in views
            ]
            if None not in outcomes:
                return [sentence for outcome in outcomes for sentence in outcome or ()]
            changes.next()
            while changes.next(0) is not None:  # one look for all that was told meanwhile
                pass


def _of_batch(here: Local, view: JobView) -> list[str] | None:
    """What is to be said of each target of a batch; None as long as that is not known of all."""
    children = load_children(here.layout, view.uuid)
    outcomes = [(child.row.target, _of_one(child)) for child in children]
    is_over = view.state in FINISHED or any(child.state not in FINISHED for child in children)
    if not is_over or any(outcome is None for _, outcome in outcomes):
        return None
    return [f"{target}: {sentence}" for target, outcome in outcomes for sentence in outcome or ()]


def _of_one(view: JobView) -> list[str] | None:
    """What is to be said of a job; None as long as Azure may yet cancel it."""
    if view.state not in FINISHED and view.question is None and not _refusals(view):
        return None
    return [sentence] if (sentence := _outcome(view)) else []


def _refusals(view: JobView) -> list[str]:
    from azjobs.core.stopping import refusals

    return refusals(view.row.work) if isinstance(view.row.work, PlanWork) else []


def _outcome(view: JobView) -> str:
    """Say what became of a job that was to be stopped."""
    if view.state in (JobState.COMPLETED, JobState.FAILED):
        return f"{view.name} ended before it could be stopped: {view.state.value}."
    if view.question is not None:
        return f"{view.name} waits: {view.question.text}"
    if view.state is not JobState.STOPPED:
        return f"{' '.join(_refusals(view))} It goes on: azjobs job wait {view.id}"
    return view.row.status_message
