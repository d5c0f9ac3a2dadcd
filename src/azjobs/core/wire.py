"""What client and daemon say to each other: msgpack messages in length-prefixed frames.

A frame is four bytes of length, big-endian, and one message. Both sides cap a
frame at 16 MiB. The first message of a client is `Hello`; each later request
carries a `seq` that its reply repeats. `Changed` is pushed without being asked
for again once `Follow` was sent.

Secrets travel in `Submit`, `PutSignIn`, `PutCredential` and `Answer` only: over
a Unix socket in a 0700 folder, to a peer of the same user.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from azjobs.core.context import USER_SCOPE, Account, ContextValue, SignInKey
from azjobs.core.errors import Fault
from azjobs.core.job import Job
from azjobs.core.plan import PlannedWrite
from azjobs.core.secret import SecureString
from azjobs.core.signin import SignIn
from azjobs.core.states import State

PROTOCOL = 1
FRAME_CAP_BYTES = 16 * 1024 * 1024
LENGTH_BYTES = 4


class Hello(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Who is calling. `job_key` is the capability of a job process, which limits it to the job's grants.

    `leader` is (pid, start time) of the session's leader: when it ends, what
    belongs to the session only is forgotten.
    """

    version: str
    prefix: str
    session: str
    pid: int
    protocol: int = PROTOCOL
    leader: tuple[int, int] | None = None
    job_key: str = ""


