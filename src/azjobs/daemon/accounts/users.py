"""Hold the tokens of persons: one cache for all tenants of an account, handed back to the keeper when it changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from azjobs.azure.user_credential import UserCache
from azjobs.core.context import USER_SCOPE, SignInKey
from azjobs.core.errors import HomeUnusable, SignInFailed
from azjobs.daemon.accounts.safe import Safe
from azjobs.daemon.vault import Vault
from azjobs.keeper.errors import KeeperError

TOKEN_CACHE = "token_cache"  # noqa: S105 - the name of a secret

log = logging.getLogger(__name__)


def person_of(scope: str, key: SignInKey) -> str:
    """Name a person: whoever signed in as this account, for this scope, in this cloud; of whatever tenant."""
    return f"{scope}:{key.environment}|{key.account}"


class Users:
    """The persons who are signed in, by `person_of`."""

    def __init__(self, vault: Vault, safe: Safe) -> None:
        self._vault = vault
        self._safe = safe
        self._caches: dict[str, UserCache] = {}
        self._keeping = asyncio.Lock()  # keeper and safe are told in the order in which it happened

    async def load(self, saved: Mapping[str, Mapping[str, str]]) -> None:
        """Take over what the safe and the keeper hold; the keeper's is the newer one."""
        kept = {name.removeprefix("users:"): e[TOKEN_CACHE] for name, e in saved.items() if name.startswith("users:")}
        for name, text in {**kept, **await self._vault.users()}.items():
            try:
                self._caches[name] = UserCache(text)
            except SignInFailed as error:  # then the person is asked for
                log.warning("%s", error)

    def find(self, name: str) -> UserCache | None:
        """Return the cache of a person; None when they are not signed in."""
        return self._caches.get(name)

    async def put(self, name: str, cache: UserCache, *, is_saved: bool) -> bool:
        """Hold a person's cache, in place of the one before.

        Returns whether it was put into a file that nothing encrypts, which it was not in before.

        Raises:
            HomeUnusable: it cannot be saved; it is held all the same.
        """
        self._caches[name] = cache
        return await self._keep(name, cache, is_saved=is_saved)

    async def write_back(self, name: str) -> None:
        """Hand a changed cache back: Entra may have given another refresh token in place of the one used."""
        cache = self._caches.get(name)
        if cache is None or not cache.has_changed:
            return
        try:
            await self._keep(name, cache, is_saved=f"users:{name}" in self._safe)
        except (HomeUnusable, KeeperError, OSError) as error:  # the token that was fetched is good all the same
            cache.mark_changed()
            log.warning("Renewed tokens are not kept yet: %s", error)

    async def keep_only(self, name: str, accounts: AbstractSet[str]) -> None:
        """Forget the tokens of a person's home accounts that are not among these."""
        cache = self._caches.get(name)
        if cache is not None and cache.accounts - accounts:
            await asyncio.to_thread(cache.keep_only, accounts)
            await self.write_back(name)

    async def drop(self, name: str) -> None:
        """Forget a person."""
        self._caches.pop(name, None)
        async with self._keeping:
            await self._vault.drop_user(name)
            if name.startswith(f"{USER_SCOPE}:"):
                await self._safe.drop(f"users:{name}")

    async def _keep(self, name: str, cache: UserCache, *, is_saved: bool) -> bool:
        async with self._keeping:
            if self._caches.get(name) is not cache:  # signed out, or in again, meanwhile: nothing of it may come back
                return False
            text = await asyncio.to_thread(cache.take)
            await self._vault.put_user(name, text)
            if not is_saved:
                return False
            was_saved = f"users:{name}" in self._safe
            is_in_file = await self._safe.put(f"users:{name}", {TOKEN_CACHE: text}, may_be_in_file=True)
            return is_in_file and not was_saved
