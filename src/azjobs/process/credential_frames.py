"""Know the messages between the daemon and a credential process, and how a credential is pickled for it.

Framed as all messages of `process.frames`; they travel on a socket pair that
nobody else has. The first one to the process is `Begin`; each `Ask` has one answer.
"""

from __future__ import annotations

import base64
import socket
import struct

import cloudpickle
import msgspec

from azjobs.core.errors import CannotSend
from azjobs.core.secret import SecureString

PROTOCOL = 1  # raised when daemon and credential process of different releases no longer understand each other
_LENGTH = struct.Struct(">I")


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """Daemon: be this credential. `payload` is what `dump_credential` made, no longer in base64."""

    environ: dict[str, str]
    folder: str
    sys_path: list[str]
    payload: bytes

    def __repr__(self) -> str:
        """Show nothing that may be secret."""
        return "<Begin>"


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Daemon: get a token. `claims` and `tenant_id` are passed on where they are not empty."""

    scopes: tuple[str, ...]
    claims: str = ""
    tenant_id: str = ""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Process: can begin; nothing of the caller's has run yet."""

    protocol: int
    version: str


class Given(msgspec.Struct, frozen=True, tag="given"):
    """Process: the token, good until `expires_on` (epoch seconds)."""

    token: str
    expires_on: int

    def __repr__(self) -> str:
        """Say until when, not what."""
        return f"<Given until {self.expires_on}>"


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Process: no token, and why, in the credential's own words. `is_network`: no answer came at all."""

    text: str
    is_network: bool = False


ToProcess = Begin | Ask
FromProcess = Ready | Given | Failed

_encoder = msgspec.msgpack.Encoder()
_to_process: msgspec.msgpack.Decoder[ToProcess] = msgspec.msgpack.Decoder(ToProcess)
_from_process: msgspec.msgpack.Decoder[FromProcess] = msgspec.msgpack.Decoder(FromProcess)


def send(sock: socket.socket, message: ToProcess | FromProcess) -> None:
    """Send a message by a blocking socket.

    Raises:
        OSError: the other side is gone, or takes too long.
    """
    body = _encoder.encode(message)
    sock.sendall(_LENGTH.pack(len(body)) + body)


def parse_to_process(body: bytes) -> ToProcess:
    """Decode what the daemon sent, without its length."""
    return _to_process.decode(body)


def parse_from_process(body: bytes) -> FromProcess:
    """Decode what a credential process sent, without its length.

    Raises:
        msgspec.MsgspecError: it is no message.
    """
    return _from_process.decode(body)


def dump_credential(credential: object) -> SecureString:
    """Pickle a credential, or a function without arguments that makes one, for a credential process; in base64.

    `process.payload` refuses to pickle credentials: its payloads lie in files. This
    one is what carries them, so it is a secret from the first moment: it is sent on
    private channels only and held in the keeper's memory. Classes of the caller's
    `__main__` travel by value, others by name.

    Raises:
        CannotSend: it cannot be pickled.
    """
    try:
        data = cloudpickle.dumps(credential)
    except Exception as error:  # noqa: BLE001 - any class's own pickling may raise anything
        kind = type(credential).__qualname__
        problem = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(".")
        raise CannotSend(
            f"The {kind} cannot be sent to a process of its own ({problem}). Give a function that makes it instead."
        ) from None
    return SecureString(base64.b64encode(data).decode())


def load_payload(text: str) -> bytes:
    """Return the pickle of what `dump_credential` made.

    Raises:
        ValueError: it is none.
    """
    return base64.b64decode(text, validate=True)
