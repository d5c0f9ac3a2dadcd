"""Serve questions and answers: what a job's process asks its user, and what somebody answers a blocked job."""

from __future__ import annotations

import asyncio
import contextlib

from msgspec.structs import replace

from azjobs.core import wire
from azjobs.core.errors import HomeUnusable, InvalidInput, Refused
from azjobs.core.events import Released
from azjobs.core.job import Job, ProcessWork
from azjobs.core.questions import status_of
from azjobs.core.states import Blocked, QuestionKind, is_process_waiting
from azjobs.daemon.serving.parts import Parts
from azjobs.daemon.serving.server import Connection, Handlers


class AnswerRequests:
    """One method a request."""

    def __init__(self, parts: Parts) -> None:
        self._ledger = parts.ledger
        self._runner = parts.runner
        self._vault = parts.vault
        self._job_tokens = parts.job_tokens
        self._held = parts.held
        self._rights = parts.rights

    def handlers(self) -> Handlers:
        """Return what serves each kind of message."""
        return {wire.AskUser: self._on_ask, wire.Answer: self._on_answer}

    async def _on_ask(self, connection: Connection, message: wire.AskUser) -> wire.Reply:
        job = self._rights.job_of(connection)
        if job is None:
            raise Refused("Only the process of a job asks this way.")
        asking = self._held.ask(job.uuid, message.ask, message.prompt, is_hidden=message.is_hidden)
        reply = wire.Line(message.seq, await connection.while_open(asking))
        asyncio.get_running_loop().call_soon(self._held.given, message.ask)  # by then it is sent
        return reply

    async def _on_answer(self, connection: Connection, message: wire.Answer) -> wire.Reply:
        job = self._runner.require(message.uuid)
        self._rights.check_jobs(connection, [job])
        if message.line is not None:
            # Once the process is answered nothing is awaited: were this daemon gone before it said so, the client would
            # ask the next one, where nobody waits for that answer any more.
            await self._held.answer(job.uuid, message.ask, message.line)
            with contextlib.suppress(HomeUnusable):  # a full disk: it is tried again, and the answer is given
                self._ledger.commit()
        else:
            await self._take(job, message)
            await self._ledger.durable()
        return wire.Accepted(message.seq, self._runner.require(job.uuid))

    async def _take(self, job: Job, message: wire.Answer) -> None:
        """Keep what was missing, and let the job go on."""
        if message.choice not in ("", "again", "done"):
            raise InvalidInput('The choice is "again" or "done".')
        unknown = set(message.secrets) - set(job.work.secrets)
        if unknown:
            asked = ", ".join(sorted(job.work.secrets)) or "no secret"
            raise InvalidInput(f"The job asks for {asked}, not for {', '.join(sorted(unknown))}.")
        if isinstance(job.state, Blocked) and job.state.question.ask:
            raise InvalidInput(f"The job waits: {status_of(job)}")
        await self._vault.put_job_secrets(job.secrets_owner, message.secrets)
        if message.environment and isinstance(job.work, ProcessWork):
            environment = await self._vault.put_environment(message.environment)
            await self._vault.release_environment(job.work.environment)  # the lost one
            self._runner.replace(replace(job, work=replace(job.work, environment=environment)))
        if message.secrets or message.choice or message.environment:
            if isinstance(job.work, ProcessWork) and is_process_waiting(job.state):
                self._job_tokens.ask_again(job.uuid)  # its process waits for a token
            else:
                self._runner.apply(job.uuid, Released(self._runner.now(), message.choice))
        if message.secrets:
            self._release_siblings(job)

    def _release_siblings(self, job: Job) -> None:
        """What was given for one child of a batch is there for all."""
        for child in self._runner.children(job.family):
            if isinstance(child.state, Blocked) and child.state.question.kind is QuestionKind.SECRET:
                self._runner.apply(child.uuid, Released(self._runner.now()))
