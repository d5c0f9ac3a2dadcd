"""Give tokens to the processes of jobs: a job whose sign-in is gone waits, and its process with it.

While no token can be had without a person, the request is held (`held_requests`);
once somebody has signed in again it is answered and the job runs on.
"""

from __future__ import annotations

from collections.abc import Callable

from azjobs.azure.broker import Token
from azjobs.core.context import ContextValue
from azjobs.core.errors import NotSignedIn, SignInFailed
from azjobs.core.events import SignInMissing
from azjobs.core.questions import lacks_sign_in
from azjobs.core.signin import SignIn
from azjobs.daemon.accounts.sign_ins import SignIns, is_served
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.processes.held_requests import HeldRequests


class JobTokens:
    """The tokens of job processes."""

    def __init__(self, runner: Runner, sign_ins: SignIns, held: HeldRequests) -> None:
        self._runner = runner
        self._sign_ins = sign_ins
        self._held = held

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
                await self._held.hold(uuid, context, _sign_in_missing(str(error)), otherwise=error)
            else:
                self._held.go_on(uuid)
                return token

    def signed_in(self, scope: str, sign_in: SignIn) -> None:
        """Somebody has signed in: what waited for that is asked again, and its job runs on until the answer is no."""
        for held in self._held:
            if isinstance(held.about, ContextValue) and is_served(held.about, scope, sign_in):
                held.release()
        for job in self._runner:
            contexts = [context for context in (job.context, *job.grants) if context is not None]
            if lacks_sign_in(job) and any(is_served(context, scope, sign_in) for context in contexts):
                self._held.go_on(job.uuid)

    def ask_again(self, uuid: str) -> None:
        """Ask again for the tokens that a job waits for: its user says so."""
        for held in self._held:
            if held.uuid == uuid and isinstance(held.about, ContextValue):
                held.release()
        self._held.go_on(uuid)


def _sign_in_missing(text: str) -> Callable[[float], SignInMissing]:
    return lambda at: SignInMissing(at, "", text)
