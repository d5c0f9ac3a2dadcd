"""A listing reads the jobs that it shows, and not the others, however many there are."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import msgspec
import pytest
from store_samples import make_job

from azjobs.core.errors import Fault
from azjobs.core.job import Job, format_job
from azjobs.core.states import Completed, Failed, JobState, Running, State
from azjobs.store import database
from azjobs.store.queries import query
from azjobs.store.reader import count_ended, find_named, read_jobs
from azjobs.store.sqlite import SqliteStore

FAULT = Fault("QuotaExceeded", "no cores")


def fill(store_file: Path) -> None:
    """Record ten jobs that have ended, each later than the one before it and every third badly, and one that runs."""
    with contextlib.closing(SqliteStore(store_file)) as store:
        for number in range(1, 11):
            state: State = Failed(1.0, number * 10.0, FAULT) if number % 3 == 0 else Completed(1.0, number * 10.0)
            store.add(make_job(f"u{number}", name=f"Nightly {number}", state=state), is_attached=False)
        store.add(make_job("runs", name="", state=Running(1.0)), is_attached=False)
        store.add(make_job("call", state=Completed(1.0, 500.0)), is_attached=True)
        store.commit()


def ids(jobs: list[Job]) -> list[int | None]:
    """Return the ids of jobs."""
    return [job.id for job in jobs]


def test_newest_are_those_that_ended_last(store_file: Path):
    """Of the ended jobs those that ended last are kept, in the order of ids; unfinished ones are always there."""
    fill(store_file)
    assert ids(read_jobs(store_file, newest=2)) == [9, 10, 11]
    assert ids(read_jobs(store_file, newest=0)) == [11]
    assert ids(read_jobs(store_file, newest=99)) == list(range(1, 12))
    assert ids(read_jobs(store_file, newest=2, states={JobState.FAILED})) == [6, 9, 11]


def test_state_narrows_the_ended_jobs(store_file: Path):
    """Ended jobs are those of the state; what is unfinished comes along, for its true state may be that one."""
    fill(store_file)
    assert ids(read_jobs(store_file, states={JobState.FAILED})) == [3, 6, 9, 11]
    assert ids(read_jobs(store_file, states={JobState.RUNNING})) == [11]
    assert ids(read_jobs(store_file, states=[])) == [11]


def test_jobs_are_selected_by_when_they_ended(store_file: Path):
    """Before and after leave the instant itself out, and with it all that has not ended."""
    fill(store_file)
    assert ids(read_jobs(store_file, ended_before=30.0)) == [1, 2]
    assert ids(read_jobs(store_file, ended_after=80.0)) == [9, 10]
    assert ids(read_jobs(store_file, ended_after=20.0, ended_before=70.0, newest=2)) == [5, 6]
    assert ids(read_jobs(store_file, ids=[1, 5, 11], ended_after=20.0)) == [5]


def test_jobs_are_selected_by_name(store_file: Path):
    """A name or pattern fits in any case; a job without a name is called by its id."""
    assert find_named(store_file, ["nightly"]) == []
    fill(store_file)
    assert find_named(store_file, ["nightly 3", "JOB11", "none"]) == ["u3", "runs"]
    assert sorted(find_named(store_file, ["*LY ?", "nightly 3"])) == [f"u{number}" for number in range(1, 10)]
    assert find_named(store_file, ["NEW-*"]) == []
    with contextlib.closing(SqliteStore(store_file)) as store:
        store.add(make_job("accented", name="Réglé"), is_attached=False)
        store.add(make_job("misled", name="job11"), is_attached=False)
        store.commit()
    assert find_named(store_file, ["RÉGLÉ"]) == ["accented"]
    assert find_named(store_file, ["Job11"]) == ["misled", "runs"]
    assert find_named(store_file, ["Job011", "Job99"]) == []


def test_ended_jobs_are_counted(store_file: Path):
    """The count is of those that show themselves; a call that is still attached does not."""
    assert count_ended(store_file) == 0
    fill(store_file)
    assert count_ended(store_file) == 10
    assert count_ended(store_file, states={JobState.FAILED}) == 3
    assert count_ended(store_file, states={JobState.RUNNING}) == 0


def test_store_of_the_version_before_is_selected_from_too(store_file: Path, monkeypatch: pytest.MonkeyPatch):
    """Until a daemon has brought a store up to date, it is read as it is, with the same answers; then it is quicker."""
    newest = database.migrations()
    monkeypatch.setattr(database, "migrations", lambda: newest[:1])
    with contextlib.closing(SqliteStore(store_file)):
        pass
    jobs = [make_job(f"u{n}", id=n, state=Completed(1.0, n * 10.0)) for n in range(1, 5)]
    with contextlib.closing(sqlite3.connect(store_file)) as db, db:
        for job in [*jobs, make_job("u5", id=5, state=Running(1.0))]:
            ended_at = None if job.id == 5 else (job.id or 0) * 10.0
            row = (
                job.uuid,
                job.id,
                job.name,
                job.state_name,
                job.type,
                job.session,
                1.0,
                ended_at,
                format_job(job).decode(),
            )
            db.execute(f"INSERT INTO jobs VALUES ({', '.join('?' * len(row))})", row)
    monkeypatch.undo()
    for _ in range(2):
        assert ids(read_jobs(store_file, newest=2)) == [3, 4, 5]
        assert ids(read_jobs(store_file, ended_before=20.0)) == [1]
        assert ids(read_jobs(store_file, newest=0)) == [5]
        assert len(find_named(store_file, ["new-azvm*"])) == 5
        assert count_ended(store_file) == 4
        with contextlib.closing(SqliteStore(store_file)) as store:
            assert store.load("u1") == jobs[0]


def test_job_that_goes_on_after_its_end_was_recorded_is_counted_once(store_file: Path):
    """The columns that listings select by follow the job."""
    fill(store_file)
    with contextlib.closing(SqliteStore(store_file)) as store:
        job = store.load("runs")
        assert job is not None
        store.save([msgspec.structs.replace(job, state=Failed(1.0, 5.0, FAULT))])
        store.commit()
    assert ids(read_jobs(store_file, newest=10)) == list(range(1, 11))
    assert count_ended(store_file, states={JobState.FAILED}) == 4


def test_children_are_found_by_their_batch(store_file: Path):
    """Jobs of one batch, or those of none: unfinished and ended ones alike."""
    fill(store_file)
    with contextlib.closing(SqliteStore(store_file)) as store:
        store.add(make_job("c1", parent="u1", state=Completed(1.0, 600.0)), is_attached=False)
        store.add(make_job("c2", parent="u1", state=Running(1.0)), is_attached=False)
        store.commit()
    assert ids(read_jobs(store_file, parent="u1")) == [12, 13]
    assert ids(read_jobs(store_file, parent="u1", states=[], ended_after=1.0)) == []
    assert ids(read_jobs(store_file, parent="u2")) == []
    assert ids(read_jobs(store_file, parent="", newest=1)) == [10, 11]
    assert ids(read_jobs(store_file, newest=1)) == [11, 12, 13]
    assert (count_ended(store_file), count_ended(store_file, parent="")) == (11, 10)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("read_unfinished_jobs", "USING INDEX jobs_unfinished"),
        ("read_ended_jobs", "USING INDEX jobs_ended (state=? AND ended_at>? AND ended_at<?)"),
        ("count_ended_jobs", "USING COVERING INDEX jobs_ended (state=?"),
        ("read_jobs_of_parent", "USING INDEX jobs_of_parent (parent=?)"),
        ("find_called_jobs", "INDEX jobs_named (name=?"),
        ("find_named_jobs", "USING COVERING INDEX jobs_named"),
    ],
)
def test_listings_are_answered_by_an_index(store_file: Path, name: str, index: str):
    """Each selection is made in an index, and nothing is sorted for it."""
    with contextlib.closing(SqliteStore(store_file)) as store:
        store._db.create_function("fits", 1, lambda *_: True)
        asked = dict.fromkeys(("parent", "newest", "before", "after", "state", "name", "id"), 1) | {"states": "[]"}
        plan = [row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {query(name)}", asked)]
    assert any(index in line for line in plan), plan
    assert all("INDEX" in line for line in plan if " jobs" in line), plan
    assert not [line for line in plan if "B-TREE" in line]


@pytest.mark.parametrize("ended", [Completed(1.0, 600.0), Failed(1.0, 600.0, FAULT)])
def test_job_that_ends_while_it_is_listed_is_in_the_list(
    store_file: Path, monkeypatch: pytest.MonkeyPatch, ended: State
):
    """A listing is of one instant: what ends between two of its statements is shown as it was, not left out."""
    fill(store_file)
    with contextlib.closing(SqliteStore(store_file)) as store:

        def end_it_before(name: str) -> str:
            job = store.load("runs")
            assert job is not None
            if name == "read_unfinished_jobs":
                store.save([msgspec.structs.replace(job, state=ended)])
                store.commit()
            return query(name)

        with monkeypatch.context() as patch:
            patch.setattr("azjobs.store.reader.query", end_it_before)
            listed = {job.uuid: job.state for job in read_jobs(store_file)}
        assert (len(listed), listed["runs"]) == (11, Running(1.0))
        assert {job.uuid: job.state for job in read_jobs(store_file)}["runs"] == ended
