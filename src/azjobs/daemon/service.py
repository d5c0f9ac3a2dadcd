"""Serve the requests of clients: one method a request.

A client that shows a job's key is that job's process: it may act only in the
contexts which the job was granted when it was submitted.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from azjobs.core import wire
from azjobs.core.claims import account_of, object_id_of, parse_claims, tenant_of
from azjobs.core.errors import (
    CredentialNotFound,
    HomeUnusable,
    InvalidInput,
    JobNotFinished,
    JobNotFound,
)
from azjobs.core.events import Begun, Effect, Released, StopAsked
from azjobs.core.job import Job, PlanWork, ProcessWork
from azjobs.core.plan import check
from azjobs.core.plans import PLANS
from azjobs.core.secret import SecureString
from azjobs.core.states import NotStarted, is_finished, is_process_waiting
from azjobs.daemon.followers import Followers, changed_of
from azjobs.daemon.job_tokens import JobTokens
from azjobs.daemon.ledger import Ledger
from azjobs.daemon.plain_reads import PlainReads
from azjobs.daemon.processes import ProcessRunner
from azjobs.daemon.protections import Protections
from azjobs.daemon.rights import NO_CREDENTIALS, NO_SIGN_INS, Rights, refuse_jobs
from azjobs.daemon.runner import Runner
from azjobs.daemon.server import Connection
from azjobs.daemon.sessions import Sessions
from azjobs.daemon.sign_ins import SignIns
from azjobs.daemon.vault import HeldCredential, Vault
from azjobs.store.protocol import JobStore

CALLER_GRACE_S = 2.0  # guess: a client that lost its connection is back within that, or it is gone


@dataclass(frozen=True, slots=True)
class Parts:
    """What a daemon is made of, as far as requests need it. `remove_files`: of a job, by its uuid."""

    store: JobStore
    ledger: Ledger
    runner: Runner
    vault: Vault
    sign_ins: SignIns
    job_tokens: JobTokens
    sessions: Sessions
    followers: Followers
    reads: PlainReads
    protections: Protections
    processes: ProcessRunner
    remove_files: Callable[[str], None]


class Service:
    """Everything a client can ask for."""

    def __init__(self, parts: Parts, *, version: str, leave: Callable[[], None]) -> None:
        self._store = parts.store
        self._ledger = parts.ledger
        self._runner = parts.runner
        self._vault = parts.vault
        self._sign_ins = parts.sign_ins
        self._job_tokens = parts.job_tokens
        self._rights = Rights(parts.runner)
        self._sessions = parts.sessions
        self._followers = parts.followers
        self._reads = parts.reads
        self._protections = parts.protections
        self._processes = parts.processes
        self._remove_files = parts.remove_files
        self._version = version
        self._leave = leave
        self._started_at = time.time()
        self._callers: dict[str, Connection] = {}
        self._taking: dict[str, asyncio.Future[None]] = {}
        self.on_taken: Callable[[], Awaitable[None]]
        self._waiting_removal: dict[str, asyncio.Future[None]] = {}
        parts.runner.on_finished.append(self._job_finished)

    # Connections

    async def opened(self, connection: Connection) -> None:
        """Greet a client; a key that belongs to no running job is refused."""
        self._rights.job_of(connection)

    def closed(self, connection: Connection) -> None:
        """A job whose caller has gone shows itself, unless the caller comes back in a moment."""
        self._followers.drop(connection)
        for uuid in connection.attached:
            if self._callers.get(uuid) is connection:
                asyncio.get_running_loop().call_later(CALLER_GRACE_S, self._orphaned, uuid, connection)

    def adopt(self, job: Job) -> None:
        """An attached job of the daemon before: its caller may come back for it.

        One that does not, or has not yet, finds it as a job that shows itself: its
        result is not thrown away because a caller was slow.
        """
        asyncio.get_running_loop().call_later(CALLER_GRACE_S * 2, self._adopted, job.uuid)

    def _adopted(self, uuid: str) -> None:
        if uuid not in self._callers:
            self._show(uuid)

    def _show(self, uuid: str) -> None:
        """Give an attached job, unfinished or not, its id."""
        stored = self._runner.find(uuid) or self._store.load(uuid)
        if stored is not None and stored.id is None:
            shown = replace(stored, id=self._ledger.give_id(uuid).id)
            self._runner.replace(shown)
            self._ledger.save(shown)

    def _orphaned(self, uuid: str, connection: Connection | None) -> None:
        if self._callers.get(uuid) is not connection:
            return
        self._callers.pop(uuid, None)
        if self._runner.find(uuid) is not None:
            self._show(uuid)
        else:
            self._forget_attached(uuid)

    def _forget_attached(self, uuid: str) -> None:
        """Nobody came for the result of a call; one that was told as a job meanwhile stays."""
        stored = self._store.load(uuid)
        if stored is not None and stored.id is None:
            self._forget([uuid])

    async def serve(self, connection: Connection, message: wire.Message) -> wire.Reply:
        """Answer one request."""
        handler: Callable[..., Any] = getattr(self, f"_on_{type(message).__name__.lower()}")
        reply: wire.Reply = await handler(connection, message)
        return reply

    # Jobs

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
            connection.attached.add(known.uuid)
            self._callers[known.uuid] = connection
        try:
            await self._ledger.durable()
        except HomeUnusable:  # nothing of it has begun: it is as if it had not been submitted
            self._forget([known.uuid])
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
        await self._vault.drop_job(job.uuid)

    async def _prepare(self, job: Job, message: wire.Submit) -> Job:
        """Check what was submitted, and complete it with what only the daemon knows."""
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
        self._followers.add(connection, message.uuids)
        for uuid in message.uuids:
            job = self._runner.find(uuid) or self._store.load(uuid)
            gone = wire.Changed(uuid, None, NotStarted(), is_removed=True)
            connection.push(changed_of(job) if job is not None else gone)
        return wire.Ok(message.seq)

    async def _on_stop(self, connection: Connection, message: wire.Stop) -> wire.Reply:
        self._rights.check_jobs(connection, map(self._known, message.uuids))
        said: list[str] = []
        for uuid in message.uuids:
            self._known(uuid)
            job = self._runner.apply(uuid, StopAsked(self._runner.now()))
            if job is not None and job.status_message and isinstance(job.work, PlanWork):
                said.append(job.status_message)
        await self._ledger.durable()
        return wire.Ok(message.seq, "\n".join(said))

    async def _on_remove(self, connection: Connection, message: wire.Remove) -> wire.Reply:
        self._rights.check_jobs(connection, map(self._known, message.uuids))
        jobs = [self._known(uuid) for uuid in message.uuids]
        for job in jobs:
            if not is_finished(job.state) and not message.force:
                word = job.state_name.value.lower()
                raise JobNotFinished(f"Job {job.id or job.uuid} is {word}. Stop it first, or use force.")
        unfinished = [job for job in jobs if not is_finished(job.state)]
        ends = [asyncio.ensure_future(self._stopped(job.uuid)) for job in unfinished]
        for job in unfinished:
            self._runner.apply(job.uuid, StopAsked(self._runner.now()))
        await asyncio.gather(*ends)
        self._forget([job.uuid for job in jobs])
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

    def _forget(self, uuids: list[str]) -> None:
        for uuid in uuids:
            self._runner.drop(uuid)
            self._callers.pop(uuid, None)
        self._ledger.remove(uuids)
        for uuid in uuids:
            self._remove_files(uuid)

    async def _on_detach(self, connection: Connection, message: wire.Detach) -> wire.Reply:
        self._rights.check_jobs(connection, [self._known(message.uuid)])
        job = self._known(message.uuid)
        self._callers.pop(job.uuid, None)
        connection.attached.discard(job.uuid)
        if job.id is None:
            job = replace(job, id=self._ledger.give_id(job.uuid).id)
            self._runner.replace(job)
        await self._ledger.durable()
        return wire.Accepted(message.seq, job)

    async def _on_answer(self, connection: Connection, message: wire.Answer) -> wire.Reply:
        self._rights.check_jobs(connection, [self._known(message.uuid)])
        job = self._known(message.uuid)
        if message.choice not in ("", "again", "done"):
            raise InvalidInput('The choice is "again" or "done".')
        unknown = set(message.secrets) - set(job.work.secrets)
        if unknown:
            asked = ", ".join(sorted(job.work.secrets)) or "no secret"
            raise InvalidInput(f"The job asks for {asked}, not for {', '.join(sorted(unknown))}.")
        await self._vault.put_job_secrets(job.uuid, message.secrets)
        if message.environment and isinstance(job.work, ProcessWork):
            environment = await self._vault.put_environment(message.environment)
            await self._vault.release_environment(job.work.environment)  # the lost one
            self._runner.replace(replace(job, work=replace(job.work, environment=environment)))
        if message.secrets or message.choice or message.environment:
            if isinstance(job.work, ProcessWork) and is_process_waiting(job.state):
                self._job_tokens.ask_again(job.uuid)  # its process waits for a token
            else:
                self._runner.apply(job.uuid, Released(self._runner.now(), message.choice))
        await self._ledger.durable()
        return wire.Accepted(message.seq, self._runner.find(job.uuid) or self._known(job.uuid))

    def _known(self, uuid: str) -> Job:
        job = self._runner.find(uuid) or self._store.load(uuid)
        if job is None:
            raise JobNotFound(f"No job {uuid}. Type: azjobs job get")
        return job

    # Azure without a job

    async def _on_read(self, connection: Connection, message: wire.Read) -> wire.Reply:
        context = self._rights.granted(connection, message.context)
        return wire.Result(message.seq, await self._reads.read(message.plan, message.arguments, context))

    async def _on_whatif(self, connection: Connection, message: wire.WhatIf) -> wire.Reply:
        context = self._rights.granted(connection, message.context)
        return wire.Writes(message.seq, await self._reads.what_if(message.plan, message.arguments, context))

    async def _on_gettoken(self, connection: Connection, message: wire.GetToken) -> wire.Reply:
        context = self._rights.granted(connection, message.context)
        asked = (context, message.scopes, message.claims, message.tenant)
        job = self._rights.job_of(connection)
        if job is None:
            found = await self._sign_ins.token(*asked)
        else:
            found = await connection.while_open(self._job_tokens.token(job.uuid, *asked))
        return wire.Token(message.seq, SecureString(found.token), int(found.expires_at))

    # Sign-ins and credentials

    async def _on_putsignin(self, connection: Connection, message: wire.PutSignIn) -> wire.Reply:
        refuse_jobs(connection, NO_SIGN_INS)
        secrets = {name: one.reveal() for name, one in message.secrets.items()}
        added = await self._sign_ins.add(message.sign_in, secrets, message.scope)
        await self._sessions.add(connection.hello.session, connection.hello.leader)
        await self._ledger.durable()  # whoever looks now sees that the jobs that it released go on
        claims = parse_claims(added.token.token)
        who = (tenant_of(claims), object_id_of(claims), account_of(claims))
        return wire.SignedIn(message.seq, *who, text=added.warning)

    async def _on_dropsignin(self, connection: Connection, message: wire.DropSignIn) -> wire.Reply:
        refuse_jobs(connection, NO_SIGN_INS)
        await self._sign_ins.drop(message.scope, message.key)
        return wire.Ok(message.seq)

    async def _on_putcredential(self, connection: Connection, message: wire.PutCredential) -> wire.Reply:
        refuse_jobs(connection, NO_CREDENTIALS)
        held = HeldCredential(message.name, message.username, message.password.reveal())
        await self._vault.put_credential(connection.hello.session, held)
        await self._sessions.add(connection.hello.session, connection.hello.leader)
        return wire.Ok(message.seq)

    async def _on_findcredential(self, connection: Connection, message: wire.FindCredential) -> wire.Reply:
        refuse_jobs(connection, NO_CREDENTIALS)
        held = await self._vault.credentials(connection.hello.session)
        found = {c.name: c.username for c in held if message.name.lower() in ("", c.name.lower())}
        return wire.CredentialNames(message.seq, found)

    async def _on_dropcredential(self, connection: Connection, message: wire.DropCredential) -> wire.Reply:
        refuse_jobs(connection, NO_CREDENTIALS)
        await self._vault.drop_credential(connection.hello.session, message.name)
        return wire.Ok(message.seq)

    # The daemon itself

    async def _on_status(self, _connection: Connection, message: wire.Status) -> wire.Reply:
        going_on, waiting = self._unfinished()
        return wire.DaemonStatus(
            message.seq,
            pid=os.getpid(),
            version=self._version,
            epoch=self._store.epoch,
            started_at=self._started_at,
            going_on=going_on,
            waiting=waiting,
        )

    async def _on_shutdown(self, _connection: Connection, message: wire.Shutdown) -> wire.Reply:
        refuse_jobs(_connection, "A job cannot stop the daemon.")
        reply = await self._on_status(_connection, wire.Status(message.seq))
        asyncio.get_running_loop().call_soon(self._leave)
        return reply

    def _unfinished(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the unfinished jobs: those that go on without a daemon, and those that wait for one."""
        going_on: list[str] = []
        waiting: list[str] = []
        for job in self._runner:
            name = job.name or f"Job{job.id}"
            label = f"{job.id} {name}" if job.id is not None else name
            is_waiting = isinstance(job.work, PlanWork) or not job.work.pid
            (waiting if is_waiting else going_on).append(label)
        return tuple(going_on), tuple(waiting)
