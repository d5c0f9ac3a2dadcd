"""Make an HTTP request of a plan's request, and let it out only to where the context says.

The last place before the network: `azure.guard` is asked here, each time.
Secrets are put into the body here, in memory, and nowhere else; neither bodies
nor tokens are ever logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from azjobs.azure import guard
from azjobs.azure.route import Route
from azjobs.azure.transport import Transport
from azjobs.core.arm import Reply, Request
from azjobs.core.context import ContextValue
from azjobs.core.errors import AzJobsError
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
        if request.is_read:
            guard.check_read(url, context, token)
        else:
            guard.check_write(url, context, token)
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
            WrongTarget: host, tenant or account are not the context's; nothing was sent.
            Unsent: nothing was sent.
            Unanswered: no whole answer came.
        """
        url = absolute(url, context)
        guard.check_read(url, context, token)
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
