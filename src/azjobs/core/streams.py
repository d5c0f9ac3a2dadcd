"""Turn the records of a job's output stream into the values its receiver gets.

Pure. A function's values are themselves. A command's standard output is lines,
as a shell's user sees it: without their newlines, the last one perhaps unfinished;
what is no text stays bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from azjobs.core.journal import Content, DataChunk, JsonValue, StoredObject, TextChunk


def values_of(contents: Iterable[Content], open_object: Callable[[StoredObject], object]) -> list[object]:
    """Return the values, in order. `open_object` opens what is kept beside the journal."""
    values: list[object] = []
    text = ""
    for content in contents:
        if isinstance(content, TextChunk):
            text += content.text
            continue
        values += _lines(text)
        text = ""
        match content:
            case JsonValue():
                values.append(content.value)
            case DataChunk():
                values.append(content.data)
            case StoredObject():
                values.append(open_object(content))
    return values + _lines(text)


def _lines(text: str) -> list[str]:
    """Cut at newlines only: a carriage return or a form feed belongs to its line."""
    return text.removesuffix("\n").split("\n") if text else []
