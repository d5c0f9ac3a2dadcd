"""Cut and make frames, each four bytes of length, big-endian, and one message."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from azjobs.core.secret import SecureString
from azjobs.core.wire.messages import Message
from azjobs.core.wire.replies import Reply

FRAME_CAP_BYTES = 16 * 1024 * 1024
LENGTH_BYTES = 4

T = TypeVar("T")


def _clear(value: object) -> str:
    """Secrets are in clear on the wire only: no message shows them, whoever prints it."""
    if isinstance(value, SecureString):
        return value.reveal()
    raise NotImplementedError(f"A {type(value).__name__} is no part of a message.")


def _covered(kind: type, value: Any) -> Any:
    return kind(value)


_encoder = msgspec.msgpack.Encoder(enc_hook=_clear)
_message_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message, dec_hook=_covered)
_reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply, dec_hook=_covered)


class FrameTooLarge(ValueError):
    """A frame announces more than the cap: the peer is not one of ours, or the input is too large to send."""


def format_frame(message: Message | Reply) -> bytes:
    """Encode one message with its length in front.

    Raises:
        FrameTooLarge: it is larger than the cap.
    """
    body = _encoder.encode(message)
    if len(body) > FRAME_CAP_BYTES:
        raise FrameTooLarge(f"A message of {len(body):,} bytes is over the cap of {FRAME_CAP_BYTES:,}.")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def checked_frame(message: Message) -> bytes:
    """Encode a message as `format_frame`, if who receives it can read it: types are checked where it is decoded.

    Raises:
        FrameTooLarge: it is larger than the cap.
        msgspec.ValidationError: a value in it is of a wrong type; its place is named.
    """
    frame = format_frame(message)
    parse_message(memoryview(frame)[LENGTH_BYTES:])
    return frame


class FrameBuffer:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that are whole after `data`, in order.

        Raises:
            FrameTooLarge: a length is over the cap.
        """
        self._buffer += data
        frames: list[bytes] = []
        while len(self._buffer) >= LENGTH_BYTES:
            size = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
            if size > FRAME_CAP_BYTES:
                raise FrameTooLarge(f"A frame of {size:,} bytes is over the cap of {FRAME_CAP_BYTES:,}.")
            if len(self._buffer) < LENGTH_BYTES + size:
                break
            frames.append(bytes(self._buffer[LENGTH_BYTES : LENGTH_BYTES + size]))
            del self._buffer[: LENGTH_BYTES + size]
        return frames


def parse_message(frame: bytes | memoryview) -> Message:
    """Decode what a client sent.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: it is no message of this protocol.
    """
    return _parse(_message_decoder, frame)


def parse_reply(frame: bytes) -> Reply:
    """Decode what a daemon sent; raises as `parse_message`."""
    return _parse(_reply_decoder, frame)


def _parse(decoder: msgspec.msgpack.Decoder[T], frame: bytes | memoryview) -> T:
    try:
        return decoder.decode(frame)
    except RecursionError as error:
        raise msgspec.DecodeError("The message is nested too deep.") from error
