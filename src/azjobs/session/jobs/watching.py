"""Be told of what becomes of jobs: an iterator of events, for programs with an event loop and without.

A lost daemon loses no end: each new connection begins with what the jobs are
now, and what differs from what was told last is told then.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from azjobs.core.states import JobState, ended_at_of, is_finished, name_of
from azjobs.core.wire import Changed, changed_of
from azjobs.session.jobs.following import Following
from azjobs.session.jobs.job import Job
from azjobs.session.jobs.looking import find_views
from azjobs.session.jobs.selecting import names_of
from azjobs.session.link.connection import Connection, ConnectionLost
from azjobs.session.link.local import Local, local
from azjobs.store.reader import read_jobs

if TYPE_CHECKING:
    from azjobs.session.jobs.selecting import JobLike


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job is now like this.

    `previous_state` is the state that was told of it before, None the first time.
    `at` is when it ended, for an end; else when this process was told, in UTC.
    """

    job: Job[Any]
    id: int | None
    name: str
    state: JobState
    previous_state: JobState | None
    at: datetime
    status_message: str = ""
    percent: float | None = None
    is_removed: bool = False

    @property
    def is_end(self) -> bool:
        """Whether the job has just ended, or is gone: nothing more is told of it but its removal."""
        return self.is_removed or (self.state is not self.previous_state and self.state.is_finished)


def watch_jobs(*jobs: JobLike, changes_only: bool = False) -> JobEvents:
    """Return an iterator of what becomes of jobs, for `for` and `async for`: their present states first.

    With jobs named it ends when all of them have ended. With none it tells of
    all jobs of the user, of new ones too (of a batch as one job), and never ends. The daemon may be
    replaced meanwhile; the end of a job is told once.

    To cancel an `async for` frees what it used; so do `close()` and the end of a
    `with` block. It has no thread of its own: the event loop's own executor
    connects, and from then on the loop is told.

    Args:
        jobs: ids, names, patterns or jobs; all when none is named.
        changes_only: tell only what changes from now on.

    Raises:
        JobNotFound: an id or name is not there.
        DaemonUnavailable: there is no daemon, and none can be started.
    """
    here = local()
    uuids = [view.uuid for view in find_views(here.layout, names_of(jobs))] if jobs else None
    return JobEvents(here, uuids, changes_only=changes_only)


