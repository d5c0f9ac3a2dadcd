"""Remove jobs that have ended: when somebody asks, and as the home's standing policy says.

The policy is applied at start and after jobs have ended; where jobs become too
old meanwhile, one timer waits for the next of them. Without a policy there is no
timer, and nothing is removed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from azjobs.core import wire
from azjobs.core.errors import AzJobsError
from azjobs.core.job import Job
from azjobs.core.layout import Layout
from azjobs.core.policy import FORMAT, REMEDY, Policy
from azjobs.core.states import is_finished
from azjobs.daemon.background import Background
from azjobs.daemon.jobs.ledger import Ledger
from azjobs.daemon.serving.followers import Followers
from azjobs.daemon.serving.rights import refuse_jobs
from azjobs.daemon.serving.server import Connection, Handlers
from azjobs.store.protocol import JobStore
from azjobs.store.whole_file import WholeFile

log = logging.getLogger(__name__)

BATCH = 100  # jobs a transaction: their removal fits into the ballast of a full disk, and takes a few milliseconds
QUIET_S = 1.0  # guess: many jobs end together, and the policy is applied once for all of them
SOONEST_S, LATEST_S = 60.0, 86_400.0  # guesses: of the timer; a clock that was set is noticed within a day


class YoungestClock:
    """Tell the time by which a job is at its youngest: the wall clock's, or what has passed since this one was made.

    A wall clock that jumps ahead makes no job old.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] | None = None) -> None:
        self._wall = wall
        self._steady = steady or _since_boot
        self._offset_s = wall() - self._steady()

    def __call__(self) -> float:
        """Return the time, in epoch seconds."""
        return min(self._wall(), self._steady() + self._offset_s)


def _since_boot() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Pruning:
    """Removes jobs that have ended. `forget`: removes jobs with all that belongs to them."""

    def __init__(
        self,
        store: JobStore,
        ledger: Ledger,
        followers: Followers,
        forget: Callable[[Iterable[str]], None],
        layout: Layout[Path],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._followers = followers
        self._forget = forget
        self._policy_file = WholeFile(layout.policy_file, Policy, Policy(), newest_format=FORMAT, remedy=REMEDY)
        self._now = YoungestClock()
        self._timer: asyncio.TimerHandle | None = None
        self._background = Background()

    def handlers(self) -> Handlers:
        """Return what serves each kind of message."""
        return {wire.Prune: self._on_prune}

    def job_finished(self, _job: Job) -> None:
        """Apply the policy, once for all jobs that end about now."""
        if self._load_policy().removes:
            self._apply_in(QUIET_S)

    async def apply(self) -> list[int]:
        """Remove what the policy does not keep; return the ids."""
        policy = self._load_policy()
        if not policy.removes:
            return []
        removed = await self._prune(policy.ended_before(self._now()), policy.keep_jobs)
        if removed:
            log.info("Removed %d jobs as the policy says.", len(removed))
        oldest_at = self._store.oldest_end()
        due_at = None if oldest_at is None else policy.due_at(oldest_at)
        if due_at is not None:
            self._apply_in(min(max(due_at - self._now(), SOONEST_S), LATEST_S))
        return removed

    async def close(self) -> None:
        """Remove nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        await self._background.cancel()

    async def _on_prune(self, connection: Connection, message: wire.Prune) -> wire.Reply:
        refuse_jobs(connection, "A job cannot remove other jobs by their age.")
        if message.older_than_s is None and message.keep is None:
            return wire.Pruned(message.seq, tuple(await self.apply()))
        before = None if message.older_than_s is None else self._now() - message.older_than_s
        if message.is_rehearsal:
            jobs = map(self._store.load, self._store.find_ended(before=before, beyond=message.keep))
            return wire.Pruned(message.seq, tuple(job.id for job in jobs if job is not None and job.id is not None))
        return wire.Pruned(message.seq, tuple(await self._prune(before, message.keep)))

    async def _prune(self, before: float | None, keep: int | None) -> list[int]:
        """Remove jobs in batches, each in one transaction; return their ids."""
        uuids = self._store.find_ended(before=before, beyond=keep)
        removed: list[int] = []
        for start in range(0, len(uuids), BATCH):
            loaded = [self._ledger.load(uuid) for uuid in uuids[start : start + BATCH]]
            # Meanwhile others may have removed one, or let it go on.
            jobs = [job for job in loaded if job is not None and is_finished(job.state)]
            self._forget([job.uuid for job in jobs])
            await self._ledger.durable()
            for job in jobs:
                self._followers.tell(job, is_removed=True)
            removed += [job.id for job in jobs if job.id is not None]
        return removed

    def _apply_in(self, delay_s: float) -> None:
        """Apply the policy then, or earlier when that is due already: there is one timer."""
        loop = asyncio.get_running_loop()
        at = loop.time() + delay_s
        if self._timer is not None and not self._timer.cancelled():
            if loop.time() < self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, lambda: self._background.spawn(self.apply()))

    def _load_policy(self) -> Policy:
        try:
            return self._policy_file.load()
        except AzJobsError as error:  # it is not known what is to be removed, so nothing is
            log.error("%s", error)  # noqa: TRY400 - the sentence says all
            return Policy()
