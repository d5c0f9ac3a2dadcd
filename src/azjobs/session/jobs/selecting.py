"""Select jobs: by ids and names, by what they are, by when they ended; with or without the children of batches.

To look at jobs needs neither daemon nor handle. Whoever asks for jobs of certain
ids or names is told which are not there; what only narrows down may find none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypedDict

from azjobs.core.errors import InvalidInput
from azjobs.core.job import BatchWork
from azjobs.core.labels import check_labels
from azjobs.core.naming import matches
from azjobs.core.states import JobState, ended_at_of, is_finished
from azjobs.session.jobs.looking import load_views, look_up, look_up_called, not_found, parse_state
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import Local
from azjobs.session.link.presence import is_daemon_alive
from azjobs.store.reader import Selection, count_ended, has_unfinished

if TYPE_CHECKING:
    from azjobs.session.jobs.job import Job

    JobLike: TypeAlias = Job[Any] | int | str
    Jobs: TypeAlias = JobLike | Iterable[JobLike]

WHICH = "Say which jobs: ids, names, patterns or jobs, or by state, command, label or session."

TICK_S = 1e-6  # a datetime is rounded to microseconds: what ended at its very instant ended neither side of it
JSON_TICK_S = 1e-3  # the times in JSON are cut to milliseconds, so likewise for one that has no more digits


class Selectors(TypedDict, total=False):
    """Which jobs, besides by what names them; all that is given must fit.

    Args:
        name: those of this name or pattern, in any case.
        state: those in this state, such as Running.
        command: those that were asked for by this command or pattern, in any case.
        label: those that have these labels; a value may be a pattern.
        session: "this" for those that this session submitted, "all" for those of every session.
    """

    name: str | None
    state: JobState | str | None
    command: str | None
    label: Mapping[str, str] | None
    session: Literal["all", "this"] | None


class Narrowing(NamedTuple):
    """What a listing can ask for besides; instants are aware datetimes, local ones, or ISO 8601 text."""

    newest: int | None = None
    before: datetime | str | None = None
    after: datetime | str | None = None
    has_more_data: bool | None = None
    include_child_job: bool = False
    child_job_state: JobState | str | None = None

    @property
    def has_children(self) -> bool:
        """Whether children of batches are wanted."""
        return self.include_child_job or bool(self.child_job_state)


NOTHING_MORE = Narrowing()


class _Picks(NamedTuple):
    """The selectors, understood."""

    name: str
    state: JobState | None
    command: str
    label: Mapping[str, str]
    session: str | None

    @property
    def is_by_state_only(self) -> bool:
        """Whether the store itself can select by them."""
        return not (self.name or self.command or self.label) and self.session is None

    def fits(self, view: JobView) -> bool:
        """Whether a job is meant."""
        row = view.row
        return (
            matches(self.name, view.name)
            and matches(self.command.strip(), row.command.strip())
            and all(_has_label(row.labels, key, value) for key, value in self.label.items())
            and self.session in (None, row.session)
            and self.state in (None, view.state)
        )


class _When(NamedTuple):
    """Between which instants a job has ended, in epoch seconds."""

    before_at: float | None
    after_at: float | None

    def fits(self, view: JobView) -> bool:
        ended_at = ended_at_of(view.row.state)
        if ended_at is None:
            return False
        return (self.before_at is None or ended_at < self.before_at) and (
            self.after_at is None or ended_at > self.after_at
        )


def select(
    here: Local, job: Jobs | None, which: Selectors, more: Narrowing = NOTHING_MORE
) -> tuple[list[JobView], list[int | str]]:
    """Return the jobs that are meant, in the order of their naming or else of their ids, and which are not there.

    Children of a batch are found by id, uuid or name; in listings they stand
    only where they are asked for. Starts a daemon if one is needed.

    Raises:
        InvalidInput: a state, an instant, a count or a session is none, or a text is empty.
    """
    _refuse_empty({**which, **more._asdict()})
    picks, when = _picks(here, which), _when(more)
    missing: list[int | str] = []
    if job is not None:
        found, missing = look_up(here.layout, names_of(job))
    elif picks.name:
        found, missing = look_up_called(here.layout, [picks.name])
    else:
        found = load_views(here.layout, **_in_store(picks, when, more))
    found = [view for view in found if picks.fits(view)]
    if more.has_children:
        found = _with_children(here, found, more)
    if more.has_more_data is not None:
        found = [view for view in found if view.has_more_data is more.has_more_data]
    if more.before or more.after or more.newest is not None:
        found = _newest([view for view in found if when.fits(view)], more.newest)
    wake(here)
    return found, missing


def select_to_act(here: Local, job: Jobs | None, which: Selectors) -> list[JobView]:
    """Return the jobs to act on; when one that was named is not there, none is acted on.

    Raises:
        InvalidInput: nothing says which.
        JobNotFound: an id, uuid or name is not there; every one that is missing is named.
    """
    if job is None and not is_said(which):
        raise InvalidInput(WHICH)
    found, missing = select(here, job, which)
    if missing:
        raise not_found(missing)
    return found


def select_recent(here: Local, most: int, *, state: str | None = None) -> tuple[list[JobView], int]:
    """Return the unfinished jobs and the `most` that ended last, and how many that ended before are left out."""
    _refuse_empty({"state": state})
    asked = [parse_state(state)] if state else None
    found = load_views(here.layout, states=asked, newest=most, parent="")
    ended = sum(is_finished(view.row.state) for view in found)
    older = max(0, count_ended(here.layout.store_file, states=asked, parent="") - ended) if ended >= most else 0
    wake(here)
    return [view for view in found if asked is None or view.state in asked], older


def names_of(job: Jobs) -> list[int | str]:
    """Return what names the jobs that are meant."""
    if isinstance(job, int | str):
        return [job]
    several = job if isinstance(job, Iterable) and not hasattr(job, "uuid") else [job]
    return [_name_of(one) for one in several]


def wake(here: Local) -> None:
    """Start a daemon where jobs are unfinished and none runs; it is not waited for."""
    if has_unfinished(here.layout.store_file) and not is_daemon_alive(here.layout):
        here.client.wake()


def by_id(view: JobView) -> tuple[bool, int]:
    """The order of a listing."""
    return (view.id is None, view.id or 0)


def _name_of(one: Any) -> int | str:
    if isinstance(one, int | str):
        return one
    try:
        return str(one.uuid)
    except AttributeError:
        raise InvalidInput(f"A job is named by its id, its name or itself, not by {one!r}.") from None


def is_said(which: Mapping[str, object]) -> bool:
    """Whether anything says which jobs; an empty text says it wrongly, and `select` refuses it by its name."""
    return any(value or value == "" for value in which.values())


def _refuse_empty(given: Mapping[str, object]) -> None:
    """An empty text is most often a variable that nobody has set: it must not mean all jobs."""
    for name, value in given.items():
        if value == "":
            raise InvalidInput(f"The {name.replace('_', ' ')} is empty, and means no job. Leave it out to mean any.")


def _has_label(labels: Mapping[str, str], key: str, value: str) -> bool:
    return key in labels and (matches(value, labels[key]) if value else not labels[key])


def _picks(here: Local, which: Selectors) -> _Picks:
    session = which.get("session")
    if session not in ("all", "this", None):
        raise InvalidInput(f"session is all or this, not {session}.")
    state = which.get("state")
    return _Picks(
        which.get("name") or "",
        parse_state(state) if state else None,
        which.get("command") or "",
        check_labels(which.get("label") or {}),
        here.require_session().key if session == "this" else None,
    )


def _when(more: Narrowing) -> _When:
    if more.newest is not None and more.newest < 1:
        raise InvalidInput(f"Newest is how many jobs, 1 or more, not {more.newest}.")
    if more.child_job_state:
        parse_state(more.child_job_state)
    before, after = _instant("before", more.before), _instant("after", more.after)
    return _When(None if before is None else before[0] - TICK_S / 2, None if after is None else sum(after) - TICK_S / 2)


def _instant(name: str, value: datetime | str | None) -> tuple[float, float] | None:
    """Return an instant in epoch seconds, and how exactly it is given; one without an offset is local."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.timestamp(), TICK_S if moment.microsecond % 1000 else JSON_TICK_S
    except (AttributeError, OSError, OverflowError, ValueError):
        raise InvalidInput(f"{name} is a time such as 2026-01-31T17:00 or 2026-01-31T17:00Z, not {value}.") from None


