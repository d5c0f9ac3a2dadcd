"""Say which context is current, and choose another one.

Current is the innermost `with context:`, else what AZJOBS_CONTEXT names, else
this session's choice, else the saved default that the session began with. A job
has the contexts that it was granted and no others.
"""

from __future__ import annotations

import os
import shlex
import warnings
from typing import Literal, overload

from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import ContextValue
from azjobs.core.errors import (
    ContextNotFound,
    ContextRequired,
    DefaultChanged,
    InvalidInput,
    NotSignedIn,
)
from azjobs.core.profile import SessionState
from azjobs.session.blocks import innermost, refuse_if_ambiguous
from azjobs.session.context import Context
from azjobs.session.local import Local, local

Scope = Literal["Process", "CurrentUser"]
CONTEXT_VARIABLE = "AZJOBS_CONTEXT"


def resolve_context(az_context: Context | str | None = None) -> Context:
    """Return the context a command acts in: the one given, by itself or by name, else the current one.

    Current is the innermost `with context:` of this thread or task, else the one
    that AZJOBS_CONTEXT names, else this session's choice, else the saved default
    that this session began with. In a job: the innermost `with`, else its own.

    Raises:
        NotSignedIn: there is none.
        ContextNotFound: none has that name.
        AmbiguousContext: only another thread or task is inside a `with context:`.
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
    if here.grants is None and innermost() is None:
        _stay(here)
    return Context(found)


def current_value(here: Local) -> ContextValue | None:
    """Return the current context of this process, or None.

    Raises:
        AmbiguousContext: only another thread or task is inside a `with context:`.
        ContextNotFound: AZJOBS_CONTEXT names none.
    """
    entered = innermost()
    if entered is not None:
        return here.grants.check(entered) if here.grants is not None else entered
    refuse_if_ambiguous()
    state = here.session.load()
    if here.grants is not None:
        return state.choice or here.grants.own
    return _named_by_variable(here, state) or rules.current(here.profile.load(), state)


def _named_by_variable(here: Local, state: SessionState) -> ContextValue | None:
    """What is named for a whole process; a command inside a job has the job's context whatever it says."""
    name = os.environ.get(CONTEXT_VARIABLE, "").strip()
    if not name or state.is_closed:
        return None
    found = rules.find(_available(here), name)
    if found is None:
        raise ContextNotFound(f"{CONTEXT_VARIABLE} names {name}, and there is none. Type: azjobs context get")
    return found


def _stay(here: Local) -> None:
    """Stay with the default that this session acts in, and say so once when another session makes another one."""
    if here.identity is None or os.environ.get(CONTEXT_VARIABLE, "").strip():
        return
    state, profile = here.session.load(), here.profile.load()
    settled = rules.settle_default(profile, state)
    if settled == state:
        return
    here.session.change(lambda now: rules.settle_default(profile, now))
    if settled.told and settled.default is not None:
        warnings.warn(
            f"The saved default is {settled.told} now; this session goes on in {settled.default.name}. "
            f"To follow, type: azjobs context select {shlex.quote(settled.told)}",
            DefaultChanged,
            stacklevel=2,
        )


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
        chosen = rules.require(_available(here), wanted)
    return choose(here, chosen, scope)


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
