"""Serve the identity endpoint: what knows App Service's managed identities acts in the context of its job.

A loopback port that the keeper holds open over a daemon's replacement. Any user
of the machine can reach it, so only the key of a running job opens it, and it
gives tokens of that job's own context alone. One small request a connection:
GET …/msi/token?api-version=2019-08-01&resource=… with the key in X-IDENTITY-HEADER
[learn.microsoft.com, App Service, overview-managed-identity, "REST endpoint reference"].
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from azjobs.azure.refusals import SignInUnavailable
from azjobs.core.context import ContextValue
from azjobs.core.errors import AzJobsError
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.processes.job_tokens import JobTokens
from azjobs.daemon.serving.rights import find_by_key
from azjobs.keeper.handover import IDENTITY_PATH

API_VERSION = "2019-08-01"
HEAD_BYTES = 16 * 1024  # as most servers allow; a request of azure-identity has 500
HEAD_TIMEOUT_S = 10.0  # guess: a client on the same machine sends its request in one piece
CONNECTIONS = 512  # guess: as many as may wait for a person at once; the keeper's backlog is as long
_KEY = "x-identity-header"
_FROM_BROWSERS = ("origin", "referer", "sec-fetch-site", "x-forwarded-for")  # or through a proxy: nobody of ours
_SELECTORS = ("client_id", "object_id", "principal_id", "mi_res_id", "msi_res_id")

log = logging.getLogger(__name__)


class Refusal(Exception):
    """A request that is not served: an HTTP status, and a sentence."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: its method, its target, and its headers by name in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        """Show no header: one of them is a key."""
        return f"<Ask {self.method}>"


class IdentityEndpoint:
    """The identity endpoint of one daemon."""

    def __init__(self, runner: Runner, tokens: JobTokens) -> None:
        self._runner = runner
        self._tokens = tokens
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._port = 0

    def bind(self, listening: socket.socket) -> str:
        """Take the port; returns the address for IDENTITY_ENDPOINT."""
        self._port = listening.getsockname()[1]
        return f"http://127.0.0.1:{self._port}{IDENTITY_PATH}"

    async def start(self, listening: socket.socket) -> None:
        """Serve on the listening socket."""
        self._server = await asyncio.start_server(self._accept, sock=listening.dup(), limit=HEAD_BYTES)

    async def close(self) -> None:
        """Serve no more; who waits asks the next daemon."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if len(self._tasks) <= CONNECTIONS:
                reply = await self._reply(reader)
                if reply:
                    writer.write(reply)
                    await writer.drain()
        except ConnectionError:  # gone already
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _reply(self, reader: asyncio.StreamReader) -> bytes:
        """Return the whole reply; nothing for a client that has gone."""
        try:
            ask = parse(await _head(reader))
            answer = asyncio.ensure_future(self._answer(ask))
            return _format(HTTPStatus.OK, await answer) if await _is_there(reader, answer) else b""
        except Refusal as refusal:
            return _format(refusal.status, {"statusCode": refusal.status.value, "message": str(refusal)})
        except asyncio.IncompleteReadError:
            return b""
        except Exception:  # a fault of ours: one request's, not the daemon's
            log.exception("A request of the identity endpoint failed")
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return _format(status, {"statusCode": status.value, "message": "The daemon failed; its log says more."})

    async def _answer(self, ask: Ask) -> dict[str, str]:
        self._check(ask)
        key = ask.headers.get(_KEY, "")
        job = find_by_key(self._runner, key) if key else None
        if job is None or job.context is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "X-IDENTITY-HEADER is not the key of a running job with a context.")
        resource = resource_of(ask.target, job.context)
        try:
            token = await self._tokens.token(job.uuid, job.context, (f"{resource}/.default",))
        except SignInUnavailable as error:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
        except AzJobsError as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from None
        expires_on = str(int(token.expires_at))
        return {
            "access_token": token.token,
            "expires_on": expires_on,
            "resource": resource,
            "token_type": "Bearer",
        }

    def _check(self, ask: Ask) -> None:
        """Refuse what no SDK sends: a page in a browser, a name that leads here from elsewhere, another method."""
        hosts = {f"{name}:{self._port}" for name in ("127.0.0.1", "localhost")}
        if ask.headers.get("host", "").lower() not in hosts or any(name in ask.headers for name in _FROM_BROWSERS):
            raise Refusal(HTTPStatus.FORBIDDEN, "Only processes of this machine are served.")
        if not urlsplit(ask.target).path.endswith("/msi/token"):
            raise Refusal(HTTPStatus.NOT_FOUND, "There is nothing but …/msi/token.")
        if ask.method != "GET":
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "The method is GET.")


def parse(head: bytes) -> Ask:
    """Read a request's first lines; what could be read in two ways is refused.

    Raises:
        Refusal: it is no plain request without a body.
    """
    malformed = Refusal(HTTPStatus.BAD_REQUEST, "That is no HTTP request.")
    try:
        first, *lines = head.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    except UnicodeDecodeError:
        raise malformed from None
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0") or not words[1].startswith("/"):
        raise malformed
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or not line.isprintable() or name.lower() in headers:
            raise malformed
        headers[name.lower()] = value.strip()
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise Refusal(HTTPStatus.BAD_REQUEST, "A request for a token has no body.")
    return Ask(words[0], words[1], headers)


def resource_of(target: str, context: ContextValue) -> str:
    """Return what a token is asked for.

    Raises:
        Refusal: a parameter is missing, or asks for another identity than the context's.
    """
    query = parse_qs(urlsplit(target).query, keep_blank_values=True)
    if any(len(values) > 1 for values in query.values()):
        raise Refusal(HTTPStatus.BAD_REQUEST, "A parameter is given twice.")
    given = {name.lower(): values[0] for name, values in query.items()}
    if given.get("api-version") != API_VERSION:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"The api-version is {API_VERSION}.")
    own = {"client_id": context.account.id, "object_id": context.object_id, "principal_id": context.object_id}
    for name in _SELECTORS:
        if given.get(name) and given[name].lower() != own.get(name, "").lower():
            text = f"No managed identity was found for that {name}: this job acts as {context.account_label}."
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{text} Ask without {name}.")
    resource = given.get("resource", "")
    if not resource or not resource.isascii() or not resource.isprintable() or " " in resource:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The parameter resource says what the token is for.")
    return resource


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(HEAD_TIMEOUT_S):
            return await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "The request was not sent in time.") from None
    except asyncio.LimitOverrunError:
        text = f"A request has at most {HEAD_BYTES} bytes."
        raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text) from None


async def _is_there(reader: asyncio.StreamReader, answer: asyncio.Future[dict[str, str]]) -> bool:
    """Wait for the answer, as long as a person takes, but only while the client waits too."""
    more = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait((answer, more), return_when=asyncio.FIRST_COMPLETED)
        return answer.done()
    finally:
        left = [task for task in (answer, more) if not task.done()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if more.done() and not more.cancelled():
            more.exception()  # a connection that broke


def _format(status: HTTPStatus, body: Mapping[str, object]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(content)}\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + content
