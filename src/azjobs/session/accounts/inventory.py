"""List the tenants and subscriptions that the account of a context sees, in all tenants it is signed in to.

Tenants are asked side by side, each with its own sign-in. One that refuses is a
warning; the rest go on. Nothing is kept: contexts stay as they are.
"""

from __future__ import annotations

from typing import Any, overload

from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import AccountType, ContextValue
from azjobs.core.context import Tenant as Place
from azjobs.core.errors import AzJobsError, InvalidInput, ResourceNotFound
from azjobs.core.models import Subscription, Tenant
from azjobs.session.accounts.looking_around import at_once, read_rows, read_tenants, warn
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import Local, local


@overload
def get_az_tenant(tenant_id: None = None, *, az_context: Context | str | None = ...) -> list[Tenant]: ...
@overload
def get_az_tenant(tenant_id: str, *, az_context: Context | str | None = ...) -> Tenant: ...
def get_az_tenant(tenant_id: str | None = None, *, az_context: Context | str | None = None) -> Tenant | list[Tenant]:
    """Return the tenants that the account belongs to, or the one of an id or domain.

    Args:
        tenant_id: The tenant, by id, name or domain.
        az_context: The context whose account is asked; the current one when not given.

    Raises:
        ResourceNotFound: the account belongs to no such tenant.
        NotSignedIn: nobody is signed in.
    """
    here = local()
    present = resolve_context(az_context).value
    seen = _gathered(here, "get-az-tenant@1", _signed_in(here, present))
    found = list({one.id.lower(): one for _, row in reversed(seen) if (one := Tenant.from_json(row)).id}.values())[::-1]
    if tenant_id is None:
        return found
    wanted = tenant_id.lower()
    for one in found:
        if wanted in {text.lower() for text in (one.id, one.name, one.default_domain, *one.domains)}:
            return one
    raise ResourceNotFound(f"{present.account_label} belongs to no tenant {tenant_id}. Type: azjobs tenant get")


@overload
def get_az_subscription(
    subscription_id: None = None,
    *,
    subscription_name: str = ...,
    tenant_id: str = ...,
    az_context: Context | str | None = ...,
) -> list[Subscription]: ...
@overload
def get_az_subscription(
    subscription_id: str, *, tenant_id: str = ..., az_context: Context | str | None = ...
) -> Subscription: ...
def get_az_subscription(
    subscription_id: str | None = None,
    *,
    subscription_name: str = "",
    tenant_id: str = "",
    az_context: Context | str | None = None,
) -> Subscription | list[Subscription]:
    """Return the subscriptions that the account sees, in all its tenants; or the one of an id.

    Args:
        subscription_id: The id of one.
        subscription_name: Only those of this name, in any case.
        tenant_id: Only those seen in this tenant, by id or name.
        az_context: The context whose account is asked; the current one when not given.

    Raises:
        ResourceNotFound: the account sees no such subscription, or belongs to no such tenant.
        NotSignedIn: nobody is signed in.
        InvalidInput: the subscription is not said in one way.

    Warns:
        SignInWarning: a tenant refused, and was left out.
    """
    if subscription_id is not None and subscription_name:
        raise InvalidInput("Say which subscription in one way: by subscription_id or by subscription_name.")
    here = local()
    present = resolve_context(az_context).value
    places = _signed_in(here, present)
    if present.account.type is AccountType.USER and here.grants is None:
        known = {one.tenant.id.lower() for one in places}
        places += [_in(present, t) for t in read_tenants(here, present) if t.id.lower() not in known]
    places = [one for one in places if rules.is_tenant(one, tenant_id)]
    if not places:
        raise ResourceNotFound(f"{present.account_label} belongs to no tenant {tenant_id}. Type: azjobs tenant get")
    found = _without_twins(_gathered(here, "get-az-subscription@1", places))
    if subscription_id is not None:
        one = next((one for one in found if one.id.lower() == subscription_id.lower()), None)
        if one is None:
            raise ResourceNotFound(f"{present.account_label} sees no subscription {subscription_id}.")
        return one
    return [one for one in found if not subscription_name or one.name.lower() == subscription_name.lower()]


def _signed_in(here: Local, present: ContextValue) -> list[ContextValue]:
    """Return a context without a subscription for each tenant of the account's contexts, the present one's first."""
    mine = rules.of_account(here.available(), present)
    if here.grants is not None:  # a job has its contexts as they were granted
        return list({one.tenant.id.lower(): one for one in (*reversed(mine), present)}.values())[::-1]
    tenants = {one.tenant.id.lower(): one.tenant for one in (*reversed(mine), present)}
    return [_in(present, tenant) for tenant in reversed(tenants.values())]


def _in(present: ContextValue, tenant: Place) -> ContextValue:
    is_there = tenant.id.lower() == present.tenant.id.lower()
    return replace(present, name="", tenant=tenant, subscription=None, object_id=present.object_id if is_there else "")


def _gathered(here: Local, plan: str, places: list[ContextValue]) -> list[tuple[ContextValue, dict[str, Any]]]:
    """Ask in all places at once; raises what the first one says where all refuse."""
    answers = at_once(places, lambda place: read_rows(here, plan, place))
    refusals = [answer for answer in answers if isinstance(answer, AzJobsError)]
    if refusals and len(refusals) == len(places):
        raise refusals[0]
    seen: list[tuple[ContextValue, dict[str, Any]]] = []
    for place, answer in zip(places, answers, strict=True):
        if isinstance(answer, AzJobsError):
            warn(f"Tenant {place.tenant_label} was left out: {answer}")
        else:
            seen += [(place, row) for row in answer]
    return seen


def _without_twins(seen: list[tuple[ContextValue, dict[str, Any]]]) -> list[Subscription]:
    """A subscription that is seen from several tenants is listed once, as its own tenant shows it if it can."""
    found: dict[str, Subscription] = {}
    for place, row in seen:
        one = Subscription.from_json(row)
        one = one if one.tenant_id else replace(one, tenant_id=place.tenant.id)
        if one.id and (one.id.lower() not in found or one.tenant_id.lower() == place.tenant.id.lower()):
            found[one.id.lower()] = one
    return list(found.values())
