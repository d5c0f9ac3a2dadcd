"""The process side: two loopback ports, HTTP in and out, faults that concern the connection itself.

The one has TLS; the other, a plain one, is for managed identities only.

`Simulator` runs in the caller's event loop; `azjobs.simulator.threaded` gives one to a test that has no loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from azjobs.simulator import arm, control_routes, entra, identity_endpoint, issuer_routes
from azjobs.simulator.certificates import CA_FILE, Identity, load_identity, save_identity, write_whole
from azjobs.simulator.cloud import ACCOUNT_NAME, SUBSCRIPTION_NAME, TENANT_NAME, USERNAME, Call, Cloud, Reply
from azjobs.simulator.entra_ask import Ask
from azjobs.simulator.entra_errors import EntraError
from azjobs.simulator.errors import ArmError
from azjobs.simulator.faults import Action
from azjobs.simulator.journal import Request
from azjobs.simulator.launch import ENDPOINT_FILE, LOCK_FILE, take_lock
from azjobs.simulator.paths import ArmPath

SETTLE_S = 1.0  # an accepted request is visible at once; what a client should grant a cloud is more than nothing
_BACKLOG = 4096  # benchmarks open many connections at once
_log = logging.getLogger("azjobs.simulator")


class SimulatorAlreadyRunning(RuntimeError):
    """Another process serves this folder; use its endpoint."""


class Simulator:
    """A simulator in the running event loop: `async with Simulator(folder) as simulator`."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        identity: Identity | None = None,
        steady: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Prepare one in `folder`; port 0 is the port it had before, else any free one; `sleep` lasts seconds."""
        self._folder = folder.absolute()
        self._port = port
        self._given = identity
        self._clocks = {"steady": steady, "wall": wall}
        self._sleep = sleep
        self._runner: web.ServerRunner | None = None
        self._lock: int | None = None
        self._cloud: Cloud | None = None
        self._hosts: dict[bool, frozenset[str]] = {}  # by whether the connection is over TLS

    @property
    def cloud(self) -> Cloud:
        """The state behind it; for the thread of its event loop only."""
        assert self._cloud is not None, "not started"
        return self._cloud

    @property
    def endpoint(self) -> dict[str, Any]:
        """What `endpoint.json` holds. Secrets are in it."""
        identity, url = self.cloud.identity, self.cloud.base_url
        return {
            "url": url,
            "authority_url": url,
            "ca_file": str(self._folder / CA_FILE),
            "pid": os.getpid(),
            "tenant_id": identity.tenant_id,
            "tenant_name": TENANT_NAME,
            "subscription_id": identity.subscription_id,
            "subscription_name": SUBSCRIPTION_NAME,
            "client_id": identity.client_id,
            "client_secret": identity.client_secret,
            "account": ACCOUNT_NAME,
            "username": USERNAME,
            "password": identity.user_password,
            "identity_endpoint": f"http://127.0.0.1:{identity.identity_port}{identity_endpoint.PATH}",
            "identity_header": identity.identity_header,
            "settle_s": SETTLE_S,
        }

    async def start(self) -> Self:
        """Lock the folder, listen, then write the endpoint.

        Raises:
            SimulatorAlreadyRunning: another process has the folder.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = take_lock(self._folder / LOCK_FILE)
        if self._lock is None:
            raise SimulatorAlreadyRunning(f"Another simulator serves {self._folder}.")
        try:
            await self._listen()
        except BaseException:
            await self.stop()
            raise
        return self

    async def _listen(self) -> None:
        (self._folder / ENDPOINT_FILE).unlink(missing_ok=True)
        identity = msgspec.structs.replace(self._given) if self._given else load_identity(self._folder)
        listener = _bind(self._port or identity.port, may_move=self._port == 0)
        plain = _bind(identity.identity_port, may_move=True)
        identity.port, identity.identity_port = listener.getsockname()[1], plain.getsockname()[1]
        save_identity(self._folder, identity)
        self._cloud = Cloud(identity, **self._clocks)
        self._cloud.base_url = f"https://localhost:{identity.port}"
        self._cloud.issuers.listen_at(self._cloud.base_url)
        self._hosts = {True: _hosts(identity.port), False: _hosts(identity.identity_port)}
        server = web.Server(self._handle, access_log=None, keepalive_timeout=120)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, ssl_context=identity.ssl_context(), backlog=_BACKLOG).start()
        await web.SockSite(self._runner, plain, backlog=_BACKLOG).start()
        write_whole(self._folder / ENDPOINT_FILE, msgspec.json.encode(self.endpoint), mode=0o600)

    async def stop(self) -> None:
        """Close every connection and give the folder free; harmless when it is stopped."""
        if self._runner is not None:
            server = self._runner.server
            transports = [one.transport for one in (server.connections if server is not None else ())]
            await self._runner.cleanup()
            self._runner = None
            for transport in transports:
                if transport is not None:
                    transport.abort()  # else TLS waits for the other side's good-bye, after the loop has ended
            await asyncio.sleep(0)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def has_folder(self) -> bool:
        """Return whether the lock it holds is still the folder's, and not that of a folder since deleted."""
        try:
            return self._lock is not None and os.path.samestat(os.fstat(self._lock), (self._folder / LOCK_FILE).stat())
        except FileNotFoundError:
            return False

    async def __aenter__(self) -> Self:
        """Start."""
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        is_tls = request.secure
        if request.host not in self._hosts[is_tls]:
            error = ArmError(421, "MisdirectedRequest", f"The simulator is not {request.host}.")
            return _respond(Reply(421, error.to_body()))
        if is_tls and path.startswith(control_routes.PREFIX):
            return _respond(await control_routes.answer(self.cloud, request))
        entry = self.cloud.journal.open_request(self.cloud.wall(), request.method, path)
        fault = self.cloud.faults.take(request.method, path)
        if fault is not None:
            entry.fault = str(fault)
        if fault is not None and fault.delay_s is not None:
            await self._sleep(fault.delay_s)
        if fault is not None and fault.reset == "before":
            return _abort(request)
        reply = await self._answer(request, path, entry, fault)
        if fault is not None and fault.reset == "after":
            self.cloud.journal.wake()
            return _abort(request)
        entry.status = reply.status
        self.cloud.journal.wake()
        return _respond(reply)

    async def _answer(self, request: web.BaseRequest, path: str, entry: Request, fault: Action | None) -> Reply:
        is_entra = request.secure and entra.is_entra_path(path)
        try:
            if fault is not None and (fault.status or fault.read_error):
                return _planted(self.cloud, fault, is_entra=is_entra)
            content, query = await request.read(), dict(request.query)
            if not request.secure:
                return identity_endpoint.answer(
                    identity_endpoint.IdentityAsk(self.cloud, request.method, path, query, request.headers, entry)
                )
            if path.startswith(issuer_routes.PREFIX):
                return issuer_routes.answer(
                    issuer_routes.IssuerAsk(self.cloud, request.method, path, query, request.headers, entry)
                )
            if is_entra:
                return entra.answer(Ask(self.cloud, request.method, path, request.headers, entry, content, query))
            call = Call(
                cloud=self.cloud,
                method=request.method,
                path=ArmPath(path, ""),
                query=query,
                headers=request.headers,
                base_url=f"https://{request.host}",
                entry=entry,
                fault=fault,
                content=content,
            )
            return arm.answer(call)
        except web.HTTPRequestEntityTooLarge:
            return Reply(413, ArmError(413, "RequestContentTooLarge", "The request content is too large.").to_body())
        except Exception:  # noqa: BLE001 - the last wall
            # The last wall: a mistake of the simulator is a 500 to its caller, and a trace in its log.
            _log.exception("%s %s", request.method, path)
            return Reply(500, ArmError(500, "InternalServerError", "The simulator has made a mistake.").to_body())


