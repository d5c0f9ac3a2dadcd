"""Run the commands that jobs have for their end, whether or not anybody is connected.

A notice is given after the end is on disk, and that it was given is recorded
after it: a daemon that is killed in between is followed by one that gives it
again. So it is given at least once, and the command must bear to be run twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from azjobs.core.job import Job, Notice
from azjobs.core.job_json import job_json
from azjobs.core.layout import Layout
from azjobs.core.states import Failed
from azjobs.daemon.background import Background
from azjobs.daemon.jobs.ledger import Ledger
from azjobs.daemon.processes.job_environment import job_environment
from azjobs.daemon.vault import Vault
from azjobs.keeper.channel import unhurried
from azjobs.process.exits import wait_exit
from azjobs.process.identity import start_time
from azjobs.process.reader import has_unread
from azjobs.process.stop import stop_tree
from azjobs.store.protocol import JobStore

log = logging.getLogger(__name__)

LIMIT_S = 60.0  # guess: a message is sent in seconds, a slow mail server takes half a minute
GRACE_S = 2.0  # guess: to end by itself after SIGTERM
AT_ONCE = 4  # guess: many jobs end together, and each notice is a process
SAID_BYTES = 2000  # of the command's output, for the log
#: What a program needs to run at all, where the environment of the submit is lost.
MINIMAL = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "AZJOBS_HOME")


class Notices:
    """The notices that are due. `on_given` is called after each."""

    def __init__(
        self,
        store: JobStore,
        ledger: Ledger,
        vault: Vault,
        layout: Layout[Path],
        on_given: Callable[[], None],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._vault = vault
        self._layout = layout
        self._on_given = on_given
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._background = Background()
        self._due = 0

    def __len__(self) -> int:
        """How many are to be given."""
        return self._due

    def job_finished(self, job: Job) -> None:
        """Give the notice of a job that has just ended, if it has one."""
        if job.notice is not None and job.is_notice_due:
            self._due += 1
            self._background.spawn(self._give(job, job.notice))

    def recover(self) -> None:
        """Give those that a daemon before was to give."""
        for job in self._store.load_notices_due():
            assert job.notice is not None, "nothing else is due"
            self._vault.claim_environment(job.notice.environment)
            self.job_finished(job)

    async def close(self) -> None:
        """Wait for no command any more; the next daemon runs again what has not ended."""
        await self._background.cancel()

    async def _give(self, job: Job, notice: Notice) -> None:
        async with self._turns:
            with unhurried():
                try:
                    await self._ledger.durable()  # the end is on disk before anybody is told of it
                    problem = await self._run(job, notice)
                    if problem:
                        log.warning("The notify command of job %s %s", job.id or job.uuid, problem)
                    await self._record(job, notice, problem)
                except Exception:  # it stays due, for the next daemon
                    log.exception("The notify command of job %s failed", job.id or job.uuid)
                await self._vault.release_environment(notice.environment)
        self._due -= 1
        self._on_given()

    async def _record(self, job: Job, notice: Notice, problem: str) -> None:
        await self._ledger.durable()
        now = self._ledger.load(job.uuid)
        if now is None or now.state != job.state:
            return  # removed, or resumed: of its next end, which may have come by now, is told anew
        message = f"The notify command {problem}" if problem else now.status_message
        self._ledger.save(replace(now, notice=replace(notice, is_given=True), status_message=message))
        await self._ledger.durable()

    async def _run(self, job: Job, notice: Notice) -> str:
        """Run the command to its end; return what went wrong, as the end of a sentence."""
        held = await self._vault.environment(notice.environment)
        own = {name: os.environ[name] for name in MINIMAL if name in os.environ}
        environment = job_environment(own if held is None else held, None, endpoint="", key="") | facts_of(job)
        # Files, not pipes: a program that the command leaves behind may keep them open as long as it likes.
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
            told.write(_document(job, self._layout.journal_file(job.uuid)))
            told.seek(0)
            try:
                process = _start(notice, environment, told, said)
            except (OSError, ValueError) as error:
                return f"could not be run: {error}."
            return await _outcome(process, said)


def _start(notice: Notice, environment: Mapping[str, str], told: IO[bytes], said: IO[bytes]) -> subprocess.Popen[bytes]:
    folder = notice.folder if Path(notice.folder).is_dir() else "/"
    return subprocess.Popen(  # noqa: S603 - the user's own words
        notice.words, cwd=folder, env=environment, stdin=told, stdout=said, stderr=said, start_new_session=True
    )


async def _outcome(process: subprocess.Popen[bytes], said: IO[bytes]) -> str:
    started = start_time(process.pid)
    try:
        is_in_time = await wait_exit(process.pid, None, LIMIT_S)
        if not is_in_time and started is not None:
            await stop_tree(process.pid, started, GRACE_S)
    except asyncio.CancelledError:
        process.returncode = -1  # it goes on, and the keeper reaps it: nothing is left to wait for
        raise
    status = process.wait()
    if is_in_time and status == 0:
        return ""
    said.seek(0)
    output = " ".join(said.read(SAID_BYTES).decode(errors="replace").split())
    how = f"ended with exit status {status}" if status >= 0 else f"was ended by signal {-status}"
    return (how if is_in_time else f"was stopped after {LIMIT_S:.0f} s") + (f": {output}" if output else ".")


def facts_of(job: Job) -> dict[str, str]:
    """Return what the command is told of the job by its environment; no secret is among it."""
    fault = job.state.fault if isinstance(job.state, Failed) else None
    facts = {
        "AZJOBS_JOB_ID": "" if job.id is None else str(job.id),
        "AZJOBS_JOB_UUID": job.uuid,
        "AZJOBS_JOB_NAME": job.shown_name,
        "AZJOBS_JOB_STATE": job.state_name.value,
        "AZJOBS_JOB_TYPE": job.type.value,
        "AZJOBS_JOB_TARGET": job.target,
        "AZJOBS_JOB_ERROR": "" if fault is None else f"{fault.code}: {fault.message}",
    }
    return {name: value.replace("\0", "") for name, value in facts.items()}  # no variable can hold that one


def _document(job: Job, journal: Path) -> bytes:
    has_more_data = False
    with contextlib.suppress(OSError):
        has_more_data = has_unread(journal)
    said = job_json(job, name=job.shown_name, state=job.state_name, has_more_data=has_more_data)
    return msgspec.json.encode(said) + b"\n"
