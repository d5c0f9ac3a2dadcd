"""Cut what comes from a pipe into pieces worth a record: whole lines where there are lines.

Pure. A piece is at most `CHUNK_SIZE_BYTES`; nothing is lost or changed. An
unfinished line is held until its rest comes, the pipe falls quiet, or it is too
long; a UTF-8 sequence is not cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from azjobs.core.journal import CHUNK_SIZE_BYTES, DataChunk, TextChunk

_LONGEST_SEQUENCE_BYTES = 4  # UTF-8 [RFC 3629]


class Line(NamedTuple):
    """A piece as the records of text have it: see `core.journal.Information`."""

    text: str
    partial: bool
    data: bytes


def line_of(piece: bytes) -> Line:
    """Return a piece as text, without its last newline, and as it is where it is not UTF-8."""
    partial = not piece.endswith(b"\n")
    body = piece if partial else piece[:-1]
    try:
        return Line(body.decode(), partial, b"")
    except UnicodeDecodeError:
        return Line(body.decode("utf-8", "backslashreplace"), partial, piece)


def chunk_of(piece: bytes) -> TextChunk | DataChunk:
    """Return a piece as text where it is UTF-8, else the bytes as they are."""
    try:
        return TextChunk(piece.decode())
    except UnicodeDecodeError:
        return DataChunk(piece)


class LineCutter:
    """Holds what was read and not cut off yet."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def holds_something(self) -> bool:
        """Whether an unfinished line is held."""
        return bool(self._held)

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Add what was read; yield the pieces that are ready."""
        self._held += data
        yield from self._cut(self._held.rfind(b"\n") + 1)
        if len(self._held) >= CHUNK_SIZE_BYTES:
            yield from self._cut(whole_sequences(self._held))

    def take(self) -> bytes:
        """Return what is held, and hold it no more."""
        taken = bytes(self._held)
        self._held.clear()
        return taken

    def flush(self, *, final: bool = False) -> Iterator[bytes]:
        """Yield the unfinished line as far as it is; an unfinished UTF-8 sequence only if this is the end."""
        yield from self._cut(len(self._held) if final else whole_sequences(self._held))

    def _cut(self, end: int) -> Iterator[bytes]:
        while end > 0:
            size = end
            if end > CHUNK_SIZE_BYTES:
                newline = self._held.rfind(b"\n", 0, CHUNK_SIZE_BYTES) + 1
                size = newline or whole_sequences(self._held[:CHUNK_SIZE_BYTES]) or CHUNK_SIZE_BYTES
            piece = bytes(self._held[:size])
            del self._held[:size]
            yield piece
            end -= size


def whole_sequences(data: bytes | bytearray) -> int:
    """Return the length without an unfinished UTF-8 sequence at the end; bytes that are no UTF-8 are whole."""
    for back in range(1, min(_LONGEST_SEQUENCE_BYTES, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 == 0x80:  # a continuation: look further back for the byte that leads it
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return len(data) - back if needed > back else len(data)
    return len(data)
