"""Find a statement of `queries.sql` by its name."""

from __future__ import annotations

from functools import cache
from pathlib import Path


def parse_queries(text: str) -> dict[str, str]:
    """Cut a file of statements, each below a line `-- name --`, into statements by name."""
    queries: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("-- ") and line.endswith(" --"):
            name = line[3:-3]
            if name in queries:
                raise ValueError(f"two statements are named {name}")
            queries[name] = []
        elif name:
            queries[name].append(line)
    return {name: "\n".join(lines).strip() for name, lines in queries.items()}


@cache
def _all_queries() -> dict[str, str]:
    return parse_queries(Path(__file__).with_name("queries.sql").read_text(encoding="utf-8"))


def query(name: str) -> str:
    """Return the statement of this name."""
    return _all_queries()[name]
