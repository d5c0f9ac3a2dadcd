"""Say which context is current, and choose another one.

Current is the innermost `with context:`, else this session's choice, else the
saved default. A job has the contexts that it was granted and no others.
"""

from __future__ import annotations

from typing import Literal, overload

from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import ContextValue
from azjobs.core.errors import ContextNotFound, ContextRequired, InvalidInput, NotSignedIn
from azjobs.core.profile import Profile, SessionState
from azjobs.session.context import Context, innermost
from azjobs.session.local import Grants, Local, local

Scope = Literal["Process", "CurrentUser"]


def resolve_context(az_context: Context | str | None = None) -> Context:
    """Return the context a command acts in: the one given, by itself or by name, else the current one.

    Raises:
        NotSignedIn: there is none.
        ContextNotFound: none has that name.
        ContextRequired: this is a job without a context.
        ContextNotGranted: this is a job that was not granted it.
    """
    here = local()
    if isinstance(az_context, Context):
        return Context(here.grants.check(az_context.value)) if here.grants else az_context
    if isinstance(az_context, str):
        return Context(rules.require(_available(here), az_context))
    if az_context is not None:
        raise InvalidInput(f"az_context takes a context or its name, not {type(az_context).__name__}.")
    found = current_value(here)
    if found is None:
        raise ContextRequired if _is_bare_job(here) else NotSignedIn
    return Context(found)


def current_value(here: Local) -> ContextValue | None:
    """Return the current context of this process, or None."""
    entered = innermost()
    if here.grants is not None:
        return _current_of_job(here, here.grants, entered)
    if entered is not None:
        return entered
    state = here.session.load()
    return rules.current(here.profile.load(), state)


def _current_of_job(here: Local, grants: Grants, entered: ContextValue | None) -> ContextValue | None:
    if entered is not None:
        return grants.check(entered)
    return here.session.load().choice or grants.own


@overload
def get_az_context(name: None = None, *, list_available: Literal[False] = False) -> Context | None: ...
@overload
def get_az_context(name: str, *, list_available: Literal[False] = False) -> Context: ...
@overload
def get_az_context(name: str | None = None, *, list_available: Literal[True]) -> list[Context]: ...
@overload
def get_az_context(name: str | None = None, *, list_available: bool) -> Context | list[Context] | None: ...
def get_az_context(name: str | None = None, *, list_available: bool = False) -> Context | list[Context] | None:
    """Return the current context, the one of a name, or all there are.

    Args:
        name: the name of a context, in any case.
        list_available: return a list of every context that can be chosen here.

    Returns:
        None when nobody is signed in.

    Raises:
        ContextNotFound: none has that name.
    """
    here = local()
    if list_available:
        contexts = _available(here)
        return [Context(c) for c in contexts if name is None or c.name.lower() == name.lower()]
    if name is not None:
        return Context(rules.require(_available(here), name))
    found = current_value(here)
    return Context(found) if found is not None else None


def select_az_context(name: str | Context, *, scope: Scope = "Process") -> Context:
    """Choose a context that is there already; nothing is asked of Azure.

    Args:
        name: the context, or its name in any case.
        scope: "Process" for this session only; "CurrentUser" for the saved default too.

    Raises:
        ContextNotFound: none has that name, or the saved default is to be one that is not saved.
    """
    here = local()
    if isinstance(name, Context):
        chosen = here.grants.check(name.value) if here.grants else name.value
    else:
        chosen = rules.require(_available(here), name)
    return choose(here, chosen, scope)


def set_az_context(subscription: str = "", *, tenant: str = "", name: str = "", scope: Scope = "Process") -> Context:
    """Choose the context of a subscription or a tenant, of the current account.

    A subscription that has no context yet gets one, if the account sees it.

    Args:
        subscription: its name or id; "" to go by `tenant` alone.
        tenant: the tenant's name or id, where the subscription's name alone is not enough.
        name: what the context is to be called from now on.
        scope: "Process" for this session only; "CurrentUser" for the saved default too.

    Raises:
        ContextNotFound: the account sees no such subscription.
        NotSignedIn: nobody is signed in.
    """
    if not subscription and not tenant:
        raise InvalidInput("Say which subscription or tenant; to choose a context by its name use select_az_context.")
    here = local()
    found = _of_account(here, subscription, tenant)
    if found is None and here.grants is None and subscription:
        from azjobs.session.signing_in import discover  # noqa: PLC0415 - asks Azure, and only here

        discover(here)
        found = _of_account(here, subscription, tenant)
    if found is None:
        what = f"subscription {subscription}" if subscription else f"tenant {tenant}"
        raise ContextNotFound(f"The account sees no {what}. Type: azjobs context get --list-available")
    if name:
        found = _rename(here, found, name)
    return choose(here, found, scope)


def choose(here: Local, chosen: ContextValue, scope: Scope) -> Context:
    """Make a context this session's choice, and the saved default as well where the scope says so."""
    if scope not in ("Process", "CurrentUser"):
        raise InvalidInput(f"The scope is Process or CurrentUser, not {scope}.")
    if scope == "CurrentUser" and here.grants is None:
        here.profile.change(lambda profile: rules.save_default(profile, chosen))
        if here.identity is None:
            return Context(chosen)
    here.session.change(lambda state: replace(state, choice=chosen))
    return Context(chosen)


def _is_bare_job(here: Local) -> bool:
    """Whether this is a job, or a command inside one, that got no context because autosave was off."""
    if here.grants is not None:
        return not here.grants.autosave
    state = here.session.load()
    return state.is_closed and state.autosave is False


def _available(here: Local) -> tuple[ContextValue, ...]:
    if here.grants is not None:
        return here.grants.contexts
    return rules.available(here.profile.load(), here.session.load())


def _of_account(here: Local, subscription: str, tenant: str) -> ContextValue | None:
    """Prefer what the current account sees: a name may mean another subscription to another one."""
    present = resolve_context().value
    contexts = _available(here)
    mine = [c for c in contexts if c.account == present.account and c.environment.name == present.environment.name]
    for some in (mine, contexts):
        if subscription:
            found = rules.find_subscription(some, subscription, tenant)
        else:
            found = next((c for c in some if rules.is_tenant(c, tenant)), None)
        if found is not None:
            return found
    return None


def _rename(here: Local, context: ContextValue, name: str) -> ContextValue:
    def in_profile(profile: Profile) -> Profile:
        default = rules.find(profile.contexts, profile.default)
        contexts = rules.renamed(profile.contexts, context, name)
        is_default = default is not None and default.key == context.key
        return replace(profile, contexts=contexts, default=name if is_default else profile.default)

    def in_session(state: SessionState) -> SessionState:
        return replace(state, contexts=rules.renamed(state.contexts, context, name))

    others = [c for c in _available(here) if c.key != context.key]
    holder = rules.find(others, name)
    if holder is not None:
        raise InvalidInput(f"Another context is called {holder.name}.")
    if here.grants is None and context.scope == "user":
        here.profile.change(in_profile)
    else:
        here.session.change(in_session)
    return replace(context, name=name)
