"""Serve what clients ask about jobs: take them, follow, stop, resume, remove and detach them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from msgspec.structs import replace

from azjobs.core import wire
from azjobs.core.errors import (
    CredentialNotFound,
    HomeUnusable,
    InvalidInput,
    JobNotFinished,
    JobNotFound,
    JobNotStopped,
)
from azjobs.core.events import Begun, Effect, Resumed, StopAsked
from azjobs.core.job import Job, PlanWork, ProcessWork
from azjobs.core.plan import check
from azjobs.core.plans import PLANS
from azjobs.core.secret import SecureString
from azjobs.core.states import NotStarted, is_finished
from azjobs.core.stopping import refusal_to_resume
from azjobs.daemon.callers import Callers
from azjobs.daemon.parts import Parts
from azjobs.daemon.rights import NO_CREDENTIALS, refuse_jobs
from azjobs.daemon.server import Connection, Handlers


class JobRequests:
    """One method a request."""

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store
        self._ledger = parts.ledger
        self._runner = parts.runner
        self._vault = parts.vault
        self._rights = parts.rights
        self._sessions = parts.sessions
        self._followers = parts.followers
        self._protections = parts.protections
        self._processes = parts.processes
        self._remove_files = parts.remove_files
        self._taking: dict[str, asyncio.Future[None]] = {}
        self._waiting_removal: dict[str, asyncio.Future[None]] = {}
        self._callers = Callers(parts.store, parts.ledger, parts.runner, self.forget)
        self.on_taken: Callable[[], Awaitable[None]]
        parts.runner.on_finished.append(self._job_finished)

    @property
    def callers(self) -> Callers:
        """Whose blocking calls are attached to which jobs."""
        return self._callers

    def handlers(self) -> Handlers:
        """Return what serves each kind of message."""
        return {
            wire.Submit: self._on_submit,
            wire.Follow: self._on_follow,
            wire.Stop: self._on_stop,
            wire.Resume: self._on_resume,
            wire.Remove: self._on_remove,
            wire.Detach: self._on_detach,
        }

    async def _on_submit(self, connection: Connection, message: wire.Submit) -> wire.Reply:
        """Take a job, once: a client whose connection broke sends it again, perhaps while it is being taken."""
        while (taking := self._taking.get(message.job.uuid)) is not None:
            await asyncio.wait([taking])
        self._taking[message.job.uuid] = done = asyncio.get_running_loop().create_future()
        try:
            return await self._submit(connection, message)
        finally:
            del self._taking[message.job.uuid]
            done.set_result(None)

    async def _submit(self, connection: Connection, message: wire.Submit) -> wire.Reply:
        known = self._runner.find(message.job.uuid) or self._store.load(message.job.uuid)
        later: list[Effect] = []
        if known is None:
            known = await self._take(connection, message, later)
        self._rights.check_jobs(connection, [known])
        if message.is_attached and known.id is None:
            self._callers.attach(connection, known)
        try:
            await self._ledger.durable()
        except HomeUnusable:  # nothing of it has begun: it is as if it had not been submitted
            self.forget([known.uuid])
            await self._forget_secrets(known)
            raise
        if later:  # the caller has its answer first: nothing of the work takes the loop's time before
            asyncio.get_running_loop().call_soon(self._runner.perform, known.uuid, later)
        return wire.Accepted(message.seq, self._runner.find(known.uuid) or known)

    async def _take(self, connection: Connection, message: wire.Submit, later: list[Effect]) -> Job:
        job = self._rights.as_granted(connection, message.job)
        secrets = dict(message.secrets)
        if message.named:
            refuse_jobs(connection, NO_CREDENTIALS)
        for hole, name in message.named.items():
            held = await self._vault.credential(job.session, name)
            if held is None:
                raise CredentialNotFound(f"No credential {name} in this session. Type: azjobs credential get")
            secrets[hole] = SecureString(held.password)
        job = await self._prepare(job, message)
        await self._vault.put_job_secrets(job.uuid, secrets)
        if not connection.hello.job_key:
            await self._sessions.add(connection.hello.session, connection.hello.leader)
        job = self._ledger.add(job, message.payload, is_attached=message.is_attached)
        self._runner.take(job)
        if len(self._runner) == 1:
            await self.on_taken()
        return self._runner.apply(job.uuid, Begun(self._runner.now()), later=later) or job

    async def _forget_secrets(self, job: Job) -> None:
        if isinstance(job.work, ProcessWork):
            await self._vault.release_environment(job.work.environment)
        if job.notice is not None:
            await self._vault.release_environment(job.notice.environment)
        await self._vault.drop_job(job.uuid)

    async def _prepare(self, job: Job, message: wire.Submit) -> Job:
        """Check what was submitted, and complete it with what only the daemon knows."""
        job = await self._prepare_work(job, message)
        if job.notice is None:
            return job
        environment = await self._vault.put_environment(message.environment)
        return replace(job, notice=replace(job.notice, environment=environment))

    async def _prepare_work(self, job: Job, message: wire.Submit) -> Job:
        if isinstance(job.work, PlanWork):
            if job.work.plan not in PLANS:
                raise InvalidInput(f"This version of azjobs has no plan {job.work.plan}.")
            if job.context is None:
                raise InvalidInput("An Azure job needs a context.")
            check(PLANS[job.work.plan], job.work.arguments)
            self._protections.check_job(job)
            return job
        environment = await self._vault.put_environment(message.environment)
        key_sha256 = await self._processes.new_key(job.uuid)
        work = replace(job.work, environment=environment, sys_path=message.sys_path, key_sha256=key_sha256)
        return replace(job, work=work)

    async def _on_follow(self, connection: Connection, message: wire.Follow) -> wire.Reply:
        """Tell what the jobs are now: of all jobs the unfinished ones, for the others are in the store."""
        self._followers.add(connection, message.uuids)
        for uuid in message.uuids or [job.uuid for job in self._runner if job.id is not None]:
            job = self._runner.find(uuid) or self._store.load(uuid)
            gone = wire.Changed(uuid, None, NotStarted(), is_removed=True)
            connection.send(wire.changed_of(job) if job is not None else gone)
            await connection.drain()
        return wire.Ok(message.seq)

    async def _on_stop(self, connection: Connection, message: wire.Stop) -> wire.Reply:
        self._rights.check_jobs(connection, map(self.known, message.uuids))
        said: list[str] = []
        for uuid in message.uuids:
            self.known(uuid)
            job = self._runner.apply(uuid, StopAsked(self._runner.now(), message.cancel))
            if job is not None and job.status_message and isinstance(job.work, PlanWork):
                said.append(job.status_message)
        await self._ledger.durable()
        return wire.Ok(message.seq, "\n".join(said))

    async def _on_resume(self, connection: Connection, message: wire.Resume) -> wire.Reply:
        jobs = [self.known(uuid) for uuid in message.uuids]
        self._rights.check_jobs(connection, jobs)
        for job in jobs:
            if why := refusal_to_resume(job):
                raise JobNotStopped(why)
        was_idle = not len(self._runner)
        for job in jobs:
            self._runner.take(job)
            self._runner.apply(job.uuid, Resumed(self._runner.now()))
        if was_idle:
            await self.on_taken()
        await self._ledger.durable()
        return wire.Ok(message.seq)

    async def _on_remove(self, connection: Connection, message: wire.Remove) -> wire.Reply:
        self._rights.check_jobs(connection, map(self.known, message.uuids))
        jobs = [self.known(uuid) for uuid in message.uuids]
        for job in jobs:
            if not is_finished(job.state) and not message.force:
                word = job.state_name.value.lower()
                raise JobNotFinished(f"Job {job.id or job.uuid} is {word}. Stop it first, or use force.")
        unfinished = [job for job in jobs if not is_finished(job.state)]
        ends = [asyncio.ensure_future(self._stopped(job.uuid)) for job in unfinished]
        for job in unfinished:
            self._runner.apply(job.uuid, StopAsked(self._runner.now()))
        await asyncio.gather(*ends)
        self.forget([job.uuid for job in jobs])
        await self._ledger.durable()
        for job in jobs:
            self._followers.tell(job, is_removed=True)
        return wire.Ok(message.seq)

    async def _stopped(self, uuid: str) -> None:
        """Wait until a job is no longer unfinished."""
        if self._runner.find(uuid) is not None:
            future = self._waiting_removal.setdefault(uuid, asyncio.get_running_loop().create_future())
            await asyncio.shield(future)

    def _job_finished(self, job: Job) -> None:
        future = self._waiting_removal.pop(job.uuid, None)
        if future is not None and not future.done():
            future.set_result(None)

    def forget(self, uuids: Iterable[str]) -> None:
        """Remove jobs with all that belongs to them."""
        uuids = list(uuids)
        for uuid in uuids:
            self._runner.drop(uuid)
            self._callers.detach(uuid)
        self._ledger.remove(uuids)
        for uuid in uuids:
            self._remove_files(uuid)

    async def _on_detach(self, connection: Connection, message: wire.Detach) -> wire.Reply:
        self._rights.check_jobs(connection, [self.known(message.uuid)])
        job = self.known(message.uuid)
        self._callers.detach(job.uuid, connection)
        if job.id is None:
            job = replace(job, id=self._ledger.give_id(job.uuid).id)
            self._runner.replace(job)
        await self._ledger.durable()
        return wire.Accepted(message.seq, job)

    def known(self, uuid: str) -> Job:
        """Return a job, finished or not.

        Raises:
            JobNotFound: there is none.
        """
        job = self._runner.find(uuid) or self._store.load(uuid)
        if job is None:
            raise JobNotFound(f"No job {uuid}. Type: azjobs job get")
        return job
