"""Sign in, look around, and keep the contexts that were found; sign out."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import Account, ContextValue, SignInKey, Subscription, Tenant
from azjobs.core.errors import ContextNotFound, InvalidInput, NotSignedIn, Refused
from azjobs.core.profile import MOST_CONTEXTS, Profile, SessionState
from azjobs.core.secret import Credential
from azjobs.core.signin import SignIn
from azjobs.core.wire import DropSignIn, Ok, PutSignIn, Read, Result, SignedIn
from azjobs.session import ways
from azjobs.session.autosave import is_autosave_on
from azjobs.session.context import Context
from azjobs.session.contexts import Scope, current_value
from azjobs.session.local import Local, local
from azjobs.session.ways import TokenCredential, Way

USER = "user"


def connect_az_account(  # noqa: PLR0913 - the ways to sign in, all by name
    *,
    environment: str = "AzureCloud",
    tenant: str = "",
    subscription: str = "",
    credential: Credential | TokenCredential | None = None,
    service_principal: bool = False,
    identity: bool = False,
    account_id: str = "",
    context_name: str = "",
    scope: Scope | None = None,
) -> Context:
    """Sign in, and make the contexts of the subscriptions that the account sees.

    Args:
        environment: the cloud; AzureSimulator is the embedded one and needs no account.
        tenant: the directory to sign in to, by id or domain.
        subscription: the one to be current, by name or id; the first one that is enabled when not given.
        credential: a Credential (application id and secret) for a service principal, or one of azure-identity.
        service_principal: sign in as an application.
        identity: sign in as the managed identity of this machine.
        account_id: the client id of the managed identity, where the machine has several.
        context_name: what the context is to be called.
        scope: CurrentUser saves it and makes it the default, Process keeps it to this session; else autosave decides.

    Returns:
        The context that is current now.

    Raises:
        SignInFailed: the sign-in service refused; nothing was saved.
        ContextNotFound: the account sees no such subscription; nothing was saved.
        InvalidInput: what is needed was not said.
    """
    here = local()
    _check(here, scope)
    way = ways.find(
        here.layout,
        environment=environment,
        tenant=tenant,
        credential=credential,
        is_service_principal=service_principal,
        is_managed_identity=identity,
        account_id=account_id,
    )
    is_saved = scope == "CurrentUser" or (scope is None and not way.is_object and is_autosave_on(here))
    owner = USER if is_saved else here.require_session().key
    if here.identity is None and scope is None and rules.current(here.profile.load(), SessionState()) is not None:
        here.require_session()  # there is a default already, and nowhere to remember another choice
    before = _is_known(here, way, owner)
    way = _put(here, way, owner, is_saved=is_saved)
    try:
        found = _look_around(here, way, owner, subscription)
    except BaseException:
        if not before:
            _drop(here, _key(way), owner)
        raise
    chosen = found[0]
    return _keep(here, found, chosen, context_name, is_saved=is_saved, is_default=scope == "CurrentUser")


def disconnect_az_account(username: str = "", *, tenant: str = "") -> Account:
    """Sign out: forget the account's sign-ins and contexts. Jobs that still need it will ask for it.

    Args:
        username: the account; the current one when not given.
        tenant: only this tenant's, by id or name; every tenant's when not given.

    Returns:
        The account.

    Raises:
        NotSignedIn: nobody is signed in, or not by that name.
    """
    here = local()
    if here.grants is not None:
        raise Refused("A job cannot sign out: it acts in the contexts it was granted when it was submitted.")
    present = current_value(here)
    if not username and present is None:
        raise NotSignedIn
    known = (*rules.available(here.profile.load(), here.session.load()), *([present] if present else []))
    wanted = username.lower() or (present.account.id.lower() if present else "")
    gone = [
        c for c in known if wanted in (c.account.id.lower(), c.account.display.lower()) and rules.is_tenant(c, tenant)
    ]
    if not gone:
        raise NotSignedIn(f"No account {username} is signed in here. Type: azjobs context get --list-available")
    keys = {c.sign_in_key for c in gone}
    here.profile.change(lambda profile: rules.drop_sign_ins(profile, keys))
    here.session.change(lambda state: rules.drop_session_sign_ins(state, keys))
    for key, owner in {(c.sign_in_key, c.scope) for c in gone}:
        _drop(here, key, owner)
    return gone[0].account


def discover(here: Local) -> None:
    """Make contexts of the subscriptions that the current account sees by now; the choice stays as it is."""
    present = current_value(here)
    if present is None:
        raise NotSignedIn
    subscriptions = _read(here, "get-az-subscription@1", present)
    found = [replace(present, name="", subscription=_subscription(one)) for one in subscriptions]
    _save(here, found, is_saved=present.scope == USER)


def _check(here: Local, scope: str | None) -> None:
    if here.grants is not None:
        raise Refused("A job cannot sign in: it acts in the contexts it was granted when it was submitted.")
    if scope not in (None, "Process", "CurrentUser"):
        raise InvalidInput(f"The scope is Process or CurrentUser, not {scope}.")


def _put(here: Local, way: Way, owner: str, *, is_saved: bool) -> Way:
    """Keep the sign-in with the daemon, which tries it; returns the way with its tenant's id in place of a domain."""
    signed_in = here.client.ask(PutSignIn(0, _sign_in(way, is_saved=is_saved), dict(way.secrets), owner), SignedIn)
    if way.has_tenant_id or not signed_in.tenant:
        return way
    settled = way.in_tenant(signed_in.tenant)
    here.client.ask(PutSignIn(0, _sign_in(settled, is_saved=is_saved), dict(way.secrets), owner), SignedIn)
    _drop(here, _key(way), owner)
    return settled


