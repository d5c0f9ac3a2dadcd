"""Talk to the daemon over one socket: greet, ask, be told. Blocking.

A lost connection says whether the request had been sent; what is done about it
is decided in `client`.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time
from collections import deque
from pathlib import Path
from typing import Self

from msgspec import MsgspecError, ValidationError
from msgspec.structs import replace

from azjobs.core import errors
from azjobs.core.errors import AzJobsError, DaemonUnavailable, HomeUnusable
from azjobs.core.layout import Layout
from azjobs.core.version import VERSION
from azjobs.core.wire import (
    Changed,
    FrameBuffer,
    FrameTooLarge,
    Hello,
    Message,
    Refusal,
    Reply,
    Welcome,
    checked_frame,
    parse_reply,
)
from azjobs.keeper.errors import FolderUnusable, KeeperError, LocksUnsupported, SocketPathTooLong
from azjobs.keeper.launch import connect, load_failure, run_folder, running_keeper
from azjobs.store.ballast import make_room

READ_BYTES = 256 * 1024
GREETING_S = 15.0  # guess: a daemon serves again 0.4 s after a kill; a loaded machine is slower


class ConnectionLost(Exception):
    """The daemon has gone. `is_sent`: the request may have reached it."""

    def __init__(self, *, is_sent: bool) -> None:
        super().__init__("the connection to the daemon was lost")
        self.is_sent = is_sent


class Connection:
    """One greeted connection. Not for several threads at once, but for `send`, which may run beside `receive`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._frames = FrameBuffer()
        self._arrived: deque[Reply] = deque()
        self._pushed: deque[Changed] = deque()
        self._seq = 0
        self.welcome: Welcome

    @classmethod
    def open(cls, layout: Layout[Path], *, session: str, leader: tuple[int, int] | None, job_key: str = "") -> Self:
        """Connect, start what has to be started, and greet.

        Raises:
            DaemonUnavailable: nobody answers.
            HomeUnusable: the home folder cannot hold a socket.
            AzJobsError: the daemon turns this client away, with its reason.
        """
        import os  # noqa: PLC0415 - only its pid

        hello = Hello(VERSION, sys.prefix, session, os.getpid(), leader=leader, job_key=job_key)
        connection = cls(reach(layout))
        try:
            connection._greet(hello, layout)
        except BaseException:
            connection.close()
            raise
        return connection

    def ask(self, message: Message) -> Reply:
        """Send a request (its `seq` is set here) and return its reply, whatever it is.

        Raises:
            ConnectionLost: there was none.
        """
        self._seq += 1
        self.send(replace(message, seq=self._seq))
        while True:
            reply = self._next_reply(None)
            if isinstance(reply, Changed):
                self._pushed.append(reply)
            elif getattr(reply, "seq", None) == self._seq:
                return reply

    def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            ConnectionLost: it was not sent whole.
            InvalidInput: it is larger than a message may be, or a value in it is of a wrong type: a daemon hangs up
                on what it cannot read, so it must not be sent.
        """
        try:  # the frame is no local variable: a traceback that shows those must not show a secret
            self._sock.sendall(checked_frame(message))
        except ValidationError as error:
            raise errors.InvalidInput(f"A value cannot be used: {error}.") from None
        except FrameTooLarge as error:
            raise errors.InvalidInput(f"{error} Pass large data by a file.") from error
        except OSError as error:
            raise ConnectionLost(is_sent=False) from error

    def told(self, timeout_s: float | None = None, or_readable: int = -1) -> Changed | None:
        """Return the next thing the daemon tells unasked; None when the time is over, or that descriptor is readable.

        Raises:
            ConnectionLost: the daemon has gone.
        """
        deadline_at = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._pushed:
            left_s = None if deadline_at is None else deadline_at - time.monotonic()
            if left_s is not None and left_s <= 0:
                return None
            if or_readable >= 0 and not self._arrived and not self._is_first(or_readable, left_s):
                return None
            try:
                reply = self._next_reply(left_s)
            except TimeoutError:
                return None
            if isinstance(reply, Changed):
                self._pushed.append(reply)
        return self._pushed.popleft()

    def forget_told(self) -> None:
        """Forget what was told and not asked for: whoever calls this looks for itself."""
        self._pushed.clear()
        self._arrived.clear()

    def arrived(self) -> list[Changed]:
        """Return what the daemon has told unasked, without waiting.

        Raises:
            ConnectionLost: nothing is left to return, and the daemon has gone.
        """
        if not self._pushed:
            replies: list[Reply] = []
            with contextlib.suppress(BlockingIOError):
                replies.append(self._next_reply(0.0))
            self._pushed.extend(reply for reply in (*replies, *self._arrived) if isinstance(reply, Changed))
            self._arrived.clear()
        told = list(self._pushed)
        self._pushed.clear()
        return told

    @property
    def is_readable(self) -> bool:
        """Whether the daemon has said something, or has gone."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(self._pushed or self._arrived or poll.poll(0))

    def fileno(self) -> int:
        """Return the descriptor, which is readable when the daemon says something."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the socket; a thread that waits in `told` is woken."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def drop(self) -> None:
        """Close this process's descriptor only: after a fork the connection is the parent's."""
        self._sock.close()

    def _greet(self, hello: Hello, layout: Layout[Path]) -> None:
        self.send(hello)
        try:
            reply = self._next_reply(GREETING_S)
        except TimeoutError:
            raise DaemonUnavailable(_silence(layout)) from None
        except ConnectionLost:
            failure = load_failure(run_folder(layout.home))
            if failure is not None:
                raise DaemonUnavailable(failure) from None
            raise
        if isinstance(reply, Refusal):
            raise error_of(reply)
        if not isinstance(reply, Welcome):
            raise DaemonUnavailable("What answers on the daemon's socket is no daemon of azjobs.")
        self.welcome = reply

    def _is_first(self, other_fd: int, timeout_s: float | None) -> bool:
        """Wait for the daemon, or the other descriptor; whether the daemon has something to tell."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(other_fd, select.POLLIN)
        return self._sock.fileno() in [fd for fd, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)]

    def _next_reply(self, timeout_s: float | None) -> Reply:
        while not self._arrived:
            try:
                self._sock.settimeout(timeout_s)  # of a socket that another thread has closed it is an error too
                data = self._sock.recv(READ_BYTES)
            except (TimeoutError, BlockingIOError):
                raise
            except OSError as error:
                raise ConnectionLost(is_sent=True) from error
            if not data:
                raise ConnectionLost(is_sent=True)
            try:
                self._arrived.extend(map(parse_reply, self._frames.feed(data)))
            except (FrameTooLarge, MsgspecError) as error:
                raise DaemonUnavailable(f"The daemon speaks another language: {error}") from error
        return self._arrived.popleft()


