"""Notice the end of a session, and forget what belonged to it only.

A session's leader is the shell of its terminal, or the Python process that
imported azjobs. Its sign-ins stay while unfinished jobs were granted them.
"""

from __future__ import annotations

import asyncio
import os

from azjobs.core.job import Job
from azjobs.daemon.accounts.sign_ins import SignIns
from azjobs.daemon.background import Background
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.vault import Vault
from azjobs.process.identity import is_running, open_exit_fd


class Sessions:
    """The living sessions that this daemon holds something for."""

    def __init__(self, vault: Vault, sign_ins: SignIns, runner: Runner) -> None:
        self._vault = vault
        self._sign_ins = sign_ins
        self._runner = runner
        self._watched: dict[str, int] = {}
        self._ended_sessions: set[str] = set()  # only these: a named session has no leader, and never ends by itself
        self._background = Background()

    async def load(self) -> None:
        """Watch the sessions that the daemon before had to do with."""
        for session, (pid, start_time) in (await self._vault.leaders()).items():
            self._watch(session, pid, start_time)

    def forget_ended(self) -> None:
        """Forget what belonged to sessions that ended while no daemon ran; once the unfinished jobs are known."""
        for session in self._ended_sessions:
            self._background.spawn(self._end(session))

    async def add(self, session: str, leader: tuple[int, int] | None) -> None:
        """Watch the leader of a session for which something is held."""
        if leader is not None and session not in self._watched:
            self._watch(session, *leader)
            await self._vault.put_leader(session, *leader)

    def job_finished(self, job: Job) -> None:
        """A job that ended may have been the last to need the sign-ins of a session that is gone."""
        if job.scopes <= self._runner.scopes:
            return
        if self._ended_sessions or len(self._sign_ins.stand_ins):
            self._background.spawn(self._forget_sign_ins(set(self._ended_sessions)))

    def close(self) -> None:
        """Watch no more."""
        for fd in self._watched.values():
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)
        self._watched.clear()

    def _watch(self, session: str, pid: int, start_time: int) -> None:
        fd = open_exit_fd(pid)
        if fd is None or not is_running(pid, start_time):
            if fd is not None:
                os.close(fd)
            self._ended_sessions.add(session)
            return
        self._ended_sessions.discard(session)
        self._watched[session] = fd
        asyncio.get_running_loop().add_reader(fd, self._ended, session, fd)

    def _ended(self, session: str, fd: int) -> None:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        self._watched.pop(session, None)
        self._ended_sessions.add(session)
        self._background.spawn(self._end(session))

    async def _end(self, session: str) -> None:
        await self._vault.drop_credentials(session)
        await self._forget_sign_ins({session})

    async def _forget_sign_ins(self, scopes: set[str]) -> None:
        needed = set(self._runner.scopes)
        await self._sign_ins.stand_ins.keep_only(needed)
        for scope in scopes - needed - self._sign_ins.stand_ins.standing_for(needed):
            await self._sign_ins.drop_scope(scope)
            if scope not in self._watched:
                self._ended_sessions.discard(scope)
                await self._vault.drop_leader(scope)  # last: by it the next daemon would find what is left
