"""Draw jobs for people: the table of `azjobs job get`, and PowerShell's. Pure.

Both are made from the JSON of jobs (`job_json`), so that the table can say
nothing that the JSON does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from azjobs.cli.tables import Column, layout
from azjobs.core.states import JobState

Row = Mapping[str, Any]

_COLOURS = {  # ANSI, foreground
    JobState.COMPLETED: 32,
    JobState.FAILED: 31,
    JobState.RUNNING: 36,
    JobState.BLOCKED: 33,
    JobState.DISCONNECTED: 33,
}


def job_table(rows: Sequence[Row], now: float, *, width: int | None = None, has_colour: bool = False) -> str:
    """Return the table: `now`, in epoch seconds, is until when an unfinished job has taken."""
    columns = [
        Column("Id", is_right=True),
        Column("Name", shrinks=True),
        Column("State", paint=paint_state if has_colour else None),
        Column("Context", shrinks=True),
        Column("Target", shrinks=True),
        Column("Elapsed"),
        Column("More"),
    ]
    return layout(columns, [_cells(row, now) for row in rows], width=width)


def powershell_table(rows: Sequence[Row], *, width: int | None = None) -> str:
    """Return the table with PowerShell's columns."""
    titles = ("Id", "Name", "PSJobTypeName", "State", "HasMoreData", "Location", "Command")
    columns = [Column(title, is_right=title == "Id", shrinks=title in ("Name", "Command")) for title in titles]
    return layout(columns, [_powershell_cells(row) for row in rows], width=width)


def elapsed(duration_s: float) -> str:
    """Return a duration as m:ss, from an hour on as h:mm:ss."""
    minutes, seconds = divmod(max(0, int(duration_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def duration_of(row: Row, now: float) -> float | None:
    """Return how long a job has taken in seconds; None while it has not begun."""
    begun = row.get("beginTime")
    if begun is None:
        return None
    ended = row.get("endTime")
    end = datetime.fromisoformat(ended).timestamp() if ended else now
    return end - datetime.fromisoformat(begun).timestamp()


def _cells(row: Row, now: float) -> list[str]:
    duration_s = duration_of(row, now)
    context = row.get("context") or {}
    return [
        "" if row["id"] is None else str(row["id"]),
        row["name"],
        row["state"],
        context.get("name", ""),
        row.get("target") or "",
        "" if duration_s is None else elapsed(duration_s),
        "yes" if row.get("hasMoreData") else "",
    ]


def _powershell_cells(row: Row) -> list[str]:
    identity = "" if row["id"] is None else str(row["id"])
    more = "True" if row.get("hasMoreData") else "False"
    return [identity, row["name"], row["jobType"], row["state"], more, row.get("location") or "", row["command"]]


def paint_state(state: str, text: str) -> str:
    """Return the name of a state in its colour."""
    code = _COLOURS.get(JobState(state)) if state in set(JobState) else None
    return text if code is None else f"\x1b[{code}m{text}\x1b[0m"