class JobEvents:
    """What becomes of jobs; see `watch_jobs`. One thread or task iterates it.

    A reader that is slow holds nothing up and costs no memory: events wait in
    the socket; when that is full the daemon lets go, and after a new connection
    the present states are told.
    """

    def __init__(self, here: Local, uuids: Iterable[str] | None, *, changes_only: bool = False) -> None:
        self._here = here
        self._named = None if uuids is None else tuple(uuids)
        self._unfinished = set(self._named or ())
        self._following = Following(here.client, self._named or (), _alone)
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self._events: deque[JobEvent] = deque()
        self._told: dict[str, Changed] = {}
        if changes_only:
            rows = read_jobs(here.layout.store_file, uuids=self._named, parent=None if uuids is not None else "")
            self._told = {row.uuid: changed_of(row) for row in rows}
            self._unfinished -= {row.uuid for row in rows if is_finished(row.state)}

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> JobEvent:
        while not self._events:
            if self.is_over:
                self.close()
                raise StopIteration
            if self._connection is None:
                self.connect()
                continue
            try:
                changed = self._connection.told()
            except ConnectionLost:
                self._lose()
            else:
                if changed is not None:
                    self._take(changed)
        return self._events.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JobEvent:
        try:
            event = await self._next()
        except BaseException:
            self.close()
            raise
        if event is None:
            raise StopAsyncIteration
        return event

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be told: all named jobs have ended, or it was closed."""
        return self._is_closed or (self._named is not None and not self._unfinished)

    @property
    def is_connected(self) -> bool:
        """Whether a daemon tells."""
        return self._connection is not None

    def fileno(self) -> int:
        """Return what becomes readable when there is something to tell; call `arrived` then."""
        return -1 if self._connection is None else self._connection.fileno()

    def connect(self) -> None:
        """Be told by the daemon there is, or a new one, and compare what the jobs are now with what was told.

        Raises:
            DaemonUnavailable: there is none, and none can be started.
        """
        connection = self._following.start()
        with self._lock:
            if self._is_closed:  # by a cancellation meanwhile
                connection.close()
                return
            self._connection = connection
        try:
            present = connection.arrived()
            if self._named is None:
                present = self._completed(connection, present)
        except ConnectionLost:
            self._lose()
            return
        present.sort(key=lambda changed: changed.id or 0)
        for changed in present:
            self._take(changed)

    def arrived(self) -> bool:
        """Take up what the daemon told, without waiting; returns whether there is an event, or no daemon any more."""
        if self._connection is not None:
            try:
                for changed in self._connection.arrived():
                    self._take(changed)
            except ConnectionLost:
                self._lose()
        return bool(self._events) or self._connection is None

    def events(self) -> list[JobEvent]:
        """Take all events that are there, without waiting."""
        taken = list(self._events)
        self._events.clear()
        return taken

    def close(self) -> None:
        """Be told no more."""
        with self._lock:
            self._is_closed = True
        self._lose()

    async def aclose(self) -> None:
        """Do the same, for `contextlib.aclosing`."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_events"):  # it was made whole
            self.close()

    async def _next(self) -> JobEvent | None:
        while not self._events:
            if self.is_over:
                self.close()
                return None
            if self._connection is None:  # to start a daemon may take a moment: beside the loop
                await asyncio.get_running_loop().run_in_executor(None, self.connect)
            elif not self.arrived():
                await _readable(self._connection)
        return self._events.popleft()

    def _lose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._following.drop()

    def _completed(self, connection: Connection, present: list[Changed]) -> list[Changed]:
        """Add what a new connection does not tell of all jobs: those that have ended, or are gone.

        It tells of all that are unfinished, and from then on of every change. What
        the store has of a job that was told of is not looked at: it is older, or
        will be told in a moment.
        """
        rows = read_jobs(self._here.layout.store_file, parent="")
        present = present + connection.arrived()
        told = {changed.uuid for changed in present}
        ended = [changed_of(row) for row in rows if is_finished(row.state) and row.uuid not in told]
        gone = self._told.keys() - told - {row.uuid for row in rows}
        return present + ended + [_removed(self._told[uuid]) for uuid in gone]

    def _take(self, changed: Changed) -> None:
        """Make an event of what was told, if it is news."""
        last = self._told.get(changed.uuid)
        if self._named is not None and changed.uuid not in self._unfinished:
            return
        if changed == last:
            return
        is_known = last is not None or not changed.is_removed or self._named is not None
        if changed.is_removed:
            self._told.pop(changed.uuid, None)
        else:
            self._told[changed.uuid] = changed
        if changed.is_removed or is_finished(changed.state):
            self._unfinished.discard(changed.uuid)
        if is_known:
            self._events.append(self._event(changed, last))

    def _event(self, changed: Changed, last: Changed | None) -> JobEvent:
        of = last if changed.is_removed and last is not None else changed  # nobody knows more of one that is gone
        previous = name_of(last.state) if last is not None else None
        state = name_of(of.state)
        ended_at = ended_at_of(of.state) if state is not previous else None
        at = datetime.fromtimestamp(time.time() if ended_at is None else ended_at, UTC)
        job: Job[Any] = Job(changed.uuid, self._here)
        return JobEvent(
            job,
            of.id,
            of.name,
            state,
            previous,
            at,
            of.status_message,
            of.percent,
            is_removed=changed.is_removed,
        )


def _alone(_: Connection) -> None:
    """The connection is for this watch only: what was followed on another one before would be told too."""


def _removed(last: Changed) -> Changed:
    return Changed(last.uuid, last.id, last.state, is_removed=True, name=last.name)


async def _readable(connection: Connection) -> None:
    """Wait until there is something to read."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    fd = connection.fileno()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(fd, tell)
    try:
        await ready
    finally:
        loop.remove_reader(fd)
