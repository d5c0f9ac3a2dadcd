"""Execute an interpreter that will start jobs, and talk with it from an event loop.

Asyncio. It gets a session of its own (a Ctrl-C of the user's terminal is not for
it), only those environment variables that change how an interpreter starts, and
one channel. What it prints goes to an unnamed file, which is read when it fails.
"""

from __future__ import annotations

import array
import asyncio
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import NamedTuple

from azjobs.core.errors import AzJobsError
from azjobs.process.exits import wait_exit
from azjobs.process.frames import (
    PROTOCOL,
    FrameBuffer,
    FromParent,
    Ready,
    ToParent,
    format_frame,
    parse_from_parent,
    receive_into,
)
from azjobs.process.interpreter import Interpreter

_READY_TIMEOUT_S = 60.0  # guess: a cold start with the SDK on a busy machine was seen to take 2 s
_END_TIMEOUT_S = 1.0  # guess: an interpreter that has closed its channel is at its end


class LaunchFailed(AzJobsError):
    """The job's process cannot be started; nothing of it has run."""


class Killed(LaunchFailed):
    """Somebody killed the interpreter before it was ready; another one may fare better."""


class WarmKey(NamedTuple):
    """What must be equal for two jobs to be started by one interpreter."""

    interpreter: Interpreter
    environment: tuple[tuple[bytes, bytes], ...]
    preload: tuple[str, ...]


class Spawned:
    """An executed interpreter that is ready, and the channel to it.

    `on_report` gets each report; `on_gone` is called once, when the channel has closed.
    """

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket, ready: Ready) -> None:
        self.process = process
        self.ready = ready
        self.is_gone = False
        self.on_report: Callable[[FromParent], None] = lambda _: None
        self.on_gone: Callable[[], None] = lambda: None
        self._channel = channel
        self._buffer = FrameBuffer()
        self._loop = asyncio.get_running_loop()
        self._sending = asyncio.Lock()
        self._loop.add_reader(channel, self._read)

    async def send(self, message: ToParent, fds: Sequence[int] = ()) -> None:
        """Send a message with open files.

        Raises:
            OSError: the interpreter is gone.
        """
        if self.is_gone:
            raise ConnectionResetError
        frame = memoryview(format_frame(message))
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        async with self._sending:
            while frame:
                try:
                    sent = self._channel.sendmsg([frame], rights)
                except BlockingIOError:
                    await _writable(self._loop, self._channel)
                    continue
                except OSError:
                    self._lost()
                    raise
                frame, rights = frame[sent:], []

    def close(self) -> None:
        """Close the channel: a warm parent ends at once, its children go on."""
        if not self.is_gone:
            self.is_gone = True
            self._loop.remove_reader(self._channel)
            self._channel.close()
            self.on_gone()

    async def wait(self) -> None:
        """Wait until it has ended."""
        if self.process.returncode is None:
            await wait_exit(self.process.pid, None)
            self.process.wait()

    def release(self) -> None:
        """Wait for it no more: it goes on, and whoever adopts it learns how it ended."""
        self.process.returncode = 0  # so that Popen does not warn about a child that was left on purpose

    def _lost(self) -> None:
        """It is known here and now, before the loop tells: what it said before its end is still to be read."""
        while not self.is_gone and self._read():
            pass
        self.close()

    def _read(self) -> bool:
        """Read once; False when there was nothing to read."""
        try:
            is_there = receive_into(self._channel, self._buffer)
        except BlockingIOError:
            return False
        for body in self._buffer.bodies():
            self.on_report(parse_from_parent(body))
        if not is_there:
            self.close()
        return is_there


async def spawn(key: WarmKey, module: str) -> Spawned:
    """Execute the interpreter of `key` with `-m module` and wait until it is ready.

    Raises:
        LaunchFailed: it cannot be executed, or is not ready in time; the message holds its last words.
        Killed: somebody killed it meanwhile.
    """
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as words:
        with theirs:
            process = _execute(key, module, theirs, words.fileno(), ours)
        ours.setblocking(False)
        buffer = FrameBuffer()
        status = None
        try:
            body = await asyncio.wait_for(_first_body(ours, buffer), _READY_TIMEOUT_S)
            if body is None and await wait_exit(process.pid, None, _END_TIMEOUT_S):
                status = process.wait()
        except TimeoutError:
            body = None
        report = None if body is None else parse_from_parent(body)
        if isinstance(report, Ready) and report.protocol == PROTOCOL:
            return Spawned(process, ours, report)
        ours.close()
        process.kill()
        await asyncio.to_thread(process.wait)
        kind = Killed if status == -signal.SIGKILL else LaunchFailed
        raise kind(f"{key.interpreter.executable} cannot run jobs: {_last_words(words, report)}")


def _execute(
    key: WarmKey, module: str, theirs: socket.socket, stderr: int, ours: socket.socket
) -> subprocess.Popen[bytes]:
    interpreter = key.interpreter
    fd = theirs.fileno()
    try:
        return subprocess.Popen(  # noqa: S603 - the caller's own interpreter, no shell
            [interpreter.executable, *interpreter.options, "-m", module, str(fd), *key.preload],
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            pass_fds=[fd],
            cwd="/",
            env=dict(key.environment),
            start_new_session=True,
        )
    except OSError as error:
        ours.close()
        raise LaunchFailed(f"{interpreter.executable} cannot be executed: {error.strerror}.") from error


async def _first_body(channel: socket.socket, buffer: FrameBuffer) -> bytes | None:
    loop = asyncio.get_running_loop()
    while True:
        is_there = asyncio.Event()
        loop.add_reader(channel, is_there.set)
        try:
            await is_there.wait()
        finally:
            loop.remove_reader(channel)
        if not receive_into(channel, buffer):
            return None
        for body in buffer.bodies():
            return body


async def _writable(loop: asyncio.AbstractEventLoop, channel: socket.socket) -> None:
    has_room = asyncio.Event()
    loop.add_writer(channel, has_room.set)
    try:
        await has_room.wait()
    finally:
        loop.remove_writer(channel)


def _last_words(words: object, report: FromParent | None) -> str:
    if isinstance(report, Ready):
        return f"it has azjobs {report.version}, which does not understand this one. Install the same version there."
    text = os.pread(words.fileno(), 64 * 1024, 0).decode("utf-8", "replace").strip()  # type: ignore[attr-defined]  # a file
    lines = text.splitlines()
    return lines[-1] if lines else "it ended without a word, or was not ready in time."
