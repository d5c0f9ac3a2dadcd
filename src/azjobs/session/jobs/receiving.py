"""Receive what jobs said and nobody was given yet: output as a list, the other streams beside it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar, Unpack

from azjobs.core import journal
from azjobs.core.errors import InvalidInput, JobBlocked, JobFailed
from azjobs.core.job import BatchWork
from azjobs.core.journal import Debug, Error, Gap, Information, Output, Progress, Verbose
from azjobs.core.spelling import spell_out
from azjobs.core.states import FINISHED, JobState
from azjobs.process.reader import Entry
from azjobs.session.jobs.answering import ask_here
from azjobs.session.jobs.job_list import handle_of, remove_views
from azjobs.session.jobs.looking import load_view, load_views
from azjobs.session.jobs.selecting import Selectors, select_to_act
from azjobs.session.jobs.streams import receive_entries
from azjobs.session.jobs.values import failure_of, open_value
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import Local, local

if TYPE_CHECKING:
    from azjobs.session.jobs.selecting import Jobs
    from azjobs.session.jobs.watching import JobEvent

T = TypeVar("T")


class Received(list[T]):
    """What a job returned or yielded, in order, with what it said on the other streams."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[Error] = []
        self.warnings: list[journal.Warning] = []
        self.verbose: list[Verbose] = []
        self.debug: list[Debug] = []
        self.information: list[Information] = []
        self.progress: list[Progress] = []


class Manner(NamedTuple):
    """How output is received; see `receive_job`."""

    wait: bool = False
    keep: bool = False
    auto_remove_job: bool = False
    write_events: bool = False
    write_job_in_results: bool = False
    no_recurse: bool = False

    def check(self, spell: Callable[[str], str] = str) -> None:
        """Refuse what does not go together; `spell` writes a parameter as it was given.

        Raises:
            InvalidInput: it does not; nothing was received.
        """
        for name, why in _NEED_WAIT.items():
            if getattr(self, name) and not self.wait:
                raise InvalidInput(f"{spell(name)} needs {spell('wait')}: {why}.")
        if self.keep and self.auto_remove_job:
            raise InvalidInput(
                f"{spell('keep')} leaves the records, {spell('auto_remove_job')} removes them: give one of the two."
            )


_NEED_WAIT = {
    "auto_remove_job": "only what has ended is removed",
    "write_events": "the events are the ends of the jobs",
    "write_job_in_results": "it says whose results follow, as they come",
}


class Sink(Protocol):
    """Takes what is received of one job after another."""

    def deliver(self, view: JobView, entries: Sequence[Entry]) -> None:
        """Take records, and flush: they are taken off the journal then."""
        ...

    def ask(self, view: JobView) -> bool:
        """Ask somebody for what a blocked job waits for; False where nobody answers."""
        ...

    def end(self, before: JobView, after: JobView) -> None:
        """Be told that all that there is of a job was delivered, and what it was before and is now; may raise."""
        ...


@spell_out
def receive_job(  # noqa: PLR0913 - PowerShell's parameters; all but one by name
    job: Jobs | None = None,
    *,
    wait: bool = False,
    keep: bool = False,
    timeout: float | None = None,
    error_action: Literal["Continue", "Stop"] = "Continue",
    auto_remove_job: bool = False,
    write_events: bool = False,
    write_job_in_results: bool = False,
    no_recurse: bool = False,
    **which: Unpack[Selectors],
) -> Received[Any]:
    """Return what is new in the output of jobs; each record is given once, whoever asks first.

    What they printed is printed here. A job that failed is no error: see `.errors`.
    Of a batch it is the output of its children, in the order of their targets.

    Args:
        job: ids, names, patterns or jobs.
        wait: go on until they have ended.
        keep: leave the records for the next who asks.
        timeout: with `wait`: how long in all, in seconds.
        error_action: "Stop" raises when a job has failed.
        auto_remove_job: with `wait`: remove each of these jobs that has ended and of which nothing is left to receive.
        write_events: with `wait`: a `JobEvent` for the end of each job follows its output.
        write_job_in_results: with `wait`: the jobs themselves come before all output.
        no_recurse: of a batch nothing of its children.

    Raises:
        InvalidInput: these do not go together; nothing was received.
        JobNotFound: an id or name is not there; nothing was received.
        JobBlocked: with `wait`: one waits for an answer, and the others were received; nothing was removed. On a
            terminal and in a notebook you are asked instead.
        JobFailed: with error_action="Stop"; `.output` has what was received; nothing was removed.
    """
    if error_action not in ("Continue", "Stop"):
        raise InvalidInput(f"error_action is Continue or Stop, not {error_action}.")
    manner = Manner(wait, keep, auto_remove_job, write_events, write_job_in_results, no_recurse)
    manner.check()
    here = local()
    views = select_to_act(here, job, which)
    received = _Collecting(here, is_strict=error_action == "Stop", has_events=write_events)
    if write_job_in_results:
        received.records += [handle_of(view, here) for view in views]
    try:
        whole = receive_all(here, views, manner, received, timeout_s=timeout)
    except JobBlocked as blocked:
        blocked.output = list(received.records)
        raise
    remove_ended(here, whole, manner)
    return received.records


