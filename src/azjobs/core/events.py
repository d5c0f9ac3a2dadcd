"""What can happen to a job (events, past tense) and what is to be done about it (effects, imperative).

Instants are epoch seconds, UTC; delays are seconds. An effect that names a
call refers to a request of the job's plan by its key.
"""

from __future__ import annotations

from typing import Any

import msgspec

from azjobs.core.arm import Reply
from azjobs.core.errors import Fault
from azjobs.core.states import JobState


class Begun(msgspec.Struct, frozen=True):
    """The job was accepted and its work may begin."""

    at: float


class Replied(msgspec.Struct, frozen=True):
    """A reply came for the call, from the absolute `url`."""

    at: float
    call: str
    reply: Reply
    url: str


class NotSent(msgspec.Struct, frozen=True):
    """The call could not be sent: nothing reached the service."""

    at: float
    call: str
    problem: str


class NotAnswered(msgspec.Struct, frozen=True):
    """The call was, or may have been, sent and no answer came."""

    at: float
    call: str
    problem: str


class SecretMissing(msgspec.Struct, frozen=True):
    """Secrets that the job needs are no longer in memory; nothing was sent. `call` is "" for a process."""

    at: float
    names: tuple[str, ...]
    call: str = ""


class SignInMissing(msgspec.Struct, frozen=True):
    """The sign-in that the call needs is gone, or is refused for good; nothing was sent.

    `call` is "" when the job's process asked for a token, and goes on waiting for it.
    """

    at: float
    call: str
    text: str
    is_refused: bool = False


class InputAsked(msgspec.Struct, frozen=True):
    """The job's process asks the user for a line, and waits for it. `ask` tells this question from the next one."""

    at: float
    ask: str
    prompt: str
    is_hidden: bool = False


class Refused(msgspec.Struct, frozen=True):
    """The call was refused on this side before anything was sent."""

    at: float
    call: str
    fault: Fault


class Released(msgspec.Struct, frozen=True):
    """What the job waited for is there. `choice` answers whether a request took effect: "again" or "done"."""

    at: float
    choice: str = ""


class ProcessStarted(msgspec.Struct, frozen=True):
    """The job's process runs."""

    at: float
    pid: int
    start_time: int
    boot_id: str


class ProcessEnded(msgspec.Struct, frozen=True):
    """The job's process ended. `outcome` is its own word ("completed", "failed", "stopped"), or "" without one."""

    at: float
    outcome: str = ""
    fault: Fault | None = None


class StopAsked(msgspec.Struct, frozen=True):
    """The user asked the job to stop.

    Of an Azure job: `cancel` if Azure is to be asked to end what it is doing.
    `recalled`: the requests that were about to go out, by key, and will not.
    """

    at: float
    cancel: bool = False
    recalled: tuple[str, ...] = ()


class Resumed(msgspec.Struct, frozen=True):
    """The user asked a stopped Azure job to go on."""

    at: float


class TimedOut(msgspec.Struct, frozen=True):
    """The job's time limit is over. `recalled`: as of `StopAsked`."""

    at: float
    recalled: tuple[str, ...] = ()


class ChildChanged(msgspec.Struct, frozen=True):
    """A child of the batch went from one state to another."""

    at: float
    before: JobState
    after: JobState


class Counted(msgspec.Struct, frozen=True):
    """The children of the batch were counted anew: how many are in each state."""

    at: float
    counts: dict[JobState, int]


class Recovered(msgspec.Struct, frozen=True):
    """Another daemon was at work on this job before; what it had begun may be half done.

    Of a process job it is said only when nothing of it has run, or its stop may not have.
    """

    at: float


Event = (
    Begun
    | Replied
    | NotSent
    | NotAnswered
    | SecretMissing
    | SignInMissing
    | InputAsked
    | Refused
    | Released
    | ProcessStarted
    | ProcessEnded
    | StopAsked
    | TimedOut
    | ChildChanged
    | Counted
    | Resumed
    | Recovered
)


class SendRequest(msgspec.Struct, frozen=True):
    """Send the call's request after `delay_s`; its intent must be on disk first.

    `is_conditional`: only if the resource does not exist yet (If-None-Match: *).
    """

    call: str
    delay_s: float = 0.0
    is_conditional: bool = False


class ReadUrl(msgspec.Struct, frozen=True):
    """GET `url` (absolute, or a path of the environment's Resource Manager) after `delay_s`."""

    call: str
    url: str
    delay_s: float = 0.0
    settle: bool = False  # the environment's settle time is added to the delay


class StartProcess(msgspec.Struct, frozen=True):
    """Start the job's process."""


class StopProcess(msgspec.Struct, frozen=True):
    """End the job's process and all that it started."""


class StopChildren(msgspec.Struct, frozen=True):
    """Stop the unfinished children of the batch; `is_only_idle`: those of which nothing is under way.

    `cancel`: Azure is to be asked to end what it is doing for them.
    """

    is_only_idle: bool = False
    cancel: bool = False


class WriteOutput(msgspec.Struct, frozen=True):
    """Append the result, as JSON, to the job's output."""

    value: Any


class WriteError(msgspec.Struct, frozen=True):
    """Append an error to the job's journal."""

    fault: Fault


class WriteProgress(msgspec.Struct, frozen=True):
    """Append a progress record to the job's journal."""

    activity: str
    status: str
    percent: float | None = None


Effect = SendRequest | ReadUrl | StartProcess | StopProcess | StopChildren | WriteOutput | WriteError | WriteProgress
