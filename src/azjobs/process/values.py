"""Keep what a job returns and yields: as JSON in its record, or beside the journal.

What is too large for a record, or what JSON cannot give back exactly, is
appended to the job's `.objects` file, and the record says where.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from azjobs.core.journal import CHUNK_SIZE_BYTES, Content, JsonValue, ObjectFormat, StoredObject, is_exact_json
from azjobs.process.journal import OBJECTS_SUFFIX, companion
from azjobs.process.payload import Persistent, dump_value

_TEXT_LIMIT = 500  # guess: characters of an object's repr that are kept for showing
_VIEW_LIMIT_BYTES = CHUNK_SIZE_BYTES


class ObjectWriter:
    """Turns values into the content of records; what is too large or not JSON goes to the file."""

    def __init__(self, journal: Path, persistent: Persistent) -> None:
        self._path = companion(journal, OBJECTS_SUFFIX)
        self._persistent = persistent
        self._lock = threading.Lock()

    def content_of(self, value: object) -> Content:
        """Keep a value.

        Raises:
            CannotKeep: it can neither be written as JSON nor be pickled.
        """
        content = self.content_if(value, lambda _: True)
        assert content is not None, "there is room"
        return content

    def content_if(self, value: object, has_room: Callable[[int], bool]) -> Content | None:
        """Keep a value, unless it is to be kept beside the journal and there is no room for it; raises as above."""
        if _is_exact(value):
            body = msgspec.json.encode(value)
            if len(body) <= CHUNK_SIZE_BYTES:
                return JsonValue(value)
            form = ObjectFormat.JSON
        else:
            body, form = dump_value(value, self._persistent), ObjectFormat.PICKLE
        return self._store(body, form, value) if has_room(len(body)) else None

    def _store(self, body: bytes, kind: ObjectFormat, value: object) -> StoredObject:
        with self._lock:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                offset = os.fstat(fd).st_size
                _write_all(fd, body)
            finally:
                os.close(fd)
        view = _view_of(value) if kind is ObjectFormat.PICKLE else None
        return StoredObject(offset, len(body), kind, type(value).__qualname__, _text_of(value), view)


def _is_exact(value: object) -> bool:
    try:
        return is_exact_json(value)
    except RecursionError:  # it holds itself, or is nested beyond what JSON readers take
        return False


def _view_of(value: object) -> Any:
    """The nearest JSON, for faces that do not open pickles; None when there is none that is small."""
    try:
        view = msgspec.to_builtins(value)
        return view if len(msgspec.json.encode(view)) <= _VIEW_LIMIT_BYTES else None
    except Exception:  # noqa: BLE001 - any class may be in there, and no view is a fine answer
        return None


def _text_of(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - code of the user's class; the value itself is kept
        text = f"<{type(value).__qualname__}>"
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"


def _write_all(fd: int, body: bytes) -> None:
    view = memoryview(body)
    while view:
        view = view[os.write(fd, view) :]
