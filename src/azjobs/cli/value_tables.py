"""Draw what Azure commands return: machines, groups, what was done, what would be done. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from azjobs.cli.output import plain_table, text_of
from azjobs.cli.tables import Column, layout

#: Title and key of each column, by a key that only that kind of value has.
_COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "vmSize": (
        ("Name", "name"),
        ("ResourceGroup", "resourceGroupName"),
        ("Location", "location"),
        ("Size", "vmSize"),
        ("OS", "osType"),
        ("State", "provisioningState"),
        ("Power", "powerState"),
    ),
    "action": (
        ("Action", "action"),
        ("Name", "name"),
        ("Resource", "label"),
        ("ResourceGroup", "resourceGroupName"),
        ("Status", "status"),
    ),
    "location": (
        ("Name", "name"),
        ("Location", "location"),
        ("State", "provisioningState"),
    ),
    "defaultDomain": (
        ("Name", "name"),
        ("Id", "id"),
        ("DefaultDomain", "defaultDomain"),
        ("Category", "category"),
    ),
    "subscriptionId": (
        ("Name", "name"),
        ("Id", "subscriptionId"),
        ("TenantId", "tenantId"),
        ("State", "state"),
    ),
}


def value_table(value: Any, *, width: int | None = None) -> str:
    """Return a table of values of one kind; of any other value what `plain_table` makes of it."""
    rows = value if isinstance(value, list) else [value]
    columns = _columns_of(rows)
    if not columns:
        return plain_table(value)
    cells = [[text_of(row.get(key)) for _, key in columns] for row in rows]
    return layout([Column(title, shrinks=True) for title, _ in columns], cells, width=width)


def _columns_of(rows: Sequence[Any]) -> list[tuple[str, str]]:
    """Return the columns of the kind that all rows are of, without those that are empty in all."""
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        return []
    kind = next((kind for kind in _COLUMNS if all(kind in row for row in rows)), None)
    if kind is None:
        return []
    return [(title, key) for title, key in _COLUMNS[kind] if any(row.get(key) not in (None, "") for row in rows)]
