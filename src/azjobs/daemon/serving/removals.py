"""Remove jobs with all that belongs to them: their rows, payloads and journals, and of a batch its children."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from azjobs.core import wire
from azjobs.core.errors import InvalidInput, JobNotFinished
from azjobs.core.events import StopAsked
from azjobs.core.job import BatchWork, Job
from azjobs.core.states import is_finished
from azjobs.daemon.serving.parts import Parts
from azjobs.daemon.serving.server import Connection, Handlers


class Removals:
    """Serves `Remove`, and forgets jobs for others."""

    def __init__(self, parts: Parts) -> None:
        self._ledger = parts.ledger
        self._runner = parts.runner
        self._rights = parts.rights
        self._followers = parts.followers
        self._queues = parts.queues
        self._remove_files = parts.remove_files
        self._waiting: dict[str, asyncio.Future[None]] = {}
        parts.runner.on_finished.append(self._job_finished)

    def handlers(self) -> Handlers:
        """Return what serves each kind of message."""
        return {wire.Remove: self._on_remove}

    def forget(self, uuids: Iterable[str]) -> None:
        """Remove jobs, ended or not, with all that belongs to them."""
        every = self._with_children(uuids)
        unfinished = [job for uuid in every if (job := self._runner.find(uuid)) is not None]
        for uuid in every:
            self._runner.drop(uuid)
        for job in unfinished:  # once all are gone: none of them is to begin in the place of another
            self._queues.leave(job)
        self._ledger.remove(every)
        for uuid in every:
            self._remove_files(uuid)

    async def _on_remove(self, connection: Connection, message: wire.Remove) -> wire.Reply:
        jobs = [self._runner.require(uuid) for uuid in message.uuids]
        self._rights.check_jobs(connection, jobs)
        self._check(jobs, is_forced=message.force)
        unfinished = [job for job in jobs if not is_finished(job.state)]
        ends = [asyncio.ensure_future(self._stopped(job.uuid)) for job in unfinished]
        for job in unfinished:
            self._runner.apply(job.uuid, StopAsked(self._runner.now()))
        await asyncio.gather(*ends)
        self.forget(message.uuids)
        await self._ledger.durable()
        for job in jobs:
            self._followers.tell(job, is_removed=True)
        return wire.Ok(message.seq)

    @staticmethod
    def _check(jobs: list[Job], *, is_forced: bool) -> None:
        removed = {job.uuid for job in jobs}
        for job in jobs:
            label = job.id or job.uuid
            if job.parent and job.parent not in removed:
                raise InvalidInput(f"Job {label} is part of a batch, and goes with it: remove the batch.")
            if not is_finished(job.state) and not is_forced:
                word = job.state_name.value.lower()
                raise JobNotFinished(f"Job {label} is {word}. Stop it first, or use force.")

    async def _stopped(self, uuid: str) -> None:
        """Wait until a job is no longer unfinished."""
        if self._runner.find(uuid) is not None:
            future = self._waiting.setdefault(uuid, asyncio.get_running_loop().create_future())
            await asyncio.shield(future)

    def _job_finished(self, job: Job) -> None:
        future = self._waiting.pop(job.uuid, None)
        if future is not None and not future.done():
            future.set_result(None)

    def _with_children(self, uuids: Iterable[str]) -> list[str]:
        found = dict.fromkeys(uuids)
        for uuid in list(found):
            job = self._runner.load(uuid)
            if job is not None and isinstance(job.work, BatchWork):
                found.update(dict.fromkeys(child.uuid for child in self._ledger.load_children(uuid)))
        return list(found)
