"""Take the environment of this process along to a job's, or to a credential's."""

from __future__ import annotations

import os
import sys

from azjobs.keeper.start import JOB_VARIABLE


def sendable_environment() -> dict[str, str]:
    """Return the variables that are text, for a message cannot carry others; the mark of a job stays behind.

    What a job submits, or lets sign in, is not part of it, and is not ended with it.
    """
    found = {name: value for name, value in os.environ.items() if _is_text(name) and _is_text(value)}
    found.pop(JOB_VARIABLE, None)
    return found


def import_path() -> tuple[str, ...]:
    """Where this program imports from; "" is its own folder, wherever the other process runs."""
    return tuple(path or os.getcwd() for path in sys.path)  # noqa: PTH109 - import paths are text


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
