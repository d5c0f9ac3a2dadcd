"""Which sign-in gives a context its tokens, and what happens when it is not there.

Descriptions of saved sign-ins are in the store; everything else about a
sign-in, its secrets above all, is with the keeper only.
"""

from __future__ import annotations

from collections.abc import Callable

from azjobs.azure.broker import Token, TokenBroker
from azjobs.core.context import ContextValue, SignInKey
from azjobs.core.errors import NotSignedIn
from azjobs.core.signin import SignIn
from azjobs.daemon.vault import HeldSignIn, Vault
from azjobs.store.protocol import JobStore

USER_SCOPE = "user"


class SignIns:
    """All sign-ins this daemon can use."""

    def __init__(self, vault: Vault, store: JobStore, broker: TokenBroker) -> None:
        self._vault = vault
        self._store = store
        self._broker = broker
        self._held: dict[tuple[str, SignInKey], HeldSignIn] = {}
        self.on_added: Callable[[], None] = lambda: None

    async def load(self) -> None:
        """Take over what the keeper and the store hold."""
        for scope, sign_in in self._store.load_sign_ins():
            if not sign_in.secret_names:
                self._held[scope, sign_in.key] = HeldSignIn(sign_in, {}, scope)
        for held in await self._vault.sign_ins():
            self._held[held.scope, held.sign_in.key] = held

    async def add(self, sign_in: SignIn, secrets: dict[str, str], scope: str) -> Token:
        """Keep a sign-in after it has really given a token; returns that token.

        Raises:
            SignInFailed: the sign-in service refused it; nothing is kept, and an earlier one stays.
            SignInUnavailable: the sign-in service cannot be reached.
        """
        held = HeldSignIn(sign_in, secrets, scope)
        trial = f"{scope}?"  # apart from the one in use, which stays if this one is refused
        try:
            token = await self._fetch(held, sign_in.environment.scope, owner=trial)
        finally:
            self._broker.forget(sign_in.key, trial)
        await self._vault.put_sign_in(held)
        self._held[scope, sign_in.key] = held
        self._broker.forget(sign_in.key, scope)
        if scope == USER_SCOPE and sign_in.is_saved:
            self._store.save_sign_in(scope, sign_in)
            self._store.commit()
        self.on_added()
        return token

    async def drop(self, scope: str, key: SignInKey) -> None:
        """Forget a sign-in."""
        self._held.pop((scope, key), None)
        self._broker.forget(key, scope)
        await self._vault.drop_sign_in(scope, key)
        self._store.drop_sign_in(scope, key)
        self._store.commit()

    def scopes(self) -> set[str]:
        """The scopes that have sign-ins."""
        return {scope for scope, _ in self._held}

    async def drop_scope(self, scope: str) -> None:
        """Forget the sign-ins of a session that has ended."""
        for held_scope, key in list(self._held):
            if held_scope == scope:
                await self.drop(scope, key)

    async def token(self, context: ContextValue, scopes: tuple[str, ...] = (), claims: str = "") -> Token:
        """Return a token for a context; for Azure Resource Manager when no scopes are given.

        Raises:
            NotSignedIn: its sign-in is not held any more.
            SignInFailed: the sign-in service refuses it.
            SignInUnavailable: the sign-in service cannot be reached.
        """
        held = self._held.get((context.scope, context.sign_in_key))
        if held is None:
            raise NotSignedIn(f"The sign-in of {context.account_label} is gone. Type: azjobs account connect")
        scope = " ".join(scopes) or context.environment.scope
        return await self._fetch(held, scope, owner=context.scope, claims=claims)

    def forget_token(self, context: ContextValue) -> None:
        """Fetch a new token next time: Azure refused the present one."""
        self._broker.forget(context.sign_in_key, context.scope)

    async def _fetch(self, held: HeldSignIn, scope: str, *, owner: str, claims: str = "") -> Token:
        async def secrets() -> dict[str, str]:
            return held.secrets

        return await self._broker.fetch(held.sign_in, scope, secrets=secrets, owner=owner, claims=claims)
