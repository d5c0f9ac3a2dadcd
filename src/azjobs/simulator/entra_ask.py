"""One request of the authority, and what several of its endpoints read out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from azjobs.simulator.cloud import Cloud
from azjobs.simulator.directory import Tenant
from azjobs.simulator.entra_errors import (
    EntraError,
    bad_request,
    blocked_by_policy,
    disabled_account,
    mfa_required,
    missing_parameter,
    stranger,
    unknown_resource,
    unknown_user,
)
from azjobs.simulator.journal import Request
from azjobs.simulator.principals import Member, Principal, User

AUTHORIZE, TOKEN = "oauth2/v2.0/authorize", "oauth2/v2.0/token"
#: What a token is for when only scopes of OpenID were asked for: Microsoft Graph, which is not here.
GRAPH = "00000003-0000-0000-c000-000000000000"
_OPENID_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
_USER_SCOPES = (".default", "user_impersonation")


@dataclass(slots=True)
class Ask:
    """One request of the authority. `tenant` is None for `common` and `organizations`."""

    cloud: Cloud
    method: str
    path: str
    headers: Mapping[str, str]
    entry: Request
    content: bytes = field(default=b"", repr=False)  # holds a client secret or a password
    query: Mapping[str, str] = field(default_factory=dict)
    tenant_name: str = ""
    tenant: Tenant | None = None

    def form(self, *required: str) -> dict[str, str]:
        """Return the fields of the body; a refusal when one of the `required` is missing or empty."""
        try:
            form = dict(parse_qsl(self.content.decode(), strict_parsing=True))
        except ValueError:
            raise missing_parameter(required[0]) from None
        for name in required:
            if not form.get(name):
                raise missing_parameter(name)
        return form

    def require_tenant(self) -> Tenant:
        """Return the tenant; a refusal under `common`, where an application belongs to none."""
        if self.tenant is None:
            raise bad_request(
                50059,
                "No tenant-identifying information found in either the request or implied by any provided credentials.",
            )
        return self.tenant

    def tenant_of(self, user: User) -> Tenant:
        """Return the tenant that was asked, under `common` the user's own."""
        return self.tenant or self.cloud.directory.tenants[user.home_tenant_id.lower()]

    def require_public_client(self, client_id: str) -> None:
        """Refuse a client that is no public one and no application of the tenant."""
        self.entry.client_id = client_id
        directory = self.cloud.directory
        if client_id.lower() in directory.public_clients:
            return
        if self.tenant is None or directory.find_application(self.tenant.id, client_id) is None:
            raise EntraError(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client_id}' was not found in the directory '{self.tenant_name}'.",
            )


def find_member(ask: Ask, username: str) -> Member:
    """Return a user in the tenant that was asked; a refusal when there is none, or the account is disabled."""
    user = ask.cloud.directory.find_user(username)
    if user is None:
        raise unknown_user(username)
    tenant = ask.tenant_of(user)
    member = user.in_tenant(tenant.id)
    if member is None:
        raise stranger(username, tenant.name)
    if user.is_disabled or member.is_disabled:
        raise disabled_account(username)
    ask.entry.tenant_id, ask.entry.object_id = tenant.id, member.object_id
    return member


def needs_mfa(cloud: Cloud, principal: Principal) -> bool:
    """Return whether someone has to show a second factor in that tenant."""
    return principal.needs_mfa or cloud.directory.tenants[principal.tenant_id.lower()].needs_mfa


def check_policy(cloud: Cloud, member: Member, mfa_tenants: frozenset[str], resource: str) -> None:
    """Refuse whom conditional access keeps out, and who has not shown the second factor where it is needed."""
    check_blocked(cloud, member)
    if needs_mfa(cloud, member) and member.tenant_id.lower() not in mfa_tenants:
        raise mfa_required(resource)


def check_blocked(cloud: Cloud, principal: Principal) -> None:
    """Refuse whom conditional access keeps out."""
    if principal.is_blocked or cloud.directory.tenants[principal.tenant_id.lower()].is_blocked:
        raise blocked_by_policy()


def resource_of(cloud: Cloud, tenant_name: str, scope: str) -> str:
    """Return what a user's token is to be for: the one resource that `scope` (words apart by spaces) names."""
    named = [word for word in scope.split() if word not in _OPENID_SCOPES]
    if not named:
        return GRAPH
    resources = {word.rpartition("/")[0] for word in named}
    if len(resources) > 1:
        raise bad_request(
            28000,
            "Provided value for the input parameter scope is not valid because it contains more than one resource.",
        )
    for word in named:
        if word.rpartition("/")[2] not in _USER_SCOPES:
            raise EntraError(
                400,
                "invalid_scope",
                70011,
                f"The provided value for the input parameter 'scope' is not valid. The scope {word} is not valid.",
            )
    return check_resource(cloud, tenant_name, resources.pop())


def check_resource(cloud: Cloud, tenant_name: str, resource: str) -> str:
    """Return `resource` when tokens are given out for it; a refusal otherwise."""
    if resource.rstrip("/") != cloud.base_url and resource.rstrip("/") not in cloud.directory.resources:
        raise unknown_resource(resource, tenant_name)
    return resource
