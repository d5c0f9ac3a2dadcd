"""Say which context is current, and choose another one.

Current is the innermost `with context:`, else the one that AZJOBS_CONTEXT names,
else this session's choice, else the saved default that it first fell back to. A
job has the contexts that it was granted and no others.
"""

from __future__ import annotations

import os
import warnings
from typing import Literal, overload

from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import ContextValue
from azjobs.core.errors import (
    ContextNotFound,
    ContextRequired,
    DefaultChanged,
    HomeUnusable,
    InvalidInput,
    NotSignedIn,
)
from azjobs.core.profile import Profile, SessionState
from azjobs.session.contexts.blocks import innermost, refuse_if_ambiguous
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import Grants, Local, local

Scope = Literal["Process", "CurrentUser"]
CONTEXT_VARIABLE = "AZJOBS_CONTEXT"


def resolve_context(az_context: Context | str | None = None) -> Context:
    """Return the context a command acts in: the one given, by itself or by name, else the current one.

    In order: the one given; the innermost `with context:` here; the one that
    AZJOBS_CONTEXT names (not in jobs); this session's choice; the saved default
    that this session first fell back to. In a job: the one given, the innermost
    block, the job's own.

    Raises:
        NotSignedIn: there is none.
        ContextNotFound: none has that name, or the one that AZJOBS_CONTEXT holds.
        AmbiguousContext: none was given, and another thread or task is inside `with context:`.
        ContextRequired: this is a job without a context.
        ContextNotGranted: this is a job that was not granted it.
    """
    here = local()
    if isinstance(az_context, Context):
        return Context(here.grants.check(az_context.value)) if here.grants else az_context
    if isinstance(az_context, str):
        return Context(rules.require(here.available(), az_context))
    if az_context is not None:
        raise InvalidInput(f"az_context takes a context or its name, not {type(az_context).__name__}.")
    found = current_value(here)
    if found is None:
        raise _no_context(here)
    return Context(found)


def current_value(here: Local) -> ContextValue | None:
    """Return the current context of this process, or None; raises as `resolve_context` but for NotSignedIn."""
    entered = innermost()
    if entered is None:
        refuse_if_ambiguous()
    if here.grants is not None:
        return _current_of_job(here, here.grants, entered)
    if entered is not None:
        return entered
    profile, state = here.profile.load(), here.session.load()
    if not state.is_closed and (name := os.environ.get(CONTEXT_VARIABLE, "").strip()):
        return _of_variable(rules.available(profile, state), name)
    if here.identity is not None:
        state = _settle(here, profile, state)
    return rules.current(profile, state)


def _of_variable(contexts: tuple[ContextValue, ...], name: str) -> ContextValue:
    found = rules.find(contexts, name)
    if found is None:
        there = ", ".join(context.name for context in contexts) or "none; type: azjobs account connect"
        raise ContextNotFound(f"{CONTEXT_VARIABLE} names the context {name}, which does not exist. There are: {there}")
    return found


def _settle(here: Local, profile: Profile, state: SessionState) -> SessionState:
    """Let the session go on in the default that it first used, and tell it once when another one is saved."""
    if rules.settled(profile, state) == state:
        return state
    try:
        new = here.session.change(lambda now: rules.settled(profile, now))
    except HomeUnusable:  # a full disk: what cannot be remembered must not keep anybody from looking
        return rules.settled(profile, state)
    if new.told is not None and new.told != state.told and new.default is not None:
        warnings.warn(
            DefaultChanged(
                f"The saved default context is now {new.told.name}; this session goes on in {new.default.name}. "
                f"To follow, type: {_how_to_select(here, new.told.name)}"
            ),
            stacklevel=4,
        )
    return new


def _how_to_select(here: Local, name: str) -> str:
    return f'azjobs.select_az_context("{name}")' if here.is_python else f'azjobs context select "{name}"'


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
        AmbiguousContext: the current one was asked for, and another thread or task is inside `with context:`:
            a command here would be refused likewise.
    """
    here = local()
    if list_available:
        contexts = here.available()
        return [Context(c) for c in contexts if name is None or c.name.lower() == name.lower()]
    if name is not None:
        return Context(rules.require(here.available(), name))
    found = current_value(here)
    return Context(found) if found is not None else None


def select_az_context(
    name: str | Context = "", *, input_object: Context | None = None, scope: Scope = "Process"
) -> Context:
    """Choose a context that is there already; nothing is asked of Azure.

    Args:
        name: the context, or its name in any case.
        input_object: the context, as Azure PowerShell calls it.
        scope: "Process" for this session only; "CurrentUser" for the saved default too.

    Raises:
        ContextNotFound: none has that name, or the saved default is to be one that is not saved.
        InvalidInput: it was not said which.
    """
    here = local()
    wanted = name if input_object is None else input_object
    if not wanted or (name and input_object is not None):
        raise InvalidInput("Say which context: its name, or the context itself as input_object.")
    if isinstance(wanted, Context):
        chosen = here.grants.check(wanted.value) if here.grants else wanted.value
    else:
        chosen = rules.require(here.available(), wanted)
    return choose(here, chosen, scope)


def choose(here: Local, chosen: ContextValue, scope: Scope) -> Context:
    """Make a context this session's choice, and the saved default as well where the scope says so."""
    check_scope(scope)
    if scope == "CurrentUser" and here.grants is None:
        here.profile.change(lambda profile: rules.save_default(profile, chosen))
        if here.identity is None:
            return Context(chosen)
    here.session.change(lambda state: replace(state, choice=chosen))
    return Context(chosen)


def check_scope(scope: str) -> None:
    """Raise InvalidInput if it is neither of the two scopes."""
    if scope not in ("Process", "CurrentUser"):
        raise InvalidInput(f"The scope is Process or CurrentUser, not {scope}.")


def _no_context(here: Local) -> Exception:
    if _is_bare_job(here):
        return ContextRequired()
    names = [context.name for context in here.available()]
    if not names:
        return NotSignedIn()
    some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return NotSignedIn(f"No context is current. Type: azjobs context select NAME, with one of: {some}")


def _is_bare_job(here: Local) -> bool:
    """Whether this is a job, or a command inside one, that got no context because autosave was off."""
    if here.grants is not None:
        return not here.grants.autosave
    state = here.session.load()
    return state.is_closed and state.autosave is False
