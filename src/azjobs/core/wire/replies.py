"""What the daemon says to a client: an answer, which repeats the `seq` of what was asked, or news of a job."""

from __future__ import annotations

from typing import Any

import msgspec

from azjobs.core.context import Account
from azjobs.core.errors import Fault
from azjobs.core.job import Job
from azjobs.core.plan import PlannedWrite
from azjobs.core.questions import status_of
from azjobs.core.secret import SecureString
from azjobs.core.states import State
from azjobs.core.wire.messages import PROTOCOL


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


class Line(msgspec.Struct, tag=True, frozen=True):
    """What the user answered: never shown, since nobody knows here what it is."""

    seq: int
    line: SecureString


class CredentialNames(msgspec.Struct, tag=True, frozen=True):
    """User names by credential name."""

    seq: int
    usernames: dict[str, str]


class Pruned(msgspec.Struct, tag=True, frozen=True):
    """The ids of the jobs that were removed, or would be."""

    seq: int
    ids: tuple[int, ...]


class DaemonStatus(msgspec.Struct, tag=True, frozen=True):
    """How the daemon is. `waiting` and `going_on`: the unfinished jobs by what a stop means to them.

    `troubles`: a sentence about each thing that it cannot record, or has lost.
    """

    seq: int
    pid: int
    version: str
    epoch: int
    started_at: float
    going_on: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


class Refusal(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """The request failed: `kind` is the name of a class in `core.errors`, `message` its text.

    `fault` is there when Azure answered with an error. `seq` 0: the connection itself is refused.
    """

    seq: int
    kind: str
    message: str
    fault: Fault | None = None


class Changed(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """A job is now like this; `is_removed`: it is gone. `parent`: the batch it belongs to."""

    uuid: str
    id: int | None
    state: State
    status_message: str = ""
    percent: float | None = None
    remote_state: str = ""
    is_removed: bool = False
    name: str = ""
    parent: str = ""


def changed_of(job: Job, *, is_removed: bool = False) -> Changed:
    """What is told of a job."""
    return Changed(
        job.uuid,
        job.id,
        job.state,
        status_of(job),
        job.percent,
        job.remote_state,
        is_removed=is_removed,
        name=job.shown_name,
        parent=job.parent,
    )


Reply = (
    Welcome
    | Ok
    | SignedIn
    | Accepted
    | Result
    | Writes
    | Token
    | Line
    | CredentialNames
    | Pruned
    | DaemonStatus
    | Refusal
    | Changed
)