class Submit(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Take this job. Submitting the same uuid again changes nothing.

    `is_attached`: a caller waits for it; it shows itself as a job only if the
    caller goes away. `secrets`: by name, as in the work's `secrets`; a value in
    `named` is instead the name of a credential of the session. `payload`: the
    pickled function. `environment`: of a process job, kept in memory only.
    """

    seq: int
    job: Job
    is_attached: bool = False
    secrets: dict[str, SecureString] = {}
    named: dict[str, str] = {}
    payload: bytes = b""
    environment: dict[str, str] = {}
    sys_path: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Show no variable of the environment and nothing of the payload."""
        return f"<Submit {self.job.name}>"


class Read(msgspec.Struct, tag=True, frozen=True):
    """Run a plan that only reads, and answer with its result; no job is made."""

    seq: int
    plan: str
    arguments: dict[str, Any]
    context: ContextValue


class WhatIf(msgspec.Struct, tag=True, frozen=True):
    """Drive a plan with reads only and answer with the writes it would send."""

    seq: int
    plan: str
    arguments: dict[str, Any]
    context: ContextValue


class Follow(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Push `Changed` for these jobs (all jobs when empty), their present state first."""

    seq: int
    uuids: tuple[str, ...] = ()


class Stop(msgspec.Struct, tag=True, frozen=True):
    """Stop these jobs."""

    seq: int
    uuids: tuple[str, ...]


class Remove(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Remove these jobs with all their output; an unfinished one only by force, which stops it first."""

    seq: int
    uuids: tuple[str, ...]
    force: bool = False


class Detach(msgspec.Struct, tag=True, frozen=True):
    """Turn an attached job into one that shows itself, with an id."""

    seq: int
    uuid: str


class Answer(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Answer what a blocked job asks: its secrets by name, its environment, or the choice "again" or "done"."""

    seq: int
    uuid: str
    secrets: dict[str, SecureString] = {}
    choice: str = ""
    environment: dict[str, str] = {}

    def __repr__(self) -> str:
        """Show no variable of the environment."""
        return f"<Answer to {self.uuid}>"


class PutSignIn(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Keep a sign-in, after a token was really fetched with it.

    `scope` is "user" or the key of a session, which it then ends with.
    """

    seq: int
    sign_in: SignIn
    secrets: dict[str, SecureString] = {}
    scope: str = USER_SCOPE


class DropSignIn(msgspec.Struct, tag=True, frozen=True):
    """Forget a sign-in."""

    seq: int
    key: SignInKey
    scope: str = USER_SCOPE


class PutCredential(msgspec.Struct, tag=True, frozen=True):
    """Keep a named credential for a session."""

    seq: int
    name: str
    username: str
    password: SecureString


class FindCredential(msgspec.Struct, tag=True, frozen=True):
    """Ask for the user name of a named credential (never its password); "" for all names."""

    seq: int
    name: str = ""


class DropCredential(msgspec.Struct, tag=True, frozen=True):
    """Forget a named credential."""

    seq: int
    name: str


class GetToken(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Ask for an access token for a granted context."""

    seq: int
    context: ContextValue
    scopes: tuple[str, ...] = ()
    claims: str = ""
    tenant: str = ""


class Status(msgspec.Struct, tag=True, frozen=True):
    """Ask how the daemon is."""

    seq: int


class Shutdown(msgspec.Struct, tag=True, frozen=True):
    """Ask the daemon to end; the next command starts it again."""

    seq: int


Message = (
    Hello
    | Submit
    | Read
    | WhatIf
    | Follow
    | Stop
    | Remove
    | Detach
    | Answer
    | PutSignIn
    | DropSignIn
    | PutCredential
    | FindCredential
    | DropCredential
    | GetToken
    | Status
    | Shutdown
)


class Welcome(msgspec.Struct, tag=True, frozen=True):
    """The daemon's side of the greeting."""

    version: str
    epoch: int
    pid: int
    protocol: int = PROTOCOL


class Ok(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Done. `text` says what there is to say."""

    seq: int
    text: str = ""


class SignedIn(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """A sign-in gave a token and is kept; what the token says of whose it is, each "" where it does not tell.

    `text` is a warning to pass on, as where its secret is kept.
    """

    seq: int
    tenant: str = ""
    object_id: str = ""
    account: Account | None = None
    text: str = ""


class Accepted(msgspec.Struct, tag=True, frozen=True):
    """The job is durable; `job` is as it was taken, with its id."""

    seq: int
    job: Job


class Result(msgspec.Struct, tag=True, frozen=True):
    """What was asked for, as JSON."""

    seq: int
    value: Any = None


class Writes(msgspec.Struct, tag=True, frozen=True):
    """The writes a plan would send."""

    seq: int
    writes: tuple[PlannedWrite, ...]


class Token(msgspec.Struct, tag=True, frozen=True):
    """A short-lived access token; `expires_on` in epoch seconds."""

    seq: int
    token: SecureString
    expires_on: int


class CredentialNames(msgspec.Struct, tag=True, frozen=True):
    """User names by credential name."""

    seq: int
    usernames: dict[str, str]


class DaemonStatus(msgspec.Struct, tag=True, frozen=True):
    """How the daemon is. `waiting` and `going_on`: the unfinished jobs by what a stop means to them."""

    seq: int
    pid: int
    version: str
    epoch: int
    started_at: float
    going_on: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class Refusal(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """The request failed: `kind` is the name of a class in `core.errors`, `message` its text.

    `fault` is there when Azure answered with an error. `seq` 0: the connection itself is refused.
    """

    seq: int
    kind: str
    message: str
    fault: Fault | None = None


class Changed(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """A job is now like this; `is_removed`: it is gone."""

    uuid: str
    id: int | None
    state: State
    status_message: str = ""
    percent: float | None = None
    remote_state: str = ""
    is_removed: bool = False


Reply = (
    Welcome | Ok | SignedIn | Accepted | Result | Writes | Token | CredentialNames | DaemonStatus | Refusal | Changed
)

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


def parse_message(frame: bytes) -> Message:
    """Decode what a client sent.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: it is no message of this protocol.
    """
    return _parse(_message_decoder, frame)


def parse_reply(frame: bytes) -> Reply:
    """Decode what a daemon sent; raises as `parse_message`."""
    return _parse(_reply_decoder, frame)


def _parse(decoder: msgspec.msgpack.Decoder[T], frame: bytes) -> T:
    try:
        return decoder.decode(frame)
    except RecursionError as error:
        raise msgspec.DecodeError("The message is nested too deep.") from error
