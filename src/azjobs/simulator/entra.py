"""The authority: who an application is, and the token that says so.

Simulated: OpenID discovery, the key set, and the token endpoint with client_credentials and a client secret. Every
other grant is refused by name. Errors have Entra's form and numbers.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs

from azjobs.simulator.cloud import Cloud, Json, Reply
from azjobs.simulator.directory import Principal, Tenant
from azjobs.simulator.journal import Request

DISCOVERY, KEYS, TOKEN = "v2.0/.well-known/openid-configuration", "discovery/v2.0/keys", "oauth2/v2.0/token"
_DEFAULT = ".default"


class EntraError(Exception):
    """A refusal of the authority: an HTTP status, an OAuth error word and an AADSTS number with its text."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        """Make a refusal; `text` never holds a secret."""
        super().__init__(f"AADSTS{number}: {text}")
        self.status = status
        self.error = error
        self.number = number


@dataclass(slots=True)
class Ask:
    """One request of the authority."""

    cloud: Cloud
    method: str
    path: str
    headers: Mapping[str, str]
    entry: Request
    content: bytes = field(default=b"", repr=False)  # holds a client secret


def is_entra_path(path: str) -> bool:
    """Return whether a path is the authority's: a tenant and one of its three endpoints, or a near miss."""
    _, _, rest = path.strip("/").partition("/")
    return rest.startswith(("v2.0/.well-known/", ".well-known/", "discovery/", "oauth2/"))


def answer(ask: Ask) -> Reply:
    """Return the reply of the authority; every refusal is one, too."""
    correlation_id = ask.headers.get("client-request-id") or str(uuid.uuid4())
    ask.entry.correlation_id = correlation_id
    ask.entry.client_request_id = ask.headers.get("client-request-id")
    tenant_name, _, rest = ask.path.strip("/").partition("/")
    try:
        tenant = _require_tenant(ask.cloud, tenant_name)
        ask.entry.tenant_id = tenant.id
        reply = Reply(200, _dispatch(ask, tenant, rest))
    except EntraError as error:
        reply = Reply(error.status, error_body(ask.cloud, error, correlation_id))
    reply.headers |= {
        "x-ms-request-id": str(uuid.uuid4()),
        "client-request-id": correlation_id,
        "cache-control": "no-store, no-cache",
    }
    return reply


def error_body(cloud: Cloud, error: EntraError, correlation_id: str) -> Json:
    """Return the JSON of a refusal as the authority words it."""
    trace_id = str(uuid.uuid4())
    moment = datetime.fromtimestamp(cloud.wall(), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return {
        "error": error.error,
        "error_description": f"{error} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {moment}",
        "error_codes": [error.number],
        "timestamp": moment,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
        "error_uri": f"{cloud.base_url}/error?code={error.number}",
    }


def _require_tenant(cloud: Cloud, name: str) -> Tenant:
    tenant = cloud.directory.find_tenant(name)
    if tenant is None:
        raise EntraError(
            400,
            "invalid_request",
            90002,
            f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the "
            "correct cloud.",
        )
    return tenant


def _dispatch(ask: Ask, tenant: Tenant, rest: str) -> Json:
    match ask.method, rest:
        case "GET", "v2.0/.well-known/openid-configuration":
            return _configuration(ask.cloud, tenant)
        case "GET", "discovery/v2.0/keys":
            return ask.cloud.signer.to_jwks()
        case "POST", "oauth2/v2.0/token":
            return _token(ask, tenant)
        case _:
            raise EntraError(404, "not_found", 900561, f"The simulator does not simulate {ask.method} /…/{rest}.")


def _configuration(cloud: Cloud, tenant: Tenant) -> Json:
    base = f"{cloud.base_url}/{tenant.id}"
    return {
        "token_endpoint": f"{base}/{TOKEN}",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "jwks_uri": f"{base}/{KEYS}",
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "offline_access"],
        "tenant_region_scope": None,
    }


def _token(ask: Ask, tenant: Tenant) -> Json:
    try:
        form = {name: values[-1] for name, values in parse_qs(ask.content.decode(), strict_parsing=True).items()}
    except ValueError:
        raise EntraError(
            400,
            "invalid_request",
            900144,
            "The request body must contain the following parameter: 'grant_type'.",
        ) from None
    for name in ("grant_type", "client_id", "scope"):
        if not form.get(name):
            raise EntraError(
                400, "invalid_request", 900144, f"The request body must contain the following parameter: '{name}'."
            )
    if form["grant_type"] != "client_credentials":
        raise EntraError(
            400,
            "unsupported_grant_type",
            70003,
            f"The app requested an unsupported grant type '{form['grant_type']}' (not simulated).",
        )
    principal = _identify(ask, tenant, form)
    audience = _audience(ask.cloud, tenant, form["scope"])
    lifetime_s = ask.cloud.settings.token_lifetime_s
    token = ask.cloud.signer.sign(
        principal,
        audience=audience,
        issuer=f"{ask.cloud.base_url}/{tenant.id}/v2.0",
        now=ask.cloud.wall(),
        lifetime_s=lifetime_s,
    )
    return {"token_type": "Bearer", "expires_in": lifetime_s, "ext_expires_in": lifetime_s, "access_token": token}


def _identify(ask: Ask, tenant: Tenant, form: Mapping[str, str]) -> Principal:
    client_id = form["client_id"]
    ask.entry.client_id = client_id
    principal = ask.cloud.directory.find_principal(tenant.id, client_id)
    if principal is None:
        raise EntraError(
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{client_id}' was not found in the directory '{tenant.name}'. This can "
            "happen if the application has not been installed by the administrator of the tenant or consented to by "
            "any user in the tenant. You may have sent your authentication request to the wrong tenant.",
        )
    secret = form.get("client_secret")
    if secret is None:
        raise EntraError(
            401,
            "invalid_client",
            7000218,
            "The request body must contain the following parameter: 'client_secret' (an assertion is not simulated).",
        )
    if not hmac.compare_digest(secret.encode(), principal.secret.encode()):
        raise EntraError(
            401,
            "invalid_client",
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{client_id}'.",
        )
    return principal


def _audience(cloud: Cloud, tenant: Tenant, scope: str) -> str:
    """Return the audience of a scope such as https://localhost:1234/.default; only this cloud's own is known."""
    resource = scope.removesuffix(_DEFAULT).removesuffix("/")
    if not scope.endswith(f"/{_DEFAULT}"):
        raise EntraError(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier (application ID URI).",
        )
    if resource.rstrip("/") != cloud.base_url:
        raise EntraError(
            400,
            "invalid_resource",
            500011,
            f"The resource principal named {resource} was not found in the tenant named {tenant.name}.",
        )
    return resource
