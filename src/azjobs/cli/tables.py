"""Lay out rows in columns for people. Pure: text in, text out.

Cells come from outside (names of jobs, messages of Azure), so what could steer
a terminal is shown as an escape, never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

LEAST_WIDTH = 8  # guess: what a name must keep to be told apart


class Column(NamedTuple):
    """One column. `shrinks`: it gives way when the terminal is narrow. `paint` colours a cell by its text."""

    title: str
    is_right: bool = False
    shrinks: bool = False
    paint: Callable[[str, str], str] | None = None


def layout(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    gap: int = 2,
    width: int | None = None,
    has_header: bool = True,
) -> str:
    """Return the table, one line a row, no blanks at line ends, a newline at the end; "" without rows and header.

    `width` is the terminal's; None for as wide as it gets.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    titles = [[column.title for column in columns]] if has_header else []
    widths = [max((cell_width(row[i]) for row in titles + cells), default=0) for i in range(len(columns))]
    if width is not None:
        widths = _fit(widths, columns, width, gap)
    lines = [_line(row, columns, widths, gap, is_painted=False) for row in titles]
    lines += [_line(row, columns, widths, gap, is_painted=True) for row in cells]
    return "".join(f"{line}\n" for line in lines)


def clean(cell: str) -> str:
    """Return text that is one line and moves no cursor."""
    if cell.isprintable():
        return cell
    return "".join(c if c.isprintable() else " " if c in "\n\t" else ascii(c)[1:-1] for c in cell)


def cell_width(text: str) -> int:
    """Return how many places of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # noqa: PLC0415 - few tables need it

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def shorten(text: str, width: int) -> str:
    """Return `text` in at most `width` places, with an ellipsis where something is left out."""
    if cell_width(text) <= width:
        return text
    kept = ""
    for c in text:
        if cell_width(kept + c) > width - 1:
            break
        kept += c
    return kept + "…"


def _fit(widths: list[int], columns: Sequence[Column], width: int, gap: int) -> list[int]:
    """Take what is too much from the columns that shrink, always from the widest."""
    widths = list(widths)
    shrinkable = [i for i, column in enumerate(columns) if column.shrinks]
    excess = sum(widths) + gap * (len(widths) - 1) - width
    while excess > 0:
        widest = max(shrinkable, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= LEAST_WIDTH:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


def _line(row: Sequence[str], columns: Sequence[Column], widths: list[int], gap: int, *, is_painted: bool) -> str:
    parts = []
    for cell, column, width in zip(row, columns, widths, strict=True):
        text = shorten(cell, width)
        blanks = " " * (width - cell_width(text))
        shown = column.paint(cell, text) if column.paint and is_painted else text
        parts.append(blanks + shown if column.is_right else shown + blanks)
    return (" " * gap).join(parts).rstrip()
