"""Lay out the live table of jobs for a terminal of a size: as many as fit, unfinished ones first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from heapq import nsmallest
from typing import NamedTuple

from azjobs.cli.job_tables import Row, duration_of, elapsed, paint_state
from azjobs.cli.tables import Column, cell_width, layout, shorten
from azjobs.core.states import FINISHED, JobState

#: What is looked at first: what needs somebody, what is under way, what waits for its turn, what failed.
_ORDER = {
    JobState.BLOCKED: 0,
    JobState.STOPPING: 1,
    JobState.RUNNING: 1,
    JobState.DISCONNECTED: 1,
    JobState.NOT_STARTED: 2,
    JobState.FAILED: 3,
}
_LAST = 4
_LEAST_WIDTH = 40  # of a terminal: id, name, state and time


class Size(NamedTuple):
    """Of a terminal."""

    columns: int
    lines: int


def frame(rows: Collection[Row], now: float, size: Size, *, has_colour: bool = False, note: str = "") -> list[str]:
    """Return the lines: header, jobs, and how many there are in each state; `note` is said below.

    Args:
        rows: the JSON of jobs.
        now: in epoch seconds, until when an unfinished job has taken.
        size: of the terminal; no line is longer, and there are no more lines.
        has_colour: whether states are coloured.
        note: what else there is to say.
    """
    has_colour = has_colour and size.columns >= _LEAST_WIDTH
    room = max(1, size.lines - 2 - bool(note))
    shown = nsmallest(room, rows, key=_rank)
    columns = _columns(size.columns, has_colour=has_colour)
    cells = [_cells(row, now) for row in shown]
    table = layout(list(columns.values()), [[cell[name] for name in columns] for cell in cells], width=size.columns)
    said = [summary(rows, len(shown)), *([note] if note else [])]
    lines = [*table.splitlines(), *(shorten(text, size.columns) for text in said)]
    if not has_colour:
        lines = [line if cell_width(line) <= size.columns else shorten(line, size.columns) for line in lines]
    return lines[-size.lines :]


def summary(rows: Collection[Row], shown: int) -> str:
    """Return how many jobs there are in each state, and how many of them are left out."""
    if not rows:
        return "No jobs."
    counts = Counter(row["state"] for row in rows)
    by_state = ", ".join(f"{counts[state]} {state}" for state in JobState if counts[state])
    left_out = len(rows) - shown
    jobs = "1 job" if len(rows) == 1 else f"{len(rows)} jobs"
    return f"{jobs}: {by_state}." + (f" {left_out} not shown." if left_out else "")


def _rank(row: Row) -> tuple[int, float, int]:
    """Unfinished ones in the order of their ids, then those that ended, the last one first."""
    state = JobState(row["state"])
    order = _ORDER.get(state, _LAST)
    return (order, -row["ended_at"], 0) if state in FINISHED else (order, 0.0, row["id"] or 0)


def _columns(width: int, *, has_colour: bool) -> dict[str, Column]:
    columns = {
        "id": Column("Id", is_right=True),
        "name": Column("Name", shrinks=True),
        "state": Column("State", paint=paint_state if has_colour else None),
        "context": Column("Context", shrinks=True),
        "target": Column("Target", shrinks=True),
        "elapsed": Column("Elapsed", is_right=True),
        "now": Column("What happens", shrinks=True),
    }
    for name, least in (("context", 100), ("target", 80), ("now", 60), ("elapsed", _LEAST_WIDTH)):
        if width < least:
            del columns[name]
    return columns


def _cells(row: Row, now: float) -> dict[str, str]:
    duration_s = duration_of(row, now)
    return {
        "id": "" if row["id"] is None else str(row["id"]),
        "name": row["name"],
        "state": row["state"],
        "context": (row["context"] or {}).get("name", ""),
        "target": row["target"] or "",
        "elapsed": "" if duration_s is None else elapsed(duration_s),
        "now": _what_happens(row),
    }


def _what_happens(row: Row) -> str:
    if row["error"]:
        return f"{row['error']['code']}: {row['error']['message']}"
    if row["question"]:
        text: str = row["question"]["text"]
        return text
    percent = f"{row['percentComplete']:.0f} % " if row["percentComplete"] is not None else ""
    return f"{percent}{row['statusMessage'] or ''}".rstrip()
