"""Labels: what a user calls jobs by, besides their names; text by text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azjobs.core.errors import InvalidInput


def check_labels(labels: Any) -> dict[str, str]:
    """Return labels as they are kept.

    Raises:
        InvalidInput: they are not text by text, or a name is empty or has a '='.
    """
    if not isinstance(labels, Mapping) or not all(isinstance(one, str) for pair in labels.items() for one in pair):
        raise InvalidInput(f'Labels are text by text, such as {{"env": "dev"}}, not {labels!r}.')
    wrong = [name for name in labels if not name or "=" in name]
    if wrong:
        raise InvalidInput(f"'{wrong[0]}' is no name of a label: it is empty or has a '='.")
    return dict(labels)
