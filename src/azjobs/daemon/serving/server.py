"""Accept the connections of clients, cut what they send into requests, and answer each.

Requests of one connection are served side by side; each reply repeats the
request's number. A peer of another user is turned away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import msgspec

from azjobs.core.errors import AzJobsError, RequestFailed
from azjobs.core.wire import (
    PROTOCOL,
    Changed,
    FrameBuffer,
    FrameTooLarge,
    Hello,
    Message,
    Refusal,
    Reply,
    Welcome,
    format_frame,
    parse_message,
)
from azjobs.daemon.background import Background
from azjobs.daemon.serving.followers import BACKLOG_BYTES
from azjobs.keeper.errors import KeeperGone, KeeperSilent
from azjobs.keeper.launch import peer_uid

log = logging.getLogger(__name__)

READ_BYTES = 256 * 1024

T = TypeVar("T")
Handlers = dict[type, Callable[[Any, Any], Coroutine[Any, Any, Reply]]]  # by the class of the message


class Handler(Protocol):
    """Serves the requests of clients."""

    async def opened(self, connection: Connection) -> None:
        """A client has greeted; raises AzJobsError to turn it away."""
        ...

    async def serve(self, connection: Connection, message: Message) -> Reply:
        """Answer one request; raises AzJobsError to refuse it."""
        ...

    def closed(self, connection: Connection) -> None:
        """The client has gone."""
        ...


class Connection:
    """One client that has greeted."""

    def __init__(self, hello: Hello, writer: asyncio.StreamWriter) -> None:
        self.hello = hello
        self._writer = writer
        self.attached: set[str] = set()
        self._held: set[asyncio.Future[Any]] = set()
        self.is_gone = False

    def push(self, changed: Changed) -> None:
        """Send without waiting; a client that does not read is let go."""
        self.send(changed)
        if self._writer.transport.get_write_buffer_size() > BACKLOG_BYTES:
            self._writer.transport.abort()

    async def while_open(self, work: Coroutine[Any, Any, T]) -> T:
        """Await what may take as long as a person does; it is cancelled when the client goes away."""
        task = asyncio.ensure_future(work)
        self._held.add(task)
        try:
            return await task
        finally:
            self._held.discard(task)

    def gone(self) -> None:
        """The client has gone away: nobody waits any more."""
        self.is_gone = True
        for task in self._held:
            task.cancel()

    async def drain(self) -> None:
        """Wait until the client has read most of what was sent."""
        with contextlib.suppress(ConnectionError):  # it has gone
            await self._writer.drain()

    def drop(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()

    def send(self, reply: Reply) -> None:
        """Send a reply."""
        if not self._writer.is_closing():
            self._writer.write(format_frame(reply))


class Server:
    """The daemon's socket. `on_quiet` is called when a request was answered and when a client has gone."""

    def __init__(self, handler: Handler, *, version: str, epoch: int, on_quiet: Callable[[], None]) -> None:
        self._handler = handler
        self._welcome = Welcome(version, epoch, os.getpid())
        self._server: asyncio.Server | None = None
        self._on_quiet = on_quiet
        self._requests = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._background = Background()

    @property
    def is_serving(self) -> bool:
        """Whether a request is being served; one that waits for a person may take long."""
        return self._requests > 0

    async def start(self, listening: socket.socket) -> None:
        """Serve on a listening socket."""
        # Not start_unix_server: newer Pythons would remove the path of the socket, which is the keeper's.
        self._server = await asyncio.start_server(self._accept, sock=listening.dup())

    async def close(self) -> None:
        """Let every client go, at once: what it asks from now on, and what it waits for, it asks the next daemon."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        await self._background.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            sock = writer.get_extra_info("socket")
            if peer_uid(sock) == os.getuid():
                await self._converse(reader, writer)
        except (ConnectionError, FrameTooLarge, msgspec.MsgspecError) as error:
            log.debug("A connection ended: %s", error)
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameBuffer()
        connection: Connection | None = None
        try:
            while data := await reader.read(READ_BYTES):
                for frame in frames.feed(data):
                    if writer.is_closing():
                        return
                    message = parse_message(frame)
                    if connection is None:
                        connection = await self._greet(message, writer)
                        if connection is None:
                            return
                    elif not isinstance(message, Hello):
                        self._background.spawn(self._serve(connection, message))
        finally:
            if connection is not None:
                connection.gone()
                self._handler.closed(connection)
                self._on_quiet()

    async def _greet(self, message: Message, writer: asyncio.StreamWriter) -> Connection | None:
        if not isinstance(message, Hello):
            return None
        if message.protocol != PROTOCOL:
            text = f"The daemon speaks protocol {PROTOCOL}, this azjobs {message.protocol}. Type: azjobs daemon stop"
            writer.write(format_frame(Refusal(0, "DaemonUnavailable", text)))
            return None
        connection = Connection(message, writer)
        try:
            await self._handler.opened(connection)
        except AzJobsError as error:
            writer.write(format_frame(Refusal(0, type(error).__name__, str(error))))
            return None
        connection.send(self._welcome)
        return connection

    async def _serve(self, connection: Connection, message: Message) -> None:
        assert not isinstance(message, Hello)
        self._requests += 1
        try:
            reply = await self._handler.serve(connection, message)
        except RequestFailed as error:
            reply = Refusal(message.seq, "RequestFailed", str(error), error.fault)
        except AzJobsError as error:
            reply = Refusal(message.seq, type(error).__name__, str(error))
        except KeeperGone:  # this daemon leaves, and the client asks the next one
            connection.drop()
            return
        except KeeperSilent as error:
            reply = Refusal(message.seq, "DaemonUnavailable", str(error))
        except Exception as error:  # one request's fault must not take the daemon along
            log.exception("A %s failed", type(message).__name__)
            text = f"The daemon failed on {type(message).__name__} ({type(error).__name__}); its log says more."
            reply = Refusal(message.seq, "DaemonUnavailable", text)
        finally:
            self._requests -= 1
            self._on_quiet()
        connection.send(reply)
