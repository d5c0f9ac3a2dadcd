"""Which sign-in gives a context its tokens, and what happens when it is not there.

Descriptions of saved sign-ins are in the store; everything else about a
sign-in, its secrets above all, is with the keeper, and what is saved of it in
the safe (`daemon.accounts.safe`). Persons sign in to many tenants at once (`daemon.accounts.users`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple
from uuid import uuid4

from msgspec.structs import replace

from azjobs.azure.broker import SignInReplaced, Token, TokenBroker
from azjobs.azure.guard import check_environment
from azjobs.azure.route import Route, route_to
from azjobs.azure.user_credential import UserCache, UserCredential
from azjobs.core.context import USER_SCOPE, ContextValue, SignInKey
from azjobs.core.errors import NotSignedIn, SignInFailed, WrongTarget
from azjobs.core.signin import SignIn
from azjobs.daemon.accounts.credential_processes import ProcessCredential
from azjobs.daemon.accounts.safe import Safe
from azjobs.daemon.accounts.stand_ins import StandIns
from azjobs.daemon.accounts.users import TOKEN_CACHE, Users, person_of
from azjobs.daemon.vault import HeldSignIn, Vault
from azjobs.store.protocol import JobStore

USER, PROCESS = "UserCredential", "ProcessCredential"  # the kinds that live here, not in azure-identity
SIGNED_OUT = "SignedOut"  # in place of a sign-in: a tenant that the person's others do not serve any more


class Added(NamedTuple):
    """A sign-in that is kept: the token it gave, and a warning for whoever signed in, "" for none."""

    token: Token
    warning: str


class SignIns:
    """All sign-ins this daemon can use."""

    def __init__(self, vault: Vault, store: JobStore, broker: TokenBroker, safe: Safe) -> None:
        self._vault = vault
        self._store = store
        self._broker = broker
        self._safe = safe
        self._users = Users(vault, safe)
        self._held: dict[tuple[str, SignInKey], HeldSignIn] = {}
        self._derived: dict[tuple[str, SignInKey], HeldSignIn] = {}
        self._refused: set[tuple[str, SignInKey]] = set()  # their cached token is not to be had again
        self._dropped: set[tuple[str, SignInKey]] = set()  # not to be derived again
        self._changing = asyncio.Lock()
        self._keeping: set[asyncio.Future[str]] = set()
        self.stand_ins = StandIns(vault)
        self.lacking: Callable[[], Iterable[ContextValue]] = tuple  # the contexts of jobs that wait for a sign-in
        self.on_added: Callable[[str, SignIn], None] = lambda _scope, _sign_in: None

    async def load(self) -> None:
        """Take over what the keeper, the store and the safe hold."""
        saved = await self._safe.load()
        for scope, sign_in in self._store.load_sign_ins():
            secrets = saved.get(_safe_name(scope, sign_in.key), {})
            if all(name in secrets for name in sign_in.secret_names):
                self._load(HeldSignIn(sign_in, secrets, scope))
        for held in await self._vault.sign_ins():
            self._load(held)
        await self.stand_ins.load()
        await self._users.load(saved)

    def _load(self, held: HeldSignIn) -> None:
        at = (held.scope, held.sign_in.key)
        if held.sign_in.kind == SIGNED_OUT:
            self._dropped.add(at)
        else:
            self._dropped.discard(at)
            self._held[at] = held

    async def add(self, sign_in: SignIn, secrets: dict[str, str], scope: str) -> Added:
        """Keep a sign-in after it has really given a token; returns that token.

        Raises:
            SignInFailed: the sign-in service refused it; nothing is kept, and an earlier one stays.
            SignInUnavailable: the sign-in service cannot be reached.
            NotSignedIn: a person's tokens are not held, and none were brought.
            StoreTooNew: it is to be saved where a newer version of azjobs has saved.
        """
        if scope == USER_SCOPE and sign_in.is_saved:
            self._safe.check()
        cache = self._cache_for(sign_in, secrets, scope) if sign_in.kind == USER else None
        if cache is not None:
            names = tuple(name for name in sign_in.secret_names if name != TOKEN_CACHE)
            sign_in = replace(sign_in, secret_names=names)
            secrets = {name: secrets[name] for name in names if name in secrets}
        held = HeldSignIn(sign_in, secrets, scope)
        # Apart from the one in use, which stays if this one is refused, and from others that are tried just now: their
        # secrets are not these.
        trial = f"{scope}?{uuid4()}"
        try:
            token = await self._fetch(held, sign_in.environment.scope, owner=trial, cache=cache)
        finally:
            self._broker.forget(sign_in.key, trial)
        # From here on whole, even if whoever signs in goes away: half of it would leave jobs waiting that could go on.
        keeping = asyncio.ensure_future(self._keep(held, cache, token))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        return Added(token, await asyncio.shield(keeping))

    async def drop(self, scope: str, key: SignInKey) -> None:
        """Forget a sign-in; with the last one of a person, their tokens."""
        async with self._changing:
            await self._drop(scope, key)

    async def _drop(self, scope: str, key: SignInKey) -> None:
        self._held.pop((scope, key), None)
        self._derived.pop((scope, key), None)
        self._broker.forget(key, scope)
        await self.stand_ins.drop((scope, key))
        other = self._of_person(person_of(scope, key))
        if other is None:
            await self._forget(scope, key)
        else:
            self._dropped.add((scope, key))
            gone = replace(other.sign_in, key=key, kind=SIGNED_OUT, arguments={}, secret_names=())
            await self._vault.put_sign_in(HeldSignIn(gone, {}, scope))
            if scope == USER_SCOPE:
                self._store.save_sign_in(scope, gone)
                self._store.commit()
        await self._drop_person(scope, key)  # the files last: what fails there can be asked for once more
        if scope == USER_SCOPE:
            await self._safe.drop(_safe_name(scope, key))

    def scopes(self) -> set[str]:
        """The scopes that have sign-ins."""
        return {scope for scope, _ in self._held}

    async def drop_scope(self, scope: str) -> None:
        """Forget the sign-ins of a session that has ended."""
        for held_scope, key in list(self._held):
            if held_scope == scope:
                await self.drop(scope, key)

    async def token(
        self, context: ContextValue, scopes: tuple[str, ...] = (), claims: str = "", tenant: str = ""
    ) -> Token:
        """Return a token for a context; for Azure Resource Manager when no scopes are given.

        Raises:
            NotSignedIn: its sign-in is not held any more.
            WrongTarget: its environment is not the one that the sign-in is for, or `tenant` is
                another than the context's.
            SignInFailed: the sign-in service refuses it.
            SignInUnavailable: the sign-in service cannot be reached.
        """
        if tenant and tenant.lower() != context.tenant.id.lower():
            raise WrongTarget(f"The context {context.name} is for {context.tenant_label}, not for tenant {tenant}.")
        scope = " ".join(scopes) or context.environment.scope
        while True:
            held = self._checked(context)
            person = person_of(held.scope, held.sign_in.key)
            cache = self._users.find(person)
            try:
                return await self._fetch(held, scope, owner=held.scope, claims=claims)
            except SignInReplaced:
                continue
            except SignInFailed:
                # Else somebody signed in again meanwhile: nobody would tell of that
                if self._find(context) is held and self._users.find(person) is cache:
                    raise

    def ready_token(self, context: ContextValue) -> Token | None:
        """Return the token for Azure Resource Manager if nobody need be asked for it, else None.

        Raises:
            NotSignedIn, WrongTarget: as `token`.
        """
        held = self._checked(context)
        return self._broker.ready(held.sign_in, context.environment.scope, owner=held.scope)

    def route(self, context: ContextValue) -> Route:
        """Return the way to the Resource Manager of a context: the one of whoever signed in."""
        held = self._find(context)
        if held is None:
            return Route(ca_file=context.environment.ca_file)
        return route_to(context.environment.resource_manager_url, held.sign_in, held.secrets)

    def forget_token(self, context: ContextValue, token: Token) -> None:
        """Fetch a new token next time: Azure refused this one. Whoever was refused before has seen to that already."""
        held = self._find(context)
        if held is None or not self._broker.keeps(token, held.sign_in, context.environment.scope, owner=held.scope):
            return
        self._refused.add((held.scope, held.sign_in.key))
        self._broker.forget(held.sign_in.key, held.scope)

    async def _keep(self, held: HeldSignIn, cache: UserCache | None, token: Token) -> str:
        """Hold a sign-in that has given a token; returns the warning. Who undoes it has their turn after it."""
        async with self._changing:
            return await self._hold(held, cache, token)

    async def _hold(self, held: HeldSignIn, cache: UserCache | None, token: Token) -> str:
        sign_in, scope = held.sign_in, held.scope
        is_saved = scope == USER_SCOPE and sign_in.is_saved
        await self._vault.put_sign_in(held)
        self._held[scope, sign_in.key] = held
        self._derived.pop((scope, sign_in.key), None)
        self._dropped.discard((scope, sign_in.key))
        self._broker.forget(sign_in.key, scope)
        served = [scope, *self.stand_ins.signed_in(scope, sign_in, token.token, self.lacking())]
        try:
            return await self._save(held, cache, is_saved=is_saved)
        finally:  # it is held, whether or not it could be saved: whoever waits for it has it
            for one in served:
                self.on_added(one, sign_in)

    async def _save(self, held: HeldSignIn, cache: UserCache | None, *, is_saved: bool) -> str:
        await self.stand_ins.keep()
        if is_saved:
            self._store.save_sign_in(held.scope, held.sign_in)
            self._store.commit()
        warning = await self._save_secrets(held) if is_saved else ""
        if cache is not None:
            warning = await self._keep_person(held, cache, is_saved=is_saved) or warning
        return warning

    async def _save_secrets(self, held: HeldSignIn) -> str:
        """A pickled credential is code and secrets in one: it is for the keeper's memory only, whatever is asked."""
        sign_in, name = held.sign_in, _safe_name(held.scope, held.sign_in.key)
        if not held.secrets or sign_in.kind == PROCESS:
            await self._safe.drop(name)
            return ""
        may_be_in_file = sign_in.may_be_unencrypted or sign_in.kind == USER
        if not await self._safe.put(name, held.secrets, may_be_in_file=may_be_in_file):
            return ""
        return self._in_file(f"the secret of {sign_in.key.account}")

    async def _keep_person(self, held: HeldSignIn, cache: UserCache, *, is_saved: bool) -> str:
        key = held.sign_in.key
        name = person_of(held.scope, key)
        before = self._users.find(name)
        if before is not cache:  # the person signed in again: every tenant uses the new tokens
            others = self._accounts_of(name) - {_home_account(held)}
            if before is not None and others:
                await asyncio.to_thread(cache.take_over, before, others)
            for scope, other in [*self._held, *self._derived]:
                if person_of(scope, other) == name:
                    self._broker.forget(other, scope)
        is_new_in_file = await self._users.put(name, cache, is_saved=is_saved)
        return self._in_file(f"the sign-in of {key.account}") if is_new_in_file else ""

    def _in_file(self, what: str) -> str:
        return (
            f"There is no keyring here: {what} is kept in {self._safe.path}, where whoever can read your files "
            "can read it. To keep it in memory only, sign in with --scope Process."
        )

    def _cache_for(self, sign_in: SignIn, secrets: dict[str, str], scope: str) -> UserCache:
        if TOKEN_CACHE in secrets:
            return UserCache(secrets[TOKEN_CACHE])
        cache = self._users.find(person_of(scope, sign_in.key))
        if cache is None:
            raise _gone(sign_in.key.account)
        return cache

    def _checked(self, context: ContextValue) -> HeldSignIn:
        held = self._find(context)
        if held is None:
            raise _gone(context.account_label)
        check_environment(context, held.sign_in.environment)
        return held

    def _find(self, context: ContextValue) -> HeldSignIn | None:
        """The sign-in of a context, or what stands in for it."""
        at = (context.scope, context.sign_in_key)
        standing = self.stand_ins.scope_of(at)
        return (self._find_at((standing, at[1])) if standing else None) or self._find_at(at)

    def _find_at(self, at: tuple[str, SignInKey]) -> HeldSignIn | None:
        """A sign-in; a person who signed in to one tenant has one for each."""
        held = self._held.get(at) or self._derived.get(at)
        if held is not None or at in self._dropped:
            return held
        person = person_of(*at)
        known = self._of_person(person)
        if known is not None and self._users.find(person) is not None:
            self._derived[at] = replace(known, sign_in=replace(known.sign_in, key=at[1]))
        return self._derived.get(at)

    def _all_of_person(self, name: str) -> list[HeldSignIn]:
        return [one for at, one in self._held.items() if one.sign_in.kind == USER and person_of(*at) == name]

    def _of_person(self, name: str) -> HeldSignIn | None:
        """One of a person's sign-ins; those of an account are alike but for the tenant."""
        return next(iter(self._all_of_person(name)), None)

    def _accounts_of(self, name: str) -> set[str]:
        return {_home_account(held) for held in self._all_of_person(name)}

    async def _forget(self, scope: str, key: SignInKey) -> None:
        await self._vault.drop_sign_in(scope, key)
        self._store.drop_sign_in(scope, key)
        self._store.commit()

    async def _drop_person(self, scope: str, key: SignInKey) -> None:
        name = person_of(scope, key)
        if accounts := self._accounts_of(name):
            await self._users.keep_only(name, accounts)
            return
        for at in [at for at in self._dropped if person_of(*at) == name]:
            self._dropped.discard(at)
            await self._forget(*at)
        for at in [at for at in self._derived if person_of(*at) == name]:
            del self._derived[at]
            self._broker.forget(at[1], at[0])
        await self._users.drop(name)

    async def _fetch(
        self, held: HeldSignIn, scope: str, *, owner: str, claims: str = "", cache: UserCache | None = None
    ) -> Token:
        async def secrets() -> dict[str, str]:
            return held.secrets

        more: dict[str, Any] = {}
        if held.sign_in.kind == USER:
            person = person_of(held.scope, held.sign_in.key)
            used = cache or self._users.find(person)
            if used is None:
                raise _gone(held.sign_in.key.account)
            more["build"] = partial(self._build_user, held.scope, used)
            more["on_fetched"] = partial(self._users.write_back, person)
        elif held.sign_in.kind == PROCESS:
            more["build"] = ProcessCredential
        return await self._broker.fetch(held.sign_in, scope, secrets=secrets, owner=owner, claims=claims, **more)

    def _build_user(self, scope: str, cache: UserCache, sign_in: SignIn, secrets: Mapping[str, str]) -> UserCredential:
        is_refused = (scope, sign_in.key) in self._refused
        self._refused.discard((scope, sign_in.key))
        return UserCredential(sign_in, secrets, cache, is_refused=is_refused)


def _gone(account: str) -> NotSignedIn:
    return NotSignedIn(f"The sign-in of {account} is gone. Type: azjobs account connect")


def _home_account(held: HeldSignIn) -> str:
    return str(held.sign_in.arguments.get("home_account_id", ""))


def _safe_name(scope: str, key: SignInKey) -> str:
    return f"signin:{scope}:{key}"


def is_served(context: ContextValue, scope: str, sign_in: SignIn) -> bool:
    """Whether a sign-in that was added in `scope` may be what a context lacks.

    A user's sign-in of one tenant serves the others too: their tokens come from the same refresh token.
    """
    own, key = context.sign_in_key, sign_in.key
    is_of_user = sign_in.kind == USER and (own.environment, own.account) == (key.environment, key.account)
    return context.scope == scope and (own == key or is_of_user)
