"""Take the environment of this process along to a job's."""

from __future__ import annotations

import os


def sendable_environment() -> dict[str, str]:
    """Return the variables that are text; a message cannot carry others."""
    return {name: value for name, value in os.environ.items() if _is_text(name) and _is_text(value)}


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
