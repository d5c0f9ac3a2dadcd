"""Let a sign-in of one session serve the blocked jobs of another, where it proves to be of the very same account.

A job acts by the sign-in of the session that submitted it. That one may be gone,
or refused, and its session with it: then nobody can sign in there again. So
whoever signs in elsewhere, as the account that a blocked job lacks (the same
environment, tenant and object id, as the token says), stands in for that job's
session, until that is signed in again or none of its jobs is left. No token
becomes another account's by that.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from azjobs.azure.guard import check_environment
from azjobs.core.claims import object_id_of, parse_claims, tenant_of
from azjobs.core.context import ContextValue, SignInKey
from azjobs.core.errors import WrongTarget
from azjobs.core.signin import SignIn
from azjobs.daemon.vault import HeldStandIn, Vault

At = tuple[str, SignInKey]  # a sign-in: whose, and which


class StandIns:
    """Which session's sign-in is used for that of another one."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._by: dict[At, HeldStandIn] = {}
        self._unkept: dict[At, None] = {}  # what the keeper is still to be told

    def __len__(self) -> int:
        return len(self._by)

    async def load(self) -> None:
        """Take over what the keeper holds."""
        self._by = {(one.scope, one.key): one for one in await self._vault.stand_ins()}

    def scope_of(self, at: At) -> str:
        """Return whose sign-in stands in; "" for none."""
        found = self._by.get(at)
        return "" if found is None else found.standing

    def standing_for(self, scopes: AbstractSet[str]) -> set[str]:
        """Return whose sign-ins are needed because they stand in for these."""
        return {one.standing for at, one in self._by.items() if at[0] in scopes}

    def signed_in(self, scope: str, sign_in: SignIn, token: str, lacking: Iterable[ContextValue]) -> set[str]:
        """Somebody signed in and has this token; returns for whom of those that lack a sign-in it stands in now.

        The keeper is told by `keep`.
        """
        key, object_id = sign_in.key, object_id_of(parse_claims(token))
        for at, one in list(self._by.items()):
            is_other = (one.standing, one.key) == (scope, key) and one.object_id != object_id
            if at == (scope, key) or is_other:
                del self._by[at]
                self._unkept[at] = None
        served = {
            context.scope for context in lacking if context.scope != scope and is_same_account(context, sign_in, token)
        }
        for other in served:
            self._by[other, key] = HeldStandIn(other, key, scope, object_id)
            self._unkept[other, key] = None
        return served

    async def drop(self, at: At) -> None:
        """Nobody stands in for this sign-in any more."""
        if self._by.pop(at, None) is not None:
            self._unkept[at] = None
        await self.keep()

    async def keep(self) -> None:
        """Tell the keeper what has changed."""
        for at in list(self._unkept):
            self._unkept.pop(at, None)
            try:
                await self._tell(at)
            except BaseException:
                self._unkept[at] = None
                raise

    async def _tell(self, at: At) -> None:
        one = self._by.get(at)
        if one is None:
            await self._vault.drop_stand_in(*at)
        else:
            await self._vault.put_stand_in(one)

    async def keep_only(self, scopes: AbstractSet[str]) -> None:
        """Of the other scopes no job is left."""
        for at in [at for at in self._by if at[0] not in scopes]:
            await self.drop(at)


def is_same_account(context: ContextValue, sign_in: SignIn, token: str) -> bool:
    """Whether a token that a sign-in gave is of the account, tenant and environment of a context, by all their ids."""
    claims = parse_claims(token)
    try:
        check_environment(context, sign_in.environment)
    except WrongTarget:
        return False
    return (
        context.sign_in_key == sign_in.key
        and bool(context.object_id)
        and object_id_of(claims).lower() == context.object_id.lower()
        and tenant_of(claims).lower() == context.tenant.id.lower()
    )
