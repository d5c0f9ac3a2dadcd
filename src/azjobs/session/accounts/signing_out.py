"""Sign out: forget an account's sign-ins and contexts."""

from __future__ import annotations

from collections.abc import Iterable

from azjobs.core import profile as rules
from azjobs.core.context import Account, AccountType, ContextValue
from azjobs.core.errors import InvalidInput, NotSignedIn, Refused
from azjobs.core.wire import DropSignIn, Ok
from azjobs.session.contexts.choosing import current_value
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import Local, local

LIST = "Type: azjobs context get --list-available"


def disconnect_az_account(
    username: str = "",
    *,
    context_name: str = "",
    application_id: str = "",
    tenant: str = "",
    input_object: Account | Context | None = None,
) -> Account:
    """Sign out: forget the account's sign-ins and contexts. Jobs that still need it will ask for it.

    Where the default was one of its contexts, there is no default afterwards: nothing else takes its place unasked.

    Args:
        username: the account; the current one when nothing is given.
        context_name: the account of this context, in this context's cloud only.
        application_id: the account, where it is an application; goes with `tenant`.
        tenant: only this tenant's, by id or name; every tenant's when not given.
        input_object: an account, or a context of it.

    Returns:
        The account.

    Raises:
        NotSignedIn: nobody is signed in, or not by that name.
        ContextNotFound: no context has that name.
    """
    here = local()
    if here.is_job:
        raise Refused("A job cannot sign out: it acts in the contexts it was granted when it was submitted.")
    given = [bool(username), bool(context_name), bool(application_id), input_object is not None]
    if sum(given) > 1:
        raise InvalidInput("Say who signs out in one way: by user name, context, application or object.")
    if application_id and not tenant:
        raise InvalidInput("An application signs out of one tenant: give tenant=, its id or name.")
    known = _known(here)
    if application_id:
        gone = [c for c in _named(known, application_id) if c.account.type is not AccountType.USER]
    elif username or isinstance(input_object, Account):
        gone = _named(known, username or (input_object.id if isinstance(input_object, Account) else ""))
    else:
        gone = _like(known, _context(here, known, context_name, input_object))
    gone = [c for c in gone if rules.is_tenant(c, tenant)]
    if not gone:
        who = username or application_id or (input_object.id if isinstance(input_object, Account) else "of that kind")
        raise NotSignedIn(f"No account {who} is signed in here. {LIST}")
    _forget(here, gone)
    return gone[0].account


def end_sign_ins(here: Local, contexts: Iterable[ContextValue]) -> None:
    """Forget the sign-ins that contexts use, each once."""
    for key, owner in {(c.sign_in_key, c.scope) for c in contexts}:
        here.client.ask(DropSignIn(0, key, owner), Ok)


def _known(here: Local) -> tuple[ContextValue, ...]:
    """Every context of this session, saved or not; one that is hidden by its name is there, too."""
    present = current_value(here)
    state = here.session.load()
    saved = () if state.is_closed else here.profile.load().contexts
    return (*state.contexts, *saved, *([present] if present else []))


def _context(here: Local, known: Iterable[ContextValue], name: str, given: Account | Context | None) -> ContextValue:
    if isinstance(given, Context):
        return given.value
    if name:
        return rules.require(known, name)
    present = current_value(here)
    if present is None:
        raise NotSignedIn
    return present


def _named(known: Iterable[ContextValue], name: str) -> list[ContextValue]:
    return [c for c in known if name.lower() in (c.account.id.lower(), c.account.display.lower())]


def _like(known: Iterable[ContextValue], context: ContextValue) -> list[ContextValue]:
    own = (context.account.id.lower(), context.environment.name.lower())
    return [c for c in known if (c.account.id.lower(), c.environment.name.lower()) == own]


def _forget(here: Local, gone: list[ContextValue]) -> None:
    """The sign-ins first: while a context is left, what did not succeed can be asked for again."""
    keys = {c.sign_in_key for c in gone}
    end_sign_ins(here, gone)
    here.profile.change(lambda profile: rules.drop_sign_ins(profile, keys))
    here.session.change(lambda state: rules.drop_session_sign_ins(state, keys))
