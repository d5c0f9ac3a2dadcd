"""Small real servers: a source of assertions over HTTPS, and a proxy that tunnels."""

from __future__ import annotations

import json
import select
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import trustme


class Source(ThreadingHTTPServer):
    """Answers every request with `status` and `body`; keeps what came as (method, path, headers)."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        authority = trustme.CA()
        self.ca_file = str(folder / "source-ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(tls)
        self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"https://localhost:{self.server_port}"
        self.status = 200
        self.body: Any = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    def reply(self, _path: str, _content: str) -> tuple[int, Any]:
        """What to answer now: (status, body)."""
        return self.status, self.body() if callable(self.body) else self.body


class AssertionAuthority(Source):
    """An authority that takes each assertion once, and for some seconds only; its time is `clock`.

    `tokens_s`: how long its tokens live.
    """

    def __init__(self, folder: Path, clock: Callable[[], float], *, tokens_s: float) -> None:
        super().__init__(folder)
        self._clock = clock
        self._tokens_s = tokens_s
        self.taken: list[str] = []
        self.refused: list[str] = []

    def reply(self, path: str, content: str) -> tuple[int, Any]:
        """Answer the token endpoint: (status, body)."""
        form = {name: values[-1] for name, values in parse_qs(content).items()}
        assertion = form.get("client_assertion", "")
        if not assertion:
            return 404, {"error": "not_found", "error_description": path}
        ends_at = float(assertion.rpartition("-until-")[2])
        if assertion in self.taken or self._clock() >= ends_at:
            self.refused.append(assertion)
            said = "AADSTS700024: Client assertion is not within its valid time range."
            return 401, {"error": "invalid_client", "error_description": said}
        self.taken.append(assertion)
        # In seconds from the client's own clock, which does not know that time is scaled.
        expires_in = int(self._clock() - time.time() + self._tokens_s)
        return 200, {"token_type": "Bearer", "expires_in": expires_in, "access_token": f"token-{len(self.taken)}"}


class _Answer(BaseHTTPRequestHandler):
    server: Source

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers))
        status, answer = self.server.reply(self.path, self.rfile.read(int(headers.get("content-length", "0"))).decode())
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as above

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Proxy(socketserver.ThreadingTCPServer):
    """Tunnels by CONNECT; keeps the targets, and the credentials shown. `refusal` is an HTTP status to refuse with."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"http://{self.address}"
        self.targets: list[str] = []
        self.shown: list[str] = []
        self.refusal = ""


class _Tunnel(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.request.recv(4096)
            if not part:
                return
            head += part
        lines = head.decode().split("\r\n")
        target = lines[0].split()[1]
        self.server.targets.append(target)
        self.server.shown += [line.partition(":")[2].strip() for line in lines if line.lower().startswith("proxy-auth")]
        if self.server.refusal:
            self.request.sendall(f"HTTP/1.1 {self.server.refusal}\r\ncontent-length: 0\r\n\r\n".encode())
            return
        host, _, port = target.partition(":")
        with socket.create_connection(("127.0.0.1" if host.endswith(".test") else host, int(port))) as upstream:
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            _pump(self.request, upstream)


def _pump(one: socket.socket, other: socket.socket) -> None:
    while True:
        readable, _, _ = select.select([one, other], [], [])
        for side in readable:
            try:
                data = side.recv(65536)
                (other if side is one else one).sendall(data)
            except OSError:
                return
            if not data:
                return


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """Serve in a thread, to the end of the block."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