def receive_all(
    here: Local, views: Sequence[JobView], manner: Manner, sink: Sink, *, timeout_s: float | None = None
) -> list[JobView]:
    """Give `sink` what is new of jobs, one after the other, of a batch that of its children first.

    Returns those of which nothing is left to be received, now and ever.

    Raises:
        InvalidInput: a child of a batch was to be removed alone; nothing was received.
        JobBlocked: some wait for an answer; all the others were received.
    """
    if manner.auto_remove_job:
        _refuse_children(views)
    pleas: list[str] = []
    whole: list[JobView] = []
    deadline_at = None if timeout_s is None else time.monotonic() + timeout_s
    for named in views:
        is_whole = True
        for view in _with_children(here, named, manner):
            left_s = None if deadline_at is None else max(0.0, deadline_at - time.monotonic())
            deliver, (wait, keep) = partial(sink.deliver, view), manner[:2]
            try:
                is_whole &= receive_entries(here, view, deliver, wait=wait, keep=keep, timeout_s=left_s, ask=sink.ask)
            except JobBlocked as blocked:  # what the others say is not held up by it
                pleas.append(str(blocked))
            else:
                sink.end(view, load_view(here.layout, view.uuid))
        whole += [named] if is_whole else []
    if pleas:
        raise JobBlocked(" ".join(pleas))
    return whole


def remove_ended(here: Local, whole: Sequence[JobView], manner: Manner) -> None:
    """Remove the jobs that were received to their ends, where that was asked for; not one that was resumed since."""
    if manner.auto_remove_job:
        now = load_views(here.layout, uuids=[view.uuid for view in whole])
        remove_views(here, [view for view in now if view.state in FINISHED])


def _refuse_children(views: Sequence[JobView]) -> None:
    named = {view.uuid for view in views}
    for view in views:
        if view.row.parent and view.row.parent not in named:
            raise InvalidInput(f"Job {view.id} is part of a batch, and is removed with it only. Nothing was received.")


def event_of(here: Local, before: JobView, after: JobView) -> JobEvent | None:
    """Return the event of a job's end, None while it has none."""
    from azjobs.session.jobs.watching import JobEvent  # noqa: PLC0415 - it imports asyncio

    if after.state not in FINISHED or after.end_time is None:
        return None
    previous = before.state if before.state not in FINISHED else None
    return JobEvent(handle_of(after, here), after.id, after.name, after.state, previous, after.end_time)


def _with_children(here: Local, view: JobView, manner: Manner) -> list[JobView]:
    if manner.no_recurse or not isinstance(view.row.work, BatchWork):
        return [view]
    return [*load_views(here.layout, parent=view.uuid), view]


class _Collecting:
    """Sorts records into lists."""

    def __init__(self, here: Local, *, is_strict: bool, has_events: bool) -> None:
        self.records: Received[Any] = Received()
        self._here = here
        self._is_strict = is_strict
        self._has_events = has_events
        self._begun = ""  # the unfinished line on the screen

    def deliver(self, view: JobView, entries: Sequence[Entry]) -> None:
        for entry in entries:
            _sort_in(view, entry, self.records)
            if isinstance(entry.record, Information):
                self._begun = self._begun + entry.record.text if entry.record.partial else ""
        sys.stdout.flush()

    def ask(self, view: JobView) -> bool:
        begun, self._begun = self._begun, ""
        return ask_here(self._here, view, begun)

    def end(self, before: JobView, after: JobView) -> None:
        event = event_of(self._here, before, after) if self._has_events else None
        if event is not None:
            self.records.append(event)
        if self._is_strict and after.state is JobState.FAILED:
            failure = failure_of(after)
            raise JobFailed(str(failure), fault=failure.fault, output=list(self.records))


def _sort_in(view: JobView, entry: Entry, received: Received[Any]) -> None:
    match entry.record:
        case Output(content=content):
            received.append(open_value(view, content))
        case Information(text=text, partial=partial) as record:
            received.information.append(record)
            sys.stdout.write(text if partial else f"{text}\n")
        case Error() as record:
            received.errors.append(record)
        case journal.Warning() as record:
            received.warnings.append(record)
        case Gap() as gap:
            received.warnings.append(journal.Warning(gap.stamp, gap.text))
        case Verbose() as record:
            received.verbose.append(record)
        case Debug() as record:
            received.debug.append(record)
        case Progress() as record:
            received.progress.append(record)
        case _:  # about the journal itself
            return
