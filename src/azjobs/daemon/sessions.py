"""Notice the end of a session, and forget what belonged to it only.

A session's leader is the shell of its terminal, or the Python process that
imported azjobs. Its sign-ins stay while unfinished jobs were granted them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from azjobs.core.job import Job
from azjobs.daemon.sign_ins import USER_SCOPE, SignIns
from azjobs.daemon.vault import Vault
from azjobs.process.identity import is_running, open_exit_fd


class Sessions:
    """The living sessions that this daemon holds something for."""

    def __init__(self, vault: Vault, sign_ins: SignIns, jobs: Callable[[], list[Job]]) -> None:
        self._vault = vault
        self._sign_ins = sign_ins
        self._jobs = jobs
        self._watched: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Watch the sessions that the daemon before had to do with."""
        for session, (pid, start_time) in (await self._vault.leaders()).items():
            self._watch(session, pid, start_time)

    async def add(self, session: str, leader: tuple[int, int] | None) -> None:
        """Watch the leader of a session for which something is held."""
        if leader is not None and session not in self._watched:
            await self._vault.put_leader(session, *leader)
            self._watch(session, *leader)

    def job_finished(self, _: Job) -> None:
        """A job that ended may have been the last to need the sign-ins of a session that is gone."""
        gone = self._sign_ins.scopes() - self._watched.keys() - {USER_SCOPE}
        if gone:
            self._spawn(self._forget_sign_ins(gone))

    def close(self) -> None:
        """Watch no more."""
        for fd in self._watched.values():
            if fd >= 0:
                asyncio.get_running_loop().remove_reader(fd)
                os.close(fd)
        self._watched.clear()

    def _watch(self, session: str, pid: int, start_time: int) -> None:
        fd = open_exit_fd(pid)
        if fd is None or not is_running(pid, start_time):
            if fd is not None:
                os.close(fd)
            self._spawn(self._end(session))
            return
        self._watched[session] = fd
        asyncio.get_running_loop().add_reader(fd, self._ended, session)

    def _ended(self, session: str) -> None:
        fd = self._watched.pop(session)
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        self._spawn(self._end(session))

    async def _end(self, session: str) -> None:
        await self._vault.drop_session(session)
        await self._forget_sign_ins({session})

    async def _forget_sign_ins(self, scopes: set[str]) -> None:
        needed = {context.scope for job in self._jobs() for context in (*job.grants, job.context) if context}
        for scope in scopes - needed:
            await self._sign_ins.drop_scope(scope)

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]  # always a coroutine of this class
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
