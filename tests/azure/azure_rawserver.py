"""A TLS server that answers in raw bytes, for what no honest HTTP server does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

import trustme

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, list[bytes]], Awaitable[None]]


class RawServer:
    """Runs `script` for each connection; `requests` are the heads (and bodies) that arrived."""

    def __init__(self, script: Script, folder: Path) -> None:
        self._script = script
        self.requests: list[bytes] = []
        self.connections = 0
        authority = trustme.CA()
        self.ca_file = str(folder / "raw-ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._tls)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "localhost", 0, ssl=self._tls)
        self.url = f"https://localhost:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._script(reader, writer, self.requests)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


async def read_request(reader: asyncio.StreamReader, requests: list[bytes]) -> None:
    """Read one request and keep it."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")), 0)
    requests.append(head + (await reader.readexactly(length) if length else b""))


def reply(status: str = "200 OK", body: bytes = b"{}", headers: str = "") -> bytes:
    """A whole HTTP reply."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body
