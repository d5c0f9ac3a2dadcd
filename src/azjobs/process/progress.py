"""Report progress from wherever the user's code is."""

from __future__ import annotations

import sys
from typing import Protocol


class ProgressStream(Protocol):
    """Where progress goes."""

    def progress(self, activity: str, status: str, percent: float | None, parent: str, *, completed: bool) -> None:
        """Write how far an activity is."""


_stream: ProgressStream | None = None


def set_progress_stream(stream: ProgressStream) -> None:
    """Send the progress of this process there: it is a job."""
    global _stream  # noqa: PLW0603 - one process is one job
    _stream = stream


def write_progress(
    activity: str, status: str = "", percent: float | None = None, *, parent: str = "", completed: bool = False
) -> None:
    """Say how far an activity is.

    In a job it goes to the progress stream, and whoever waits for the job on a
    terminal sees it live; else it is a line on standard error.

    Args:
        activity: what is being done.
        status: what just happens.
        percent: 0 to 100, None when it cannot be told.
        parent: the activity around this one; it ends those inside it with itself.
        completed: it is over and need not be shown any more, as at 100 percent.

    Raises:
        ValueError: percent is not between 0 and 100.
    """
    if percent is not None and not 0 <= percent <= 100:
        raise ValueError(f"percent is between 0 and 100, not {percent}")
    if _stream is not None:
        _stream.progress(activity, status, percent, parent, completed=completed)
        return
    if completed and not status:
        return
    share = "" if percent is None else f" ({percent:g} %)"
    print(f"{activity}{': ' if status else ''}{status}{share}", file=sys.stderr)  # noqa: T201 - outside a job it is for people
