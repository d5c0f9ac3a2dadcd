"""Hand out access tokens: one fetch for many askers, renewed before they expire.

The credentials of azure-identity are synchronous, so they run in a few threads.
No token is ever part of an exception, a log line or a `repr`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import msgspec
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError, ServiceResponseError

from azjobs.azure import answers
from azjobs.azure.answers import Answer
from azjobs.azure.credentials import Credential, build
from azjobs.azure.refusals import SignInUnavailable, explain
from azjobs.core.context import SignInKey
from azjobs.core.errors import SignInFailed
from azjobs.core.signin import SignIn

THREADS = 64  # guess: a dozen accounts may hang at once, and the others still go on
#: Of these threads for one account. A person's tenants wait for one cache, and a credential that hangs is asked for
#: every scope and tenant: neither may take the threads of the others.
OF_ACCOUNT = 4
# MSAL hands out its own cached token until five minutes before the end: asking it earlier brings nothing new.
LONGEST_MARGIN_S = 290.0
MARGIN_SHARE = 0.1  # guess: of a short token's life
STILL_GOOD_S = 20.0  # guess: when no new one can be had, an old token with so much life left is given out

CLOSING_S = 2.0  # guess: to end a credential's process, or to let connections go, takes milliseconds

FetchSecrets = Callable[[], Awaitable[Mapping[str, str]]]
Build = Callable[[SignIn, Mapping[str, str]], Credential]


class Token(msgspec.Struct, frozen=True):
    """An access token. `expires_at` is in epoch seconds, UTC."""

    token: str
    expires_at: float

    def __repr__(self) -> str:
        """Say until when, not what."""
        return f"<Token until {self.expires_at:.0f}>"


class SignInReplaced(Exception):
    """The sign-in was forgotten while a token was fetched, as by signing in again: ask anew."""


class _Kept(msgspec.Struct, frozen=True):
    token: Token
    renew_at: float


async def _nothing() -> None:
    pass


_Known = tuple[SignInKey, str, str]  # sign-in, owner, description
_CacheKey = tuple[SignInKey, str, str, str, str]  # sign-in, owner, description, scope, claims


class _Ask(NamedTuple):
    """One fetch from Entra."""

    key: _CacheKey
    sign_in: SignIn
    secrets: FetchSecrets
    build: Build
    on_fetched: Callable[[], Awaitable[None]]


class TokenBroker:
    """The tokens and credentials in use. One event loop owns it."""

    def __init__(
        self,
        *,
        build: Build = build,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`clock` gives epoch seconds; `chance` a number from 0 to 1, so that not all renew at one moment."""
        self._build = build
        self._clock = clock
        self._chance = chance
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sign-in")
        self._credentials: dict[_Known, Credential] = {}
        self._closings: set[Future[None]] = set()
        self._throttled: dict[_Known, tuple[float, SignInUnavailable]] = {}  # until when, and what was said
        self._kept: dict[_CacheKey, _Kept] = {}
        self._fetches: dict[_CacheKey, asyncio.Task[Token]] = {}
        self._replaced: dict[asyncio.Task[Token], asyncio.Future[None]] = {}  # by fetch: done when it is forgotten
        self._turns: dict[tuple[str, str], asyncio.Semaphore] = {}  # by environment and account

    async def fetch(
        self,
        sign_in: SignIn,
        scope: str,
        *,
        secrets: FetchSecrets,
        owner: str = "",
        claims: str = "",
        build: Build | None = None,
        on_fetched: Callable[[], Awaitable[None]] = _nothing,
    ) -> Token:
        """Return a token for `scope` that is good for a while, from the cache or from Entra.

        `secrets` is awaited only when the credential must be built. `owner` tells
        sign-ins of the same account apart that were made by different sessions.
        Many askers at once cause one fetch; one who goes away does not stop it.
        `build` makes the credential where it needs more than its description;
        `on_fetched` is awaited after each fetch from Entra, whoever still waits.

        Raises:
            SignInFailed: refused; asking again does not help.
            SignInUnavailable: the service cannot be reached or is overloaded.
            SignInReplaced: it was forgotten meanwhile; nobody waits for what may hang.
        """
        key = _key(sign_in, owner, scope, claims)
        kept = self._good(key)
        if kept is not None:
            return kept
        fetch = self._fetches.get(key)
        if fetch is None:
            ask = _Ask(key, sign_in, secrets, build or self._build, on_fetched)
            fetch = asyncio.create_task(self._renew(ask))
            self._fetches[key] = fetch
            self._replaced[fetch] = asyncio.get_running_loop().create_future()
            fetch.add_done_callback(partial(self._fetched, key))
        either: set[asyncio.Future[Any]] = {fetch, self._replaced[fetch]}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not fetch.done():
            raise SignInReplaced
        return fetch.result()

    def ready(self, sign_in: SignIn, scope: str, *, owner: str = "") -> Token | None:
        """Return the token that `fetch` would give without asking anybody; None when it would have to ask."""
        return self._good(_key(sign_in, owner, scope, ""))

    def keeps(self, token: Token, sign_in: SignIn, scope: str, *, owner: str = "") -> bool:
        """Whether this is the token that was given out last, and is not forgotten."""
        kept = self._kept.get(_key(sign_in, owner, scope, ""))
        return kept is not None and kept.token == token

    def forget(self, key: SignInKey, owner: str | None = None) -> None:
        """Drop all tokens and credentials of a sign-in (of one owner, or of all), as after signing in again."""
        for cached in [k for k in self._kept if k[0] == key and owner in (None, k[1])]:
            del self._kept[cached]
        for fetched in [k for k in self._fetches if k[0] == key and owner in (None, k[1])]:
            self._replaced[self._fetches.pop(fetched)].set_result(None)  # it goes on, and leaves nothing behind
        for known in [k for k in self._credentials if k[0] == key and owner in (None, k[1])]:
            self._drop(known)
        for known in [k for k in self._throttled if k[0] == key and owner in (None, k[1])]:
            del self._throttled[known]

    async def close(self) -> None:
        """End the fetches under way and close every credential; a credential that hangs is not waited for."""
        fetches = list(self._fetches.values())
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)
        for known in list(self._credentials):
            self._drop(known)
        self._kept.clear()
        closings = [asyncio.wrap_future(closing) for closing in list(self._closings)]
        if closings:
            await asyncio.wait(closings, timeout=CLOSING_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _renew(self, ask: _Ask) -> Token:
        key = ask.key
        kept = self._kept.get(key)
        try:
            token = await self._ask(ask)
            if kept is not None and token == kept.token and self._is_ending(token):
                # The credential has a cache of its own, and gives from it to the last second: a new one has none.
                self._drop(key[:3])
                token = await self._ask(ask)
        except SignInUnavailable:
            if kept is not None and not self._is_ending(kept.token):
                return kept.token
            raise
        now = self._clock()
        margin_s = min(LONGEST_MARGIN_S, MARGIN_SHARE * max(0.0, token.expires_at - now)) * (0.7 + 0.3 * self._chance())
        if self._is_wanted(key):
            self._kept[key] = _Kept(token, token.expires_at - margin_s)
        return token

    def _good(self, key: _CacheKey) -> Token | None:
        kept = self._kept.get(key)
        return kept.token if kept is not None and self._clock() < kept.renew_at else None

    def _is_ending(self, token: Token) -> bool:
        return self._clock() >= token.expires_at - STILL_GOOD_S

    async def _ask(self, ask: _Ask) -> Token:
        known = ask.key[:3]
        until, said = self._throttled.get(known, (0.0, None))
        if said is not None and self._clock() < until:
            raise SignInUnavailable(str(said), delay_s=until - self._clock())
        scope, claims = ask.key[3:]
        loop = asyncio.get_running_loop()
        async with self._turn(ask.sign_in.key):
            credential = self._credentials.get(known) or await self._built(ask)
            answer, heard = await loop.run_in_executor(self._pool, _get_token, credential, scope, claims)
        await ask.on_fetched()
        if isinstance(answer, AccessToken):
            return Token(answer.token, float(answer.expires_on))
        failure = _as_failure(answer, heard, ask.sign_in)
        if not isinstance(failure, SignInUnavailable):
            if self._credentials.get(known) is credential:  # not the one that has taken its place meanwhile
                self._drop(known)  # built with a secret that may be wrong; next time it is asked for again
        elif failure.delay_s > 0:
            self._throttled[known] = (self._clock() + failure.delay_s, failure)
        raise failure

    def _turn(self, key: SignInKey) -> asyncio.Semaphore:
        return self._turns.setdefault((key.environment, key.account), asyncio.Semaphore(OF_ACCOUNT))

    async def _built(self, ask: _Ask) -> Credential:
        """In a thread: a certificate may lie on a disk that does not answer."""
        secrets = await ask.secrets()
        loop = asyncio.get_running_loop()
        credential = await loop.run_in_executor(self._pool, ask.build, ask.sign_in, secrets)
        if not self._is_wanted(ask.key):
            return credential
        return self._credentials.setdefault(ask.key[:3], credential)  # another scope's may have been built meanwhile

    def _is_wanted(self, key: _CacheKey) -> bool:
        """Whether the fetch that runs is still the one for its key, and the sign-in was not forgotten meanwhile."""
        return self._fetches.get(key) is asyncio.current_task()

    def _fetched(self, key: _CacheKey, fetch: asyncio.Task[Token]) -> None:
        if self._fetches.get(key) is fetch:
            del self._fetches[key]
        del self._replaced[fetch]
        if not fetch.cancelled():
            fetch.exception()  # told to whoever asked; nobody may be left to ask

    def _drop(self, known: _Known) -> None:
        close = getattr(self._credentials.pop(known, None), "close", None)
        if close is not None:
            closing = self._pool.submit(close)
            self._closings.add(closing)
            closing.add_done_callback(self._closings.discard)


def _key(sign_in: SignIn, owner: str, scope: str, claims: str) -> _CacheKey:
    return sign_in.key, owner, msgspec.json.encode(sign_in).decode(), scope, claims


def _get_token(credential: Credential, scope: str, claims: str) -> tuple[AccessToken | Exception, Answer]:
    """Return the token or what went wrong: raised, it would carry the frames, and their secrets, of the credential."""
    answers.forget()
    try:
        return credential.get_token(*scope.split(), **({"claims": claims} if claims else {})), answers.last()
    except Exception as problem:  # noqa: BLE001 - a credential is other people's code, and a job must end in a sentence
        problem.__traceback__ = None
        return problem, answers.last()


def _as_failure(answer: Exception, heard: Answer, sign_in: SignIn) -> SignInFailed | SignInUnavailable:
    if isinstance(answer, SignInFailed | SignInUnavailable):  # of a credential of our own
        return answer
    return explain(
        str(getattr(answer, "message", answer)),
        account=sign_in.key.account,
        tenant=sign_in.key.tenant,
        is_network=_is_network(answer),
        status=heard.status,
        delay_s=heard.delay_s,
    )


def _is_network(problem: BaseException | None) -> bool:
    """Whether no answer came: azure-identity wraps the errors of its pipeline."""
    seen: Any = problem
    while seen is not None:
        if isinstance(seen, ServiceRequestError | ServiceResponseError):
            return True
        seen = seen.__cause__
    return False
