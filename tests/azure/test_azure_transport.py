"""The transport sends once, and says truthfully whether anything may have arrived."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from azure_driver import Driver
from azure_rawserver import RawServer, Script, read_request, reply

from azjobs.azure import transport as transports
from azjobs.azure.transport import AiohttpTransport, Unanswered, Unsent
from azjobs.core.arm import Reply, Request

Work = Callable[[AiohttpTransport, RawServer], Awaitable[Any]]


def with_server(folder: Path, script: Script, work: Work, **options: Any) -> tuple[Any, RawServer]:
    async def run() -> tuple[Any, RawServer]:
        transport = AiohttpTransport(**options)
        try:
            async with RawServer(script, folder) as server:
                return await work(transport, server), server
        finally:
            await transport.close()

    return asyncio.run(run())


def sending(method: str = "GET", path: str = "/x", body: bytes | None = None, timeout_s: float = 5.0) -> Work:
    async def work(transport: AiohttpTransport, server: RawServer) -> Any:
        try:
            url = server.url + path
            return await transport.send(method, url, {}, body, timeout_s=timeout_s, ca_file=server.ca_file)
        except (Unsent, Unanswered) as problem:
            return problem

    return work


async def pass_turns() -> None:
    """Let everything that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[bytes]) -> None:
    while True:
        await read_request(reader, requests)
        writer.write(reply(headers="Retry-After: 3\r\nX-Ms-Request-Id: 7\r\nServer: raw\r\nSet-Cookie: a=b\r\n"))
        await writer.drain()


async def drop_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[bytes]) -> None:
    await read_request(reader, requests)


async def answer_once_then_drop(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[bytes]
) -> None:
    await read_request(reader, requests)
    writer.write(reply())
    await writer.drain()
    await read_request(reader, requests)


async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[bytes]) -> None:
    await read_request(reader, requests)
    await reader.read()


async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[bytes]) -> None:
    await read_request(reader, requests)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()


def test_a_reply_has_lower_case_names_and_only_headers_that_are_read(tmp_path: Path) -> None:
    """Headers come in lower case, those that nothing reads are dropped, the body is decoded."""
    found, _ = with_server(tmp_path, answer_all, sending())
    assert found == Reply(200, {"retry-after": "3", "x-ms-request-id": "7"}, {})


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH", "GET"])
def test_a_connection_closed_without_a_reply_is_unanswered_and_nothing_is_sent_twice(
    tmp_path: Path, method: str
) -> None:
    """The HTTP library would send a PUT or DELETE again by itself: here it goes out once."""
    found, server = with_server(tmp_path, drop_after_request, sending(method, body=b"{}" if method == "PUT" else None))
    assert isinstance(found, Unanswered)
    assert len(server.requests) == 1
    assert server.connections == 1


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_reset_of_a_reused_connection_is_unanswered(tmp_path: Path, method: str) -> None:
    """A write on a connection kept alive that is reset before any byte of a reply may have been carried out."""

    async def twice(transport: AiohttpTransport, server: RawServer) -> Any:
        assert (await sending("GET")(transport, server)).status == 200
        return await sending(method)(transport, server)

    found, server = with_server(tmp_path, answer_once_then_drop, twice)
    assert isinstance(found, Unanswered)
    assert (server.connections, len(server.requests)) == (1, 2)


def test_a_reply_that_breaks_off_is_unanswered(tmp_path: Path) -> None:
    """Half an answer is no answer, and says nothing of what was done."""
    found, _ = with_server(tmp_path, break_off, sending("PUT"))
    assert isinstance(found, Unanswered)
    assert "localhost" in str(found)


def test_no_reply_in_time_is_unanswered(tmp_path: Path) -> None:
    """The time runs from the moment there is a connection."""
    found, _ = with_server(tmp_path, never_answer, sending("POST", timeout_s=0.05))
    assert isinstance(found, Unanswered)
    assert "0.05 s" in str(found)


def test_a_host_that_accepts_and_then_says_nothing_is_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS never comes about: nothing of the request can have arrived."""
    monkeypatch.setattr(transports, "CONNECT_TIMEOUT_S", 0.05)

    async def run() -> None:
        silent = await asyncio.start_server(lambda _reader, writer: silence.append(writer), "127.0.0.1", 0)
        silence: list[asyncio.StreamWriter] = []
        transport = AiohttpTransport()
        port = silent.sockets[0].getsockname()[1]
        try:
            await transport.send("PUT", f"https://127.0.0.1:{port}/x", {}, b"{}", timeout_s=30)
        finally:
            await transport.close()
            for writer in silence:
                writer.close()
            silent.close()
            await silent.wait_closed()

    with pytest.raises(Unsent, match="could not be connected to in time"):
        asyncio.run(run())


def test_waiting_for_a_place_in_the_pool_does_not_count(tmp_path: Path) -> None:
    """A request that waits for a connection is not timed out: it was not sent yet."""
    arrived, gate = asyncio.Event(), asyncio.Event()

    async def slow_first(reader: Any, writer: Any, requests: list[bytes]) -> None:
        while True:
            await read_request(reader, requests)
            arrived.set()
            await gate.wait()
            writer.write(reply())
            await writer.drain()

    async def two(transport: AiohttpTransport, server: RawServer) -> list[Any]:
        first = asyncio.create_task(sending(timeout_s=900)(transport, server))
        await arrived.wait()
        second = asyncio.create_task(sending(timeout_s=30)(transport, server))
        await pass_turns()
        loop = asyncio.get_running_loop()
        early = loop.time
        loop.time = lambda: early() + 60  # type: ignore[method-assign]
        await pass_turns()
        assert not second.done(), "it was given up while it waited"
        gate.set()
        return [await first, await second]

    found, server = with_server(tmp_path, slow_first, two, connections=1)
    assert [one.status for one in found] == [200, 200]
    assert server.connections == 1


def test_a_connection_that_is_refused_is_unsent() -> None:
    """Nothing listens: nothing was sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def run() -> None:
        transport = AiohttpTransport()
        try:
            await transport.send("PUT", f"https://127.0.0.1:{port}/x", {}, b"{}", timeout_s=5)
        finally:
            await transport.close()

    with pytest.raises(Unsent, match=f"127.0.0.1:{port} cannot be reached"):
        asyncio.run(run())


