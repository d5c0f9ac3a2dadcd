"""Who exists: tenants, subscriptions and service principals, and what each principal may do where.

Ids and domain names are compared without regard to case. Roles are the three that this cloud knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a principal may do at a scope and below it."""

    OWNER = "Owner"
    CONTRIBUTOR = "Contributor"
    READER = "Reader"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A directory."""

    id: str
    name: str
    domain: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription; it trusts the tokens of one tenant."""

    id: str
    name: str
    tenant_id: str
    state: str = "Enabled"


@dataclass(slots=True)
class Principal:
    """A service principal; `rights` maps a scope in lower case to the role held there."""

    tenant_id: str
    client_id: str
    object_id: str
    name: str
    secret: str = field(repr=False)
    rights: dict[str, Role] = field(default_factory=dict)

    def may(self, scope: str, *, write: bool) -> bool:
        """Return whether the principal may read, or write, at `scope` (a lower-case resource id)."""
        for granted, role in self.rights.items():
            covers = scope == granted or scope.startswith(granted + "/") or granted == "/"
            if covers and (not write or role is not Role.READER):
                return True
        return False

    def sees(self, subscription_id: str) -> bool:
        """Return whether the principal has any right on or in a subscription."""
        scope = f"/subscriptions/{subscription_id.lower()}"
        return any(granted == "/" or (granted + "/").startswith(scope + "/") for granted in self.rights)


class Directory:
    """All tenants, subscriptions and principals."""

    def __init__(self) -> None:
        """Begin empty."""
        self.tenants: dict[str, Tenant] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self._principals: dict[tuple[str, str], Principal] = {}

    def add_tenant(self, tenant: Tenant) -> None:
        """Add or replace a tenant."""
        self.tenants[tenant.id.lower()] = tenant

    def add_subscription(self, subscription: Subscription) -> None:
        """Add or replace a subscription."""
        self.subscriptions[subscription.id.lower()] = subscription

    def add_principal(self, principal: Principal) -> None:
        """Add or replace a principal."""
        self._principals[principal.tenant_id.lower(), principal.client_id.lower()] = principal

    def find_tenant(self, name: str) -> Tenant | None:
        """Return the tenant with that id or domain name."""
        wanted = name.lower()
        found = self.tenants.get(wanted)
        return found or next((tenant for tenant in self.tenants.values() if tenant.domain.lower() == wanted), None)

    def tenants_of(self, client_id: str) -> list[Tenant]:
        """Return the tenants that know an application."""
        return [tenant for key, tenant in self.tenants.items() if (key, client_id.lower()) in self._principals]

    def find_principal(self, tenant_id: str, client_id: str) -> Principal | None:
        """Return the principal of an application in a tenant."""
        return self._principals.get((tenant_id.lower(), client_id.lower()))
