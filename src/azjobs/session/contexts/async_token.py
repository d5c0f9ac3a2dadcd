"""Give the tokens of a context to asynchronous clients: an AsyncTokenCredential of azure-core. No loop waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from azjobs.core.context import ContextValue
from azjobs.core.wire import Token
from azjobs.session.contexts.token import BrokeredCredential

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

_Key = tuple[asyncio.AbstractEventLoop, tuple[str, ...], str, str]


class AsyncBrokeredCredential:
    """An AsyncTokenCredential and an AsyncSupportsTokenInfo, bound to one context; may be used from many tasks.

    It has the tokens of the BrokeredCredential that it is the twin of.
    """

    def __init__(self, twin: BrokeredCredential) -> None:
        #: Whose tokens it gives.
        self.context: ContextValue = twin.context
        self._twin = twin
        self._fetches: dict[_Key, asyncio.Future[Token]] = {}

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **_options: Any
    ) -> AccessToken:
        """Return an access token; without scopes for Azure Resource Manager.

        Raises:
            NotSignedIn: the sign-in of the context is gone.
            SignInFailed: it is refused for good.
            ContextNotGranted: this is a job that was not granted the context.
            WrongTarget: `tenant_id` is another tenant than the context's.
        """
        from azure.core.credentials import AccessToken  # noqa: PLC0415 - clients are lazy

        token = await self._fetch(scopes, claims or "", tenant_id or "")
        return AccessToken(token.token.reveal(), token.expires_on)

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return an access token as azure-core 1.31 and later ask for it; raises as `get_token`."""
        from azure.core.credentials import AccessTokenInfo  # noqa: PLC0415 - clients are lazy

        wanted = options or {}
        token = await self._fetch(scopes, wanted.get("claims") or "", wanted.get("tenant_id") or "")
        return AccessTokenInfo(token.token.reveal(), token.expires_on)

    async def close(self) -> None:
        """Forget the tokens that are kept here."""
        self._twin.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncBrokeredCredential of {self.context.name!r}>"

    async def _fetch(self, scopes: tuple[str, ...], claims: str, tenant: str) -> Token:
        """Tasks that ask at once share one fetch; one that is cancelled does not stop it."""
        kept = self._twin.kept(scopes, claims, tenant)
        if kept is not None:
            return kept
        key = (asyncio.get_running_loop(), scopes, claims, tenant)
        fetch = self._fetches.get(key)
        if fetch is None:
            fetch = self._fetches[key] = _in_thread(lambda: self._twin.fetch(scopes, claims, tenant))
            fetch.add_done_callback(lambda _: self._fetches.pop(key, None))
        return await asyncio.shield(fetch)


def _in_thread(work: Callable[[], Token]) -> asyncio.Future[Token]:
    """Run what blocks in a thread that keeps nobody from leaving: in a job it may wait for a person."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Token] = loop.create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to who waits, if anybody does

    def settle(token: Token | None, error: BaseException | None) -> None:
        if future.done():
            return
        if token is not None:
            future.set_result(token)
        elif error is not None:
            future.set_exception(error)

    def run() -> None:
        token, problem = None, None
        try:
            token = work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where it was asked for
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, token, problem)

    threading.Thread(target=run, name="azjobs-token", daemon=True).start()
    return future
