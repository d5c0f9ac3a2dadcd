"""The private channel's frames: four bytes of length, big-endian, then one JSON object.

Pure: bytes in, messages out; no socket. Values of secrets are base64 inside
the JSON. The same code serves the keeper and the daemon.
"""

from __future__ import annotations

import json

from azjobs.keeper.errors import FrameTooLarge

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost the keeper 0.7 MB
if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER_SIZE_BYTES = 4
FRAME_CAP_BYTES = 16 * 1024 * 1024  # the cap of the daemon's own wire, so that whatever came in also fits here


def format_frame(message: Mapping[str, object]) -> bytes:
    """Return `message` as one frame.

    Raises:
        FrameTooLarge: the JSON is over the cap.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > FRAME_CAP_BYTES:
        raise FrameTooLarge
    return len(body).to_bytes(HEADER_SIZE_BYTES, "big") + body


def parse_body(body: bytes) -> dict[str, object]:
    """Return the message in a frame's body.

    Raises:
        ValueError: the body is not one JSON object, in one sentence that shows nothing of it.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):  # thousands of brackets end in RecursionError
        raise ValueError("The frame is not JSON.") from None  # the cause would quote the frame
    if not isinstance(message, dict):
        raise ValueError("The frame is not a JSON object.")  # noqa: TRY004 - a matter of content, as any other bad frame
    return message


class FrameBuffer:
    """Bytes as they arrive; whole bodies as they become complete."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Add what was received."""
        self._bytes += data

    def next_body(self) -> bytes | None:
        """Return the body of the next whole frame, or None when more bytes are needed.

        Raises:
            FrameTooLarge: the length announced is over the cap; nothing after it can be read.
        """
        if len(self._bytes) < HEADER_SIZE_BYTES:
            return None
        size = int.from_bytes(self._bytes[:HEADER_SIZE_BYTES], "big")
        if size > FRAME_CAP_BYTES:
            raise FrameTooLarge
        end = HEADER_SIZE_BYTES + size
        if len(self._bytes) < end:
            return None
        body = bytes(self._bytes[HEADER_SIZE_BYTES:end])
        del self._bytes[:end]
        return body
