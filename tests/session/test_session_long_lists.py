"""A home with more finished jobs than anybody looks at: tables stay short and say so, data is complete."""

from __future__ import annotations

import contextlib
import time

import pytest

import azjobs as az
from azjobs.core.job import Job, ProcessKind, ProcessWork
from azjobs.core.states import Completed, Running, State
from azjobs.store.sqlite import SqliteStore
from terminal import Home, Shell

WORK = ProcessWork(ProcessKind.COMMAND, "/", 0o22, arguments=("true",))


@pytest.fixture
def long_list(home: Home) -> Home:
    """Jobs 1 to 130 have ended, and 131 was submitted; 130 ended first and 1 last, as clocks go."""
    now = time.time()
    with contextlib.closing(SqliteStore(home.folder / "store.db")) as store:
        for number in range(1, 131):
            state: State = Completed(now - 200, now - number)
            store.add(_job(f"nightly-{number}", state, now), is_attached=False)
        store.add(_job("later", Running(now), now), is_attached=False)
        store.commit()
    return home


def _job(name: str, state: State, now: float) -> Job:
    return Job(uuid=name, name=name, command="true", session="s", submitted_at=now, work=WORK, state=state)


def test_a_table_has_the_unfinished_jobs_and_those_that_ended_last(long_list: Home, shell: Shell) -> None:
    """It says how many older ones there are, and how to see them; a pattern, a query and ids alone are complete."""
    done = shell("azjobs job get --output table")
    rows = done.out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == [*map(str, range(1, 101)), "131"]
    assert (
        done.err
        == "30 older jobs that ended are not shown. Type: azjobs job get --newest N, or --output json for all\n"
    )
    assert shell("azjobs job get --output table --state Completed").err == done.err
    assert shell("azjobs job get --output table --state Failed").err == ""
    for complete in ("'*' --output table", "-q", "--output table --query '[].name'"):
        done = shell(f"azjobs job get {complete} | wc -l")
        assert int(done.out) in (131, 132), done
        assert done.err == ""


def test_data_is_complete(long_list: Home, shell: Shell) -> None:
    """JSON and Python have every job, and one of them is found at once by its id, name or state."""
    assert len(shell("azjobs job get --output json").json) == 131
    assert len(az.get_job()) == 131
    assert az.get_job(130).name == "nightly-130"
    assert [job.id for job in az.get_job("NIGHTLY-129")] == [129]
    assert len(az.get_job(state="completed")) == 130
    assert len(az.wait_job("nightly-*", timeout=5)) == 130
