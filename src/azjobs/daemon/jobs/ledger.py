"""Decide when what happened is on disk: one transaction a loop tick, one barrier for many waiters.

A commit survives the death of any process. `durable()` also survives the loss
of power; it is awaited before anything is sent to Azure and before a job is
acknowledged, and many waiters share one flush.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from azjobs.core.errors import HomeUnusable
from azjobs.core.job import Job
from azjobs.store.ballast import Ballast
from azjobs.store.protocol import Fenced, JobStore, StoreFull

log = logging.getLogger(__name__)

FULL_RETRY_S = 1.0  # guess: how soon it is noticed that there is room on the disk again
SOON_S = 0.05  # guess: most jobs that are short have ended by then, and nobody misses it meanwhile

Listener = Callable[[Job], None]


class Ledger:
    """The daemon's way to the store.

    `on_commit` is told of each job once its newest value is committed.
    `on_broken` is called when the store can no longer be written: another
    daemon has taken over, or the disk refuses.
    """

    def __init__(
        self, store: JobStore, ballast: Ballast, *, on_commit: Listener, on_broken: Callable[[Exception], None]
    ) -> None:
        self._store = store
        self._ballast = ballast
        self._on_commit = on_commit
        self._on_broken = on_broken
        self._dirty: dict[str, Job] = {}
        self._after_commit: list[Callable[[], None]] = []
        self._is_due = False
        self._is_full = False
        self._changes = 0
        self._committed = 0
        self._synced = 0
        self._soon: asyncio.TimerHandle | None = None
        self._flush: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether the disk is full, so that what happened lately is not recorded yet."""
        return self._is_full

    def add(self, job: Job, payload: bytes, *, is_attached: bool) -> Job:
        """Take a new job in this tick's transaction; returns it with its id, or the stored one of the same uuid."""
        job = self._store.add(job, payload, is_attached=is_attached)
        self._schedule()
        return job

    def give_id(self, uuid: str) -> Job:
        """Turn an attached job into one that shows itself."""
        job = self._store.give_id(uuid)
        self._schedule()
        return job

    def save(self, job: Job, *, is_told_elsewhere: bool = False) -> None:
        """Record the newest value of a job at the end of this tick.

        `is_told_elsewhere`: a journal says the same, so that nothing is lost with this process. It is recorded with
        the next that is, and soon in any case.
        """
        self._dirty[job.uuid] = job
        if is_told_elsewhere:
            self._changes += 1
            self._soon = self._soon or asyncio.get_running_loop().call_later(SOON_S, self._commit_soon)
        else:
            self._schedule()

    def load(self, uuid: str) -> Job | None:
        """Return a job as it is now: what this tick has made of it is not in the store before its end."""
        return self._dirty.get(uuid) or self._store.load(uuid)

    def load_children(self, uuid: str) -> list[Job]:
        """Return the children of a batch as they are now, in the order of its targets."""
        return [self._dirty.get(child.uuid, child) for child in self._store.load_children(uuid)]

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call this once all that was given so far is committed."""
        self._after_commit.append(callback)
        self._schedule()

    def remove(self, uuids: Iterable[str]) -> None:
        """Forget these jobs."""
        removed = list(uuids)
        for uuid in removed:
            self._dirty.pop(uuid, None)
        self._store.remove(removed)
        self._schedule()

    def drop_payload(self, uuid: str) -> None:
        """Forget the payload of a job that has ended."""
        self._store.drop_payload([uuid])
        self._schedule()

    async def durable(self) -> None:
        """Wait until everything recorded before this call survives a loss of power."""
        wanted = self._changes
        if self._is_due or self._soon is not None:
            self.commit()
        while self._synced < wanted:
            if self._flush is None:
                self._flush = asyncio.ensure_future(self._sync())
            await asyncio.shield(self._flush)

    def commit(self) -> None:
        """Write this tick's changes in one transaction, then tell the listener.

        Raises:
            StoreFull: the disk is full. Nothing is lost: it is tried again, with what is added meanwhile.
            Fenced, HomeUnusable: this daemon can record nothing any more.
        """
        self._is_due = False
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._store.save(self._dirty.values())
        try:
            self._commit_by_ballast()
        except StoreFull as error:
            if not self._is_full:  # else that was said, and it is being tried again
                log.error("%s", error)  # noqa: TRY400 - no news in a traceback
                asyncio.get_running_loop().call_later(FULL_RETRY_S, self._commit_again)
            self._is_due = self._is_full = True
            raise
        except (Fenced, HomeUnusable) as error:
            self._on_broken(error)
            raise
        if self._is_full:
            log.info("There is room on the disk again: everything is recorded.")
            self._is_full = False
        self._committed = self._changes
        changed, self._dirty = list(self._dirty.values()), {}
        callbacks, self._after_commit = self._after_commit, []
        for job in changed:
            self._on_commit(job)
        for callback in callbacks:
            callback()

    def _commit_by_ballast(self) -> None:
        """Commit; on a full disk in the room of the ballast, which is taken again when there is some."""
        try:
            self._store.commit()
        except StoreFull:
            if not self._ballast.give_up():
                raise
            self._store.commit()
        self._ballast.hold()

    def _commit_again(self) -> None:
        self._commit_quietly()
        if self._is_full:
            asyncio.get_running_loop().call_later(FULL_RETRY_S, self._commit_again)

    def _commit_soon(self) -> None:
        self._is_due = True
        self._commit_quietly()

    async def _sync(self) -> None:
        covered = self._committed  # what was recorded meanwhile, and is not written yet, needs the next flush
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._store.sync)
            self._synced = max(self._synced, covered)
        finally:
            self._flush = None

    def _schedule(self) -> None:
        self._changes += 1
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._commit_quietly)

    def _commit_quietly(self) -> None:
        if self._is_due:
            try:
                self.commit()
            except (Fenced, HomeUnusable):  # `on_broken` has been told, or it is tried again
                return
