"""Make an HTTP request of a plan's request, and let it out only to where the context says.

The last place before the network. Checked here, each time: no token goes to a
host outside the context's environment; no write goes out with a token of
another tenant, or to another subscription. Secrets are put into the body here,
in memory, and nowhere else; neither bodies nor tokens are ever logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from azjobs.azure.route import Route
from azjobs.azure.transport import Transport
from azjobs.core.arm import Reply, Request
from azjobs.core.claims import parse_claims, tenant_of
from azjobs.core.context import ContextValue, host_of
from azjobs.core.errors import AzJobsError, WrongTarget
from azjobs.core.version import VERSION

REQUEST_TIMEOUT_S = 90.0  # guess: ARM ends a call to a provider after 60 s, so nothing comes after that
POLL_TIMEOUT_S = 60.0  # guess: a status record is a short read; it will be read again anyway


class HoleUnfilled(AzJobsError):
    """A secret that a request needs is not there; nothing was sent. `names` says which."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"The request needs {', '.join(names)}, which must be given again; nothing was sent.")
        self.names = names


class Sender:
    """Sends the requests of plans and reads their status records."""

    def __init__(self, transport: Transport) -> None:
        """Send through `transport`."""
        self._transport = transport
        self._user_agent = f"azjobs/{VERSION}"

    async def send(
        self,
        request: Request,
        context: ContextValue,
        token: str,
        secrets: Mapping[str, str],
        *,
        condition: bool = False,
        route: Route | None = None,
        client_request_id: str = "",
        correlation_id: str = "",
    ) -> tuple[Reply, str]:
        """Send a request and return the reply and the absolute address it came from.

        `condition`: only if the resource does not exist yet (If-None-Match: *).
        `route`: the way of whoever signed in; the context's own authority when not given.

        Raises:
            WrongTarget: it would go elsewhere than the context says; nothing was sent.
            HoleUnfilled: a secret is missing; nothing was sent.
            Unsent: nothing was sent.
            Unanswered: it may have been sent.
        """
        url = absolute(request.path, context)
        check_host(url, context)
        if not request.is_read:
            check_tenant(token, context)
            check_subscription(url, context)
        body = fill(request.body, request.holes, secrets)
        headers = {**request.headers, **self._headers(token, client_request_id, correlation_id)}
        if condition:
            headers["if-none-match"] = "*"
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        way = _way(route, context)
        reply = await self._transport.send(request.method, url, headers, content, timeout_s=REQUEST_TIMEOUT_S, **way)
        return reply, url

    async def poll(
        self,
        url: str,
        context: ContextValue,
        token: str,
        *,
        route: Route | None = None,
        client_request_id: str = "",
        correlation_id: str = "",
    ) -> tuple[Reply, str]:
        """GET a status record or a resource; `url` is absolute, or a path of the context's Resource Manager.

        Raises:
            WrongTarget: its host is outside the context's environment; nothing was sent.
            Unsent: nothing was sent.
            Unanswered: no whole answer came.
        """
        url = absolute(url, context)
        check_host(url, context)
        headers = self._headers(token, client_request_id, correlation_id)
        way = _way(route, context)
        reply = await self._transport.send("GET", url, headers, None, timeout_s=POLL_TIMEOUT_S, **way)
        return reply, url

    def _headers(self, token: str, client_request_id: str, correlation_id: str) -> dict[str, str]:
        headers = {"authorization": f"Bearer {token}", "accept": "application/json", "user-agent": self._user_agent}
        if client_request_id:
            headers["x-ms-client-request-id"] = client_request_id
            headers["x-ms-return-client-request-id"] = "true"
        if correlation_id:
            headers["x-ms-correlation-request-id"] = correlation_id
        return headers


def _way(route: Route | None, context: ContextValue) -> dict[str, str]:
    taken = route or Route(ca_file=context.environment.ca_file)
    return {"ca_file": taken.ca_file, "proxy": taken.proxy}


def absolute(path: str, context: ContextValue) -> str:
    """Return the absolute address of a path of the context's Resource Manager; a whole URL stays as it is."""
    return context.environment.resource_manager_url.rstrip("/") + path if path.startswith("/") else path


def check_host(url: str, context: ContextValue) -> None:
    """Refuse to send a token to a host outside the context's environment.

    Raises:
        WrongTarget: it is outside, or not https.
    """
    # What two readers of URLs could read in two ways is no URL; this is read by urllib, and sent by yarl.
    is_plain = url.isascii() and not any(c <= " " or c in "\\\x7f" for c in url)
    try:
        host = host_of(url) if is_plain else ""
    except ValueError:  # a port that is no number
        host = ""
    if host not in context.environment.hosts:
        where = host or "The address"
        raise WrongTarget(f"{where} is no part of {context.environment.name}; nothing was sent there.")


def check_tenant(token: str, context: ContextValue) -> None:
    """Refuse a token of another tenant than the context's.

    Raises:
        WrongTarget: its `tid` claim is another, or there is none.
    """
    tenant = tenant_of(parse_claims(token))
    if not tenant or tenant.lower() != context.tenant.id.lower():
        said = f"for tenant {tenant}" if tenant else "for no tenant that it names"
        raise WrongTarget(
            f"The token is {said}, the context {context.name} is for {context.tenant_label} ({context.tenant.id}); "
            "nothing was sent."
        )


def check_subscription(url: str, context: ContextValue) -> None:
    """Refuse a write to another subscription than the context's, however its path is spelled.

    Raises:
        WrongTarget: it goes elsewhere, or a part of the path could be read in two ways.
    """
    path = urlsplit(url).path
    segments = path.removeprefix("/").removesuffix("/").split("/")
    plain = [unquote(segment) for segment in segments]
    if any(s in ("", ".", "..") or "/" in s or "\\" in s or not s.isprintable() for s in plain):
        raise WrongTarget(f"The path {path} can be read in more than one way; nothing was sent.")
    if plain[0].lower() != "subscriptions":
        return
    own = context.subscription.id if context.subscription else ""
    if len(plain) > 1 and plain[1].lower() != own.lower():
        of_context = f"is for {context.subscription_label} ({own})" if own else "has no subscription"
        raise WrongTarget(
            f"The target is in subscription {plain[1]}, the context {context.name} {of_context}; nothing was sent."
        )


def fill(body: Any, holes: Mapping[str, str], secrets: Mapping[str, str]) -> Any:
    """Return a body with its holes filled; the original, which is stored and shown, is left as it is.

    `holes` maps JSON pointers [RFC 6901] to names of secrets.

    Raises:
        HoleUnfilled: secrets are missing.
    """
    missing = tuple(sorted({name for name in holes.values() if name not in secrets}))
    if missing:
        raise HoleUnfilled(missing)
    for pointer, name in holes.items():
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        body = _with(body, steps, secrets[name])
    return body


def _with(body: Any, steps: list[str], value: str) -> Any:
    """Copy along the way to one place, and put a value there."""
    if not steps:
        return value
    first, rest = steps[0], steps[1:]
    if isinstance(body, list):
        index = int(first)
        return [*body[:index], _with(body[index], rest, value), *body[index + 1 :]]
    members = body if isinstance(body, dict) else {}
    return {**members, first: _with(members.get(first), rest, value)}