def error_of(refusal: Refusal) -> AzJobsError:
    """Return the error that a refusal names."""
    kind = getattr(errors, refusal.kind, None)
    if not (isinstance(kind, type) and issubclass(kind, AzJobsError)):
        return AzJobsError(refusal.message)
    if issubclass(kind, errors.RequestFailed | errors.JobFailed):
        return kind(refusal.message, fault=refusal.fault)
    return kind(refusal.message)


def _silence(layout: Layout[Path]) -> str:
    keeper, log = running_keeper(run_folder(layout.home)), layout.logs_folder / "daemon.log"
    cause = f" If the keeper (process {keeper}) is suspended, type: kill -CONT {keeper}." if keeper else ""
    return f"Nobody has answered for {GREETING_S:g} s.{cause} Else see {log}"


def reach(layout: Layout[Path]) -> socket.socket:
    """Return a connection to the daemon, not greeted yet; starts what has to be started.

    Raises:
        DaemonUnavailable, HomeUnusable: with one sentence.
    """
    make_room(layout.ballast_file)
    try:
        return connect(run_folder(layout.home), layout.home)
    except (FolderUnusable, LocksUnsupported, SocketPathTooLong) as error:
        raise HomeUnusable(str(error)) from error
    except (KeeperError, OSError) as error:
        raise DaemonUnavailable(f"The daemon cannot be reached: {error}") from error
