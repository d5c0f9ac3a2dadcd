"""Decide the reads that a sign-in looks around with: tenants and subscriptions.

Pure. Source: Azure/azure-rest-api-specs, Microsoft.Resources subscriptions.json.
"""

from __future__ import annotations

import msgspec

from azjobs.core.arm import Request
from azjobs.core.errors import Fault
from azjobs.core.naming import is_wildcard, matches
from azjobs.core.plan import Answers, Decision, Done
from azjobs.core.plans.reading import read_pages
from azjobs.core.plans.versions import SUBSCRIPTIONS


class GetSubscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """By id, or by name or pattern; both "" for all."""

    id: str = ""
    name: str = ""


class GetTenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """By id or domain; "" for all."""

    id: str = ""


def get_subscription(asked: GetSubscription, answers: Answers) -> Decision:
    """Read the subscriptions that the token's tenant shows (the result is a list)."""
    path = f"/subscriptions?api-version={SUBSCRIPTIONS}"
    found = read_pages("subscriptions", Request("GET", path, "subscriptions"), answers)
    if not isinstance(found, list):
        return found
    chosen = [
        one
        for one in found
        if (not asked.id or str(one.get("subscriptionId", "")).lower() == asked.id.lower())
        and matches(asked.name, str(one.get("displayName", "")))
    ]
    wanted = asked.id or ("" if is_wildcard(asked.name) else asked.name)
    if wanted and not chosen:
        message = f"There is no subscription {wanted} that this account can see. Type: azjobs subscription get"
        return Fault("SubscriptionNotFound", message, f"subscription {wanted}", http_status=404)
    return Done(chosen)


def get_tenant(asked: GetTenant, answers: Answers) -> Decision:
    """Read the tenants that the account belongs to (the result is a list)."""
    path = f"/tenants?api-version={SUBSCRIPTIONS}"
    found = read_pages("tenants", Request("GET", path, "tenants"), answers)
    if not isinstance(found, list):
        return found
    wanted = asked.id.lower()
    chosen = [
        one
        for one in found
        if not wanted
        or str(one.get("tenantId", "")).lower() == wanted
        or wanted in (str(domain).lower() for domain in one.get("domains") or ())
    ]
    if wanted and not chosen:
        return Fault("TenantNotFound", f"There is no tenant {asked.id} that this account can see.", http_status=404)
    return Done(chosen)
