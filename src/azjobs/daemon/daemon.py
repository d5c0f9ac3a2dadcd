"""Put the daemon together, keep it running while there is work, and let it end when there is none.

The one module that wires the real clock, store, transport and processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from pathlib import Path

from azjobs.azure.broker import TokenBroker
from azjobs.azure.sender import Sender
from azjobs.azure.transport import AiohttpTransport
from azjobs.core.budget import Budgets
from azjobs.core.context import ContextValue
from azjobs.core.errors import StoreDamaged
from azjobs.core.events import Released
from azjobs.core.job import BatchWork, Job, PlanWork, ProcessWork
from azjobs.core.layout import Layout
from azjobs.core.questions import lacks_sign_in
from azjobs.core.signin import SignIn
from azjobs.daemon.accounts.safe import Safe
from azjobs.daemon.accounts.sessions import Sessions
from azjobs.daemon.accounts.sign_ins import SignIns, is_served
from azjobs.daemon.background import Background
from azjobs.daemon.jobs.forgetting import Forgetting
from azjobs.daemon.jobs.ledger import Ledger
from azjobs.daemon.jobs.leftovers import Leftovers
from azjobs.daemon.jobs.queues import Queues
from azjobs.daemon.jobs.records import JournalRecords
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.jobs.time_limits import TimeLimits
from azjobs.daemon.leisure import Leisure
from azjobs.daemon.processes.held_requests import HeldRequests
from azjobs.daemon.processes.job_processes import ProcessRunner
from azjobs.daemon.processes.job_tokens import JobTokens
from azjobs.daemon.processes.notices import Notices
from azjobs.daemon.recovery import Recovery
from azjobs.daemon.sending.plain_reads import PlainReads
from azjobs.daemon.sending.protections import Protections
from azjobs.daemon.sending.requests import Exchange, RequestRunner
from azjobs.daemon.serving.followers import Followers
from azjobs.daemon.serving.identity_endpoint import IdentityEndpoint
from azjobs.daemon.serving.parts import Parts
from azjobs.daemon.serving.pruning import Pruning
from azjobs.daemon.serving.rights import Rights
from azjobs.daemon.serving.server import Server
from azjobs.daemon.serving.service import Service
from azjobs.daemon.vault import Vault
from azjobs.keeper.channel import KeeperChannel, unhurried
from azjobs.keeper.errors import KeeperSilent
from azjobs.process.journal import remove_files
from azjobs.store.ballast import Ballast
from azjobs.store.losses import load_losses
from azjobs.store.salvage import CHECKED_BYTES, fault_of, mend, suspect_of
from azjobs.store.sqlite import SqliteStore

log = logging.getLogger(__name__)


class Daemon:
    """One daemon of one home."""

    def __init__(self, layout: Layout[Path], *, version: str, keeper: KeeperChannel) -> None:
        self._layout = layout
        self._keeper = keeper
        self._leaving = asyncio.Event()
        self.is_failed = False
        self._is_held: bool | None = None  # what the keeper knows
        self._background = Background()
        layout.journals_folder.mkdir(mode=0o700, exist_ok=True)
        mend(layout)
        ballast = Ballast(layout.ballast_file)
        self._store = SqliteStore(layout.store_file, layout.bell_file)
        ballast.hold()
        self.followers = Followers()
        self.ledger = Ledger(self._store, ballast, on_commit=self.followers.tell, on_broken=self._broken)
        self.runner = Runner(self.ledger)
        self.vault = Vault(keeper)
        self.transport = AiohttpTransport()
        self.broker = TokenBroker()
        self.sign_ins = SignIns(self.vault, self._store, self.broker, Safe(layout.safe_file))
        self.sessions = Sessions(self.vault, self.sign_ins, self.runner)
        protections = Protections(layout)
        exchange = Exchange(Sender(self.transport), self.sign_ins, Budgets(), self.runner, protections)
        self.requests = RequestRunner(self.runner, self.ledger, self.vault, exchange)
        self.processes = ProcessRunner(self.runner, self._store, self.vault, keeper, layout)
        self.held = HeldRequests(self.runner)
        self.job_tokens = JobTokens(self.runner, self.sign_ins, self.held)
        self.processes.on_stop = self.held.refuse
        self.runner.requests = self.requests
        self.runner.processes = self.processes
        self.runner.records = JournalRecords(layout)
        self.queues = Queues(self.runner)
        self.time_limits = TimeLimits(self.runner)
        self.runner.on_finished += [self.sessions.job_finished, self._job_finished]
        self.forgetting = Forgetting(self._forget_secrets)
        self.leftovers = Leftovers(self._store, self.ledger, lambda uuid: remove_files(layout.journal_file(uuid)))
        parts = Parts(
            store=self._store,
            ledger=self.ledger,
            runner=self.runner,
            vault=self.vault,
            sign_ins=self.sign_ins,
            job_tokens=self.job_tokens,
            held=self.held,
            sessions=self.sessions,
            rights=Rights(self.runner),
            followers=self.followers,
            reads=PlainReads(exchange),
            protections=protections,
            processes=self.processes,
            queues=self.queues,
            remove_files=self.leftovers.remove,
        )
        self.identity = IdentityEndpoint(self.runner, self.job_tokens)
        self.service = Service(parts, version=version, leave=self._leaving.set, losses=lambda: load_losses(layout))
        self.service.submissions.on_taken = self.service.jobs.on_taken = self._hold
        self.pruning = Pruning(self._store, self.ledger, self.followers, self.service.removals.forget, layout)
        self.service.serve_also(self.pruning.handlers())
        self.runner.on_finished.append(self.pruning.job_finished)
        self.notices = Notices(self._store, self.ledger, self.vault, layout, self._notice_given)
        self.runner.on_finished.insert(0, self.notices.job_finished)  # before it is asked whether there is work left
        self.recovery = Recovery(
            parts,
            layout,
            notices=self.notices,
            time_limits=self.time_limits,
            callers=self.service.callers,
        )
        self.leisure = Leisure(self._is_busy, self._leaving.set)
        self.server = Server(self.service, version=version, epoch=self._store.epoch, on_quiet=self.leisure.begin)
        self.sign_ins.on_added = self._signed_in
        self.sign_ins.lacking = self._lacking

    async def run(self, listening: socket.socket, identity: socket.socket | None = None) -> None:
        """Serve until asked to leave, or idle, or without a keeper; `identity`: the port of the identity endpoint."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leaving.set)
        if identity is not None:
            self.processes.identity_url = self.identity.bind(identity)
        await self.sign_ins.load()
        self.requests.start()
        self.leftovers.recover()
        await self.sessions.load()
        await self.recovery.run()
        await self._hold()
        self.sessions.forget_ended()
        await self.server.start(listening)
        if identity is not None:
            await self.identity.start(identity)
        self._background.spawn(self._check_store())
        self._background.spawn(self.pruning.apply())
        self.leisure.begin()
        self._keeper.closed.add_done_callback(lambda _: self._leaving.set())
        try:
            await self._leaving.wait()
        finally:
            await self._close()

    async def _close(self) -> None:
        await self.server.close()
        await self.identity.close()
        await self.requests.close()
        await self.processes.close()
        await self.notices.close()
        await self.forgetting.close()
        await self.pruning.close()
        self.sessions.close()
        await self._background.cancel()
        with contextlib.suppress(Exception):  # what could not be recorded is found out again at the next start
            self.ledger.commit()
        await self.transport.close()
        await self.broker.close()
        self._store.close()

    def _lacking(self) -> list[ContextValue]:
        """The contexts of jobs that wait for a sign-in: one of them is what they lack."""
        return [
            context
            for job in self.runner
            if lacks_sign_in(job)
            for context in (job.context, *job.grants)
            if context is not None
        ]

    def _signed_in(self, scope: str, sign_in: SignIn) -> None:
        """A sign-in was added: jobs that were blocked for want of it try again."""
        for job in self.runner:
            is_served_now = job.context is not None and is_served(job.context, scope, sign_in)
            if lacks_sign_in(job) and is_served_now and isinstance(job.work, PlanWork):
                self.runner.apply(job.uuid, Released(self.runner.now()))
        self.job_tokens.signed_in(scope, sign_in)

    def _job_finished(self, job: Job) -> None:
        self.leisure.begin()
        self.ledger.drop_payload(job.uuid)  # by the transaction that records the end: there is no other occasion
        self.forgetting.add(job, has_secrets=isinstance(job.work, BatchWork) or bool(job.work.secrets))

    async def _forget_secrets(self, ended: list[Job]) -> None:
        with unhurried():
            for job in ended:
                if isinstance(job.work, ProcessWork):
                    await self.vault.release_environment(job.work.environment)
            gone = [job for job in ended if self.runner.find(job.uuid) is None]  # not resumed meanwhile
            await self.vault.drop_jobs({job.secrets_owner for job in gone if self._is_last(job)})
            await self._hold()

    def _is_last(self, job: Job) -> bool:
        """Whether nobody needs its secrets any more: a batch drops those of its children, if it is not lost."""
        if isinstance(job.work, ProcessWork | BatchWork):
            return True
        return bool(job.work.secrets) and not job.parent and not self.runner.has_siblings(job)

    def _notice_given(self) -> None:
        self.leisure.begin()
        self.forgetting.add()

    async def _hold(self) -> None:
        """Tell the keeper whether there is work for which it must keep a daemon alive, where that is news to it."""
        count = len(self.runner) + len(self.notices)
        if self._is_held is bool(count):
            return
        self._is_held = None  # until it has answered
        try:
            await self._keeper.hold(count)
            self._is_held = bool(count)
        except KeeperSilent as error:  # it is told all the same, once it goes on; the job that came is taken
            log.warning("%s", error)

    def _is_busy(self) -> bool:
        """Whether there is work, or somebody who asks for something or wants to be told."""
        return bool(len(self.runner) or len(self.notices) or self.followers.has_watchers or self.server.is_serving)

    async def _check_store(self) -> None:
        """Check a store beside the work that is too big to be checked before it."""
        if self._layout.store_file.stat().st_size > CHECKED_BYTES:
            why = await asyncio.get_running_loop().run_in_executor(None, fault_of, self._layout)
            if why:
                self._broken(StoreDamaged(f"The job store is damaged ({why}).", why))

    def _broken(self, error: Exception) -> None:
        log.error("Leaving: %s", error)
        if isinstance(error, StoreDamaged):
            suspect_of(self._layout.store_file).touch(mode=0o600)
            self.is_failed = True
        self._leaving.set()


def listening_socket(fd: int) -> socket.socket:
    """Take over the listening socket that the keeper bound."""
    sock = socket.socket(fileno=fd)
    sock.setblocking(False)
    return sock


def protect() -> None:
    """Files and sockets of this process are for its user only, and its memory is not dumped."""
    import resource  # noqa: PLC0415 - needed once

    os.umask(0o077)
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))  # jobs inherit it, and may raise it again
