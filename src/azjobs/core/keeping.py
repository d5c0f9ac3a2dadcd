"""Rename and remove single contexts, among the saved ones and among those of a session.

Pure, as `core.profile`. Which context is meant is said by its account, tenant,
subscription and environment and by whose sign-in it uses, never by its name.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import ContextValue, is_same
from azjobs.core.profile import Profile, SessionState


def is_default(profile: Profile, context: ContextValue) -> bool:
    """Whether a context is the saved default."""
    return is_same(context, rules.find(profile.contexts, profile.default))


def is_last(contexts: Iterable[ContextValue], context: ContextValue) -> bool:
    """Whether no other context uses the sign-in of this one."""
    own = (context.sign_in_key, context.scope)
    return not any((c.sign_in_key, c.scope) == own for c in contexts if not is_same(c, context))


def rename_saved(profile: Profile, context: ContextValue, name: str) -> Profile:
    """Return the profile where a context has another name; the default follows it."""
    default = name if is_default(profile, context) else profile.default
    return replace(profile, contexts=_renamed(profile.contexts, context, name), default=default)


def rename_own(state: SessionState, context: ContextValue, name: str) -> SessionState:
    """Return the session where a context has another name; the choice follows it."""
    own = (state.choice, state.default)
    choice, default = (replace(one, name=name) if one is not None and is_same(one, context) else one for one in own)
    return replace(state, contexts=_renamed(state.contexts, context, name), choice=choice, default=default)


def remove_saved(profile: Profile, context: ContextValue) -> Profile:
    """Return the profile without a context; where it was the default there is none afterwards."""
    default = "" if is_default(profile, context) else profile.default
    return replace(profile, contexts=_without(profile.contexts, context), default=default)


def remove_own(state: SessionState, context: ContextValue) -> SessionState:
    """Return the session without a context; it neither has it chosen nor stays with it as its default."""
    choice = None if is_same(context, state.choice) else state.choice
    default = None if is_same(context, state.default) else state.default
    return replace(state, contexts=_without(state.contexts, context), choice=choice, default=default)


def _renamed(contexts: tuple[ContextValue, ...], context: ContextValue, name: str) -> tuple[ContextValue, ...]:
    return tuple(replace(other, name=name) if is_same(other, context) else other for other in contexts)


def _without(contexts: tuple[ContextValue, ...], context: ContextValue) -> tuple[ContextValue, ...]:
    return tuple(other for other in contexts if not is_same(other, context))
