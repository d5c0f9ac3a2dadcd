"""Send one HTTPS request and say truthfully whether it may have reached the service.

The one distinction that decides if a write may go out again is whether it was
sent: `Unsent` means that nothing was, `Unanswered` that it may have been. So a
request is never sent twice in here, redirects are not followed, and a
connection that is reset before the first byte of a reply counts as sent.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import aiohttp
import msgspec
from yarl import URL

from azjobs.core.arm import Reply
from azjobs.core.errors import AzJobsError

CONNECT_TIMEOUT_S = 15.0  # guess: TCP and TLS together take well under a second, anywhere
MOST_CONNECTIONS = 100  # guess: enough for some hundred polls a second at 100 ms each
LARGEST_REPLY_BYTES = 32 * 1024 * 1024  # guess: a page of 1,000 machines has about 5 MB
KEEP_ALIVE_S = 15.0  # shorter than any service's own, so that a pooled connection is seldom closed under a request
KEPT_HEADERS = frozenset(
    {"azure-asyncoperation", "content-type", "etag", "location", "retry-after", "www-authenticate"}
)


class Unsent(AzJobsError):
    """The request was not sent: no connection could be made."""


class Unanswered(AzJobsError):
    """The request may have been sent, and no whole answer came."""


class Transport(Protocol):
    """How requests reach a service; a parameter of everything that sends."""

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        timeout_s: float,
        ca_file: str = "",
        proxy: str = "",
    ) -> Reply:
        """Send one request, once, and return the reply.

        `url` is absolute and encoded; `timeout_s` counts from the moment there is
        a connection; `ca_file` is the only authority to trust, "" for the system's;
        `proxy` is the address of a proxy to tunnel through.

        Raises:
            Unsent: nothing was sent.
            Unanswered: it may have been sent.
        """


class AiohttpTransport:
    """The transport over aiohttp: one pool of connections, one TLS context for each authority."""

    def __init__(self, *, connections: int = MOST_CONNECTIONS) -> None:
        """Must be made inside a running event loop."""
        tracing = aiohttp.TraceConfig(trace_config_ctx_factory=_context)  # type: ignore[arg-type]  # any callable will do
        tracing.on_connection_create_end.append(_on_connected)
        tracing.on_connection_reuseconn.append(_on_connected)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            trace_configs=[tracing],
        )
        self._contexts: dict[tuple[str, int, int], ssl.SSLContext] = {}

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        timeout_s: float,
        ca_file: str = "",
        proxy: str = "",
    ) -> Reply:
        """Send one request, once; see `Transport.send`."""
        target = URL(url, encoded=True)
        if target.scheme != "https" or not target.host:
            raise Unsent("Only https addresses are spoken to.")
        tls = self._tls(ca_file)
        attempt = _Attempt(timeout_s, proxy)
        try:
            async with asyncio.timeout(None) as attempt.deadline:
                return await self._exchange(method, target, headers, body, tls, attempt)
        except TimeoutError as problem:
            told = f"did not answer in {timeout_s:g} s" if attempt.is_connected else "could not be connected to in time"
            raise _as_failure(target, attempt, told, problem) from None
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            raise _as_failure(target, attempt, _why(problem), problem) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _exchange(
        self,
        method: str,
        target: URL,
        headers: Mapping[str, str],
        body: bytes | None,
        tls: ssl.SSLContext,
        attempt: _Attempt,
    ) -> Reply:
        request = self._session.request(
            method,
            target,
            headers=headers,
            data=body,
            ssl=tls,
            allow_redirects=False,
            middlewares=(attempt.only_once,),
            proxy=attempt.proxy or None,
            trace_request_ctx=attempt,
        )
        async with request as response:
            content = await _read(response)
            return Reply(response.status, _kept(response), _decoded(content))

    def _tls(self, ca_file: str) -> ssl.SSLContext:
        """One context for each authority: a new one for each request would mean a new connection for each."""
        try:
            state = Path(ca_file).stat() if ca_file else None
            key = (ca_file, state.st_mtime_ns, state.st_size) if state else ("", 0, 0)
            if key not in self._contexts:
                self._contexts[key] = ssl.create_default_context(cafile=ca_file or None)
        except OSError as problem:
            raise Unsent(f"The certificate authority {ca_file} cannot be read: {problem.strerror}.") from None
        return self._contexts[key]


class _Attempt:
    """How far one request has come."""

    def __init__(self, timeout_s: float, proxy: str) -> None:
        self.proxy = proxy
        self.timeout_s = timeout_s
        self.is_begun = False
        self.is_connected = False
        self.deadline: asyncio.Timeout | None = None

    async def only_once(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Refuse the second sending that aiohttp tries by itself for a PUT or DELETE whose connection broke."""
        if self.is_begun:
            raise Unanswered(f"{request.url.host} closed the connection without an answer.")
        self.is_begun = True
        return await handler(request)

    def connected(self) -> None:
        """From now on the request may reach the service, and the clock runs."""
        self.is_connected = True
        if self.deadline is not None:
            self.deadline.reschedule(asyncio.get_running_loop().time() + self.timeout_s)


def _context(trace_request_ctx: Any = None) -> SimpleNamespace:
    return SimpleNamespace(attempt=trace_request_ctx)


async def _on_connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: object) -> None:
    context.attempt.connected()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size_bytes = 0
    async for part in response.content.iter_any():
        size_bytes += len(part)
        if size_bytes > LARGEST_REPLY_BYTES:
            raise Unanswered(f"{response.url.host} gave an answer of more than {LARGEST_REPLY_BYTES >> 20} MiB.")
        parts.append(part)
    return b"".join(parts)


def _kept(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The headers that something here reads, in lower case; one that comes several times is joined by commas."""
    kept: dict[str, str] = {}
    for name, value in response.headers.items():
        lower = name.lower()
        if lower in KEPT_HEADERS or lower.startswith("x-ms-"):
            kept[lower] = f"{kept[lower]},{value}" if lower in kept else value
    return kept


def _decoded(content: bytes) -> Any:
    if not content.strip():
        return None
    try:
        return msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"))  # some providers begin with a byte order mark
    except msgspec.DecodeError:
        return None


def _as_failure(target: URL, attempt: _Attempt, why: str, problem: Exception) -> Unsent | Unanswered:
    # A connection that failed never carried the request, even where another one was made and lost before.
    never = aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError
    is_unsent = not attempt.is_connected or isinstance(problem, never)
    return (Unsent if is_unsent else Unanswered)(f"{target.host}:{target.port} {why}.")


def _why(problem: Exception) -> str:
    match problem:
        case aiohttp.ClientConnectorCertificateError():
            return "shows a certificate that is not trusted"
        case aiohttp.ClientProxyConnectionError(os_error=error):
            return f"cannot be reached: its proxy does not answer ({error.strerror or type(error).__name__})"
        case aiohttp.ClientHttpProxyError(status=407):
            return "cannot be reached: the proxy asks for a user name and a password"
        case aiohttp.ClientHttpProxyError(status=status):
            return f"cannot be reached: the proxy refused to connect (HTTP {status})"
        case aiohttp.ClientConnectorDNSError():
            return "is a name that cannot be resolved"
        case aiohttp.ClientConnectorError(os_error=error):
            return f"cannot be reached ({error.strerror or type(error).__name__})"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | aiohttp.ClientOSError():
            return "closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "broke off in the middle of its answer"
        case _:
            return f"could not be spoken to ({type(problem).__name__})"
