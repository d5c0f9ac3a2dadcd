"""A job in the hand: a `concurrent.futures.Future` whose work goes on whether or not anybody holds it.

The handle holds no state of the job, only its name for ever: state, output and
value are read where they are kept, each time, and need no daemon. One thread
tells all handles of a process of the ends of their jobs, once somebody waits by
means of a future (`as_completed`, `wait`, callbacks, `await`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from concurrent.futures._base import InvalidStateError  # not exported by its own package
from datetime import datetime
from typing import Any, TypeVar

from azjobs.core.errors import Fault, JobBlocked, JobFailed, JobNotFound, JobStopped, WaitTimedOut
from azjobs.core.job import JobType, PlanWork
from azjobs.core.journal import Output
from azjobs.core.progress import under_way
from azjobs.core.states import FINISHED, Blocked, JobState, is_finished
from azjobs.core.wire import Changed, Ok, Stop
from azjobs.process.cursor import Position
from azjobs.session.contexts.context import Context
from azjobs.session.jobs.batch_report import TargetReport, report_of, value_of
from azjobs.session.jobs.following import Following
from azjobs.session.jobs.looking import load_view, load_views
from azjobs.session.jobs.streams import follow_entries
from azjobs.session.jobs.values import failure_of, open_value
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import Local, local

T = TypeVar("T")


class Job(Future[T]):
    """A handle to one job, of this session or another; equal handles mean the same job."""

    _on_told: tuple[Callable[[], None], ...] = ()  # only who awaits wants to know; a handle is small

    def __init__(self, uuid: str, here: Local | None = None) -> None:
        self._uuid = uuid
        self._here = here or local()
        self._is_over = False
        self._told_by: object = None
        super().__init__()

    # What it is

    @property
    def view(self) -> JobView:
        """All there is to see of the job now, looked at once.

        Raises:
            JobNotFound: it was removed.
        """
        return load_view(self._here.layout, self._uuid)

    @property
    def uuid(self) -> str:
        """What names the job everywhere and for ever."""
        return self._uuid

    @property
    def instance_id(self) -> str:
        """The same, by PowerShell's name."""
        return self._uuid

    @property
    def id(self) -> int | None:
        """The number people use."""
        return self.view.id

    @property
    def name(self) -> str:
        """The job's name."""
        return self.view.name

    @property
    def type(self) -> JobType:
        """The kind of job."""
        return self.view.type

    @property
    def state(self) -> JobState:
        """The true state, with a daemon or without."""
        return self.view.state

    @property
    def has_more_data(self) -> bool:
        """Whether there is output that nobody has received."""
        return self.view.has_more_data

    @property
    def context(self) -> Context | None:
        """The context it acts in."""
        value = self.view.context
        return Context(value) if value is not None else None

    @property
    def target(self) -> str:
        """What it acts on, for people."""
        return self.view.row.target

    @property
    def command(self) -> str:
        """What was asked for."""
        return self.view.row.command

    @property
    def labels(self) -> dict[str, str]:
        """What it can be found by, besides its name."""
        return dict(self.view.row.labels)

    @property
    def parent(self) -> Job[Any] | None:
        """The batch that it belongs to; None where there is none, or none any more (`status` says so)."""
        parent = self.view.row.parent
        return Job(parent, self._here) if parent else None

    @property
    def child_jobs(self) -> list[Job[Any]]:
        """Of a batch its children, one for each target, in the order of their ids; else none."""
        if self.type is not JobType.BATCH:
            return []
        return [Job(view.uuid, self._here) for view in load_views(self._here.layout, parent=self._uuid)]

    @property
    def location(self) -> str:
        """Where the work is done."""
        return self.view.location

    @property
    def remote_state(self) -> str:
        """What the operation in Azure was last seen doing, in the service's own word; "" when it has none."""
        return self.view.row.remote_state

    @property
    def status_message(self) -> str:
        """What is going on just now, or what it waits for."""
        return self.view.status

    @property
    def percent(self) -> float | None:
        """The service's own percentage; None when it gives none."""
        return self.view.row.percent

    @property
    def begin_time(self) -> datetime | None:
        """When its work began."""
        return self.view.begin_time

    @property
    def end_time(self) -> datetime | None:
        """When it ended."""
        return self.view.end_time

    @property
    def error(self) -> Fault | None:
        """Why it failed; None when it did not."""
        view = self.view
        return failure_of(view).fault if view.state is JobState.FAILED else None

    @property
    def report(self) -> list[TargetReport]:
        """What became of each target of a batch, in their order; of another job its own one target."""
        return report_of(self.view)

    # What came of it

    def result(self, timeout: float | None = None) -> T:
        """Wait for the job's value and return it; nothing is consumed, and it can be asked again and again.

        Args:
            timeout: how long to wait, in seconds; for ever when None.

        Raises:
            JobFailed: it failed; `.fault` says why.
            BatchFailed: targets of a batch failed; `.report` tells of each.
            JobStopped: it was stopped.
            JobBlocked: it waits for an answer.
            WaitTimedOut: (a TimeoutError) the time is over; the job goes on.
        """
        return self._value(self._wait(timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end of the job and return its error, None when it has none; raises as `result` otherwise."""
        view = self._wait(timeout)
        if view.state is JobState.COMPLETED:
            return None
        try:
            value_of(view)
        except (JobFailed, JobStopped) as error:
            return error
        return None

    def done(self) -> bool:
        """Whether it has ended, however it did; looked at each time, since a stopped job may go on (`resume_job`)."""
        return self._look_over()

    def running(self) -> bool:
        """Whether its work goes on."""
        return not self.done() and self.state is not JobState.NOT_STARTED

    def cancelled(self) -> bool:
        """Whether it was stopped."""
        return self.state is JobState.STOPPED

    def cancel(self) -> bool:
        """Stop the job if that ends its work; True only if the work will not go on.

        An operation that Azure has begun cannot be ended from here: nothing is
        done then. `stop_job` stops watching it.
        """
        view = self.view
        if view.state in FINISHED:
            return _will_not_go_on(view)
        if isinstance(view.row.work, PlanWork) and under_way(view.row.work):
            return False
        self._here.client.ask(Stop(0, (self._uuid,)), Ok)
        return _will_not_go_on(self._wait(None, is_blocked_end=False))

    def __iter__(self) -> Iterator[Any]:
        """Yield what the job gives as output, as it comes, until it has ended; nothing is consumed."""
        view = self.view  # of which a value needs only what never changes
        for batch in follow_entries(self._here, self._uuid, Position()):
            for entry in batch:
                if isinstance(entry.record, Output):
                    yield open_value(view, entry.record.content)

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in an event loop; to cancel that leaves the job as it is. Raises as `result`."""
        return self._awaited().__await__()

    # As a future

    @property
    def _condition(self) -> threading.Condition:
        """Whoever takes a future's condition wants to know of its end, so the listener is told: not before."""
        if not self._is_over:
            self._follow()
        return self._own_condition

    @_condition.setter
    def _condition(self, condition: threading.Condition) -> None:  # by Future.__init__
        self._own_condition = condition

    def ended(self, *, is_final: bool = True) -> None:
        """Be told that the job has ended, or is gone; called by the listener, perhaps late: see there."""
        if not is_final and not self._look_over():
            self._here.listener.add([self])
            return
        self._is_over = True
        with contextlib.suppress(InvalidStateError):  # told twice
            super().set_result(None)  # type: ignore[arg-type]  # the value is read when it is asked for
        self.blocked()

    def blocked(self) -> None:
        """Be told that the job waits for an answer; called by the listener."""
        for tell in self._on_told:
            tell()

    def _follow(self) -> None:
        listener = self._here.listener
        if self._told_by is listener.life:
            return
        self._told_by = listener.life  # first: what follows comes back here
        if self._look_over():
            self.ended()
        else:
            listener.add([self])

    def _look_over(self) -> bool:
        try:
            return self.state in FINISHED
        except JobNotFound:
            return True

    def _wait(self, timeout_s: float | None, *, is_blocked_end: bool = True) -> JobView:
        """Return the job when it has ended; a connection of its own tells. The store is read when there is news."""
        deadline_at = None if timeout_s is None else time.monotonic() + timeout_s
        with Following(self._here.client, [self._uuid]) as changes:
            is_news = not changes.is_at_hand
            while True:
                left_s = None if deadline_at is None else max(0.0, deadline_at - time.monotonic())
                if is_news or left_s == 0.0:
                    view = self.view
                    if view.state in FINISHED:
                        return view
                    if view.plea and is_blocked_end:
                        raise JobBlocked(view.plea)
                    if left_s == 0.0:
                        raise WaitTimedOut(f"{view.name} is not finished; it goes on.")
                changed = changes.next(left_s)
                is_news = changed is not None and changed.uuid == self._uuid and _is_worth_a_look(changed)

    def _value(self, view: JobView) -> T:
        value: T = value_of(view)
        return value

    async def _awaited(self) -> T:
        import asyncio  # noqa: PLC0415 - whoever awaits has it already

        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(woken.set)

        self._on_told = (*self._on_told, tell)
        try:
            while (view := self.view).state not in FINISHED:
                if view.plea:
                    raise JobBlocked(view.plea)
                self._here.listener.add([self])  # each time: one that was told of a stop may have been resumed
                await woken.wait()
                woken.clear()
        finally:
            self._on_told = tuple(one for one in self._on_told if one is not tell)
        return self._value(view)

    # As a value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Job):
            return NotImplemented
        return self._uuid == other._uuid

    def __hash__(self) -> int:
        return hash(self._uuid)

    def __reduce__(self) -> tuple[object, ...]:
        """By its name for ever: the handle opens in any process of the same home."""
        return Job, (self._uuid,)

    def __repr__(self) -> str:
        try:
            return repr(self.view)
        except JobNotFound:
            return f"<Job {self._uuid} removed>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        from azjobs.session.jobs.html import job_html  # noqa: PLC0415 - notebooks only

        try:
            return job_html([self.view])
        except JobNotFound:
            return "<i>This job was removed.</i>"


def _is_worth_a_look(changed: Changed) -> bool:
    return changed.is_removed or is_finished(changed.state) or isinstance(changed.state, Blocked)


def _will_not_go_on(view: JobView) -> bool:
    is_over = view.row.remote_state not in ("Running", "Unknown")
    return view.state is JobState.STOPPED and is_over