def _hosts(port: int) -> frozenset[str]:
    return frozenset({f"localhost:{port}", f"127.0.0.1:{port}"})


def _bind(port: int, *, may_move: bool) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            if not (may_move and port):
                raise
            listener.bind(("127.0.0.1", 0))  # the former port is another program's now
    except BaseException:
        listener.close()
        raise
    return listener


def _planted(cloud: Cloud, fault: Action, *, is_entra: bool) -> Reply:
    status = fault.status or fault.read_error or 500
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["retry-after"] = str(fault.retry_after)
    if is_entra:
        refusal = EntraError(status, "temporarily_unavailable", 90033, fault.message)
        return Reply(status, entra.error_body(cloud, refusal, "planted"), headers)
    return Reply(status, ArmError(status, fault.code, fault.message).to_body(), headers)


def _abort(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # nobody is there to read it


def _respond(reply: Reply) -> web.Response:
    if reply.html is not None:
        return web.Response(
            text=reply.html, status=reply.status, headers=reply.headers, content_type="text/html", charset="utf-8"
        )
    if reply.body is None:
        return web.Response(status=reply.status, headers=reply.headers)
    return web.Response(
        body=msgspec.json.encode(reply.body),
        status=reply.status,
        headers=reply.headers,
        content_type="application/json",
        charset="utf-8",
    )


async def serve(folder: Path, *, port: int, ready: Callable[[], None]) -> None:
    """Serve `folder` until told to stop by SIGTERM or SIGINT, or until the folder is gone; call `ready` once up."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(folder, port=port) as simulator:
        ready()
        while not stop.is_set() and simulator.has_folder():
            try:
                async with asyncio.timeout(2.0):  # guess: how long one may outlive its folder
                    await stop.wait()
            except TimeoutError:
                continue
