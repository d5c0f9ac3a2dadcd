"""The states of a job, each with the data that belongs to it.

The eleven names are PowerShell's, with its spelling. A state carries its data:
an end without a time, or a failure without a reason, cannot be written down.
Instants are epoch seconds, UTC.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from azjobs.core.errors import Fault


class JobState(StrEnum):
    """PowerShell's job states, and what each means here."""

    NOT_STARTED = "NotStarted"  # accepted and durable; nothing was done yet
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"
    BLOCKED = "Blocked"  # waits for an answer
    SUSPENDED = "Suspended"  # read from other tools; no job of ours enters it
    DISCONNECTED = "Disconnected"  # goes on, and nobody is watching just now
    SUSPENDING = "Suspending"  # as Suspended
    STOPPING = "Stopping"  # asked to stop, has not ended yet
    AT_BREAKPOINT = "AtBreakpoint"  # as Suspended

    @property
    def is_finished(self) -> bool:
        """Whether a job in it can never change again."""
        return self in FINISHED


FINISHED = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.STOPPED})


class QuestionKind(StrEnum):
    """What a blocked job waits for."""

    SECRET = "secret"  # noqa: S105 - a password must be given again
    SIGN_IN = "sign-in"  # the account must be signed in again
    UNANSWERED = "unanswered"  # whether a request took effect; only the user can know
    CHILD = "child"  # a child of the batch waits for an answer
    INPUT = "input"  # its process asks for a line (`input`)
    HIDDEN_INPUT = "hidden-input"  # its process asks for a line that nobody is to see (`getpass`)


#: What is asked by a process that runs, and waits for the answer; the rest is asked before there is one.
_OF_PROCESSES = frozenset({QuestionKind.SIGN_IN, QuestionKind.INPUT, QuestionKind.HIDDEN_INPUT})


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a blocked job asks. `names`: the secrets it needs, or the key of the unanswered request.

    Of a process that asks for a line: `prompt` as it wrote it, and `ask`, which
    tells this question from its next one.
    """

    kind: QuestionKind
    text: str
    names: tuple[str, ...] = ()
    prompt: str = ""
    ask: str = ""


class NotStarted(msgspec.Struct, frozen=True, tag="NotStarted"):
    """Accepted and durable."""


class Running(msgspec.Struct, frozen=True, tag="Running"):
    """Under way since `started_at`."""

    started_at: float


class Blocked(msgspec.Struct, frozen=True, tag="Blocked"):
    """Waits for an answer; everything that does not depend on it goes on."""

    started_at: float
    question: Question


class Stopping(msgspec.Struct, frozen=True, tag="Stopping", omit_defaults=True):
    """Asked to stop; with a `fault` it is stopped for that reason, and will have failed."""

    started_at: float
    fault: Fault | None = None


class _Over(msgspec.Struct, frozen=True):
    """From when to when. A clock that was set back in between makes no end before its beginning."""

    started_at: float
    ended_at: float

    def __post_init__(self) -> None:
        if self.ended_at < self.started_at:
            msgspec.structs.force_setattr(self, "ended_at", self.started_at)


class Completed(_Over, frozen=True, tag="Completed"):
    """Ended well."""


class Failed(_Over, frozen=True, tag="Failed"):
    """Ended with a reason."""

    fault: Fault


class Stopped(_Over, frozen=True, tag="Stopped", omit_defaults=True):
    """Ended because it was asked to. `remote_state`: what the operation in Azure was last seen doing."""

    remote_state: str = ""


State = NotStarted | Running | Blocked | Stopping | Completed | Failed | Stopped

NAMES: dict[type, JobState] = {
    NotStarted: JobState.NOT_STARTED,
    Running: JobState.RUNNING,
    Blocked: JobState.BLOCKED,
    Stopping: JobState.STOPPING,
    Completed: JobState.COMPLETED,
    Failed: JobState.FAILED,
    Stopped: JobState.STOPPED,
}


def is_process_waiting(state: State) -> bool:
    """Whether a process job's process runs and waits: it asks for a sign-in or a line in its midst, else before it."""
    return isinstance(state, Blocked) and state.question.kind in _OF_PROCESSES


def name_of(state: State) -> JobState:
    """The name of a state."""
    return NAMES[type(state)]


def is_finished(state: State) -> bool:
    """Whether it can never change again."""
    return isinstance(state, Completed | Failed | Stopped)


def started_at_of(state: State) -> float | None:
    """When the work began, if it did."""
    return None if isinstance(state, NotStarted) else state.started_at


def began_at(state: State, at: float) -> float:
    """When the work began; `at`, if it begins, or ends before it has begun, just now."""
    started_at = started_at_of(state)
    return at if started_at is None else started_at


def stopping_from(state: State, at: float) -> Stopping:
    """A job in this state is asked to stop: one that is being ended already is so for the same reason as before."""
    return state if isinstance(state, Stopping) else Stopping(began_at(state, at))


def ended_at_of(state: State) -> float | None:
    """When the job ended, if it did."""
    return state.ended_at if isinstance(state, Completed | Failed | Stopped) else None
