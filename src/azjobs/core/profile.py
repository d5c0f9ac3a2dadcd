"""Decide which context is current, and what signing in, choosing and signing out change.

Pure: a `Profile` is what is saved for all sessions of a user, a `SessionState`
what one session has of its own; every function returns a new one. A choice is
kept as a whole context, not as a name: what another session renames or removes
never changes where this one acts. Names are compared without case. Neither
value holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from azjobs.core.context import ContextValue, Environment, SignInKey, default_name, is_same
from azjobs.core.errors import ContextNotFound, ContextNotGranted, InvalidInput
from azjobs.core.protection import Protection

FORMAT = 1  # raised when a file can no longer be read by the release before
MOST_CONTEXTS = 25  # how many contexts a sign-in makes at most [Connect-AzAccount, MaxContextPopulation]


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is saved: the contexts, the name of the default one ("" for none), and whether new ones are saved.

    `protections`: what is removed and stopped only by name, in every session.
    """

    format: int = FORMAT
    contexts: tuple[ContextValue, ...] = ()
    default: str = ""
    autosave: bool = True
    environments: tuple[Environment, ...] = ()
    protections: tuple[Protection, ...] = ()


class SessionState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one session has of its own.

    `autosave` overrides the profile's; None leaves it. `leader` is (pid, start
    time) of the process whose end ends the session. `is_closed`: it has its own
    contexts only, nothing that is saved (the session inside a job). `default` is
    the saved default that it first fell back to, and goes on in while it has no
    choice; `told` the later one that it was told of.
    """

    format: int = FORMAT
    choice: ContextValue | None = None
    contexts: tuple[ContextValue, ...] = ()
    autosave: bool | None = None
    leader: tuple[int, int] | None = None
    is_closed: bool = False
    default: ContextValue | None = None
    told: ContextValue | None = None


def does_autosave(profile: Profile, state: SessionState) -> bool:
    """Whether new contexts and sign-ins of this session outlive it."""
    return profile.autosave if state.autosave is None else state.autosave


def available(profile: Profile, state: SessionState) -> tuple[ContextValue, ...]:
    """Return the contexts of a session: its own, then the saved ones that none of these hides by its name."""
    if state.is_closed:
        return state.contexts
    own = {context.name.lower() for context in state.contexts}
    return (*state.contexts, *(context for context in profile.contexts if context.name.lower() not in own))


def current(profile: Profile, state: SessionState) -> ContextValue | None:
    """Return the session's choice, else the default that it goes by, else the saved one.

    A chosen context that is still there is taken as it is there now, since the
    address of an environment may have changed; one that is gone stays chosen.
    """
    choice = state.choice or state.default
    if choice is None:
        return None if state.is_closed else find(profile.contexts, profile.default)
    known = (c for c in available(profile, state) if is_same(c, choice))
    return next(known, choice)


def settled(profile: Profile, state: SessionState) -> SessionState:
    """Return the session after it has fallen back to the saved default: from now on that stays its own.

    `told` is the saved default where that has become another one since.
    """
    if state.choice is not None or state.is_closed:
        return state
    saved = find(profile.contexts, profile.default)
    if state.default is None:
        return replace(state, default=saved, told=None)
    is_other = saved is not None and not is_same(saved, state.default)
    return replace(state, told=saved if is_other else None)


def find(contexts: Iterable[ContextValue], name: str) -> ContextValue | None:
    """Return the context of that name, or None."""
    lower = name.lower()
    return next((context for context in contexts if context.name.lower() == lower), None)


def find_subscription(contexts: Iterable[ContextValue], subscription: str, tenant: str = "") -> ContextValue | None:
    """Return the first context of a subscription, given by name or id, in a tenant, given likewise."""
    wanted = subscription.lower()
    return next(
        (c for c in contexts if wanted in _subscription_words(c) and is_tenant(c, tenant)),
        None,
    )


def is_tenant(context: ContextValue, tenant: str) -> bool:
    """Whether a context is in this tenant, given by id or name; "" is every tenant."""
    return not tenant or tenant.lower() in (context.tenant.id.lower(), context.tenant.name.lower())


def require(contexts: Iterable[ContextValue], name: str) -> ContextValue:
    """Return the context of that name.

    Raises:
        ContextNotFound: there is none.
    """
    found = find(contexts, name)
    if found is None:
        raise ContextNotFound(f"No context {name}. Type: azjobs context get")
    return found


def of_account(contexts: Iterable[ContextValue], context: ContextValue) -> list[ContextValue]:
    """Return those of the same account in the same cloud, with sign-ins of the same owner."""
    own = (context.account.id.lower(), context.environment.name.lower(), context.scope)
    return [c for c in contexts if (c.account.id.lower(), c.environment.name.lower(), c.scope) == own]


def granted(grants: Iterable[ContextValue], context: ContextValue) -> ContextValue:
    """Return the granted copy of a context; of two the one that uses the same sign-in.

    Raises:
        ContextNotGranted: it is none of them.
    """
    found = [grant for grant in grants if grant.key == context.key]
    if not found:
        raise ContextNotGranted(f"The job was not granted the context {context.name} when it was submitted.")
    return next((grant for grant in found if grant.scope == context.scope), found[0])


def merged(
    known: Iterable[ContextValue], found: Iterable[ContextValue], *, beside: Iterable[ContextValue] = ()
) -> tuple[ContextValue, ...]:
    """Add contexts to those known: one that is there already is renewed and keeps its name, a new one gets a free name.

    `beside` are contexts kept elsewhere: their names are taken, and the same
    context there lends its name. An environment that has moved moves for all.
    """
    result = list(known)
    elsewhere = list(beside)
    for context in found:
        result = [_moved(other, context) for other in result]
        at = next((i for i, other in enumerate(result) if other.key == context.key), None)
        if at is not None:
            result[at] = replace(context, name=result[at].name)
            continue
        twin = next((other for other in elsewhere if other.key == context.key), None)
        taken = frozenset(other.name for other in (*result, *elsewhere))
        name = twin.name if twin is not None else default_name(context, taken)
        result.append(replace(context, name=name))
    return tuple(result)


def renamed(contexts: Iterable[ContextValue], context: ContextValue, name: str) -> tuple[ContextValue, ...]:
    """Give a context another name.

    Raises:
        InvalidInput: another context has that name.
    """
    known = tuple(contexts)
    holder = find(known, name)
    if holder is not None and holder.key != context.key:
        raise InvalidInput(f"Another context is called {holder.name}.")
    return tuple(replace(other, name=name) if other.key == context.key else other for other in known)


def save_contexts(profile: Profile, found: Iterable[ContextValue]) -> Profile:
    """Return the profile with these contexts."""
    return replace(profile, contexts=merged(profile.contexts, found))


def save_default(profile: Profile, context: ContextValue, *, only_first: bool = False) -> Profile:
    """Make a saved context the default of new sessions; `only_first`: unless there is one already.

    Raises:
        ContextNotFound: the context is not a saved one.
    """
    if only_first and find(profile.contexts, profile.default) is not None:
        return profile
    saved = next((other for other in profile.contexts if other.key == context.key), None)
    if saved is None:
        raise ContextNotFound(f"The context {context.name} is not saved, so it cannot be the saved default.")
    return replace(profile, default=saved.name)


def drop_sign_ins(profile: Profile, keys: Iterable[SignInKey]) -> Profile:
    """Return the profile without the contexts of these sign-ins; nothing else becomes the default in their place."""
    gone = set(keys)
    left = tuple(context for context in profile.contexts if context.sign_in_key not in gone)
    default = profile.default if find(left, profile.default) is not None else ""
    return replace(profile, contexts=left, default=default)


def drop_session_sign_ins(state: SessionState, keys: Iterable[SignInKey]) -> SessionState:
    """Return the session without its own contexts of these sign-ins, and without the choice of one of them."""
    gone = set(keys)
    left = tuple(context for context in state.contexts if context.sign_in_key not in gone)
    choice = None if state.choice is not None and state.choice.sign_in_key in gone else state.choice
    default = None if state.default is not None and state.default.sign_in_key in gone else state.default
    return replace(state, contexts=left, choice=choice, default=default, told=None if default is None else state.told)


def _subscription_words(context: ContextValue) -> tuple[str, ...]:
    subscription = context.subscription
    return () if subscription is None else (subscription.id.lower(), subscription.name.lower())


def _moved(context: ContextValue, newer: ContextValue) -> ContextValue:
    is_same = context.environment.name.lower() == newer.environment.name.lower()
    return replace(context, environment=newer.environment) if is_same else context
