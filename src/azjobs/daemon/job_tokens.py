"""Give tokens to the processes of jobs: a job whose sign-in is gone waits, and its process with it.

The process asks, by its own connection or by the identity endpoint. While no
token can be had without a person, its request is held and the job is Blocked;
once somebody has signed in again it is answered and the job runs on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from azjobs.azure.broker import Token
from azjobs.core.context import ContextValue
from azjobs.core.errors import NotSignedIn, Refused, SignInFailed
from azjobs.core.events import Released, SignInMissing
from azjobs.core.job import ProcessWork
from azjobs.core.signin import SignIn
from azjobs.core.states import is_process_waiting
from azjobs.daemon.runner import Runner
from azjobs.daemon.sign_ins import SignIns, is_served

ASKS_AGAIN_S = 5.0  # guess: a process whose connection broke asks again within that, or waits no more


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A request that waits for a person."""

    uuid: str
    context: ContextValue
    text: str
    released: asyncio.Future[None]


class JobTokens:
    """The tokens of job processes, and the requests for tokens that are held."""

    def __init__(self, runner: Runner, sign_ins: SignIns) -> None:
        self._runner = runner
        self._sign_ins = sign_ins
        self._held: set[_Held] = set()

    async def token(
        self, uuid: str, context: ContextValue, scopes: tuple[str, ...] = (), claims: str = "", tenant: str = ""
    ) -> Token:
        """Return a token for a context that the job was granted; waits while its sign-in is missing.

        Raises:
            SignInFailed: what the token is for is refused, or the job is being stopped.
            SignInUnavailable: the sign-in service cannot be reached.
            WrongTarget: a token of another tenant than the context's is asked for.
            Refused: the job has ended.
        """
        while True:
            try:
                token = await self._sign_ins.token(context, scopes, claims, tenant)
            except (NotSignedIn, SignInFailed) as error:
                if error.is_of_scope:
                    raise
                await self._hold(uuid, context, error)
            else:
                self._go_on(uuid)
                return token

    def signed_in(self, scope: str, sign_in: SignIn) -> None:
        """Somebody has signed in: what waited for that is asked again, and its job runs on until the answer is no."""
        for held in self._held:
            if is_served(held.context, scope, sign_in):
                _release(held)
        for job in self._runner:
            contexts = [context for context in (job.context, *job.grants) if context is not None]
            if any(is_served(context, scope, sign_in) for context in contexts):
                self._go_on(job.uuid)

    def ask_again(self, uuid: str) -> None:
        """Ask again for whatever a job waits for: its user says so."""
        for held in self._held:
            if held.uuid == uuid:
                _release(held)
        self._go_on(uuid)

    def expect(self, uuid: str) -> None:
        """A process has lost its connection while it waited: unless it asks again soon, it waits no more."""
        asyncio.get_running_loop().call_later(ASKS_AGAIN_S, self._go_on, uuid)

    async def _hold(self, uuid: str, context: ContextValue, error: Refused) -> None:
        job = self._runner.apply(uuid, SignInMissing(self._runner.now(), "", str(error)))
        if job is None or not is_process_waiting(job.state):
            raise error
        held = _Held(uuid, context, str(error), asyncio.get_running_loop().create_future())
        self._held.add(held)
        try:
            await held.released
        except asyncio.CancelledError:  # whoever asked has gone
            self.expect(uuid)
            raise
        finally:
            self._held.discard(held)

    def _go_on(self, uuid: str) -> None:
        """A job that no longer waits runs on; one that still waits says for what."""
        job = self._runner.find(uuid)
        if job is None or not isinstance(job.work, ProcessWork) or not is_process_waiting(job.state):
            return
        now = self._runner.now()
        left = next((held for held in self._held if held.uuid == uuid and not held.released.done()), None)
        self._runner.apply(uuid, Released(now) if left is None else SignInMissing(now, "", left.text))


def _release(held: _Held) -> None:
    if not held.released.done():
        held.released.set_result(None)
