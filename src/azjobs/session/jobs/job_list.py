"""Find, wait for and remove jobs, of this session and all others.

To look at jobs needs neither daemon nor handle, and a listing is to be quick:
what the others need is imported where it is used.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from azjobs.core.errors import InvalidInput, JobBlocked, JobNotFound
from azjobs.core.spelling import spell_out
from azjobs.core.states import FINISHED, JobState
from azjobs.session.jobs.looking import find_views, load_views, not_found
from azjobs.session.jobs.selecting import NOTHING_MORE, Narrowing, Selectors, by_id, names_of, select, select_to_act
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import Local, local

if TYPE_CHECKING:
    from azjobs.session.jobs.job import Job
    from azjobs.session.jobs.selecting import JobLike, Jobs

T = TypeVar("T")


@overload
def get_job(job: int) -> Job[Any]: ...
@overload
def get_job(job: Job[T]) -> Job[T]: ...
@overload
def get_job(
    job: str | Iterable[JobLike] | None = None,
    *,
    newest: int | None = None,
    before: datetime | str | None = None,
    after: datetime | str | None = None,
    has_more_data: bool | None = None,
    include_child_job: bool = False,
    child_job_state: JobState | str | None = None,
    **which: Unpack[Selectors],
) -> list[Job[Any]]: ...
@spell_out
def get_job(
    job: Jobs | None = None,
    *,
    newest: int | None = None,
    before: datetime | str | None = None,
    after: datetime | str | None = None,
    has_more_data: bool | None = None,
    include_child_job: bool = False,
    child_job_state: JobState | str | None = None,
    **which: Unpack[Selectors],
) -> Job[Any] | list[Job[Any]]:
    """Return the job of an id; else jobs in the order of their ids, all of the user's when nothing is asked for.

    Args:
        job: an id or a job gives that one job; a name, a pattern or several of them give a list.
        newest: only so many, those that ended last; what has not ended is left out.
        before: only what ended before this time, a datetime or text as 2026-01-31T17:00; local where it has no offset.
        after: only what ended after this time.
        has_more_data: only those that have output which nobody has received, or that have none.
        include_child_job: after each batch its children.
        child_job_state: after each batch its children in this state.

    Raises:
        JobNotFound: an id, uuid or name is not there; a pattern, a state, a command or a label may find none.
    """
    here = local()
    more = Narrowing(newest, before, after, has_more_data, include_child_job, child_job_state)
    found, missing = select(here, job, which, more)
    if missing:
        raise not_found(missing)
    if is_one(job) and not any(which.values()) and more == NOTHING_MORE:
        return handle_of(found[0], here)
    return [handle_of(view, here) for view in sorted(found, key=by_id)]


def is_one(job: object) -> bool:
    """Whether one job is named, by its id or by itself; it is iterable, by its output, and yet it is one."""
    from azjobs.session.jobs.job import Job

    return isinstance(job, int | Job)


@spell_out
def wait_job(
    job: Jobs | None = None, *, timeout: float | None = None, any: bool = False, **which: Unpack[Selectors]
) -> list[Job[Any]]:
    """Wait until jobs have ended, and return those that have; the others go on.

    Args:
        job: ids, names, patterns or jobs.
        timeout: how long to wait, in seconds; for ever when None.
        any: return as soon as one has ended.

    Raises:
        JobNotFound: an id or name is not there; nothing was waited for.
        JobBlocked: all that are left to wait for wait for an answer themselves.
    """
    here = local()
    views = select_to_act(here, job, which)
    ended = wait_until_over(here, [view.uuid for view in views], timeout_s=timeout, is_any=any)
    return [handle_of(view, here) for view in views if view.uuid in ended]


def wait_until_over(here: Local, uuids: Sequence[str], *, timeout_s: float | None, is_any: bool = False) -> set[str]:
    """Wait for the ends of jobs and return the uuids of those that ended (or were removed); raises as `wait_job`."""
    from azjobs.session.jobs.following import Following

    if not uuids:  # to follow none is to follow all
        return set()
    deadline_at = None if timeout_s is None else time.monotonic() + timeout_s
    with Following(here.client, uuids) as changes:
        left: Sequence[str] = uuids
        while True:
            open_ = [view for view in load_views(here.layout, uuids=left) if view.state not in FINISHED]
            left = [view.uuid for view in open_]
            ended = set(uuids) - set(left)
            if not open_ or (is_any and ended):
                return ended
            if all(view.question is not None for view in open_):
                raise JobBlocked(" ".join(view.plea for view in open_))
            left_s = None if deadline_at is None else deadline_at - time.monotonic()
            if left_s is not None and left_s <= 0:
                return ended
            changes.next(left_s)
            while changes.next(0) is not None:  # one look for all that was told meanwhile
                pass


@spell_out
def remove_job(job: Jobs | None = None, *, force: bool = False, **which: Unpack[Selectors]) -> None:
    """Remove jobs with all their output.

    Args:
        job: ids, names, patterns or jobs.
        force: stop those first that have not ended.

    Raises:
        JobNotFinished: one has not ended; nothing was removed.
        JobNotFound: an id or name is not there; nothing was removed.
    """
    here = local()
    remove_views(here, select_to_act(here, job, which), force=force)


def remove_views(here: Local, views: Sequence[JobView], *, force: bool = False) -> None:
    """Remove jobs; raises as `remove_job`."""
    from azjobs.core.wire import Ok, Remove

    if not views:
        return
    try:
        here.client.ask(Remove(0, tuple(view.uuid for view in views), force), Ok)
    except JobNotFound:  # asked twice, over a daemon's replacement, or by two at once
        left = load_views(here.layout, uuids=[view.uuid for view in views])
        if left:
            here.client.ask(Remove(0, tuple(view.uuid for view in left), force), Ok)


def view_of(here: Local, job: JobLike) -> JobView:
    """Return the one job that is meant.

    Raises:
        JobNotFound: it is not there.
        InvalidInput: a pattern means several, or none.
    """
    views = find_views(here.layout, names_of(job))
    if len(views) != 1:
        raise InvalidInput(f"{job} means {len(views)} jobs; name one.")
    return views[0]


def handle_of(view: JobView, here: Local) -> Job[Any]:
    """Return the handle of a job that was looked at."""
    from azjobs.session.jobs.job import Job

    return Job(view.uuid, here)
