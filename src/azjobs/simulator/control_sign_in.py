"""The orders of the control that concern the directory and the authority."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from azjobs.simulator import device_codes
from azjobs.simulator.cloud import Cloud
from azjobs.simulator.directory import Directory, Subscription, Tenant
from azjobs.simulator.issuer_routes import request_url
from azjobs.simulator.issuers import AUDIENCE, Issuer
from azjobs.simulator.principals import (
    Application,
    ClientSecret,
    FederatedCredential,
    Member,
    Role,
    User,
    object_id_of,
)
from azjobs.simulator.sign_in_state import Browser, Loss

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


class BrowserOrder(Order):
    """Who sits at the browser, and whether "accept" or "decline"."""

    username: str | None = None
    action: str = "accept"
    mfa: bool = True


class DeviceOrder(Order):
    """What to do with one device code."""

    user_code: str
    username: str = ""
    mfa: bool = True


class DeviceCodesOrder(Order):
    """How device codes are from now on; None leaves a setting, `approve_as` "" ends the approval at once."""

    interval_s: int | None = None
    expires_in_s: int | None = None
    enforce_interval: bool | None = None
    approve_as: str | None = None


class RefreshTokensOrder(Order):
    """How refresh tokens are from now on; None leaves a setting."""

    lifetime_s: int | None = None
    strict_rotation: bool | None = None


class RevokeOrder(Order):
    """Whose refresh tokens end (None: everyone's), and why."""

    username: str | None = None
    reason: Loss = Loss.REVOKED


class IssuerOrder(Order):
    """How an issuer's assertions are from now on; None leaves a setting."""

    name: str
    subject: str | None = None
    lifetime_s: int | None = None


class AssertionOrder(Order):
    """An assertion to sign; None is what the issuer usually says."""

    issuer: str
    subject: str | None = None
    audience: str = AUDIENCE
    lifetime_s: int | None = None


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


def _require_user(cloud: Cloud, username: str) -> None:
    if cloud.directory.find_user(username) is None:
        raise ValueError(f"no user {username}")


def set_browser(cloud: Cloud, order: BrowserOrder) -> None:
    """Say who sits at the browser: `username`, `action` (accept or decline), `mfa`."""
    if order.action not in ("accept", "decline"):
        raise ValueError(f"no one at a browser can {order.action}; accept or decline")
    if order.username is not None:
        _require_user(cloud, order.username)
    cloud.sign_in.browser = Browser(order.username, order.action == "accept", order.mfa)


def approve_device(cloud: Cloud, order: DeviceOrder) -> None:
    """Approve the device that shows `user_code`, as `username`, with or without `mfa`."""
    device_codes.approve(cloud, device_codes.find_pending(cloud, order.user_code), order.username, mfa=order.mfa)


def decline_device(cloud: Cloud, order: DeviceOrder) -> None:
    """Decline the device that shows `user_code`."""
    device_codes.find_pending(cloud, order.user_code).is_declined = True


def set_device_codes(cloud: Cloud, order: DeviceCodesOrder) -> None:
    """Set `interval_s`, `expires_in_s`, `enforce_interval` (slow_down), `approve_as` (a user, at once)."""
    state = cloud.sign_in
    if order.interval_s is not None:
        state.device_interval_s = order.interval_s
    if order.expires_in_s is not None:
        state.device_lifetime_s = order.expires_in_s
    if order.enforce_interval is not None:
        state.is_interval_enforced = order.enforce_interval
    if order.approve_as:
        _require_user(cloud, order.approve_as)
    if order.approve_as is not None:
        state.device_approver = order.approve_as or None


def set_refresh_tokens(cloud: Cloud, order: RefreshTokensOrder) -> None:
    """Set the `lifetime_s` of refresh tokens given out from now on; `strict_rotation`: each is good once."""
    if order.lifetime_s is not None:
        cloud.sign_in.refresh_lifetime_s = order.lifetime_s
    if order.strict_rotation is not None:
        cloud.sign_in.is_rotation_strict = order.strict_rotation


def revoke(cloud: Cloud, order: RevokeOrder) -> None:
    """End the refresh tokens of `username` (all without it); `reason`: revoked, inactive, sign-in-frequency."""
    if order.username is not None:
        _require_user(cloud, order.username)
    wanted = order.username.lower() if order.username else None
    for token in cloud.sign_in.refresh_tokens.values():
        if wanted in (None, token.grant.username.lower()):
            token.loss = order.reason
    for username in list(cloud.sign_in.mfa_tenants):
        if wanted in (None, username):
            del cloud.sign_in.mfa_tenants[username]


def set_issuer(cloud: Cloud, order: IssuerOrder) -> dict[str, Any]:
    """Set the `subject` and `lifetime_s` of an issuer; answers its name, issuer, request_url and request_token."""
    issuer = _require_issuer(cloud, order.name)
    if order.subject is not None:
        issuer.subject = order.subject
    if order.lifetime_s is not None:
        issuer.lifetime_s = order.lifetime_s
    said = {"name": issuer.name, "issuer": cloud.issuers.url(issuer.name), "subject": issuer.subject}
    said |= {"request_url": request_url(cloud, issuer.name), "request_token": issuer.request_token}
    return {**said, "audience": AUDIENCE, "lifetime_s": issuer.lifetime_s}


def sign_assertion(cloud: Cloud, order: AssertionOrder) -> dict[str, Any]:
    """Answer an `assertion` of an issuer, with any `subject`, `audience` and `lifetime_s`."""
    issuer = _require_issuer(cloud, order.issuer)
    text = cloud.issuers.sign(
        issuer,
        subject=order.subject or issuer.subject,
        audience=order.audience,
        lifetime_s=issuer.lifetime_s if order.lifetime_s is None else order.lifetime_s,
        now=cloud.wall(),
    )
    return {"assertion": text}


def _require_issuer(cloud: Cloud, name: str) -> Issuer:
    issuer = cloud.issuers.find(name)
    if issuer is None:
        raise ValueError(f"no issuer {name}; there are {', '.join(cloud.issuers.names())}")
    return issuer


ORDERS: dict[str, tuple[type[Any], Any]] = {
    "directory": (DirectoryOrder, fill_directory),
    "browser": (BrowserOrder, set_browser),
    "approve-device": (DeviceOrder, approve_device),
    "decline-device": (DeviceOrder, decline_device),
    "device-codes": (DeviceCodesOrder, set_device_codes),
    "refresh-tokens": (RefreshTokensOrder, set_refresh_tokens),
    "revoke": (RevokeOrder, revoke),
    "issuer": (IssuerOrder, set_issuer),
    "assertion": (AssertionOrder, sign_assertion),
}
