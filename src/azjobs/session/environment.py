"""Take the environment of this process along to a job's, or to a credential's."""

from __future__ import annotations

import os
import sys


def sendable_environment() -> dict[str, str]:
    """Return the variables that are text; a message cannot carry others."""
    return {name: value for name, value in os.environ.items() if _is_text(name) and _is_text(value)}


def import_path() -> tuple[str, ...]:
    """Where this program imports from; "" is its own folder, wherever the other process runs."""
    return tuple(path or os.getcwd() for path in sys.path)  # noqa: PTH109 - import paths are text


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
