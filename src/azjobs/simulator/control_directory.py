"""The order of the control that fills the directory: tenants, subscriptions, applications, identities, users."""

from __future__ import annotations

import uuid

import msgspec

from azjobs.simulator.cloud import Cloud
from azjobs.simulator.directory import Directory, Subscription, Tenant
from azjobs.simulator.principals import (
    Application,
    ClientSecret,
    FederatedCredential,
    Member,
    Role,
    User,
    object_id_of,
)

Rights = dict[str, Role]


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an order; an unknown field is refused."""


class _SecretOrder(Order):
    value: str
    expires_at: float | None = None


class _FederatedOrder(Order):
    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"


class _PrincipalOrder(Order):
    tenant_id: str
    client_id: str
    secret: str | None = None
    name: str = "app"
    rights: Rights = {}
    secrets: list[_SecretOrder] = []
    certificates: list[str] = []
    federated: list[_FederatedOrder] = []
    disabled: bool = False
    blocked: bool = False


class _IdentityOrder(Order):
    tenant_id: str
    client_id: str
    name: str
    rights: Rights = {}
    resource_id: str = ""
    system_assigned: bool = False


class _MemberOrder(Order):
    tenant_id: str
    disabled: bool = False
    blocked: bool = False
    needs_mfa: bool = False


class _UserOrder(Order):
    username: str
    tenant_id: str
    password: str = ""
    name: str = ""
    rights: Rights = {}
    guest_of: list[str | _MemberOrder] = []
    disabled: bool = False
    blocked: bool = False
    needs_mfa: bool = False


class _TenantOrder(Order):
    id: str
    name: str
    domain: str = ""
    needs_mfa: bool = False
    blocked: bool = False


class _SubscriptionOrder(Order):
    id: str
    name: str
    tenant_id: str
    state: str = "Enabled"


class _ClientOrder(Order):
    client_id: str
    name: str = "public client"


class DirectoryOrder(Order):
    """What is to be in the directory from now on; what has the same id is replaced."""

    tenants: list[_TenantOrder] = []
    subscriptions: list[_SubscriptionOrder] = []
    principals: list[_PrincipalOrder] = []
    identities: list[_IdentityOrder] = []
    users: list[_UserOrder] = []
    public_clients: list[_ClientOrder] = []
    resources: list[str] = []


def fill_directory(cloud: Cloud, order: DirectoryOrder) -> None:
    """Add `tenants`, `subscriptions`, `principals`, `identities`, `users`, `public_clients` and `resources`."""
    directory = cloud.directory
    for tenant in order.tenants:
        domain = tenant.domain or f"{tenant.name.lower()}.example"
        directory.add_tenant(Tenant(tenant.id, tenant.name, domain, tenant.needs_mfa, tenant.blocked))
    for subscription in order.subscriptions:
        _require_tenant(directory, subscription.tenant_id)
        directory.add_subscription(
            Subscription(subscription.id, subscription.name, subscription.tenant_id, subscription.state)
        )
    for principal in order.principals:
        _add_application(directory, principal)
    for identity in order.identities:
        _add_identity(directory, identity)
    for user in order.users:
        _add_user(directory, user)
    directory.public_clients |= {one.client_id.lower(): one.name for one in order.public_clients}
    directory.resources |= {one.rstrip("/") for one in order.resources}


def _require_tenant(directory: Directory, tenant_id: str) -> None:
    if tenant_id.lower() not in directory.tenants:
        raise ValueError(f"no tenant {tenant_id}")


def _add_application(directory: Directory, order: _PrincipalOrder) -> None:
    _require_tenant(directory, order.tenant_id)
    known = directory.find_application(order.tenant_id, order.client_id)
    secrets = [ClientSecret(one.value, one.expires_at) for one in order.secrets]
    directory.add_application(
        Application(
            tenant_id=order.tenant_id,
            client_id=order.client_id,
            object_id=known.object_id if known else str(uuid.uuid4()),
            name=order.name,
            secrets=secrets if order.secret is None else [ClientSecret(order.secret), *secrets],
            certificates=list(order.certificates),
            federated=[FederatedCredential(one.issuer, one.subject, one.audience) for one in order.federated],
            rights=_scopes(order.rights),
            is_disabled=order.disabled,
            is_blocked=order.blocked,
        )
    )


def _add_identity(directory: Directory, order: _IdentityOrder) -> None:
    _require_tenant(directory, order.tenant_id)
    kind = "microsoft.managedidentity/userassignedidentities"
    resource_id = order.resource_id or f"/subscriptions/none/resourcegroups/host/providers/{kind}/{order.name}"
    if order.system_assigned:
        for one in directory.managed_identities():
            one.is_system_assigned = False  # a host has one of its own
    directory.add_application(
        Application(
            tenant_id=order.tenant_id,
            client_id=order.client_id,
            object_id=object_id_of(order.tenant_id, order.client_id),
            name=order.name,
            identity_resource_id=resource_id.lower(),
            is_system_assigned=order.system_assigned,
            rights=_scopes(order.rights),
        )
    )


def _add_user(directory: Directory, order: _UserOrder) -> None:
    home = _MemberOrder(order.tenant_id, disabled=order.disabled, blocked=order.blocked, needs_mfa=order.needs_mfa)
    places = [home, *(_MemberOrder(one) if isinstance(one, str) else one for one in order.guest_of)]
    name = order.name or order.username.partition("@")[0]
    rights, members = _scopes(order.rights), {}
    for place in places:
        _require_tenant(directory, place.tenant_id)
        members[place.tenant_id.lower()] = Member(
            tenant_id=place.tenant_id,
            object_id=object_id_of(place.tenant_id, order.username),
            name=name,
            username=order.username,
            rights=rights,
            is_disabled=place.disabled,
            is_blocked=place.blocked,
            needs_mfa=place.needs_mfa,
        )
    directory.add_user(User(order.username, name, order.tenant_id, order.password, order.disabled, members))


def _scopes(rights: Rights) -> Rights:
    return {scope.lower().rstrip("/") or "/": role for scope, role in rights.items()}
