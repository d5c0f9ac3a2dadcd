"""Who exists: tenants, subscriptions, applications and users.

Ids, domain names and user names are compared without regard to case.
"""

from __future__ import annotations

from dataclasses import dataclass

from azjobs.simulator.principals import Application, Principal, User

#: The authorities that stand for no tenant: it is found by the user who signs in.
ANY_TENANT = ("common", "organizations")
#: Public clients that every tenant knows [azure-cli and azure-powershell, their sources].
FIRST_PARTY_CLIENTS = {
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Microsoft Azure CLI",
    "1950a258-227b-4e31-a9cf-717495945fc2": "Microsoft Azure PowerShell",
}


@dataclass(frozen=True, slots=True)
class Tenant:
    """A directory; users need multi-factor authentication there, or conditional access keeps them out."""

    id: str
    name: str
    domain: str
    needs_mfa: bool = False
    is_blocked: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription; it trusts the tokens of one tenant."""

    id: str
    name: str
    tenant_id: str
    state: str = "Enabled"


class Directory:
    """All tenants, subscriptions and principals."""

    def __init__(self) -> None:
        """Begin empty."""
        self.tenants: dict[str, Tenant] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.users: dict[str, User] = {}
        self.public_clients: dict[str, str] = dict(FIRST_PARTY_CLIENTS)
        #: Other resources that tokens are given out for, as they stand before `/.default`.
        self.resources: set[str] = set()
        self._applications: dict[tuple[str, str], Application] = {}
        self._members: dict[tuple[str, str], User] = {}  # by tenant and object id

    def add_tenant(self, tenant: Tenant) -> None:
        """Add or replace a tenant."""
        self.tenants[tenant.id.lower()] = tenant

    def add_subscription(self, subscription: Subscription) -> None:
        """Add or replace a subscription."""
        self.subscriptions[subscription.id.lower()] = subscription

    def add_application(self, application: Application) -> None:
        """Add or replace an application in its tenant."""
        self._applications[application.tenant_id.lower(), application.client_id.lower()] = application

    def add_user(self, user: User) -> None:
        """Add or replace a user."""
        known = self.users.get(user.username.lower())
        for member in known.members.values() if known else ():
            self._members.pop((member.tenant_id.lower(), member.object_id), None)
        self.users[user.username.lower()] = user
        self._members |= {(one.tenant_id.lower(), one.object_id): user for one in user.members.values()}

    def find_tenant(self, name: str) -> Tenant | None:
        """Return the tenant with that id or domain name."""
        wanted = name.lower()
        found = self.tenants.get(wanted)
        return found or next((tenant for tenant in self.tenants.values() if tenant.domain.lower() == wanted), None)

    def find_application(self, tenant_id: str, client_id: str) -> Application | None:
        """Return the application with that client id in a tenant."""
        return self._applications.get((tenant_id.lower(), client_id.lower()))

    def find_user(self, username: str) -> User | None:
        """Return the user of that name."""
        return self.users.get(username.lower())

    def find_holder(self, tenant_id: str, client_id: str, object_id: str) -> Principal | None:
        """Return whom a token of a tenant is about: the user with that object id, else the application."""
        user = self._members.get((tenant_id.lower(), object_id))
        return user.in_tenant(tenant_id) if user else self.find_application(tenant_id, client_id)

    def managed_identities(self) -> list[Application]:
        """Return the applications that are managed identities, as they were added."""
        return [one for one in self._applications.values() if one.identity_resource_id is not None]

    def tenants_of(self, tenant_id: str, client_id: str, object_id: str) -> list[Tenant]:
        """Return the tenants a token's holder belongs to: all of the user's, else all that know the application."""
        user = self._members.get((tenant_id.lower(), object_id))
        if user is not None:
            return [self.tenants[key] for key in user.members]
        return [tenant for key, tenant in self.tenants.items() if (key, client_id.lower()) in self._applications]
