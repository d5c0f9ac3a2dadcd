"""Hand a sign-in to the daemon, and see which tenants and subscriptions the account has.

Tenants are asked side by side. One that refuses (a second factor, conditional
access) is a warning; the rest go on. What was begun is undone where the whole
does not succeed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from msgspec.structs import replace

from azjobs.core.context import USER_SCOPE, AccountType, ContextValue, SignInKey, Subscription, Tenant
from azjobs.core.errors import AzJobsError, NotSignedIn, SignInWarning
from azjobs.core.signin import SignIn
from azjobs.core.wire import DropSignIn, Ok, PutSignIn, Read, Result, SignedIn
from azjobs.session.accounts.asked import Way
from azjobs.session.accounts.network import network_of
from azjobs.session.link.local import Local

MOST_AT_ONCE = 16  # guess: 40 tenants in three rounds, without being taken for a flood
CONNECT = " Type: azjobs account connect"

T = TypeVar("T")
R = TypeVar("R")


class Visit:
    """One attempt to sign in: what it has put with the daemon so far. `owner` is as a context's `scope`."""

    def __init__(self, here: Local, owner: str, *, is_saved: bool, may_be_unencrypted: bool = False) -> None:
        self._here = here
        self.owner = owner
        self._is_saved = is_saved
        self._may_be_unencrypted = may_be_unencrypted
        self._known = self._used()
        self._put: list[SignInKey] = []

    def put(self, way: Way) -> tuple[Way, SignedIn]:
        """Keep a sign-in with the daemon, which tries it; a tenant given as a domain has its id then.

        Raises:
            SignInFailed: it was refused.
        """
        signed_in = self._ask(way)
        if way.has_tenant_id or not signed_in.tenant:
            return way, signed_in
        settled = way.in_tenant(signed_in.tenant)
        signed_in = self._ask(settled)
        self._drop(way.key)
        return settled, signed_in

    def undo(self) -> None:
        """Forget what this attempt put, but for what was there before, or is used by another process by now."""
        used = self._known | self._used()
        for key in dict.fromkeys(self._put):
            if key not in used:
                self._drop(key)

    def look_around(self, way: Way, *, in_all_tenants: bool) -> tuple[Way, list[ContextValue]]:
        """Sign in and return a context for each subscription; of a tenant without any, one of the tenant alone.

        Contexts of tenants other than the way's are to be passed to `settle` before they are used.

        Raises:
            SignInFailed: the sign-in was refused.
        """
        way, signed_in = self.put(way)
        bare = replace(way.bare(self.owner), object_id=signed_in.object_id)
        tenants = {one.id.lower(): one for one in read_tenants(self._here, bare)}
        home = replace(bare, tenant=tenants.pop(way.tenant.lower(), bare.tenant))
        away = list(tenants.values()) if in_all_tenants and way.account.type is AccountType.USER else []
        others = at_once(away, lambda tenant: self._seen_in(way, home, tenant))
        found = read_contexts(self._here, home)
        for tenant, seen in zip(away, others, strict=True):
            if isinstance(seen, AzJobsError):
                _warn_of(tenant, seen)
            else:
                found += [one for one in seen if one.subscription]
        return way, _without_twins(found) or [home]

    def settle(self, way: Way, contexts: Sequence[ContextValue]) -> list[ContextValue]:
        """Sign in to the tenants of the contexts, too; the first context must succeed, others are left out."""
        tenants = {one.tenant.id: one.tenant for one in contexts if one.tenant.id.lower() != way.tenant.lower()}
        replies = at_once(list(tenants.values()), lambda tenant: self.put(_elsewhere(way, tenant))[1])
        object_ids: dict[str, str] = {}
        for tenant, reply in zip(tenants.values(), replies, strict=True):
            if not isinstance(reply, AzJobsError):
                object_ids[tenant.id] = reply.object_id
            elif tenant.id == contexts[0].tenant.id:
                raise reply
            else:
                _warn_of(tenant, reply)
        left = [one for one in contexts if one.tenant.id not in tenants or one.tenant.id in object_ids]
        return [replace(one, object_id=object_ids.get(one.tenant.id, one.object_id)) for one in left]

    def _seen_in(self, way: Way, home: ContextValue, tenant: Tenant) -> list[ContextValue]:
        """The daemon derives the sign-in of another tenant, unless somebody signed out of it before."""
        there = replace(home, tenant=tenant, object_id="")
        try:
            return read_contexts(self._here, there)
        except NotSignedIn:
            self.put(_elsewhere(way, tenant))
            return read_contexts(self._here, there)

    def _ask(self, way: Way) -> SignedIn:
        network = network_of(way.environment)
        secrets = {**way.secrets, **network.secrets}
        sign_in = SignIn(
            way.key,
            way.kind,
            way.environment,
            dict(way.arguments),
            tuple(secrets),
            is_saved=self._is_saved,
            may_be_unencrypted=self._may_be_unencrypted,
            proxy=network.proxy,
            no_proxy=network.no_proxy,
            ca_file=network.ca_file,
        )
        self._put.append(way.key)  # before: who is interrupted while it is tried must find it again
        signed_in = self._here.client.ask(PutSignIn(0, sign_in, secrets, self.owner), SignedIn)
        if signed_in.text:
            warn(signed_in.text)
        return signed_in

    def _used(self) -> set[SignInKey]:
        here = self._here
        contexts = here.profile.load().contexts if self.owner == USER_SCOPE else here.session.load().contexts
        return {context.sign_in_key for context in contexts}

    def _drop(self, key: SignInKey) -> None:
        self._here.client.ask(DropSignIn(0, key, self.owner), Ok)


