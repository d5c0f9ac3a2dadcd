"""A small daemon that does what a client tells it: the keeper's real counterpart in these tests.

One JSON object a line in, one out. It uses the real channel, handover and successor.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path

from azjobs.keeper.channel import KeeperChannel, OrphanExit
from azjobs.keeper.errors import KeeperError
from azjobs.keeper.handover import take_handover
from azjobs.keeper.orphans import load_start_time
from azjobs.keeper.successor import start_successor


class Standin:
    """One daemon: what it was handed, whom it serves, and when it ends."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.handover = take_handover()
        assert self.handover is not None
        self.events: dict[int, OrphanExit] = {}
        self.changed = asyncio.Condition()
        self.telling: set[asyncio.Task[None]] = set()
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> int:
        """Serve until told to end; return the exit code."""
        listen = socket.socket(fileno=self.handover.listen_fd)
        self.channel = await KeeperChannel.open(self.handover.keeper_fd, on_exit=self.note)
        self.server = await asyncio.start_unix_server(self.serve, sock=listen, limit=2**24)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: self.end(0))
        if self.options.with_successor:
            self.channel.closed.add_done_callback(lambda _: self.leave(listen))
        return await self.code

    def note(self, ended: OrphanExit) -> None:
        """Remember what the keeper told."""

        async def tell() -> None:
            async with self.changed:
                self.events[ended.pid] = ended
                self.changed.notify_all()

        task = asyncio.create_task(tell())
        self.telling.add(task)
        task.add_done_callback(self.telling.discard)

    def end(self, code: int) -> None:
        """Let `run` return."""
        if not self.code.done():
            self.code.set_result(code)

    def leave(self, listen: socket.socket) -> None:
        """Start the next keeper, as the real daemon does when its own is gone."""
        if self.code.done():
            return
        asyncio.get_running_loop().remove_reader(listen.fileno())
        try:
            start_successor(
                self.options.run,
                self.options.home,
                listen=listen,
                identity=socket.socket(fileno=self.handover.identity_fd),
                daemon_command=[sys.executable, *sys.argv],
                environment=dict(os.environ),
                idle_s=self.options.keeper_idle_s,
            )
        except KeeperError as error:
            sys.stderr.write(f"{type(error).__name__} {error}\n")
        if self.options.linger_gate:
            self.options.linger_gate.read_text()  # a FIFO: until somebody has written to it
        self.end(9)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client, line by line."""
        while line := await reader.readline():
            request = json.loads(line)
            try:
                reply = await self.perform(request.pop("do"), request)
            except KeeperError as error:
                reply = {"error": type(error).__name__, "sentence": str(error)}
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def perform(self, what: str, args: dict) -> object:
        """Do what a client told."""
        match what:
            case "about":
                fds = {int(name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208 - only the names
                return {
                    "pid": os.getpid(),
                    "ppid": os.getppid(),
                    "env": dict(os.environ),
                    "identity": socket.socket(fileno=os.dup(self.handover.identity_fd)).getsockname(),
                    "fds": sorted(fds),
                    "cwd": str(Path.cwd()),
                }
            case "put":
                return await self.channel.put(args["key"], args["value"].encode())
            case "put_many":
                return await self.channel.put_many({key: value.encode() for key, value in args["items"].items()})
            case "put_large":
                return await self.channel.put(args["key"], b"x" * args["size_bytes"])
            case "get":
                value = await self.channel.get(args["key"])
                return value if value is None else value.decode()
            case "get_many":
                return {key: value.decode() for key, value in (await self.channel.get_many(args["keys"])).items()}
            case "drop" | "drop_prefix" | "keys" | "hold" | "status":
                return await getattr(self.channel, what)(**args)
            case "exits":
                return [[ended.pid, ended.start_time, ended.status] for ended in await self.channel.exits()]
            case "ack":
                return await self.channel.ack_exits(await self.channel.exits())
            case "orphan":
                return await asyncio.to_thread(start_orphan, args["script"])
            case "child":
                return await asyncio.to_thread(os.spawnv, os.P_NOWAIT, "/bin/sh", ["/bin/sh", "-c", args["script"]])
            case "accept_no_more":
                return asyncio.get_running_loop().remove_reader(self.handover.listen_fd)
            case "event":
                async with self.changed:
                    await self.changed.wait_for(lambda: args["pid"] in self.events)
                ended = self.events[args["pid"]]
                return [ended.start_time, ended.status]
            case "raw":
                self.channel._writer.write(base64.b64decode(args["data"]))
                return None
            case "deaf":
                return self.ask_without_reading(args["count"], args["key"])  # in the loop, so that nothing is read
            case "exit":
                self.end(args["code"])
                return None
        raise ValueError(what)

    def ask_without_reading(self, count: int, key: str) -> int:
        """Write requests straight to the channel until it takes no more; return how many it took."""
        body = json.dumps({"seq": 0, "op": "get", "key": key}).encode()
        frame = len(body).to_bytes(4, "big") + body
        for number in range(count):
            rest = frame
            while rest:
                if not select.select([], [self.handover.keeper_fd], [], 0.3)[1]:
                    return number
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(self.handover.keeper_fd, rest) :]
        return count


def start_orphan(script: str) -> list[int]:
    """Start `script` in a shell whose parent is gone at once; return its process id and start time."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:  # it tells its own start time: once it has ended, nobody else could
            os.write(writing, b"%d %d" % (os.getpid(), load_start_time(os.getpid())))
            os.execv("/bin/sh", ["/bin/sh", "-c", script])
        os._exit(0)
    os.wait()
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return [int(word) for word in pipe.read().split()]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--with-successor", action="store_true")
    parser.add_argument("--keeper-idle-s", type=float, default=30)
    parser.add_argument("--linger-gate", type=Path)
    options = parser.parse_args()
    with (options.home / "starts").open("a") as starts:
        starts.write(f"{os.getpid()}\n")

    async def run() -> int:
        return await Standin(options).run()

    return asyncio.run(run())


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # at once, as a test told it to
