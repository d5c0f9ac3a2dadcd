"""Format a value for stdout: table, JSON, JSON lines, TSV or YAML, after an optional JMESPath query. Pure.

Values are plain JSON: dicts, lists, text, numbers, booleans, None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from azjobs.core.errors import InvalidInput


class Format(StrEnum):
    """The forms of output."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    TSV = "tsv"
    YAML = "yaml"


TableOf = Callable[[Any], str]


def query(value: Any, expression: str) -> Any:
    """Return what a JMESPath expression finds in a value.

    Raises:
        InvalidInput: it is not an expression, or it does not fit the value.
    """
    import jmespath  # noqa: PLC0415 - few commands have a query
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415 - same

    try:
        return jmespath.search(expression, value)
    except JMESPathError as error:
        reason = " ".join(str(error).split())
        raise InvalidInput(f"--query '{expression}' cannot be used: {reason}") from error


def render(value: Any, form: Format, table_of: TableOf | None = None) -> str:
    """Return the text of a value; "" for a table of nothing. `table_of` draws values of a known kind."""
    match form:
        case Format.JSON:
            return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
        case Format.JSONL:
            lines = value if isinstance(value, list) else [value]
            return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)
        case Format.TSV:
            rows = value if isinstance(value, list) else [value]
            return "".join("\t".join(_tsv_cells(row)) + "\n" for row in rows)
        case Format.YAML:
            import yaml  # noqa: PLC0415 - few commands are asked for it

            text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
            return text.removesuffix("...\n")  # what YAML adds after a lone scalar
        case Format.TABLE:
            return (table_of or plain_table)(value)


def ids(value: Any) -> str:
    """Return what `-q` prints: the id of each thing, else its name, one a line."""
    things = value if isinstance(value, list) else [value]
    return "".join(f"{text}\n" for thing in things if (text := _id_of(thing)))


def plain_table(value: Any) -> str:
    """Draw any value: dicts as rows under their keys, lists as rows, anything else as a line."""
    from azjobs.cli.tables import Column, layout  # noqa: PLC0415 - JSON needs none

    rows = value if isinstance(value, list) else [value]
    rows = [row for row in rows if row is not None]
    if rows and all(isinstance(row, dict) for row in rows):
        keys = list(
            dict.fromkeys(key for row in rows for key, cell in row.items() if not isinstance(cell, dict | list))
        )
        columns = [Column(key[:1].upper() + key[1:], shrinks=True) for key in keys]
        return layout(columns, [[text_of(row.get(key)) for key in keys] for row in rows]) if keys else ""
    lists = [row if isinstance(row, list) else [row] for row in rows]
    count = max(map(len, lists), default=0)
    cells = [[text_of(cell) for cell in row] + [""] * (count - len(row)) for row in lists]
    return layout([Column("")] * count, cells, has_header=False)


def text_of(value: Any) -> str:
    """Return one cell: text as it is, nothing for None, compact JSON for what is nested."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _tsv_cells(row: Any) -> Sequence[str]:
    cells = row.values() if isinstance(row, dict) else row if isinstance(row, list) else [row]
    # A cell must not break the row it is in.
    return [text_of(cell).replace("\t", "\\t").replace("\n", "\\n") for cell in cells]


def _id_of(thing: Any) -> str:
    if not isinstance(thing, dict):
        return text_of(thing)
    return text_of(thing.get("id") or thing.get("name"))
