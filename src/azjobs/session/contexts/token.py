"""Give the tokens of a context to whatever takes a TokenCredential of azure-core: the daemon fetches them.

In a job they come by the job's own capability, for the contexts it was granted.
Tokens are kept here for as long as they last, so that an SDK that asks for each
request costs nothing.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

from azjobs.core.context import ContextValue
from azjobs.core.wire import GetToken, Token
from azjobs.session.link.local import local

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

    from azjobs.session.contexts.async_token import AsyncBrokeredCredential

MARGIN_S = 300.0  # azure-core renews that long before the end [azure-core, BearerTokenCredentialPolicy]


class BrokeredCredential:
    """A TokenCredential and a SupportsTokenInfo, bound to one context; may be used from many threads.

    `async with` gives the AsyncTokenCredential beside it.
    """

    def __init__(self, context: ContextValue) -> None:
        #: Whose tokens it gives.
        self.context = context
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], Token] = {}

    def get_token(
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

        token = self.fetch(scopes, claims or "", tenant_id or "")
        return AccessToken(token.token.reveal(), token.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return an access token as azure-core 1.31 and later ask for it; raises as `get_token`."""
        from azure.core.credentials import AccessTokenInfo  # noqa: PLC0415 - clients are lazy

        wanted = options or {}
        token = self.fetch(scopes, wanted.get("claims") or "", wanted.get("tenant_id") or "")
        return AccessTokenInfo(token.token.reveal(), token.expires_on)

    def close(self) -> None:
        """Forget the tokens that are kept here."""
        with self._lock:
            self._kept.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<BrokeredCredential of {self.context.name!r}>"

    async def __aenter__(self) -> AsyncBrokeredCredential:
        """Return its asynchronous twin."""
        return self.to_async()

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def to_async(self) -> AsyncBrokeredCredential:
        """Return its asynchronous twin, which has the same tokens."""
        from azjobs.session.contexts.async_token import AsyncBrokeredCredential  # noqa: PLC0415 - asyncio is heavy

        return AsyncBrokeredCredential(self)

    def kept(self, scopes: tuple[str, ...], claims: str, tenant: str) -> Token | None:
        """Return a token that is kept here and good for a while."""
        with self._lock:
            kept = self._kept.get((*scopes, tenant))
        is_good = kept is not None and not claims and kept.expires_on - MARGIN_S > time.time()
        return kept if is_good else None

    def fetch(self, scopes: tuple[str, ...], claims: str, tenant: str) -> Token:
        """Return a token, kept here or from the daemon; raises as `get_token`."""
        kept = self.kept(scopes, claims, tenant)
        if kept is not None:
            return kept
        here = local()
        context = here.grants.check(self.context) if here.grants else self.context
        token = here.client.ask(GetToken(0, context, scopes, claims, tenant), Token)
        with self._lock:
            self._kept[*scopes, tenant] = token
        return token
