"""The identity endpoint of a host such as App Service: tokens of managed identities, over plain HTTP on loopback.

Of its protocol the version 2019-08-01 is simulated: `resource`, `X-IDENTITY-HEADER`, and for a user-assigned identity
`client_id`, `principal_id` (or `object_id`) or `mi_res_id`. Other versions are refused by name.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from azjobs.simulator.cloud import Cloud, Reply
from azjobs.simulator.entra_ask import check_resource
from azjobs.simulator.entra_errors import EntraError
from azjobs.simulator.journal import Request
from azjobs.simulator.principals import Application
from azjobs.simulator.token_replies import application_token

PATH, VERSION = "/msi/token", "2019-08-01"
_BY_ASSERTION = "2"


@dataclass(frozen=True, slots=True)
class IdentityAsk:
    """One request of the identity endpoint."""

    cloud: Cloud
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    entry: Request


def answer(ask: IdentityAsk) -> Reply:
    """Return a token of an identity of this host: {access_token, expires_on, resource, token_type, client_id}."""
    if (ask.method, ask.path) != ("GET", PATH):
        return _refusal(404, f"The simulator does not simulate {ask.method} {ask.path} here.")
    shown = ask.headers.get("x-identity-header", "")
    if not hmac.compare_digest(shown.encode(), ask.cloud.identity.identity_header.encode()):
        return _refusal(401, "The X-IDENTITY-HEADER is missing or is not that of this host.")
    if ask.query.get("api-version") != VERSION:
        return _refusal(400, f"The api-version '{ask.query.get('api-version')}' is not simulated; {VERSION} is.")
    identity = _find(ask.cloud, ask.query)
    if identity is None:
        return _refusal(
            400, "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
        )
    ask.entry.grant, ask.entry.tenant_id = "managed_identity", identity.tenant_id
    ask.entry.client_id, ask.entry.object_id = identity.client_id, identity.object_id
    try:
        resource = check_resource(ask.cloud, "of this host", ask.query.get("resource", ""))
    except EntraError as error:
        return _refusal(400, str(error))
    token = application_token(ask.cloud, identity, resource=resource, proof=_BY_ASSERTION)
    body = {
        "access_token": token,
        "expires_on": str(int(ask.cloud.wall()) + ask.cloud.settings.token_lifetime_s),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": identity.client_id,
    }
    return Reply(200, body)


def _find(cloud: Cloud, query: Mapping[str, str]) -> Application | None:
    wanted = {
        "client_id": query.get("client_id"),
        "object_id": query.get("principal_id") or query.get("object_id"),
        "identity_resource_id": query.get("mi_res_id"),
    }
    named = {name: value.lower() for name, value in wanted.items() if value}
    for identity in cloud.directory.managed_identities():
        if named and all(str(getattr(identity, name)).lower() == value for name, value in named.items()):
            return identity
        if not named and identity.is_system_assigned:
            return identity
    return None


def _refusal(status: int, message: str) -> Reply:
    return Reply(status, {"statusCode": status, "message": message})