def test_an_authority_that_is_not_trusted_is_unsent(tmp_path: Path) -> None:
    """TLS fails before a byte of the request goes out."""

    async def untrusted(transport: AiohttpTransport, server: RawServer) -> Any:
        with pytest.raises(Unsent, match="certificate that is not trusted"):
            await transport.send("PUT", server.url, {}, b"{}", timeout_s=5)

    _, server = with_server(tmp_path, answer_all, untrusted)
    assert server.requests == []


def test_an_authority_file_that_is_missing_is_unsent_and_named(tmp_path: Path) -> None:
    """What is wrong with the file is said; nothing is sent without it."""
    missing = str(tmp_path / "no.pem")

    async def run(transport: AiohttpTransport, server: RawServer) -> Any:
        with pytest.raises(Unsent, match=r"no\.pem cannot be read"):
            await transport.send("GET", server.url, {}, None, timeout_s=5, ca_file=missing)

    with_server(tmp_path, answer_all, run)


def test_only_https_is_spoken() -> None:
    """A plain address is refused before anything is sent: it would show the token to everybody."""

    async def run() -> None:
        transport = AiohttpTransport()
        try:
            await transport.send("GET", "http://localhost:9/x", {}, None, timeout_s=5)
        finally:
            await transport.close()

    with pytest.raises(Unsent, match="Only https"):
        asyncio.run(run())


def test_a_name_that_nobody_knows_is_unsent() -> None:
    """The name could not be resolved: nothing was sent."""

    async def run() -> None:
        transport = AiohttpTransport()
        try:
            await transport.send("GET", "https://nowhere.invalid/x", {}, None, timeout_s=5)
        finally:
            await transport.close()

    with pytest.raises(Unsent, match=r"nowhere\.invalid"):
        asyncio.run(run())


def test_redirects_are_not_followed(tmp_path: Path) -> None:
    """A redirect is a reply like another: following it could carry the token elsewhere."""

    async def redirect(reader: Any, writer: Any, requests: list[bytes]) -> None:
        await read_request(reader, requests)
        writer.write(reply("307 Elsewhere", headers="Location: https://localhost:1/\r\n"))
        await writer.drain()
        await reader.read()

    found, server = with_server(tmp_path, redirect, sending())
    assert (found.status, len(server.requests)) == (307, 1)


def test_connections_and_tls_contexts_are_reused(tmp_path: Path) -> None:
    """Many requests one after the other need one connection: contexts are made once for each authority."""

    async def many(transport: AiohttpTransport, server: RawServer) -> None:
        for _ in range(20):
            await sending()(transport, server)

    _, server = with_server(tmp_path, answer_all, many)
    assert (server.connections, len(server.requests)) == (1, 20)


def test_an_answer_beyond_the_cap_is_unanswered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No service can fill the memory with one reply."""
    monkeypatch.setattr(transports, "LARGEST_REPLY_BYTES", 1 << 20)

    async def flood(reader: Any, writer: Any, requests: list[bytes]) -> None:
        await read_request(reader, requests)
        writer.write(reply(body=b" " * (1 << 20) + b"{}"))
        await writer.drain()

    found, _ = with_server(tmp_path, flood, sending())
    assert isinstance(found, Unanswered)
    assert "more than 1 MiB" in str(found)


@pytest.mark.parametrize(
    ("content", "decoded"),
    [
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"  \n", None, id="white-space"),
        pytest.param(b"<html>", None, id="a-page-of-a-proxy"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', {"a": 1}, id="after-a-byte-order-mark"),
        pytest.param(b"[1]", [1], id="a-list"),
        pytest.param(b"\xff\xfe", None, id="no-text-at-all"),
    ],
)
def test_what_is_no_json_is_no_body(content: bytes, decoded: Any) -> None:
    """A body is decoded JSON, or None."""
    assert transports._decoded(content) == decoded


def test_proxies_of_the_environment_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is used only when the daemon is told so: a variable cannot lead a token elsewhere."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    found, _ = with_server(tmp_path, answer_all, sending())
    assert found.status == 200


@pytest.mark.parametrize(("fault", "effects"), [("reset-before", 0), ("reset-after", 1)])
def test_the_embedded_clouds_resets_are_unanswered_whether_or_not_it_acted(
    cloud: Any, fault: str, effects: int
) -> None:
    """From here a reset before and after the effect look alike: both are `Unanswered`, and sent once."""
    path = f"/subscriptions/{cloud.endpoint['subscription_id']}/resourceGroups/r?api-version=2024-03-01"
    cloud.control.fault("resourceGroups/r", fault)

    async def run() -> None:
        async with Driver(cloud) as driver:
            request = Request("PUT", path, "resource group r", {"location": "eastus"})
            await driver.sender.send(request, cloud.context, await driver.token(), {})

    with pytest.raises(Unanswered):
        asyncio.run(run())
    assert len(cloud.control.effects()) == effects
    assert len(cloud.control.requests(method="PUT")) == 1
