"""Know the messages between daemon, warm parent and job process, and how they cross a socket.

A message is a big-endian 4-byte length and msgpack. Open files travel beside a
message (SCM_RIGHTS); a message that has some says how many, and takes them in
the order in which they came.

Two channels: the daemon's to a warm parent (who starts, who ended: no payload,
no secret), and one for each job from the daemon straight to the job process
(everything the job needs, then closed).
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from azjobs.core.job import ProcessKind

PROTOCOL = 1  # raised when daemon and warm parent of different releases no longer understand each other
START_LOST = "StartLost"  # fault code: the process began, the user's code did not: it may be started again
MAX_FDS = 4  # journal, job channel, raw output, raw error output
_LENGTH = struct.Struct(">I")
_READ_SIZE = 64 * 1024
_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class StartRequest(msgspec.Struct, frozen=True, tag="start"):
    """Daemon: begin this job.

    With it come open files: the journal (locked), the job's channel, and for Python work its two raw files.
    """

    job_id: str
    kind: ProcessKind

    @property
    def fd_count(self) -> int:
        """How many files come with it."""
        return 2 if self.kind is ProcessKind.COMMAND else MAX_FDS


class RetireRequest(msgspec.Struct, frozen=True, tag="retire"):
    """Daemon: start no more; end when the last child has ended."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Warm parent or standby: can start jobs. `library_folders` are where its packages are installed."""

    pid: int
    protocol: int
    version: str
    library_folders: tuple[str, ...] = ()


class StartedReport(msgspec.Struct, frozen=True, tag="started"):
    """Warm parent: the job's process is there."""

    job_id: str
    pid: int
    start_time: int


class RefusedReport(msgspec.Struct, frozen=True, tag="refused"):
    """Warm parent: no process could be made."""

    job_id: str
    reason: str


class ExitedReport(msgspec.Struct, frozen=True, tag="exited"):
    """Warm parent: the job's process ended, with this raw wait status."""

    job_id: str
    pid: int
    start_time: int
    status: int


class StartMessage(msgspec.Struct, frozen=True, kw_only=True):
    """All that a job process needs, on its own channel.

    `environ` replaces the environment. `payload` is what `process.package` packs,
    `argv` the words of a command, or a script file and its arguments.
    `prepare` names the hook, as "module:function", that is given `runtime` before
    the work begins (see `process.runtime`); `runtime` may hold secrets.
    `output_cap_bytes`: more output than that is not kept.
    """

    journal: str
    kind: ProcessKind
    environ: dict[bytes, bytes]
    folder: bytes
    umask: int
    sys_path: list[str] = []
    payload: bytes = b""
    argv: list[bytes] = []
    prepare: str = ""
    runtime: dict[str, Any] = {}
    output_cap_bytes: int | None = None

    def __repr__(self) -> str:
        """Show nothing that may be secret."""
        return f"<StartMessage {self.kind} {self.journal}>"


ToParent = StartRequest | RetireRequest
FromParent = Ready | StartedReport | RefusedReport | ExitedReport

_encoder = msgspec.msgpack.Encoder()
_to_parent: msgspec.msgpack.Decoder[ToParent] = msgspec.msgpack.Decoder(ToParent)
_from_parent: msgspec.msgpack.Decoder[FromParent] = msgspec.msgpack.Decoder(FromParent)
_start_message = msgspec.msgpack.Decoder(StartMessage)


def format_frame(message: ToParent | FromParent | StartMessage) -> bytes:
    """Encode a message."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def parse_start_message(body: bytes) -> StartMessage:
    """Decode what came on a job's channel, without its length."""
    return _start_message.decode(body)


def parse_to_parent(body: bytes) -> ToParent:
    """Decode a request to a warm parent, without its length."""
    return _to_parent.decode(body)


def parse_from_parent(body: bytes) -> FromParent:
    """Decode a report of a warm parent, without its length."""
    return _from_parent.decode(body)


class FrameBuffer:
    """Collects what comes from a stream socket and cuts it into message bodies."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._fds: deque[int] = deque()

    def feed(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Add what was read."""
        self._data += data
        self._fds.extend(fds)

    def bodies(self) -> Iterator[bytes]:
        """Yield the bodies that are complete."""
        while len(self._data) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._data)
            if len(self._data) < _LENGTH.size + size:
                return
            body = bytes(self._data[_LENGTH.size : _LENGTH.size + size])
            del self._data[: _LENGTH.size + size]
            yield body

    def take_fds(self, count: int) -> list[int]:
        """Return the next open files, in the order in which they came."""
        return [self._fds.popleft() for _ in range(count)]


def receive_into(sock: socket.socket, buffer: FrameBuffer) -> bool:
    """Read once; False when the other side is gone.

    Raises:
        BlockingIOError: nothing is there (non-blocking sockets).
    """
    fd_size = array.array("i").itemsize
    try:
        data, ancillary, _, _ = sock.recvmsg(_READ_SIZE, socket.CMSG_SPACE(MAX_FDS * fd_size), _CLOEXEC)
    except ConnectionError:
        return False
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fd_size])
    if not _CLOEXEC:
        for fd in fds:
            os.set_inheritable(fd, False)
    buffer.feed(data, fds)
    return bool(data)


def send_frame(sock: socket.socket, frame: bytes, fds: Sequence[int] = ()) -> None:
    """Send a whole frame by a blocking socket; the open files go with its first byte.

    Raises:
        OSError: the other side is gone.
    """
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sent = sock.sendmsg([frame], rights)
    if sent < len(frame):
        sock.sendall(memoryview(frame)[sent:])


def read_body(sock: socket.socket) -> bytes | None:
    """Read one body from a blocking socket that carries no files; None when the other side left before it was whole."""
    head = _read_exactly(sock, _LENGTH.size)
    return None if head is None else _read_exactly(sock, _LENGTH.unpack(head)[0])


def _read_exactly(sock: socket.socket, size: int) -> bytes | None:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        try:
            count = sock.recv_into(view)
        except ConnectionError:
            return None
        if count == 0:
            return None
        view = view[count:]
    return bytes(data)
