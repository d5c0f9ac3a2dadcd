"""Serve the requests of clients: each kind of message has one method.

The methods are here, in `submissions`, `removals` and the modules named `*_requests`.
A client that shows a job's key is that job's process: it may act only in the
contexts which the job was granted when it was submitted.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator

from azjobs.core import wire
from azjobs.core.job import ProcessWork
from azjobs.daemon.serving.answer_requests import AnswerRequests
from azjobs.daemon.serving.callers import Callers
from azjobs.daemon.serving.job_requests import JobRequests
from azjobs.daemon.serving.parts import Parts
from azjobs.daemon.serving.removals import Removals
from azjobs.daemon.serving.rights import refuse_jobs
from azjobs.daemon.serving.server import Connection, Handlers
from azjobs.daemon.serving.sign_in_requests import SignInRequests
from azjobs.daemon.serving.submissions import Submissions


class Service:
    """Everything a client can ask for."""

    def __init__(
        self, parts: Parts, *, version: str, leave: Callable[[], None], losses: Callable[[], list[str]]
    ) -> None:
        self._store = parts.store
        self._ledger = parts.ledger
        self._runner = parts.runner
        self._rights = parts.rights
        self._followers = parts.followers
        self._version = version
        self._leave = leave
        self._losses = losses
        self._started_at = time.time()
        self._queues = parts.queues
        self.removals = Removals(parts)
        self.callers = Callers(parts.ledger, parts.runner, self.removals.forget)
        self.submissions = Submissions(parts, self.callers, self.removals)
        self.jobs = JobRequests(parts, self.callers)
        answers = AnswerRequests(parts)
        rooms = (self.submissions, self.jobs, answers, self.removals, SignInRequests(parts))
        self._handlers: Handlers = {wire.Status: self._on_status, wire.Shutdown: self._on_shutdown}
        for room in rooms:
            self._handlers |= room.handlers()

    def serve_also(self, handlers: Handlers) -> None:
        """Serve more kinds of message."""
        self._handlers |= handlers

    async def opened(self, connection: Connection) -> None:
        """Greet a client; a key that belongs to no running job is refused."""
        self._rights.job_of(connection)

    def closed(self, connection: Connection) -> None:
        """A client has gone."""
        self._followers.drop(connection)
        self._queues.leaves(connection)
        self.callers.closed(connection)

    async def serve(self, connection: Connection, message: wire.Message) -> wire.Reply:
        """Answer one request."""
        return await self._handlers[type(message)](connection, message)

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
            troubles=tuple(self._troubles()),
        )

    async def _on_shutdown(self, connection: Connection, message: wire.Shutdown) -> wire.Reply:
        refuse_jobs(connection, "A job cannot stop the daemon.")
        reply = await self._on_status(connection, wire.Status(message.seq))
        asyncio.get_running_loop().call_soon(self._leave)
        return reply

    def _troubles(self) -> Iterator[str]:
        yield from self._losses()
        if self._ledger.is_full:
            yield "The disk is full: what happened lately is recorded when there is room. Free some space."
        unwritten = [job.shown_name for job in self._runner.unwritten]
        if unwritten:
            yield f"The disk is full: the ends of {', '.join(unwritten)} are recorded when there is room."

    def _unfinished(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the unfinished jobs: those that go on without a daemon, and those that wait for one."""
        going_on: list[str] = []
        waiting: list[str] = []
        for job in self._runner:
            name = job.shown_name
            label = f"{job.id} {name}" if job.id is not None else name
            is_waiting = not (isinstance(job.work, ProcessWork) and job.work.pid)
            (waiting if is_waiting else going_on).append(label)
        return tuple(going_on), tuple(waiting)
