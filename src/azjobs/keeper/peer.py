"""The keeper's end of the private channel: reads and writes what is possible now, never waits.

What a slow daemon does not take is bounded: while more than `HIGH_WATER_BYTES`
wait to be sent, no further request is read, and exits wait in a list that is
itself bounded.
"""

from __future__ import annotations

import collections
import selectors

from azjobs.keeper.errors import FrameTooLarge
from azjobs.keeper.exits import CAPACITY
from azjobs.keeper.frames import FrameBuffer, format_frame
from azjobs.keeper.requests import Memory, answer

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost the keeper 0.7 MB
if TYPE_CHECKING:
    import socket

    from azjobs.keeper.exits import Exit

READ_SIZE_BYTES = 256 * 1024
HIGH_WATER_BYTES = 1024 * 1024  # a guess: thousands of ordinary answers


class DaemonEnd:
    """A daemon as the keeper sees it. `is_open` is False once nothing more can be exchanged."""

    __slots__ = ("_inbox", "_memory", "_outbox", "_unpushed", "is_open", "sock")

    def __init__(self, sock: socket.socket, memory: Memory) -> None:
        self.sock = sock
        self.is_open = True
        self._memory = memory
        self._inbox = FrameBuffer()
        self._outbox = bytearray()
        self._unpushed: collections.deque[Exit] = collections.deque(maxlen=CAPACITY)

    def wanted_events(self) -> int:
        """Return what the selector has to watch for, in its own terms."""
        reading = selectors.EVENT_READ if len(self._outbox) < HIGH_WATER_BYTES else 0
        return reading | (selectors.EVENT_WRITE if self._outbox else 0)

    def push_exit(self, ended: Exit) -> None:
        """Tell the daemon of an orphan's end, now or when it has taken what waits."""
        self._unpushed.append(ended)
        self.advance()

    def perform(self, events: int) -> None:
        """React to what the selector saw."""
        if events & selectors.EVENT_READ:
            self._receive()
        self.advance()

    def drain(self) -> None:
        """Perform all that a daemon asked before it died; the answers have no reader."""
        is_more = True
        while is_more and self.is_open:
            is_more = self._receive()
            while (body := self._next_body()) is not None:
                answer(self._memory, body)

    def advance(self) -> None:
        """Answer and send as much as the daemon takes."""
        while self.is_open:
            self._answer_waiting()
            self._push_waiting()
            if not self._outbox or not self._send():
                return

    def _receive(self) -> bool:
        """Read once; return whether anything came."""
        try:
            data = self.sock.recv(READ_SIZE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.is_open = False
        self._inbox.feed(data)
        return bool(data)

    def _answer_waiting(self) -> None:
        while len(self._outbox) < HIGH_WATER_BYTES:
            body = self._next_body()
            if body is None:
                return
            self._outbox += answer(self._memory, body)

    def _next_body(self) -> bytes | None:
        try:
            return self._inbox.next_body()
        except FrameTooLarge:  # no telling where the next frame begins
            self.is_open = False
            return None

    def _push_waiting(self) -> None:
        while self._unpushed and len(self._outbox) < HIGH_WATER_BYTES:
            self._outbox += format_frame({"event": "exit", **self._unpushed.popleft().as_fields()})

    def _send(self) -> bool:
        """Send what waits; return whether it made room."""
        try:
            sent = self.sock.send(self._outbox)
        except BlockingIOError:
            return False
        except OSError:  # nobody reads any more, but what was asked before may still wait to be read here
            sent = len(self._outbox)
        del self._outbox[:sent]
        return True
