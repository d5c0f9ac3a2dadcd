"""Say an error in one sentence, its details in one line more, and give the exit code. Pure but for the traceback."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from azjobs.core import errors
from azjobs.core.errors import AzJobsError, Fault, NotFound, Refused, RequestFailed

if TYPE_CHECKING:
    from azjobs.cli.shell import Shell

#: What an HTTP status of Azure means as an exit code, where it is not simply a failure.
_BY_STATUS: dict[int | None, int] = {404: NotFound.exit_code, 401: Refused.exit_code, 403: Refused.exit_code}


def report(shell: Shell, error: BaseException, *, is_debug: bool) -> int:
    """Write what went wrong to stderr and return the exit code."""
    shell.say(sentence_of(error))
    details = details_of(error)
    if details:
        shell.say(f"Details: {details}")
    if is_debug:
        import traceback  # noqa: PLC0415 - only when something failed and the user wants to know

        shell.stderr.write("".join(traceback.format_exception(error)))
    return exit_code_of(error)


def sentence_of(error: BaseException) -> str:
    """Return the error as one line that says what is wrong."""
    text = " ".join(str(error).split())
    if isinstance(error, AzJobsError):
        return text
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"Something cannot be written: {error.strerror}."
    return f"{type(error).__name__}: {text or 'no more is known'}. This is a fault of azjobs: please report it."


def details_of(error: BaseException) -> str:
    """Return ARM's code, the HTTP status and the correlation id, as far as there are any."""
    fault = getattr(error, "fault", None)
    if not isinstance(fault, Fault):
        return ""
    return fault_details(fault)


def fault_details(fault: Fault) -> str:
    """Return the details of a fault in one line; "" when there is nothing a support case could use."""
    if fault.http_status is None and not fault.correlation_id:
        return ""
    status = f"HTTP {fault.http_status}" if fault.http_status is not None else ""
    correlation = f"correlation id {fault.correlation_id}" if fault.correlation_id else ""
    return ", ".join(part for part in (fault.code, status, correlation) if part)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of an error; what Azure says does not exist is 3 as well."""
    if not isinstance(error, AzJobsError):
        return 1
    if isinstance(error, RequestFailed) and error.fault is not None:
        kind = getattr(errors, error.fault.code, None)  # our own refusals are named after their class
        if isinstance(kind, type) and issubclass(kind, AzJobsError):
            return kind.exit_code
        return _BY_STATUS.get(error.fault.http_status, error.exit_code)
    return error.exit_code
