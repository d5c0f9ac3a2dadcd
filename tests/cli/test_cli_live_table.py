"""The live table: fits any terminal, and shows first what needs somebody."""

from __future__ import annotations

import re
from typing import Any

import pytest

from azjobs.cli.live_table import Size, frame, summary
from azjobs.cli.tables import cell_width
from azjobs.core.states import JobState

NOW = 1_800_000_000.0


def row(id: int, state: JobState, **more: Any) -> dict[str, Any]:
    """What is known of a job."""
    known = {
        "id": id,
        "name": f"make machine {id} for the shop",
        "state": state.value,
        "context": {"name": "Production"},
        "target": f"machine-{id}",
        "beginTime": "2027-01-15T07:58:20.000Z",
        "endTime": None,
        "statusMessage": "creating virtualMachines",
        "percentComplete": None,
        "question": None,
        "error": None,
        "ended_at": NOW if state.is_finished else None,
    }
    return {**known, **more}


def plain(line: str) -> str:
    return re.sub("\x1b\\[[0-9]*m", "", line)


@pytest.mark.parametrize("has_colour", [True, False])
@pytest.mark.parametrize("columns", [10, 30, 40, 59, 60, 79, 80, 100, 250])
@pytest.mark.parametrize(("count", "lines"), [(0, 24), (1, 1), (3, 3), (30, 24), (300, 50)])
def test_no_line_is_longer_than_the_terminal_and_there_are_no_more_lines(
    count: int, lines: int, columns: int, *, has_colour: bool
) -> None:
    """With a terminal of any size, and any number of jobs."""
    rows = [row(n, JobState.FAILED if n % 3 else JobState.RUNNING) for n in range(count)]
    drawn = frame(rows, NOW, Size(columns, lines), has_colour=has_colour, note="The daemon has gone.")
    assert len(drawn) <= lines
    assert max(cell_width(plain(line)) for line in drawn) <= columns


def test_what_needs_somebody_is_shown_first_and_what_ended_well_last() -> None:
    """Of those that ended, the last one first."""
    rows = [
        row(1, JobState.COMPLETED, ended_at=NOW - 5),
        row(2, JobState.COMPLETED, ended_at=NOW - 1),
        row(3, JobState.FAILED, ended_at=NOW - 9),
        row(4, JobState.NOT_STARTED),
        row(5, JobState.RUNNING),
        row(6, JobState.BLOCKED),
    ]
    shown = frame(rows, NOW, Size(120, 20))
    assert [int(line.split()[0]) for line in shown[1:-1]] == [6, 5, 4, 3, 2, 1]
    assert shown[-1] == "6 jobs: 1 NotStarted, 1 Running, 2 Completed, 1 Failed, 1 Blocked."


def test_the_summary_says_how_many_jobs_have_no_room() -> None:
    """And how many there are in each state."""
    rows = [row(n, JobState.RUNNING) for n in range(300)]
    shown = frame(rows, NOW, Size(120, 20))
    assert len(shown) == 20
    assert shown[-1] == "300 jobs: 300 Running. 282 not shown."
    assert summary([], 0) == "No jobs."


def test_the_table_says_what_happens_to_a_job() -> None:
    """The service's percentage and message, the question of a blocked job, the reason of a failure."""
    error = {"code": "QuotaExceeded", "message": "Approved cores: 100."}
    rows = [
        row(1, JobState.RUNNING, percentComplete=40.0),
        row(2, JobState.BLOCKED, question={"text": "A password is needed."}),
        row(3, JobState.FAILED, error=error),
    ]
    text = "\n".join(frame(rows, NOW, Size(200, 20)))
    assert "1:40  40 % creating virtualMachines" in text
    assert "A password is needed." in text
    assert "QuotaExceeded: Approved cores: 100." in text


def test_a_name_cannot_steer_the_terminal() -> None:
    """What is not printable is shown as an escape."""
    assert "\x1b" not in "".join(frame([row(1, JobState.RUNNING, name="\x1b[2Jgone")], NOW, Size(100, 10)))
