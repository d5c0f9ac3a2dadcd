"""Pack what a job process is handed besides its words: its call, what runs before it, and its standard input.

Packed by whoever submits and opened in the job, by the same release of azjobs;
in between it is bytes. A call by itself is its pickle and nothing more.
"""

from __future__ import annotations

import os
import tempfile

import msgspec

_PICKLE = b"\x80"  # what every pickle since protocol 2 begins with; no array of MessagePack does


class Package(msgspec.Struct, frozen=True, array_like=True):
    """What a job process is handed.

    `call`: the function, dumped; `first`: one that runs before it, dumped, and
    `first_file` a Python file that does. `stdin`: None for an empty one.
    """

    call: bytes = b""
    first: bytes = b""
    first_file: str = ""
    stdin: bytes | None = None

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "<Package>"


_decoder = msgspec.msgpack.Decoder(Package)


def pack(package: Package) -> bytes:
    """Return it as bytes; b"" when there is nothing in it."""
    is_call_only = package == Package(package.call)
    return package.call if is_call_only else msgspec.msgpack.encode(package)


def unpack(payload: bytes) -> Package:
    """Open what `pack` made."""
    return Package(payload) if not payload or payload.startswith(_PICKLE) else _decoder.decode(payload)


def open_stdin(data: bytes) -> int:
    """Return a descriptor from which the data is read; what stands behind it has no name and goes with it."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return os.dup(file.fileno())
