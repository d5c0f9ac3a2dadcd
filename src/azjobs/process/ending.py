"""Have the last word in a job process: after its threads and its exit handlers, before anything is torn down.

Exit handlers run in reverse order, so an entry point calls `register_ending`
before anything else can register one. In a job process the ending writes the
final record and leaves at once; in a process that became no job it does nothing.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable

_ending: Callable[[], int] | None = None


def register_ending() -> None:
    """Make sure that the ending set later runs after every other exit handler."""
    atexit.register(_run)


def set_ending(ending: Callable[[], int]) -> None:
    """Set what is done last; it returns the exit status. The interpreter is not torn down after it."""
    global _ending  # noqa: PLW0603 - exit handlers take no arguments
    _ending = ending


def _run() -> None:
    if _ending is not None:
        os._exit(_ending())
