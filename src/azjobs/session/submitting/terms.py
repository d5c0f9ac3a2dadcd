"""What may be said of any job besides what it does: how to find it, how long it may take, what is run at its end."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, NamedTuple

from azjobs.core.errors import InvalidInput
from azjobs.core.job import Notice
from azjobs.core.labels import check_labels


class Terms(NamedTuple):
    """The terms of one job, checked."""

    labels: Mapping[str, str] = {}
    time_limit_s: float | None = None
    notice: Notice | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What is sent with the job for the command at its end."""
        if self.notice is None:
            return {}
        from azjobs.session.link.environment import sendable_environment  # noqa: PLC0415 - few jobs have one

        return sendable_environment()


NO_TERMS = Terms()


def terms_of(options: Mapping[str, Any]) -> Terms:
    """Return what the options of a command say of its job by the names in `commands.azure_work.Working`.

    Raises:
        InvalidInput: a label, the time limit or the command cannot be used; no job exists.
    """
    labels, time_limit, command = options.get("labels"), options.get("time_limit"), options.get("notify_command")
    if not (labels or command) and time_limit is None:
        return NO_TERMS
    from azjobs.session.submitting.notices import notice_of  # noqa: PLC0415 - likewise

    return Terms(check_labels(labels or {}), check_time_limit(time_limit), notice_of(command))


def check_time_limit(time_limit_s: float | None) -> float | None:
    """Return how long a job may take, in seconds; None for as long as it does.

    Raises:
        InvalidInput: it is no time at all.
    """
    if time_limit_s is not None and not (isinstance(time_limit_s, int | float) and 0 < time_limit_s < inf):
        raise InvalidInput(f"The time limit is a number of seconds above 0, not {time_limit_s!r}.")
    return time_limit_s
