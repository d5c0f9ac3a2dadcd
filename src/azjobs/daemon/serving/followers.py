"""Tell those who asked what became of jobs, as soon as it is committed.

A follower that does not read is let go when too much waits for it: it connects
again and is told the present state first, so it misses nothing that lasts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from azjobs.core.job import Job
from azjobs.core.states import is_finished
from azjobs.core.wire import Changed, changed_of

BACKLOG_BYTES = 4 * 1024 * 1024  # guess: some ten thousand changes


class Outlet(Protocol):
    """Where a follower listens."""

    def push(self, changed: Changed) -> None:
        """Send without waiting."""
        ...


def is_listed(job: Job) -> bool:
    """Whether it is one of all jobs, for those who follow all: it shows itself, and is no part of a batch."""
    return job.id is not None and not job.parent


class Followers:
    """Who wants to be told of which job."""

    def __init__(self) -> None:
        self._all: set[Outlet] = set()
        self._by_uuid: dict[str, set[Outlet]] = {}
        self._followed: dict[Outlet, set[str]] = {}
        self._told: dict[str, Changed] = {}

    def add(self, outlet: Outlet, uuids: Iterable[str]) -> None:
        """Tell `outlet` of these jobs; of all that show themselves when none is named."""
        wanted = set(uuids)
        if not wanted:
            self._all.add(outlet)
        self._followed.setdefault(outlet, set()).update(wanted)
        for uuid in wanted:
            self._by_uuid.setdefault(uuid, set()).add(outlet)

    @property
    def has_watchers(self) -> bool:
        """Whether somebody wants to be told of whatever happens."""
        return bool(self._all)

    def drop(self, outlet: Outlet) -> None:
        """Tell it nothing more."""
        self._all.discard(outlet)
        self._told.clear()  # whoever comes next is told anew
        for uuid in self._followed.pop(outlet, set()):
            outlets = self._by_uuid.get(uuid, set())
            outlets.discard(outlet)
            if not outlets:
                self._by_uuid.pop(uuid, None)

    def tell(self, job: Job, *, is_removed: bool = False) -> None:
        """Tell everybody who asked about this job."""
        outlets = self._by_uuid.get(job.uuid, set())
        if is_listed(job):
            outlets = outlets | self._all
        if not outlets:
            return
        changed = changed_of(job, is_removed=is_removed)
        if self._told.get(job.uuid) == changed:
            return  # something about the job was recorded that nobody is told of
        self._told[job.uuid] = changed
        for outlet in list(outlets):
            outlet.push(changed)
        if is_finished(job.state):  # nothing more will happen to it
            self._told.pop(job.uuid, None)
            for outlet in self._by_uuid.pop(job.uuid, set()):
                self._followed[outlet].discard(job.uuid)
