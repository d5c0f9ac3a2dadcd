"""Choose the context of a subscription or a tenant; make it where the account sees it and there is none yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azjobs.core import profile as rules
from azjobs.core.context import ContextValue
from azjobs.core.errors import ContextNotFound, InvalidInput
from azjobs.session.contexts.choosing import Scope, choose, resolve_context
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import Local, local

if TYPE_CHECKING:
    from azjobs.core.context import Subscription as ContextSubscription
    from azjobs.core.context import Tenant as ContextTenant
    from azjobs.core.models import Subscription, Tenant

HOW = "Say which subscription or tenant; to choose a context by its name use select_az_context."


def set_az_context(
    subscription: str = "",
    *,
    tenant: str = "",
    context: Context | str | None = None,
    subscription_object: Subscription | ContextSubscription | None = None,
    tenant_object: Tenant | ContextTenant | None = None,
    name: str = "",
    force: bool = False,
    scope: Scope = "Process",
) -> Context:
    """Choose the context of a subscription or a tenant, of the current account.

    A subscription that has no context yet gets one, if the account sees it.

    Args:
        subscription: its name or id; "" to go by `tenant` alone.
        tenant: the tenant's name or id, where the subscription's name alone is not enough.
        context: a context, or its name; nothing is asked of Azure then.
        subscription_object: what get_az_subscription gave, in place of a name or id.
        tenant_object: what get_az_tenant gave, likewise.
        name: what the context is to be called from now on.
        force: take that name from another context, which is removed.
        scope: "Process" for this session only; "CurrentUser" for the saved default too.

    Raises:
        ContextNotFound: the account sees no such subscription.
        NotSignedIn: nobody is signed in.
        InvalidInput: it was not said which, or in two ways; or another context has that name.
    """
    ways = (bool(subscription or tenant), context is not None, subscription_object is not None)
    if sum((*ways, tenant_object is not None)) != 1:
        raise InvalidInput(HOW if not any(ways) else f"{HOW} Say it in one way.")
    if subscription_object is not None:
        subscription, tenant = subscription_object.id, getattr(subscription_object, "tenant_id", "")
    elif tenant_object is not None:
        tenant = tenant_object.id
    here = local()
    found = resolve_context(context).value if context is not None else _find(here, subscription, tenant)
    if name:
        found = _renamed(found, name, force=force)
    return choose(here, found, scope)


def _find(here: Local, subscription: str, tenant: str) -> ContextValue:
    found = _of_account(here, subscription, tenant)
    if found is None and not here.is_job:
        from azjobs.session.accounts.signing_in import discover  # noqa: PLC0415 - asks Azure, and only here

        discover(here)
        found = _of_account(here, subscription, tenant)
    if found is None:
        what = f"subscription {subscription}" if subscription else f"tenant {tenant}"
        raise ContextNotFound(f"The account sees no {what}. Type: azjobs context get --list-available")
    return found


def _of_account(here: Local, subscription: str, tenant: str) -> ContextValue | None:
    """Prefer what the current account sees: a name may mean another subscription to another one."""
    present = resolve_context().value
    contexts = here.available()
    mine = [c for c in contexts if c.account == present.account and c.environment.name == present.environment.name]
    for some in (mine, contexts):
        if subscription:
            found = rules.find_subscription(some, subscription, tenant)
        else:
            found = next((c for c in some if rules.is_tenant(c, tenant)), None)
        if found is not None:
            return found
    return None


def _renamed(found: ContextValue, name: str, *, force: bool) -> ContextValue:
    if found.name == name:
        return found
    from azjobs.session.accounts.keeping_contexts import rename_az_context  # noqa: PLC0415 - only where it is to be renamed

    renamed = rename_az_context("", name, input_object=Context(found), force=force, pass_thru=True)
    assert renamed is not None  # pass_thru says so
    return renamed.value
