"""What a client says to the daemon.

Secrets travel in `Submit`, `SubmitBatch`, `PutSignIn`, `PutCredential` and `Answer` only: over
a Unix socket in a 0700 folder, to a peer of the same user.
"""

from __future__ import annotations

from typing import Any

import msgspec

from azjobs.core.context import USER_SCOPE, ContextValue, SignInKey
from azjobs.core.job import Job
from azjobs.core.secret import SecureString
from azjobs.core.signin import SignIn

PROTOCOL = 1


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


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """One child of a batch: what it acts on, and what its plan is asked for."""

    uuid: str
    name: str
    target: str
    arguments: dict[str, Any]


class SubmitBatch(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Take a batch and its children, all or none. Submitting the same uuid again changes nothing.

    The children do the same `plan`, in the context and by the grants of the batch;
    `asks` names the holes of its requests, as in the work's `secrets`. `throttle_limit`:
    how many of them run at once. The rest is as in `Submit`.
    """

    seq: int
    job: Job
    plan: str
    targets: tuple[Target, ...]
    asks: dict[str, str] = {}
    throttle_limit: int | None = None
    is_attached: bool = False
    secrets: dict[str, SecureString] = {}
    named: dict[str, str] = {}
    environment: dict[str, str] = {}

    def __repr__(self) -> str:
        """Show no more than what it is called."""
        return f"<SubmitBatch {self.job.name}>"


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
    """Push `Changed` for these jobs, their present state first.

    For all jobs when empty, of a batch as one: first for the unfinished ones; the others are in the store.
    """

    seq: int
    uuids: tuple[str, ...] = ()


class Stop(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Stop these jobs; `cancel`: Azure is to be asked to end what it is doing for them."""

    seq: int
    uuids: tuple[str, ...]
    cancel: bool = False


class Resume(msgspec.Struct, tag=True, frozen=True):
    """Let these stopped Azure jobs go on; all of them, or none."""

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
    """Answer what a blocked job asks: its secrets by name, its environment, or the choice "again" or "done".

    `line`: what its process asked for; `ask` says which of its questions that answers.
    """

    seq: int
    uuid: str
    secrets: dict[str, SecureString] = {}
    choice: str = ""
    environment: dict[str, str] = {}
    line: SecureString | None = None
    ask: str = ""

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


class GetToken(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Ask for an access token for a granted context."""

    seq: int
    context: ContextValue
    scopes: tuple[str, ...] = ()
    claims: str = ""
    tenant: str = ""


class Prune(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Remove jobs that ended longer ago than that, or are not among the `keep` that ended last.

    Without both: what the standing policy does not keep. A rehearsal removes nothing.
    """

    seq: int
    older_than_s: float | None = None
    keep: int | None = None
    is_rehearsal: bool = False


class AskUser(msgspec.Struct, tag=True, frozen=True, omit_defaults=True):
    """Ask the user for a line, in a job's process. To ask again with the same `ask` is the same question."""

    seq: int
    ask: str
    prompt: str = ""
    is_hidden: bool = False


class Status(msgspec.Struct, tag=True, frozen=True):
    """Ask how the daemon is."""

    seq: int


class Shutdown(msgspec.Struct, tag=True, frozen=True):
    """Ask the daemon to end; the next command starts it again."""

    seq: int


Message = (
    Hello
    | Submit
    | SubmitBatch
    | Read
    | WhatIf
    | Follow
    | Stop
    | Resume
    | Remove
    | Prune
    | Detach
    | Answer
    | PutSignIn
    | DropSignIn
    | PutCredential
    | FindCredential
    | GetToken
    | AskUser
    | Status
    | Shutdown
)