def _in_store(picks: _Picks, when: _When, more: Narrowing) -> Selection:
    """Return what the store itself is asked for, so that other jobs need not be read."""
    selection: Selection = {"parent": ""}
    if picks.state is not None:
        selection["states"] = [picks.state]
    if not more.has_children:  # a child may have ended in time where its batch did not
        selection |= {"ended_before": when.before_at, "ended_after": when.after_at}
        if picks.is_by_state_only and more.has_more_data is None:
            selection["newest"] = more.newest
    return selection


def _with_children(here: Local, found: Sequence[JobView], more: Narrowing) -> list[JobView]:
    """Return each job, after a batch its children: all of them, or those in the state that was asked for."""
    wanted = parse_state(more.child_job_state) if more.child_job_state else None
    together = {view.uuid: view for view in found}
    for batch in found:
        if isinstance(batch.row.work, BatchWork):
            children = load_views(here.layout, parent=batch.uuid)
            together |= {view.uuid: view for view in children if wanted in (None, view.state)}
    return sorted(together.values(), key=by_id)


def _newest(ended: Sequence[JobView], most: int | None) -> list[JobView]:
    """Return those that ended last, in the order in which they stand."""
    if most is None:
        return list(ended)
    last = sorted(ended, key=lambda view: (ended_at_of(view.row.state) or 0.0, view.id or 0), reverse=True)[:most]
    kept = {view.uuid for view in last}
    return [view for view in ended if view.uuid in kept]
