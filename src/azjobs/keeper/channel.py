"""The daemon's side of the private channel to its keeper, for asyncio.

Requests may overlap; the keeper answers in order. Values are bytes. Nothing
here ever shows a value: not in errors, not in reprs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self

from azjobs.keeper.errors import FrameTooLarge, KeeperGone, KeeperRefused, KeeperSilent
from azjobs.keeper.frames import FRAME_CAP_BYTES, HEADER_SIZE_BYTES, format_frame, parse_body

ANSWER_S = 10.0  # guess: ten thousand times what an answer takes, and little enough for a person who waits

_answer_s: ContextVar[float | None] = ContextVar("answer_s", default=ANSWER_S)


@contextlib.contextmanager
def unhurried() -> Iterator[None]:
    """Wait for answers as long as it takes: for work for which nobody waits, and which must not end half done."""
    before = _answer_s.set(None)
    try:
        yield
    finally:
        _answer_s.reset(before)


@dataclass(frozen=True, slots=True)
class OrphanExit:
    """How a process ended whose parent was gone.

    `start_time` is in clock ticks since boot, as in /proc/PID/stat; None where the
    system does not tell. `status` is a raw wait status. `ended_at` is when it was reaped.
    """

    pid: int
    start_time: int | None
    status: int
    ended_at: float


class KeeperChannel:
    """An open channel. Every request raises `KeeperGone` once the keeper is gone, `KeeperRefused` if it says no.

    One that is not answered within `ANSWER_S`, and is not `unhurried`, raises `KeeperSilent`: a keeper that was
    suspended performs it when it goes on.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        on_exit: Callable[[OrphanExit], None] | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_exit = on_exit
        self._last_seq = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any] | None]] = {}
        #: Done, with None, when the keeper is gone or this side was closed.
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listening = asyncio.create_task(self._listen(), name="keeper channel")

    @classmethod
    async def open(cls, channel: socket.socket | int, *, on_exit: Callable[[OrphanExit], None] | None = None) -> Self:
        """Take over the channel, a connected socket or its descriptor.

        `on_exit` is called in the loop for each orphan that ends from now on; ask
        `exits` once for those before. One that ends just then comes both ways.
        """
        sock = socket.socket(fileno=channel) if isinstance(channel, int) else channel
        sock.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=sock)
        return cls(reader, writer, on_exit=on_exit)

    @property
    def has_unsent(self) -> bool:
        """Whether requests are still in this process: the keeper is slow to read."""
        return self._writer.transport.get_write_buffer_size() > 0

    async def put(self, key: str, value: bytes) -> None:
        """Remember `value` under `key`, in place of what was there."""
        await self._ask("put", key=key, value=_encoded(value))

    async def put_many(self, items: Mapping[str, bytes]) -> None:
        """Remember all of `items`, or none of them."""
        await self._ask("put_many", items={key: _encoded(value) for key, value in items.items()})

    async def get(self, key: str) -> bytes | None:
        """Return the value of `key`; None when there is none."""
        value = (await self._ask("get", key=key))["value"]
        return None if value is None else base64.b64decode(value)

    async def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of those of `keys` that there are."""
        values = (await self._ask("get_many", keys=list(keys)))["values"]
        return {key: base64.b64decode(value) for key, value in values.items()}

    async def drop(self, key: str) -> bool:
        """Forget `key`; return whether it was there."""
        return bool((await self._ask("drop", key=key))["dropped"])

    async def drop_prefix(self, prefix: str) -> int:
        """Forget every key that starts with `prefix`; return how many."""
        return int((await self._ask("drop_prefix", prefix=prefix))["dropped"])

    async def drop_prefixes(self, prefixes: Collection[str]) -> None:
        """Forget every key that starts with one of `prefixes`."""
        try:
            await self._ask("drop_prefixes", prefixes=list(prefixes))
        except KeeperRefused:  # it is of an older release than this daemon, and takes one at a time
            for prefix in prefixes:
                await self.drop_prefix(prefix)

    async def keys(self, prefix: str = "") -> list[str]:
        """Return every key that starts with `prefix`, sorted."""
        return list((await self._ask("keys", prefix=prefix))["keys"])

    async def exits(self) -> list[OrphanExit]:
        """Return the exits not acknowledged yet, oldest first; at most the last 10,000."""
        return [_orphan_exit(fields) for fields in (await self._ask("exits"))["exits"]]

    async def ack_exits(self, exits: Iterable[OrphanExit]) -> None:
        """Let the keeper forget `exits`: they are recorded."""
        await self._ask("ack_exits", pids=[[ended.pid, ended.start_time] for ended in exits])

    async def hold(self, count: int) -> None:
        """Say how many pieces of work are unfinished: while there are any, a failed daemon is tried again by itself."""
        await self._ask("hold", count=count)

    async def status(self) -> dict[str, Any]:
        """Return facts of the keeper, no secret: pid, daemon_pid, daemon_starts, counts, undumpable, subreaper."""
        reply = await self._ask("status")
        return {name: value for name, value in reply.items() if name not in ("seq", "ok")}

    async def close(self) -> None:
        """Close this side; the keeper goes on."""
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        self._end()  # a task cancelled before its first step has run nothing
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _ask(self, operation: str, **fields: object) -> dict[str, Any]:
        if self.closed.done():
            raise KeeperGone
        self._last_seq += 1
        seq = self._last_seq
        frame = format_frame({"seq": seq, "op": operation, **fields})
        answered: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting[seq] = answered
        try:
            async with asyncio.timeout(_answer_s.get()):
                self._writer.write(frame)
                await self._writer.drain()
                reply = await answered
        except TimeoutError:
            raise KeeperSilent(_silence(os.getppid())) from None  # the keeper starts its daemons itself
        except OSError:
            raise KeeperGone from None  # the pipe broke before the reader saw the end
        finally:
            self._waiting.pop(seq, None)
        if reply is None:
            raise KeeperGone
        if not reply.get("ok"):
            raise KeeperRefused(f"The keeper refused {operation}: {reply.get('error')}")
        return reply

    async def _listen(self) -> None:
        try:
            while True:
                self._take(parse_body(await self._next_body()))
        except (asyncio.IncompleteReadError, OSError, FrameTooLarge, ValueError):
            pass  # gone, or no longer a keeper: both are the end of the channel
        finally:
            self._end()

    async def _next_body(self) -> bytes:
        size = int.from_bytes(await self._reader.readexactly(HEADER_SIZE_BYTES), "big")
        if size > FRAME_CAP_BYTES:
            raise FrameTooLarge
        return await self._reader.readexactly(size)

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("event") == "exit":
            if self._on_exit is not None:
                # Not called from here: an error in it is the daemon's, and must not end the channel.
                asyncio.get_running_loop().call_soon(self._on_exit, _orphan_exit(message))
            return
        answered = self._waiting.get(message.get("seq", 0))
        if answered is not None and not answered.done():
            answered.set_result(message)

    def _end(self) -> None:
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_result(None)
        if not self.closed.done():
            self.closed.set_result(None)


def _silence(pid: int) -> str:
    return (
        f"The keeper (process {pid}) has not answered for {ANSWER_S:g} s. If it is suspended, type: kill -CONT {pid}. "
        f"If it hangs, type: kill -KILL {pid}; the sign-ins and passwords that only it holds must then be given again."
    )


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _orphan_exit(fields: Mapping[str, Any]) -> OrphanExit:
    return OrphanExit(fields["pid"], fields["start_time"], fields["status"], fields["ended_at"])