def read_tenants(here: Local, context: ContextValue) -> list[Tenant]:
    """Return the tenants that the account of a context belongs to."""
    found = read_rows(here, "get-az-tenant@1", context)
    names = ((str(o.get("tenantId", "")), str(o.get("displayName") or o.get("defaultDomain") or "")) for o in found)
    return [Tenant(*pair) for pair in names if pair[0]]


def read_contexts(here: Local, bare: ContextValue) -> list[ContextValue]:
    """Return a context, without a name, for each subscription of a context's tenant.

    One that belongs to another tenant and is only managed from here is kept, too.
    """
    found = read_rows(here, "get-az-subscription@1", bare)
    return [replace(bare, name="", subscription=_subscription(one)) for one in found if one.get("subscriptionId")]


def read_rows(here: Local, plan: str, context: ContextValue) -> list[dict[str, Any]]:
    """Return what a plan that lists something has read, as the service's own JSON."""
    value = here.client.ask(Read(0, plan, {}, context), Result).value
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def warn(text: str) -> None:
    """Warn whoever called azjobs."""
    warnings.warn(text, SignInWarning, stacklevel=2)


def at_once(things: Sequence[T], work: Callable[[T], R]) -> list[R | AzJobsError]:
    """Do the work for all things side by side; a refusal stands in place of its result."""

    def tried(thing: T) -> R | AzJobsError:
        try:
            return work(thing)
        except AzJobsError as error:
            return error

    if not things:
        return []
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(things)), thread_name_prefix="azjobs-tenant") as pool:
        return list(pool.map(tried, things))


def _elsewhere(way: Way, tenant: Tenant) -> Way:
    """A person's tokens of every tenant come from one cache, which the daemon has by now."""
    return replace(way, tenant=tenant.id, secrets={})


def _warn_of(tenant: Tenant, problem: AzJobsError) -> None:
    label = f"{tenant.name} ({tenant.id})" if tenant.name else tenant.id
    why = str(problem).removesuffix(CONNECT)
    warn(f"Tenant {label} was left out: {why} To sign in there, type: azjobs account connect --tenant {tenant.id}")


def _without_twins(found: Iterable[ContextValue]) -> list[ContextValue]:
    """The same subscription seen from several tenants has a context in each: only the same context is a twin."""
    return list({one.key: one for one in found}.values())


def _subscription(one: dict[str, Any]) -> Subscription:
    name, state = str(one.get("displayName", "")), str(one.get("state") or "Enabled")
    return Subscription(str(one["subscriptionId"]), name, state)
