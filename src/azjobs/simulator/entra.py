"""The authority: which endpoint was asked, in which tenant, and the form of its answers and refusals.

Simulated for each tenant, by id or domain, and for `common` and `organizations`: OpenID discovery, the key set,
authorize, device codes, the token endpoint and the realm of a user. Every other endpoint is refused by name.
"""

from __future__ import annotations

import html
import uuid
from collections.abc import Callable

from azjobs.simulator import authorize, device_codes, grants
from azjobs.simulator.cloud import Cloud, Json, Reply
from azjobs.simulator.directory import ANY_TENANT, Tenant
from azjobs.simulator.entra_ask import AUTHORIZE, TOKEN, Ask
from azjobs.simulator.entra_errors import EntraError, moment_text, not_simulated, unknown_tenant

DISCOVERY, KEYS = "v2.0/.well-known/openid-configuration", "discovery/v2.0/keys"
DEVICE_CODE = "oauth2/v2.0/devicecode"
REALM = "userrealm/"


def is_entra_path(path: str) -> bool:
    """Return whether a path is the authority's: a tenant and one of its endpoints, or a near miss."""
    name, _, rest = path.strip("/").partition("/")
    return name == device_codes.VERIFICATION or rest.startswith(
        ("v2.0/.well-known/", ".well-known/", "discovery/", "oauth2/", REALM)
    )


def answer(ask: Ask) -> Reply:
    """Return the reply of the authority; every refusal is one, too: JSON, or a page where a browser asked."""
    correlation_id = ask.headers.get("client-request-id") or str(uuid.uuid4())
    ask.entry.correlation_id = correlation_id
    ask.entry.client_request_id = ask.headers.get("client-request-id")
    ask.tenant_name, _, rest = ask.path.strip("/").partition("/")
    try:
        ask.tenant = _find_tenant(ask)
        ask.entry.tenant_id = ask.tenant.id if ask.tenant else None
        reply = _dispatch(ask, rest)
    except EntraError as error:
        reply = Reply(error.status, error_body(ask.cloud, error, correlation_id))
        if rest == AUTHORIZE:
            reply.html = f"<!doctype html><title>Sign in</title><p>{html.escape(str(error))}</p>"
    reply.headers |= {
        "x-ms-request-id": str(uuid.uuid4()),
        "client-request-id": correlation_id,
        "cache-control": "no-store, no-cache",
    }
    return reply


def error_body(cloud: Cloud, error: EntraError, correlation_id: str) -> Json:
    """Return the JSON of a refusal as the authority words it."""
    trace_id = str(uuid.uuid4())
    moment = moment_text(cloud.wall())
    body = {
        "error": error.error,
        "error_description": f"{error} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {moment}",
        "error_codes": [error.number],
        "timestamp": moment,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
        "error_uri": f"{cloud.base_url}/error?code={error.number}",
    }
    more = {"suberror": error.suberror, "claims": error.claims}
    return body | {name: value for name, value in more.items() if value}


def _find_tenant(ask: Ask) -> Tenant | None:
    if ask.tenant_name.lower() in (*ANY_TENANT, device_codes.VERIFICATION):
        return None
    tenant = ask.cloud.directory.find_tenant(ask.tenant_name)
    if tenant is None:
        raise unknown_tenant(ask.tenant_name)
    return tenant


def _dispatch(ask: Ask, rest: str) -> Reply:
    if ask.tenant_name == device_codes.VERIFICATION:
        return device_codes.page(ask)
    endpoint = ENDPOINTS.get((ask.method, rest))
    if endpoint is not None:
        return endpoint(ask)
    if ask.method == "GET" and rest.startswith(REALM):
        return _realm(ask, rest.removeprefix(REALM))
    raise not_simulated(f"{ask.method} /…/{rest}")


def _configuration(ask: Ask) -> Reply:
    """Return what the tenant's endpoints are and what they can do."""
    name = ask.tenant.id if ask.tenant else ask.tenant_name.lower()
    base = f"{ask.cloud.base_url}/{name}"
    issuer = f"{ask.cloud.base_url}/{ask.tenant.id if ask.tenant else '{tenantid}'}/v2.0"
    body = {
        "token_endpoint": f"{base}/{TOKEN}",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": f"{base}/{KEYS}",
        "response_modes_supported": ["query", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{base}/{AUTHORIZE}",
        "device_authorization_endpoint": f"{base}/{DEVICE_CODE}",
        "http_logout_supported": False,
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver"],
        "tenant_region_scope": None,
        "cloud_instance_name": ask.cloud.base_url.removeprefix("https://"),
    }
    return Reply(200, body)


def _keys(ask: Ask) -> Reply:
    """Return the keys that tokens are signed with."""
    return Reply(200, ask.cloud.signer.to_jwks())


def _realm(ask: Ask, username: str) -> Reply:
    known = ask.cloud.directory.find_user(username.replace("%40", "@"))
    kind = {"account_type": "Managed"} if known else {"account_type": "Unknown"}
    domain = username.replace("%40", "@").partition("@")[2]
    return Reply(200, {"ver": "1.0", **kind, "domain_name": domain, "cloud_instance_name": "localhost"})


ENDPOINTS: dict[tuple[str, str], Callable[[Ask], Reply]] = {
    ("GET", DISCOVERY): _configuration,
    ("GET", KEYS): _keys,
    ("GET", AUTHORIZE): authorize.answer,
    ("POST", DEVICE_CODE): device_codes.answer,
    ("POST", TOKEN): grants.answer,
}
