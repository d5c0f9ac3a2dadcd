"""Open the values that are kept beside a journal.

Only `load_object` ever unpickles, and only the Python face of the same user calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from azjobs.core.errors import HomeUnusable
from azjobs.core.journal import ObjectFormat, StoredObject
from azjobs.process.journal import OBJECTS_SUFFIX, companion


def load_object(journal: Path, stored: StoredObject, resolve: Callable[[str], object] | None = None) -> Any:
    """Open a stored value. A pickled one runs code of whoever wrote it: call this for the user's own jobs only.

    Raises:
        HomeUnusable: the file is gone or shorter than the record says.
    """
    body = load_bytes(journal, stored)
    if stored.format is ObjectFormat.JSON:
        return msgspec.json.decode(body)
    from azjobs.process.payload import load_value  # noqa: PLC0415 - whoever reads JSON only need not unpickle

    return load_value(body, resolve)


def load_bytes(journal: Path, stored: StoredObject) -> bytes:
    """Return the bytes of a stored value, in its format; safe for everybody to call.

    Raises:
        HomeUnusable: the file is gone or shorter than the record says.
    """
    path = companion(journal, OBJECTS_SUFFIX)
    try:
        with path.open("rb") as file:
            file.seek(stored.offset)
            body = file.read(stored.size_bytes)
    except FileNotFoundError:
        body = b""
    if len(body) != stored.size_bytes:
        raise HomeUnusable(f"The values of this job are damaged: {path} does not hold what its journal names.")
    return body
