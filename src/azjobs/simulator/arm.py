"""The front door of the resource manager: who asks, for what, whether they may, then the one who answers.

The order of the checks is the service's: token, tenant, subscription, api-version, limits, rights, then the
operation itself.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

from azjobs.simulator import (
    deployments,
    disks,
    groups,
    interfaces,
    machine_views,
    machines,
    power,
    public_addresses,
    security_groups,
    subnets,
    subscriptions,
    vnets,
)
from azjobs.simulator.cloud import Call, Json, Reply, Route
from azjobs.simulator.errors import ArmError, not_simulated
from azjobs.simulator.paths import ArmPath, parse_path

ROUTES: tuple[Route, ...] = (
    *subscriptions.ROUTES,
    *groups.ROUTES,
    *deployments.ROUTES,
    *vnets.ROUTES,
    *subnets.ROUTES,
    *security_groups.ROUTES,
    *public_addresses.ROUTES,
    *interfaces.ROUTES,
    *machine_views.ROUTES,
    *machines.ROUTES,
    *power.ROUTES,
    *disks.ROUTES,
)
_TABLE: dict[tuple[str, str], Route] = {route.key: route for route in ROUTES}
_SHAPES = frozenset(shape for _, shape in _TABLE)
_TYPES = frozenset(
    f"{namespace}/{word}".lower() for namespace, words in subscriptions.PROVIDERS.items() for word in words
)

_API_VERSION = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:-[A-Za-z]+)?")


def answer(call: Call) -> Reply:
    """Return the reply to a call; every refusal is one, too. Fills in the journal entry and the path of the call."""
    entry = call.entry
    entry.api_version = call.query.get("api-version")
    entry.client_request_id = call.headers.get("x-ms-client-request-id")
    entry.correlation_id = call.headers.get("x-ms-correlation-request-id") or str(uuid.uuid4())
    try:
        call.path = parse_path(call.path.raw)
        reply = _answer(call)
    except ArmError as error:
        reply = Reply(error.status, error.to_body(), dict(error.headers))
        if error.status == 401:
            reply.headers["www-authenticate"] = _challenge(call, error)
    return _with_ids(call, reply)


def _answer(call: Call) -> Reply:
    call.cloud.operations.advance()
    route = _TABLE.get((call.method, call.path.shape))
    if route is not None and route.is_open:
        _check_api_version(call)
        return route.handler(call)
    _authenticate(call)
    _check_subscription(call)
    _check_api_version(call)
    assert call.principal is not None
    assert call.claims is not None
    left = call.cloud.limiter.charge(
        call.method,
        subscription=call.subscription.id if call.subscription else None,
        tenant=call.claims.tid,
        principal=call.principal.object_id,
    )
    try:
        if route is None:
            raise _no_route(call.method, call.path)
        _authorize(call, route)
        reply = route.handler(call)
    except ArmError as error:
        error.headers = {**left, **error.headers}
        raise
    reply.headers.update(left)
    return reply


def _authenticate(call: Call) -> None:
    header = call.headers.get("authorization")
    if not header:
        raise ArmError(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ArmError(
            401,
            "AuthenticationFailedInvalidHeader",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.",
        )
    claims = call.cloud.signer.verify(token, now=call.cloud.wall())
    call.claims = claims
    call.entry.client_id, call.entry.tenant_id = claims.appid, claims.tid
    if claims.aud.rstrip("/") != call.cloud.base_url:
        raise ArmError(
            401,
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource. It should exactly match with one of "
            f"the allowed audiences '{call.cloud.base_url}','{call.cloud.base_url}/'.",
        )
    call.entry.object_id = claims.oid
    call.principal = call.cloud.directory.find_holder(claims.tid, claims.appid, claims.oid)
    if call.principal is None:
        raise ArmError(401, "InvalidAuthenticationToken", "The access token is of a principal that is gone.")


def _check_subscription(call: Call) -> None:
    wanted = call.path.subscription
    if wanted is None:
        return
    call.entry.subscription_id = wanted
    subscription = call.cloud.directory.subscriptions.get(wanted.lower())
    if subscription is None:
        if _is_guid(wanted):
            raise ArmError(404, "SubscriptionNotFound", f"The subscription '{wanted}' could not be found.")
        raise ArmError(
            400,
            "InvalidSubscriptionId",
            f"The provided subscription identifier '{wanted}' is malformed or invalid.",
        )
    assert call.claims is not None
    if subscription.tenant_id.lower() != call.claims.tid.lower():
        base = call.cloud.base_url
        raise ArmError(
            401,
            "InvalidAuthenticationTokenTenant",
            f"The access token is from the wrong issuer '{call.claims.iss}'. It must match the tenant "
            f"'{base}/{subscription.tenant_id}/' associated with this subscription. Please use the authority (URL) "
            f"'{base}/{subscription.tenant_id}' to get the token. Note, if the subscription is transferred to another "
            "tenant there is no impact to the services, but information about new tenant could take time to propagate.",
        )
    call.subscription = subscription


def _is_guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _check_api_version(call: Call) -> None:
    version = call.query.get("api-version")
    if not version:
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    match = _API_VERSION.fullmatch(version)
    if match is None or not _is_date(*map(int, match.groups())):
        raise ArmError(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{version}' is invalid. The supported versions are dates, such as '2024-11-01'.",
        )
    call.api_version = version


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return False
    return True


def _authorize(call: Call, route: Route) -> None:
    assert call.principal is not None
    if call.subscription is None:
        return
    scope = call.path.raw.lower().rstrip("/")
    if route.any_right and call.principal.sees(call.subscription.id):
        return
    if not call.principal.may(scope, write=call.method not in ("GET", "HEAD")):
        raise ArmError(
            403,
            "AuthorizationFailed",
            f"The client '{call.principal.label}' with object id '{call.principal.object_id}' does not have "
            f"authorization to perform action '{route.permission}' over scope '{call.path.raw}' or the scope is "
            "invalid. If access was recently granted, please refresh your credentials.",
        )


def _no_route(method: str, path: ArmPath) -> ArmError:
    """Return the refusal of what no route answers: a type that is not there, or an operation that is not."""
    if path.shape in _SHAPES:
        return not_simulated(f"{method} {path.shape}")
    if path.namespace is None:
        return ArmError(404, "NotFound", f"No route of the simulator is {method} {path.raw}.")
    namespaces = {namespace.lower(): namespace for namespace in subscriptions.PROVIDERS}
    if path.namespace not in namespaces:
        return ArmError(
            404,
            "InvalidResourceNamespace",
            f"The resource namespace '{path.namespace}' is invalid, or not simulated.",
        )
    if path.words and f"{path.namespace}/{path.words[0]}".lower() in _TYPES:
        return not_simulated(f"{method} {path.shape}")
    return ArmError(
        404,
        "InvalidResourceType",
        f"The resource type '{'/'.join(path.words)}' could not be found in the namespace "
        f"'{namespaces[path.namespace]}', or is not simulated.",
    )


def _challenge(call: Call, error: ArmError) -> str:
    tenant = call.subscription.tenant_id if call.subscription else _tenant_of(call)
    return (
        f'Bearer authorization_uri="{call.cloud.base_url}/{tenant}", error="invalid_token", '
        f'error_description="{error.message.split(". ")[0]}"'
    )


def _tenant_of(call: Call) -> str:
    subscription = call.cloud.directory.subscriptions.get((call.path.subscription or "").lower())
    return subscription.tenant_id if subscription else "common"


def _with_ids(call: Call, reply: Reply) -> Reply:
    request_id = str(uuid.uuid4())
    moment = datetime.fromtimestamp(call.cloud.wall(), UTC).strftime("%Y%m%dT%H%M%SZ")
    headers: Json = reply.headers
    headers["x-ms-request-id"] = request_id
    headers["x-ms-correlation-request-id"] = call.entry.correlation_id
    headers["x-ms-routing-request-id"] = f"EASTUS:{moment}:{request_id}"
    if call.entry.client_request_id and call.headers.get("x-ms-return-client-request-id", "").lower() == "true":
        headers["x-ms-client-request-id"] = call.entry.client_request_id
    return reply
