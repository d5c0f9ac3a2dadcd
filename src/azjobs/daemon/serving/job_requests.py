"""Serve what clients ask about jobs that are there: follow, stop, resume and detach them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from azjobs.core import wire
from azjobs.core.errors import JobNotStopped
from azjobs.core.events import Resumed, StopAsked
from azjobs.core.job import BatchWork, Job, PlanWork
from azjobs.core.states import NotStarted, Stopped, is_finished
from azjobs.core.stopping import is_resumable, refusal_to_resume
from azjobs.daemon.serving.callers import Callers
from azjobs.daemon.serving.followers import is_listed
from azjobs.daemon.serving.parts import Parts
from azjobs.daemon.serving.server import Connection, Handlers


class JobRequests:
    """One method a request. `callers`: whose blocking calls are attached to which jobs."""

    def __init__(self, parts: Parts, callers: Callers) -> None:
        self._ledger = parts.ledger
        self._runner = parts.runner
        self._rights = parts.rights
        self._followers = parts.followers
        self._queues = parts.queues
        self._callers = callers
        self.on_taken: Callable[[], Awaitable[None]]

    def handlers(self) -> Handlers:
        """Return what serves each kind of message."""
        return {
            wire.Follow: self._on_follow,
            wire.Stop: self._on_stop,
            wire.Resume: self._on_resume,
            wire.Detach: self._on_detach,
        }

    async def _on_follow(self, connection: Connection, message: wire.Follow) -> wire.Reply:
        """Tell what the jobs are now: of all jobs the unfinished ones, for the others are in the store."""
        self._followers.add(connection, message.uuids)
        asker = self._rights.job_of(connection)
        if asker is not None:
            self._queues.follows(connection, asker, message.uuids)
        for uuid in message.uuids or [job.uuid for job in self._runner if is_listed(job)]:
            job = self._runner.load(uuid)
            gone = wire.Changed(uuid, None, NotStarted(), is_removed=True)
            connection.send(wire.changed_of(job) if job is not None else gone)
            await connection.drain()
        return wire.Ok(message.seq)

    async def _on_stop(self, connection: Connection, message: wire.Stop) -> wire.Reply:
        self._rights.check_jobs(connection, map(self._runner.require, message.uuids))
        said: list[str] = []
        for uuid in message.uuids:
            # One that is stopped already was so by another, or by this request before its daemon died.
            job = self._runner.apply(uuid, StopAsked(self._runner.now(), message.cancel)) or self._runner.require(uuid)
            said += self._said_of(job)
        await self._ledger.durable()
        return wire.Ok(message.seq, "\n".join(said))

    def _said_of(self, job: Job) -> list[str]:
        """Say what goes on in Azure without a job that was stopped, of a batch for each target."""
        if isinstance(job.work, BatchWork):
            children = self._ledger.load_children(job.uuid)
            return [f"{child.target}: {said}" for child in children for said in self._said_of(child)]
        is_stopped = isinstance(job.state, Stopped) or not is_finished(job.state)
        is_told = isinstance(job.work, PlanWork) and is_stopped and bool(job.status_message)
        return [job.status_message] if is_told else []

    async def _on_resume(self, connection: Connection, message: wire.Resume) -> wire.Reply:
        asked = [self._runner.require(uuid) for uuid in message.uuids]
        self._rights.check_jobs(connection, asked)
        jobs = [one for job in asked for one in self._to_resume(job)]
        was_idle = not len(self._runner)
        for job in jobs:
            if self._runner.find(job.uuid) is None:
                self._runner.take(job)
                self._runner.apply(job.uuid, Resumed(self._runner.now()))
        if was_idle:
            await self.on_taken()
        await self._ledger.durable()
        return wire.Ok(message.seq)

    def _to_resume(self, job: Job) -> list[Job]:
        """Return a job, and before it the batch that counts it; or a batch and what of it can go on.

        Raises:
            JobNotStopped: nothing of it can.
        """
        if why := refusal_to_resume(job):
            raise JobNotStopped(why)
        if not isinstance(job.work, BatchWork):
            return [*([self._runner.require(job.parent)] if job.parent else []), job]
        children = [child for child in self._ledger.load_children(job.uuid) if is_resumable(child)]
        if not children:
            raise JobNotStopped(
                f"Job {job.id} has nothing left to watch. To begin what had not begun: azjobs job retry"
            )
        return [job, *children]

    async def _on_detach(self, connection: Connection, message: wire.Detach) -> wire.Reply:
        self._rights.check_jobs(connection, [self._runner.require(message.uuid)])
        self._callers.detach(message.uuid, connection)
        job = self._callers.show(message.uuid) or self._runner.require(message.uuid)
        await self._ledger.durable()
        return wire.Accepted(message.seq, job)