def _look_around(here: Local, way: Way, owner: str, subscription: str) -> list[ContextValue]:
    """Return a context for each subscription, the one to be current first."""
    bare = _provisional(way, owner)
    tenants = _read(here, "get-az-tenant@1", bare)
    mine = next((one for one in tenants if str(one.get("tenantId", "")).lower() == way.tenant.lower()), {})
    bare = replace(bare, tenant=Tenant(way.tenant, str(mine.get("displayName") or mine.get("defaultDomain") or "")))
    found = [_subscription(one) for one in _read(here, "get-az-subscription@1", bare)]
    if not found:
        if subscription:
            raise ContextNotFound(f"{bare.account_label} sees no subscription {subscription}: it sees none at all.")
        return [bare]
    first = _choose(found, subscription)
    if first is None:
        names = ", ".join(one.name or one.id for one in found[:10])
        raise ContextNotFound(f"{bare.account_label} sees no subscription {subscription}. It sees: {names}.")
    others = [one for one in found if one is not first]
    return [replace(bare, subscription=one) for one in (first, *others)][:MOST_CONTEXTS]


def _choose(found: list[Subscription], wanted: str) -> Subscription | None:
    if wanted:
        return next((one for one in found if wanted.lower() in (one.id.lower(), one.name.lower())), None)
    return next((one for one in found if one.state == "Enabled"), found[0])


def _keep(
    here: Local, found: list[ContextValue], chosen: ContextValue, name: str, *, is_saved: bool, is_default: bool
) -> Context:
    saved = _save(here, found, is_saved=is_saved, name=name, chosen=chosen, is_default=is_default)
    kept = next(context for context in saved if context.key == chosen.key)
    if here.identity is not None:
        here.session.change(lambda state: replace(state, choice=kept))
    return Context(kept)


def _save(
    here: Local,
    found: list[ContextValue],
    *,
    is_saved: bool,
    name: str = "",
    chosen: ContextValue | None = None,
    is_default: bool = False,
) -> tuple[ContextValue, ...]:
    """Add the contexts to the profile or to the session; returns all that are there then."""
    if is_saved:

        def in_profile(profile: Profile) -> Profile:
            profile = rules.save_contexts(profile, found)
            if chosen is None:
                return profile
            if name:
                profile = replace(profile, contexts=rules.renamed(profile.contexts, chosen, name))
            return rules.save_default(profile, chosen, only_first=not is_default)

        return here.profile.change(in_profile).contexts
    beside = here.profile.load().contexts

    def in_session(state: SessionState) -> SessionState:
        contexts = rules.merged(state.contexts, found, beside=beside)
        if name and chosen is not None:
            contexts = rules.renamed(contexts, chosen, name)
        return replace(state, contexts=contexts)

    return here.session.change(in_session).contexts


def _provisional(way: Way, owner: str) -> ContextValue:
    return ContextValue(way.tenant, way.account, Tenant(way.tenant), way.environment, scope=owner)


def _sign_in(way: Way, *, is_saved: bool) -> SignIn:
    return SignIn(_key(way), way.kind, way.environment, dict(way.arguments), tuple(way.secrets), is_saved=is_saved)


def _key(way: Way) -> SignInKey:
    return _provisional(way, USER).sign_in_key


def _is_known(here: Local, way: Way, owner: str) -> bool:
    contexts = here.profile.load().contexts if owner == USER else here.session.load().contexts
    return any(context.sign_in_key == _key(way) for context in contexts)


def _drop(here: Local, key: SignInKey, owner: str) -> None:
    here.client.ask(DropSignIn(0, key, owner), Ok)


def _read(here: Local, plan: str, context: ContextValue) -> list[dict[str, Any]]:
    value = here.client.ask(Read(0, plan, {}, context), Result).value
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _subscription(one: dict[str, Any]) -> Subscription:
    return Subscription(
        str(one.get("subscriptionId", "")), str(one.get("displayName", "")), str(one.get("state") or "Enabled")
    )
