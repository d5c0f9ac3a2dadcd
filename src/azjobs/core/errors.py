"""The errors a user can meet: what happened, who must act, and with which exit code.

The first sentence of an error is always complete by itself: it says what is
wrong and what to type. `exit_code` is what the shell gives for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar

import msgspec


class Sent(StrEnum):
    """Whether a request reached the service: what decides if it may go out again."""

    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a piece of work failed, as data: stored with the job, sent, shown.

    `message` never holds a secret or a token. `left` names what was created and
    still exists, in the order of creation.
    """

    code: str
    message: str
    target: str = ""
    http_status: int | None = None
    correlation_id: str = ""
    sent: Sent = Sent.YES
    left: tuple[str, ...] = ()


TIME_LIMIT = "TimeLimit"


def over_time(limit_s: float, more: str = "") -> Fault:
    """Why a job failed that was not done within its time limit; `more` says what goes on without it."""
    return Fault(TIME_LIMIT, f"It was not done within {limit_s:g} s. {more}".rstrip())


class AzJobsError(Exception):
    """Something went wrong in azjobs."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])


class InvalidInput(AzJobsError):
    """The input cannot be used; nothing was changed."""

    exit_code = 2


class ConfirmationRequired(InvalidInput):
    """Confirmation needs a terminal. Add --force."""


class CannotSend(InvalidInput):
    """An argument cannot be sent to another process; no job exists."""


class NotFound(AzJobsError):
    """What was named does not exist."""

    exit_code = 3


class JobNotFound(NotFound):
    """No such job. Type: azjobs job get"""


class ContextNotFound(NotFound):
    """No such context. Type: azjobs context get"""


class EnvironmentNotFound(NotFound):
    """No such environment. Type: azjobs environment get"""


class CredentialNotFound(NotFound):
    """No such named credential in this session. Type: azjobs credential get --name NAME --username USER"""


class ResourceNotFound(NotFound):
    """The resource does not exist."""


class Refused(AzJobsError):
    """Not signed in, or not allowed.

    `is_of_scope`: it is about what a token was asked for, so that signing in again does not help.
    """

    exit_code = 4
    is_of_scope = False


class NotSignedIn(Refused):
    """Not signed in. Type: azjobs account connect"""


class SignInFailed(Refused):
    """The sign-in was refused; nothing was saved."""


class SignInWarning(UserWarning):
    """A sign-in went on, but not as a whole: a tenant was left out, or a secret lies where others may read it."""


class ContextRequired(Refused):
    """Context autosave is off, so this job has no context. Pass az_context= to start_job or to the command."""


class ContextNotGranted(Refused):
    """The job was not granted this context when it was submitted."""


class AmbiguousContext(Refused):
    """Another thread is inside `with context:`; pass az_context=, or submit with contextvars.copy_context()."""


class WrongTarget(Refused):
    """The target is outside the context; nothing was sent."""


class ResourceProtected(Refused):
    """The target is protected; nothing was sent. Type: azjobs protection get"""


class WaitTimedOut(AzJobsError, TimeoutError):
    """The time to wait is over; the jobs go on."""

    exit_code = 5


class JobFailed(AzJobsError):
    """The job failed.

    `fault` is the reason as data; `output` what the job had returned until then.
    """

    def __init__(self, message: str | None = None, *, fault: Fault | None = None, output: list[object] | None = None):
        super().__init__(message)
        self.fault = fault
        self.output = output or []


class BatchFailed(JobFailed):
    """Some targets of a batch failed, or were stopped.

    `report` has what became of each target, in their order.
    """

    exit_code = 6

    def __init__(
        self,
        message: str | None = None,
        *,
        fault: Fault | None = None,
        output: list[object] | None = None,
        report: Sequence[Any] = (),
    ):
        super().__init__(message, fault=fault, output=output)
        self.report = list(report)


class JobStopped(AzJobsError):
    """The job was stopped before it had a result."""


class JobBlocked(AzJobsError):
    """The job waits for an answer. Type: azjobs job answer

    `output` is what the jobs had returned until then, where it was received.
    """

    def __init__(self, message: str | None = None, *, output: list[object] | None = None) -> None:
        super().__init__(message)
        self.output = output or []


class JobNotFinished(AzJobsError):
    """The job is not finished. Stop it first, or use force."""


class JobNotStopped(AzJobsError):
    """The job cannot be resumed: only a stopped Azure job can, while something of it may go on."""


class RequestFailed(AzJobsError):
    """Azure answered a request with an error."""

    def __init__(self, message: str | None = None, *, fault: Fault | None = None) -> None:
        super().__init__(message)
        self.fault = fault


class DaemonUnavailable(AzJobsError):
    """The daemon cannot be reached or started."""


class HomeReadOnly(UserWarning):
    """The home cannot be written; jobs and sign-ins of this session are kept elsewhere."""


class PolicyIgnored(UserWarning):
    """The policy of the home cannot be read, so the output of the job that was started has no cap."""


class OutputIncomplete(UserWarning):
    """A job wrote more than is kept of it, so what is read of its output is not all."""


class ModeRepaired(UserWarning):
    """A file or folder of the home was open to other users, and was closed to them."""


class JobsLost(UserWarning):
    """The job store was damaged: says which jobs cannot be read, and where what is left of them is."""


class DefaultChanged(UserWarning):
    """The saved default context was changed elsewhere; this session goes on in the one it has used so far."""


class HomeUnusable(AzJobsError):
    """The home folder cannot be used; nothing was changed."""


class StoreDamaged(HomeUnusable):
    """The job store is damaged. The daemon, when it starts, sets it aside and saves what can be read of it."""

    def __init__(self, message: str, why: str = "") -> None:
        super().__init__(message)
        self.why = why


class StoreFull(HomeUnusable):
    """The disk is full: nothing more can be recorded. Free some space; nothing was lost."""


class StoreTooNew(HomeUnusable):
    """The store was written by a newer version of azjobs; nothing was changed."""


def refusal_of(fault: Fault) -> Refused | None:
    """Return the error of a fault that was a refusal on this side, named by its class; None for any other fault."""
    kind = globals().get(fault.code)
    return kind(fault.message) if isinstance(kind, type) and issubclass(kind, Refused) else None


def format_fault(fault: Fault) -> str:
    """One sentence or two for people: code, message, and what was left behind."""
    message = fault.message.strip()
    text = f"{fault.code}. {message}" if message else f"{fault.code}."
    if text[-1] not in ".!?":
        text += "."
    if fault.left:
        text += f" Created and left: {', '.join(fault.left)}."
    return text
