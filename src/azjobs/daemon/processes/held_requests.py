"""Hold what the processes of jobs ask for and only a person can give; meanwhile the job is Blocked.

A process asks by its own connection or by the identity endpoint, and waits. Of
several that are held for one job the first is the one that is shown. A process
whose daemon has ended asks the next one again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from azjobs.core.context import ContextValue
from azjobs.core.errors import AzJobsError, InvalidInput, Refused
from azjobs.core.events import InputAsked, Released, SignInMissing
from azjobs.core.job import ProcessWork
from azjobs.core.questions import status_of
from azjobs.core.secret import SecureString
from azjobs.core.states import Blocked, is_process_waiting
from azjobs.daemon.jobs.runner import Runner

ASKS_AGAIN_S = 5.0  # guess: a process whose connection broke asks again within that, or waits no more


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A request that waits for a person. `about`: the context of a token, or which question; `event` tells the job."""

    uuid: str
    about: ContextValue | str
    event: Callable[[float], SignInMissing | InputAsked]
    answered: asyncio.Future[SecureString | None]

    def release(self, line: SecureString | None = None) -> None:
        """Let it go on: what it waited for is there."""
        if not self.answered.done():
            self.answered.set_result(line)


class HeldRequests:
    """All requests that are held, in the order in which they came."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._held: list[Held] = []
        self._awaited: dict[str, asyncio.Future[None]] = {}  # by the question: somebody has an answer, nobody asks yet
        self._given: dict[str, asyncio.Future[None]] = {}  # by the question: its answer is on its way to the process
        self._expected: set[str] = set()
        self._young_until = 0.0

    def recovered(self) -> None:
        """The daemon begins: processes that had asked the one before will ask again in a moment."""
        self._young_until = asyncio.get_running_loop().time() + ASKS_AGAIN_S

    def __iter__(self) -> Iterator[Held]:
        return iter(list(self._held))

    async def hold(
        self,
        uuid: str,
        about: ContextValue | str,
        event: Callable[[float], SignInMissing | InputAsked],
        *,
        otherwise: AzJobsError,
    ) -> SecureString | None:
        """Wait until somebody has answered; returns the line that was given, None where something else was asked for.

        Raises:
            AzJobsError: `otherwise`: the job is at a point where it cannot wait.
        """
        held = Held(uuid, about, event, asyncio.get_running_loop().create_future())
        self._held.append(held)
        try:
            first = self._first(uuid) or held
            job = self._runner.apply(uuid, first.event(self._runner.now()))
            if job is None or not is_process_waiting(job.state):
                raise otherwise
            if isinstance(about, str) and (awaited := self._awaited.get(about)) is not None and not awaited.done():
                awaited.set_result(None)
            return await held.answered
        except asyncio.CancelledError:  # whoever asked has gone
            self.expect(uuid)
            raise
        finally:
            self._held.remove(held)

    async def ask(self, uuid: str, ask: str, prompt: str, *, is_hidden: bool) -> SecureString:
        """Ask the user for a line, and wait for it.

        Raises:
            Refused: the job is being stopped.
        """
        refusal = Refused("The job is not going on: nobody is asked.")
        event = lambda at: InputAsked(at, ask, prompt, is_hidden)  # noqa: E731 - one line, used once
        line = await self.hold(uuid, ask, event, otherwise=refusal)
        if line is None:
            raise refusal
        return line

    async def answer(self, uuid: str, ask: str, line: SecureString) -> None:
        """Give the line that a job asks for, and wait until it is given.

        A process that lost its connection is awaited for a moment.

        Raises:
            InvalidInput: nobody asks that any more.
        """
        loop = asyncio.get_running_loop()
        if not self._of(uuid, ask) and (uuid in self._expected or loop.time() < self._young_until):
            await _wait_for(self._awaited, ask)
        waiting = self._of(uuid, ask)
        job = self._runner.find(uuid)
        if job is None or not isinstance(job.state, Blocked) or job.state.question.ask != ask or not waiting:
            now = f" It waits: {status_of(job)}" if job is not None and isinstance(job.state, Blocked) else ""
            raise InvalidInput(f"That is no longer asked.{now}")
        for held in waiting:
            held.release(line)
        self.go_on(uuid)
        if not await _wait_for(self._given, ask):
            raise InvalidInput("The process that asked has gone.")

    def given(self, ask: str) -> None:
        """The answer was sent to the process that asked."""
        if (given := self._given.get(ask)) is not None and not given.done():
            given.set_result(None)

    def refuse(self, uuid: str) -> None:
        """A job is being stopped: its threads wait for no line any more."""
        for held in self:
            if held.uuid == uuid and isinstance(held.about, str):
                held.release()

    def expect(self, uuid: str) -> None:
        """A process has lost its connection while it waited: unless it asks again soon, it waits no more."""
        self._expected.add(uuid)
        asyncio.get_running_loop().call_later(ASKS_AGAIN_S, self._expect_no_more, uuid)

    def _expect_no_more(self, uuid: str) -> None:
        self._expected.discard(uuid)
        self.go_on(uuid)

    def go_on(self, uuid: str) -> None:
        """A job that no longer waits runs on; one that still waits says for what."""
        job = self._runner.find(uuid)
        if job is None or not isinstance(job.work, ProcessWork) or not is_process_waiting(job.state):
            return
        now, left = self._runner.now(), self._first(uuid)
        self._runner.apply(uuid, Released(now) if left is None else left.event(now))

    def _first(self, uuid: str) -> Held | None:
        return next((held for held in self._held if held.uuid == uuid and not held.answered.done()), None)

    def _of(self, uuid: str, ask: str) -> list[Held]:
        return [held for held in self._held if (held.uuid, held.about) == (uuid, ask) and not held.answered.done()]


async def _wait_for(futures: dict[str, asyncio.Future[None]], ask: str) -> bool:
    """Wait a moment until the future of a question is done; whether it is."""
    future = futures.setdefault(ask, asyncio.get_running_loop().create_future())
    try:
        done, _ = await asyncio.wait([future], timeout=ASKS_AGAIN_S)
    finally:
        futures.pop(ask, None)
    return bool(done)
