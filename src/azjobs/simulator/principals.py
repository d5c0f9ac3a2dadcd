"""Who may hold rights: applications, managed identities, and users as members or guests of tenants.

A right is a role at a scope and below it. Roles are the three that this cloud knows.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a principal may do at a scope and below it."""

    OWNER = "Owner"
    CONTRIBUTOR = "Contributor"
    READER = "Reader"


@dataclass(slots=True, kw_only=True)
class Principal:
    """Someone in one tenant; `rights` maps a scope in lower case to the role held there."""

    tenant_id: str
    object_id: str
    name: str
    rights: dict[str, Role] = field(default_factory=dict)
    is_disabled: bool = False
    is_blocked: bool = False  # conditional access lets it in nowhere in this tenant
    needs_mfa: bool = False

    @property
    def label(self) -> str:
        """What an error text calls it."""
        return self.name

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


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret of an application; good until `expires_at` (epoch seconds), None for ever."""

    value: str = field(repr=False)
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """Whose assertions an application takes in place of a secret."""

    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"


@dataclass(slots=True, kw_only=True)
class Application(Principal):
    """A service principal and what proves that it is the one; `certificates` are PEM, of the public part."""

    client_id: str
    secrets: list[ClientSecret] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)
    federated: list[FederatedCredential] = field(default_factory=list)
    #: The resource id of a managed identity, None of an application that signs in by itself.
    identity_resource_id: str | None = None
    is_system_assigned: bool = False

    @property
    def label(self) -> str:
        """What an error text calls it."""
        return self.client_id


@dataclass(slots=True, kw_only=True)
class Member(Principal):
    """A user in one tenant: the home, or another one as a guest. The object id differs from tenant to tenant."""

    username: str

    @property
    def label(self) -> str:
        """What an error text calls it."""
        return self.username


@dataclass(slots=True)
class User:
    """A person: the name is the same everywhere; `members` maps a tenant's id in lower case to the person there."""

    username: str
    name: str
    home_tenant_id: str
    password: str = field(default="", repr=False)
    is_disabled: bool = False
    members: dict[str, Member] = field(default_factory=dict)

    @property
    def home(self) -> Member:
        """The person in the home tenant."""
        return self.members[self.home_tenant_id.lower()]

    def in_tenant(self, tenant_id: str) -> Member | None:
        """Return the person in a tenant, None where neither member nor guest."""
        return self.members.get(tenant_id.lower())


def object_id_of(tenant_id: str, name: str) -> str:
    """Return the object id of a name in a tenant: the same again after a reset, so that tokens stay good."""
    return str(uuid.uuid5(uuid.UUID(int=0), f"{tenant_id}/{name}".lower()))
