"""Perform what concerns the processes of jobs: start them, watch those of an earlier daemon, stop them.

A process that this daemon's warm parents started reports its end through them;
one from before is watched by its process descriptor. In both cases the journal
has the first word on how it ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from azjobs.core.errors import Fault
from azjobs.core.events import ProcessEnded, ProcessStarted, SecretMissing
from azjobs.core.job import Job, ProcessKind, ProcessWork
from azjobs.core.journal import Begin
from azjobs.core.layout import Layout
from azjobs.core.questions import ENVIRONMENT
from azjobs.core.secret import SecureString
from azjobs.core.states import Stopping
from azjobs.daemon.background import Background
from azjobs.daemon.jobs.ledger import FULL_RETRY_S
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.processes.ends import NOT_BEGUN, end_of
from azjobs.daemon.processes.job_environment import job_environment
from azjobs.daemon.processes.output_caps import OutputCaps
from azjobs.daemon.vault import SecretsMissing, Vault
from azjobs.keeper.channel import KeeperChannel, unhurried
from azjobs.keeper.start import JOB_VARIABLE
from azjobs.process.frames import START_LOST, StartMessage
from azjobs.process.identity import boot_id, is_running, open_exit_fd
from azjobs.process.interpreter import Interpreter
from azjobs.process.journal import FULL, is_alive, load_begin, load_end, remove_files
from azjobs.process.launcher import Exited, StartProcess, default_launcher
from azjobs.process.spawn import LaunchFailed
from azjobs.process.stop import kill_marked, stop_tree
from azjobs.store.protocol import JobStore

log = logging.getLogger(__name__)

PREPARE = "azjobs.session.submitting.in_job:prepare"  # named, not imported: the layers above are strangers here
#: What jobs use of the layers above, likewise by name: an import in each job would cost 20 ms.
PRELOAD = ("azjobs.session.submitting.in_job", "azjobs.commands.machine_actions", "azjobs.commands.new_virtual_machine")
STOP_GRACE_S = 5.0  # guess: time to end by itself after SIGTERM; docker waits 10, systemd 90
KEY_NAME = "key"
LOCK_RETRY_S = 0.02  # guess: a process descriptor may tell of the end a moment before the lock is free
LOCK_TRIES = 100

Held = tuple[Mapping[str, str], dict[str, str]]  # a job's environment; its secrets and its key, by name


class ProcessRunner:
    """The processes of jobs. `identity_url`: where they ask for tokens as of a managed identity; "" for nowhere."""

    def __init__(
        self, runner: Runner, store: JobStore, vault: Vault, keeper: KeeperChannel, layout: Layout[Path]
    ) -> None:
        self._runner = runner
        self._store = store
        self._vault = vault
        self._keeper = keeper
        self._layout = layout
        self._launcher = default_launcher(self._exited)
        self._background = Background()
        self._watched: dict[str, int] = {}
        self._restarted: set[str] = set()
        self._at_hand: dict[str, Held] = {}
        self._caps = OutputCaps()
        self.identity_url = ""
        self.on_stop: Callable[[str], None] = lambda _: None

    async def close(self) -> None:
        """Let go of all processes; they go on."""
        await self._background.cancel()
        loop = asyncio.get_running_loop()
        for fd in self._watched.values():
            loop.remove_reader(fd)
            os.close(fd)
        self._watched.clear()
        self._caps.close()
        await self._launcher.close()

    @contextlib.contextmanager
    def at_hand(self, uuid: str, held: Held | None) -> Iterator[None]:
        """Within this block a job that is started need not ask the keeper for what it was given a moment ago."""
        if held is not None:
            self._at_hand[uuid] = held
        try:
            yield
        finally:
            self._at_hand.pop(uuid, None)

    def start(self, job: Job) -> None:
        """Start the job's process and feed back what came of it."""
        self._background.spawn(self._start(job, self._at_hand.pop(job.uuid, None)))

    def stop(self, job: Job) -> None:
        """End the job's process and all that it started."""
        self.on_stop(job.uuid)
        self._background.spawn(self._stop(job))

    def watch(self, job: Job) -> None:
        """Watch a living process that an earlier daemon's warm parent had started."""
        work, journal = job.work, self._layout.journal_file(job.uuid)
        assert isinstance(work, ProcessWork)
        begin = _begin_of(journal)
        if begin is not None and not work.pid:  # it started, but the daemon died before it could record that
            event = ProcessStarted(self._runner.now(), begin.pid, begin.start_time, begin.boot_id)
            job = self._runner.apply(job.uuid, event) or job
        self._hold_to_cap(job)
        pid = begin.pid if begin is not None else work.pid
        fd = open_exit_fd(pid) if pid else None
        if fd is None:
            self._background.spawn(self._await_lock(job.uuid, pid))
            return
        self._watched[job.uuid] = fd
        asyncio.get_running_loop().add_reader(fd, self._watched_ended, job.uuid, pid)
        if isinstance(job.state, Stopping):
            self.stop(job)

    async def settle(self, job: Job) -> None:
        """Record the end of a process that ended while no daemon ran."""
        begin = _begin_of(self._layout.journal_file(job.uuid))
        await self._finish(job.uuid, begin.pid if begin is not None else 0)

    async def _start(self, job: Job, held: Held | None = None) -> None:
        try:
            with unhurried():
                start = await self._start_message(job, held)
        except SecretsMissing as error:
            self._runner.apply(job.uuid, SecretMissing(self._runner.now(), error.names))
            return
        except msgspec.MsgspecError as error:
            fault = Fault("CannotStart", f"How the job's process is started cannot be understood: {error}")
            self._runner.apply(job.uuid, ProcessEnded(self._runner.now(), "failed", fault))
            return
        current = self._runner.find(job.uuid)
        if current is None or isinstance(current.state, Stopping):
            self._runner.apply(job.uuid, ProcessEnded(self._runner.now(), "stopped"))
            return
        journal = start.journal
        if journal.exists() and load_begin(journal) is None and not is_alive(journal):
            remove_files(journal)  # made for a process that never began
        try:
            started = await self._launcher.start(start)
        except (LaunchFailed, OSError) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                self._background.spawn(self._start_later(job))
                return
            fault = Fault("CannotStart", f"The job's process could not be started: {error}")
            self._runner.apply(job.uuid, ProcessEnded(self._runner.now(), "failed", fault))
            return
        self._hold_to_cap(job)
        event = ProcessStarted(self._runner.now(), started.pid, started.start_time, boot_id())
        after = self._runner.apply(job.uuid, event)
        if after is not None and isinstance(after.state, Stopping):
            self.stop(after)

    async def _start_later(self, job: Job) -> None:
        """Nothing of the job has run: it begins when there is room for its journal."""
        log.warning("The disk is full: job %s begins when there is room.", job.id or job.uuid)
        await asyncio.sleep(FULL_RETRY_S)
        await self._start(job)

    async def _start_message(self, job: Job, at_hand: Held | None) -> StartProcess:
        work = job.work
        assert isinstance(work, ProcessWork)
        environment, held = at_hand or await self._held(job, work)
        key = held[KEY_NAME]
        own = job_environment(environment, job.context, endpoint=self.identity_url, key=key)
        own |= {JOB_VARIABLE: job.uuid}
        runtime: dict[str, Any] = {
            "job_key": key,
            "uuid": job.uuid,
            "home": str(self._layout.home),
            "session": job.session,
            "autosave": job.autosave,
            "context": msgspec.to_builtins(job.context),
            "grants": msgspec.to_builtins(job.grants),
            "secrets": {name: held[name] for name in work.secrets},
        }
        message = StartMessage(
            journal=str(self._layout.journal_file(job.uuid)),
            kind=work.kind,
            environ={os.fsencode(k): os.fsencode(v) for k, v in own.items()},
            folder=os.fsencode(work.folder),
            umask=work.umask,
            sys_path=list(work.sys_path),
            payload=self._store.payload(job.uuid),
            argv=[os.fsencode(word) for word in work.arguments],
            prepare="" if work.kind is ProcessKind.COMMAND else PREPARE,
            runtime=runtime,
            output_cap_bytes=work.output_cap_bytes,
        )
        return StartProcess(
            job_id=job.uuid,
            journal=self._layout.journal_file(job.uuid),
            interpreter=msgspec.convert(work.interpreter, Interpreter),
            message=message,
            azure=work.azure,
            preload=PRELOAD,
        )

    def _hold_to_cap(self, job: Job) -> None:
        if (limit_bytes := _raw_cap(job)) is not None:
            self._caps.add(self._layout.journal_file(job.uuid), limit_bytes)

    async def _held(self, job: Job, work: ProcessWork) -> Held:
        """Ask the keeper for the job's environment and secrets; it has a new key if the keeper of the former is gone.

        Nobody has had that one yet.

        Raises:
            SecretsMissing: the environment or secrets are gone with their keeper.
        """
        environment = await self._vault.environment(work.environment)
        try:
            held = await self._vault.job_secrets(job.uuid, work.secrets)
        except SecretsMissing as error:
            raise SecretsMissing((*error.names, *(() if environment else (ENVIRONMENT,)))) from None
        if environment is None:
            raise SecretsMissing((ENVIRONMENT,))
        try:
            key = (await self._vault.job_secrets(job.uuid, [KEY_NAME]))[KEY_NAME]
        except SecretsMissing:
            made, digest = new_key()
            await self._vault.put_job_secrets(job.uuid, {KEY_NAME: made})
            self._runner.replace(replace(job, work=replace(work, key_sha256=digest)))
            key = made.reveal()
        return environment, {**held, KEY_NAME: key}

    async def _stop(self, job: Job) -> None:
        work = job.work
        assert isinstance(work, ProcessWork)
        begin = _begin_of(self._layout.journal_file(job.uuid))
        if begin is None and not work.pid:
            return  # it is being started: `_start` looks at the state when it is there
        pid, start_time = (begin.pid, begin.start_time) if begin is not None else (work.pid, work.start_time)
        if is_running(pid, start_time):
            await stop_tree(pid, start_time, STOP_GRACE_S)

    def _exited(self, exited: Exited) -> None:
        """A warm parent tells that a process it started has ended."""
        if exited.exit_code is None:
            self._background.spawn(self._await_lock(exited.job_id, exited.pid))
        else:
            self._background.spawn(self._end(exited.job_id, exited.exit_code))

    def _watched_ended(self, uuid: str, pid: int) -> None:
        fd = self._watched.pop(uuid)
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        self._background.spawn(self._await_lock(uuid, pid))

    async def _await_lock(self, uuid: str, pid: int) -> None:
        """The process is gone, or nearly: its journal's lock is the evidence."""
        for _ in range(LOCK_TRIES):
            with contextlib.suppress(OSError):  # as if nobody had it: the process is gone
                if is_alive(self._layout.journal_file(uuid)):
                    await asyncio.sleep(LOCK_RETRY_S)
                    continue
            break
        await self._finish(uuid, pid)

    async def _finish(self, uuid: str, pid: int) -> None:
        """Nobody of ours was its parent: ask the keeper, who reaped it if it died without a word."""
        with unhurried():
            exits = await self._keeper.exits()
            mine = [ended for ended in exits if ended.pid == pid]
            await self._end(uuid, os.waitstatus_to_exitcode(mine[-1].status) if mine else None)
            if mine:
                await self._keeper.ack_exits(mine)

    async def _end(self, uuid: str, exit_code: int | None) -> None:
        journal = self._layout.journal_file(uuid)
        job = self._runner.find(uuid)
        is_stopped = job is not None and isinstance(job.state, Stopping)
        # One that was killed could end nothing of what it had started; one that was asked to stop need not have.
        if is_stopped or not _has_end(journal):
            await kill_marked(_mark(uuid))
            job = self._runner.find(uuid)
        if job is None:
            return
        if (limit_bytes := _raw_cap(job)) is not None:
            self._caps.end(journal, limit_bytes)
        end = end_of(journal, self._runner.now(), exit_code)
        is_lost = end.fault is not None and end.fault.code in (START_LOST, NOT_BEGUN)
        if is_lost and uuid not in self._restarted and not isinstance(job.state, Stopping):
            self._restarted.add(uuid)  # nothing of the user's code has run: once more, but not for ever
            remove_files(journal)
            self.start(job)
            return
        self._restarted.discard(uuid)
        self._runner.apply(uuid, end)


def new_key() -> tuple[SecureString, str]:
    """Return a new capability with which a job's process will ask for tokens, and its hash."""
    key = secrets.token_urlsafe(32)
    return SecureString(key), hashlib.sha256(key.encode()).hexdigest()


def _raw_cap(job: Job) -> int | None:
    """The cap of what a job may write past Python; None without one, and for a command, whose shim counts all."""
    work = job.work
    return work.output_cap_bytes if isinstance(work, ProcessWork) and work.kind is not ProcessKind.COMMAND else None


def _begin_of(journal: Path) -> Begin | None:
    """Its first record; a journal that cannot be read tells nothing."""
    with contextlib.suppress(OSError):
        return load_begin(journal)
    return None


def _has_end(journal: Path) -> bool:
    with contextlib.suppress(OSError):
        return load_end(journal) is not None
    return False


def _mark(uuid: str) -> bytes:
    return f"{JOB_VARIABLE}={uuid}".encode()
