"""Take jobs, each once, and acknowledge them when their intent is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from azjobs.core import wire
from azjobs.core.errors import CredentialNotFound, HomeUnusable, InvalidInput
from azjobs.core.events import Begun
from azjobs.core.job import BatchWork, Job, PlanWork, ProcessWork, Queue
from azjobs.core.plan import check
from azjobs.core.plans import PLANS
from azjobs.core.secret import SecureString
from azjobs.core.states import JobState
from azjobs.daemon.background import Background
from azjobs.daemon.processes.job_processes import KEY_NAME, Held, new_key
from azjobs.daemon.serving.callers import Callers
from azjobs.daemon.serving.parts import Parts
from azjobs.daemon.serving.removals import Removals
from azjobs.daemon.serving.rights import NO_CREDENTIALS, refuse_jobs
from azjobs.daemon.serving.server import Connection, Handlers
from azjobs.keeper.channel import unhurried
from azjobs.keeper.errors import KeeperRefused, KeeperSilent


@dataclass(slots=True)
class _Taken:
    """What is to be done about jobs that were taken: the keeper's answer is awaited before theirs, effects come later.

    `later`: the uuids of those that begin.
    `held`: what the keeper was given for a process job that begins at once.
    """

    kept: asyncio.Future[None] | None = None
    later: list[str] = field(default_factory=list)
    held: Held | None = None


class Submissions:
    """Serves `Submit` and `SubmitBatch`. `on_taken` is called when there is work after there was none."""

    def __init__(self, parts: Parts, callers: Callers, removals: Removals) -> None:
        self._ledger = parts.ledger
        self._runner = parts.runner
        self._vault = parts.vault
        self._rights = parts.rights
        self._sessions = parts.sessions
        self._protections = parts.protections
        self._processes = parts.processes
        self._queues = parts.queues
        self._callers = callers
        self._removals = removals
        self._taking: dict[str, asyncio.Future[None]] = {}
        self._background = Background()
        self.on_taken: Callable[[], Awaitable[None]]

    def handlers(self) -> Handlers:
        """Return what serves each kind of message."""
        return {wire.Submit: self._on_submit, wire.SubmitBatch: self._on_submit}

    async def _on_submit(self, connection: Connection, message: wire.Submit | wire.SubmitBatch) -> wire.Reply:
        """Take a job, once: a client whose connection broke sends it again, perhaps while it is being taken."""
        async with self._alone(message.job.uuid):
            uuid, taken = message.job.uuid, _Taken()
            known = self._runner.load(uuid)
            job = known
            if job is None:
                job = await self._take(connection, message, taken)
            self._rights.check_jobs(connection, [job])
            if message.is_attached and job.id is None:
                self._callers.attach(connection, job)
            try:
                await self._ledger.durable()
                if taken.kept is not None:
                    await taken.kept
            except (HomeUnusable, KeeperRefused, KeeperSilent):
                if known is None:  # nothing of it has begun: it is as if it had not been submitted
                    self._removals.forget([uuid])
                    self._background.spawn(self._forget_secrets(job))  # it may be the keeper that does not answer
                raise
            if taken.later:  # the caller has its answer first: nothing of the work takes the loop's time before
                asyncio.get_running_loop().call_soon(self._perform, taken)
            return wire.Accepted(message.seq, self._runner.find(uuid) or job)

    @asynccontextmanager
    async def _alone(self, uuid: str) -> AsyncIterator[None]:
        while (taking := self._taking.get(uuid)) is not None:
            await asyncio.wait([taking])
        self._taking[uuid] = done = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._taking[uuid]
            done.set_result(None)

    async def _take(self, connection: Connection, message: wire.Submit | wire.SubmitBatch, taken: _Taken) -> Job:
        if message.job.parent:  # it would have the secrets of that batch, which counts its own children only
            raise InvalidInput("A child is submitted with its batch.")
        job = self._rights.as_granted(connection, message.job)
        secrets = await self._secrets(connection, job.session, message)
        children: list[Job] = []
        if isinstance(message, wire.SubmitBatch):
            job, children = self._divide(job, message)
        else:
            job = await self._prepare(job, message, secrets)
        if job.notice is not None:
            environment = await self._vault.put_environment(message.environment)
            job = replace(job, notice=replace(job.notice, environment=environment))
        taken.kept = asyncio.ensure_future(self._vault.put_job_secrets(job.uuid, secrets))
        await asyncio.sleep(0)  # from now on it reaches the keeper, whatever becomes of this daemon
        if taken.kept.done() or self._vault.has_unsent:
            await taken.kept
        if not connection.hello.job_key:
            await self._sessions.add(connection.hello.session, connection.hello.leader)
        payload = message.payload if isinstance(message, wire.Submit) else b""
        was_idle = not len(self._runner)
        job = self._ledger.add(job, payload, is_attached=message.is_attached)
        added = [self._ledger.add(one, b"", is_attached=message.is_attached) for one in children]
        for one in (job, *added):
            self._runner.take(one)
        if was_idle:
            await self.on_taken()
        for one in (job, *added):
            if self._queues.enter(one):
                self._runner.apply(one.uuid, Begun(self._runner.now()), is_postponed=True)
                taken.later.append(one.uuid)
                if isinstance(one.work, ProcessWork) and one.work.secrets.keys() <= secrets.keys():
                    taken.held = message.environment, {name: secret.reveal() for name, secret in secrets.items()}
        return self._runner.find(job.uuid) or job

    async def _secrets(
        self, connection: Connection, session: str, message: wire.Submit | wire.SubmitBatch
    ) -> dict[str, SecureString]:
        """Return the secrets that came, and those that are kept by a name."""
        secrets = dict(message.secrets)
        if message.named:
            refuse_jobs(connection, NO_CREDENTIALS)
        for hole, name in message.named.items():
            held = await self._vault.credential(session, name)
            if held is None:
                raise CredentialNotFound(f"No credential {name} in this session. Type: azjobs credential get")
            secrets[hole] = SecureString(held.password)
        return secrets

    def _divide(self, job: Job, message: wire.SubmitBatch) -> tuple[Job, list[Job]]:
        """Return a batch with its children, each checked: one that cannot be taken refuses them all."""
        if not message.targets:
            raise InvalidInput("A batch has one target at least.")
        uuids = {job.uuid, *(target.uuid for target in message.targets)}
        if len(uuids) <= len(message.targets) or any(map(self._ledger.load, uuids)):
            raise InvalidInput("Each target of a batch is a new job.")
        limit = message.throttle_limit
        if limit is not None and limit < 1:
            raise InvalidInput("The throttle limit is 1 or more.")
        queue = Queue(f"batch {job.uuid}", limit) if limit is not None else job.queue
        job = replace(job, queue=None)
        children = [
            replace(
                job,
                uuid=target.uuid,
                name=target.name,
                target=target.target,
                work=PlanWork(message.plan, target.arguments, secrets=message.asks),
                parent=job.uuid,
                notice=None,
                queue=queue,
                time_limit_s=None,
            )
            for target in message.targets
        ]
        for child in children:
            self._check_plan(child, message.plan, child.work)
        is_fail_fast = isinstance(job.work, BatchWork) and job.work.is_fail_fast
        return replace(job, work=BatchWork({JobState.NOT_STARTED: len(children)}, is_fail_fast)), children

    async def _prepare(self, job: Job, message: wire.Submit, secrets: dict[str, SecureString]) -> Job:
        """Check what was submitted, and complete it with what only the daemon knows; its key is one of its secrets."""
        match job.work:
            case PlanWork() as work:
                self._check_plan(job, work.plan, work)
                return job
            case ProcessWork() as work:
                environment = await self._vault.put_environment(message.environment)
                secrets[KEY_NAME], key_sha256 = new_key()
                work = replace(work, environment=environment, sys_path=message.sys_path, key_sha256=key_sha256)
                return replace(job, work=work)
            case BatchWork():
                raise InvalidInput("A batch is submitted with its targets.")

    def _check_plan(self, job: Job, plan: str, work: object) -> None:
        if plan not in PLANS:
            raise InvalidInput(f"This version of azjobs has no plan {plan}.")
        if job.context is None:
            raise InvalidInput("An Azure job needs a context.")
        assert isinstance(work, PlanWork)
        check(PLANS[plan], work.arguments)
        self._protections.check_job(job)

    def _perform(self, taken: _Taken) -> None:
        for uuid in taken.later:
            with self._processes.at_hand(uuid, taken.held):
                self._runner.perform(uuid)

    async def _forget_secrets(self, job: Job) -> None:
        with unhurried():
            if isinstance(job.work, ProcessWork):
                await self._vault.release_environment(job.work.environment)
            if job.notice is not None:
                await self._vault.release_environment(job.notice.environment)
            await self._vault.drop_jobs([job.uuid])
