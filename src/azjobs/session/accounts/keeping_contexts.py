"""Rename contexts, remove them one by one, or forget them all.

Nothing takes the place of what is removed: no other context becomes the default
or the current one unasked. A job can do none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from msgspec.structs import replace

from azjobs.core import keeping
from azjobs.core import profile as rules
from azjobs.core.context import ContextValue, is_same
from azjobs.core.errors import ContextNotFound, InvalidInput, Refused
from azjobs.session.contexts.autosave import is_autosave_on
from azjobs.session.contexts.choosing import Scope, check_scope
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import Local, local


def rename_az_context(
    source_name: str = "",
    target_name: str = "",
    *,
    input_object: Context | None = None,
    force: bool = False,
    pass_thru: bool = False,
) -> Context | None:
    """Give a context another name; the default and the choices of sessions follow it.

    Args:
        source_name: the context's name, in any case.
        target_name: its new name.
        input_object: the context itself, in place of its name.
        force: take the new name from another context, which is removed.
        pass_thru: return the renamed context.

    Raises:
        ContextNotFound: there is no such context.
        InvalidInput: another context has the new name.
    """
    here = _open("rename")
    context = find_context(here, source_name, input_object)
    renamed = give_name(here, context, target_name, force=force)
    return Context(renamed) if pass_thru else None


def remove_az_context(
    name: str = "",
    *,
    input_object: Context | None = None,
    force: bool = False,  # noqa: ARG001 - only the shell asks; taken so that both are called alike
    pass_thru: bool = False,
) -> Context | None:
    """Remove a context. With the last one of an account in a tenant, the account is signed out there.

    Where it was the default or the current context there is none afterwards.

    Args:
        name: its name, in any case.
        input_object: the context itself, in place of its name.
        force: do not ask; only the shell asks, and only for the default or the current context.
        pass_thru: return the context that was removed.

    Raises:
        ContextNotFound: there is no such context.

    Warns:
        SignInWarning: the account was signed out.
    """
    here = _open("remove")
    context = find_context(here, name, input_object)
    forget(here, [context])
    return Context(context) if pass_thru else None


def clear_az_context(
    *,
    force: bool = False,  # noqa: ARG001 - as above
    pass_thru: bool = False,
    scope: Scope | None = None,
) -> bool | None:
    """Forget all contexts, and sign out every account that they are of. Environments and settings stay.

    Args:
        force: do not ask; only the shell asks.
        pass_thru: return True.
        scope: CurrentUser for the saved ones and this session's, Process for this session's only; else autosave
            decides. What is saved is seen again after Process.
    """
    here = _open("clear")
    if scope is not None:
        check_scope(scope)
    gone = list(contexts_to_clear(here, scope))
    here.session.change(lambda state: replace(state, choice=None, default=None))
    _remove(here, gone)
    _sign_out(here, gone)
    return True if pass_thru else None


def contexts_to_clear(here: Local, scope: Scope | None) -> tuple[ContextValue, ...]:
    """Return what `clear_az_context` would forget."""
    own = here.session.load().contexts
    is_all = scope == "CurrentUser" or (scope is None and is_autosave_on(here))
    return (*own, *here.profile.load().contexts) if is_all else own


def find_context(here: Local, name: str, given: Context | None) -> ContextValue:
    """Return the context that is meant, as it is kept now.

    Raises:
        ContextNotFound: it is not kept here, or not any more.
        InvalidInput: none was named.
    """
    if given is None and not name:
        raise InvalidInput("Say which context: its name, or the context itself as input_object.")
    if given is None:
        return rules.require(here.available(), name)
    if not isinstance(given, Context):
        raise InvalidInput(f"input_object takes a context, not {type(given).__name__}.")
    found = next((c for c in _all(here) if is_same(c, given.value)), None)
    if found is None:
        raise ContextNotFound(f"No context {given.name}. Type: azjobs context get")
    return found


def give_name(here: Local, context: ContextValue, name: str, *, force: bool = False) -> ContextValue:
    """Rename a context that is kept here; with `force` another one of that name is removed first.

    Raises:
        InvalidInput: the name is empty, or another context has it.
    """
    if not name.strip():
        raise InvalidInput("Say what the context is to be called.")
    others = [c for c in _all(here) if c.key != context.key]
    holder = rules.find(others, name)
    if holder is not None and not force:
        raise InvalidInput(f"Another context is called {holder.name}. Choose another name, or add force to remove it.")
    if holder is not None:
        forget(here, [holder])
    here.profile.change(lambda profile: keeping.rename_saved(profile, context, name))
    here.session.change(lambda state: keeping.rename_own(state, context, name))
    return replace(context, name=name)


def forget(here: Local, gone: Iterable[ContextValue]) -> None:
    """Remove contexts; where one was the last of a sign-in, that ends too, with a warning."""
    for context in gone:
        is_last = keeping.is_last(_all(here), context)
        _remove(here, [context])
        if is_last:
            from azjobs.session.accounts.looking_around import warn  # noqa: PLC0415 - the last context is removed rarely

            _sign_out(here, [context])
            warn(
                f"{context.account_label} is signed out of tenant {context.tenant_label}: "
                f"{context.name} was the last context there. Jobs that still need it will ask for it."
            )


def _open(verb: str) -> Local:
    here = local()
    if here.is_job:
        raise Refused(f"A job cannot {verb} contexts: it has those that it was granted when it was submitted.")
    return here


def _all(here: Local) -> tuple[ContextValue, ...]:
    """Every context that is kept, one that is hidden by its name, too."""
    return (*here.session.load().contexts, *here.profile.load().contexts)


def _remove(here: Local, gone: Iterable[ContextValue]) -> None:
    them = tuple(gone)
    here.profile.change(lambda profile: reduce(keeping.remove_saved, them, profile))
    here.session.change(lambda state: reduce(keeping.remove_own, them, state))


def _sign_out(here: Local, gone: Iterable[ContextValue]) -> None:
    from azjobs.session.accounts.signing_out import end_sign_ins  # noqa: PLC0415 - to remove one of many asks nobody

    end_sign_ins(here, gone)
