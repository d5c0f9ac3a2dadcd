"""Make the standard input of a job from what it is given."""

from __future__ import annotations

from collections.abc import Iterable

from azjobs.core.errors import CannotSend
from azjobs.core.secret import Credential, SecureString

MOST_BYTES = 8 * 1024 * 1024  # guess: half of what a message to the daemon may have; more is better read from a file


def stdin_of(given: str | bytes | Iterable[object] | None) -> bytes | None:
    """Return text in UTF-8, bytes as they are, of anything else each item as a line; None for an empty input.

    Raises:
        CannotSend: a secret is in it, which would be written to the store; or it is too large.
    """
    if given is None:
        return None
    if isinstance(given, bytes | str):
        data = given.encode("utf-8", "surrogateescape") if isinstance(given, str) else given
    elif isinstance(given, Iterable) and not isinstance(given, SecureString | Credential):
        data = b"".join(map(_line, given))
    else:
        raise CannotSend(f"input_object is text, bytes, or things that are a line each, not {type(given).__name__}.")
    if len(data) > MOST_BYTES:
        more = f"{len(data) / 2**20:.0f} MB, more than the {MOST_BYTES // 2**20} MB that can be sent"
        raise CannotSend(f"input_object is {more}. Let the job read a file.")
    return data


def _line(item: object) -> bytes:
    if isinstance(item, SecureString | Credential):
        raise CannotSend("input_object holds a secret, which must not be written to a file. Pass it as an argument.")
    data = item if isinstance(item, bytes) else str(item).encode("utf-8", "surrogateescape")
    return data if data.endswith(b"\n") else data + b"\n"
