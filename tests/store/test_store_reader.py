"""Anybody of the same user can read the store, at any time, without a daemon and without holding one up."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from store_samples import make_job, run_bound_by_modes

from azjobs.core.errors import HomeUnusable, StoreTooNew
from azjobs.core.job import Job
from azjobs.core.states import Completed
from azjobs.store.database import connect, open_for_reading, parse_stored_job
from azjobs.store.reader import has_unfinished, read_jobs
from azjobs.store.sqlite import SqliteStore


def test_store_that_is_not_there_has_no_jobs(store_file: Path):
    """Before the first job there is no file, and reading makes none."""
    assert read_jobs(store_file) == []
    assert read_jobs(store_file, ids=[1]) == []
    assert not has_unfinished(store_file)
    assert not store_file.exists()
    store_file.touch()
    assert read_jobs(store_file) == []


def test_reader_sees_what_was_committed_and_shows_itself(store_file: Path):
    """Jobs with an id are listed in its order; attached and uncommitted ones are not, with the daemon or after it."""
    with contextlib.closing(SqliteStore(store_file)) as store:
        store.add(make_job("attached"), is_attached=True)
        first = store.add(make_job("first", submitted_at=9.0), is_attached=False)
        second = store.add(make_job("second", submitted_at=1.0), is_attached=False)
        assert read_jobs(store_file) == []
        store.commit()
        store.add(make_job("uncommitted"), is_attached=False)
        assert read_jobs(store_file) == [first, second]
    assert read_jobs(store_file) == [first, second]
    assert not Path(f"{store_file}-wal").exists() or not Path(f"{store_file}-wal").stat().st_size


def test_jobs_are_read_by_id_and_by_uuid(store_file: Path):
    """Those that exist come back, each once; by its uuid also an attached one, after those with ids."""
    with contextlib.closing(SqliteStore(store_file)) as store:
        attached = store.add(make_job("attached"), is_attached=True)
        first, second, _ = [store.add(make_job(f"u{i}"), is_attached=False) for i in range(3)]
        store.commit()
    assert read_jobs(store_file, ids=[2, 1, 99]) == [first, second]
    assert read_jobs(store_file, uuids=["attached", "u1", "unknown"]) == [second, attached]
    assert read_jobs(store_file, ids=[2], uuids=["u1", "u0"]) == [first, second]
    assert read_jobs(store_file, ids=[]) == []
    assert read_jobs(store_file, uuids=["x' OR 1 --"]) == []


def test_unfinished_jobs_call_for_a_daemon(store_file: Path):
    """An attached job counts; a finished one does not."""
    with contextlib.closing(SqliteStore(store_file)) as store:
        job = store.add(make_job(), is_attached=True)
        store.commit()
        assert has_unfinished(store_file)
        store.save([msgspec.structs.replace(job, state=Completed(1.0, 2.0))])
        store.commit()
        assert not has_unfinished(store_file)


KILLED = """
import os, signal, sys
from pathlib import Path
from azjobs.core.job import Job, PlanWork
from azjobs.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
store.add(Job(uuid="u1", name="n", command="c", session="s", submitted_at=1.0, work=PlanWork("p")), is_attached=False)
store.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_writer(store_file: Path) -> None:
    """Leave a store behind whose last commit is in its log only."""
    subprocess.run([sys.executable, "-c", KILLED, str(store_file)], check=False, timeout=30)
    assert Path(f"{store_file}-wal").stat().st_size > 0


def test_reader_sees_the_last_commit_of_a_killed_daemon(store_file: Path):
    """What is only in the log is read too, again and again, and a new daemon takes it up."""
    kill_a_writer(store_file)
    for _ in range(2):
        assert [job.uuid for job in read_jobs(store_file)] == ["u1"]
    with contextlib.closing(SqliteStore(store_file)) as store:
        assert [job.uuid for job in store.load_all()] == ["u1"]


READ = """
import sys
from pathlib import Path
from azjobs.store.reader import read_jobs
print([job.uuid for job in read_jobs(Path(sys.argv[1]))])
"""


@pytest.mark.parametrize("is_killed", [False, True])
def test_home_that_may_not_be_written_can_be_read(tmp_path: Path, *, is_killed: bool):
    """A read-only home is read in full, whether its daemon ended or was killed, and stays as it was."""
    home = tmp_path / "home"
    home.mkdir()
    store_file = home / "store.db"
    kill_a_writer(store_file)
    if not is_killed:
        SqliteStore(store_file).close()
        assert not Path(f"{store_file}-wal").exists()
    Path(f"{store_file}-shm").unlink(missing_ok=True)
    home.chmod(0o500)
    before = {file.name: file.read_bytes() for file in home.iterdir()}
    assert run_bound_by_modes(READ, str(store_file)) == "['u1']\n"
    assert {file.name: file.read_bytes() for file in home.iterdir()} == before


WRITER = """
import sys
from pathlib import Path
import msgspec
from azjobs.core.job import Job, PlanWork
from azjobs.store.sqlite import SqliteStore

store = SqliteStore(Path(sys.argv[1]))
for number in range(10):
    job = Job(uuid=f"u{number}", name="n", command="c", session="s", submitted_at=1.0, work=PlanWork("p"))
    store.add(job, is_attached=False)
generation = 0
while True:
    generation += 1
    store.save([msgspec.structs.replace(job, status_message=str(generation)) for job in store.load_all()])
    store.commit()
    if generation == 1:
        print(flush=True)
    if generation % 20 == 0:
        store.sync()
"""


def test_readers_see_whole_transactions_while_the_daemon_writes(store_file: Path):
    """Each reading shows all jobs as of one commit, and never an older one than the reading before."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(store_file)], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            seen = [{job.status_message for job in read_jobs(store_file)} for _ in range(200)]
        finally:
            writer.kill()
    assert all(len(generations) == 1 for generations in seen)
    numbers = [int(generation) for generations in seen for generation in generations]
    assert numbers == sorted(numbers)
    assert numbers[-1] > numbers[0]


def test_suspended_reader_does_not_hold_up_the_daemon(store_file: Path):
    """A reader stopped in the middle of a transaction keeps its own view, and commits and barriers go on."""
    with contextlib.closing(SqliteStore(store_file)) as store:
        job = store.add(make_job(), is_attached=False)
        store.commit()
        with contextlib.closing(connect(store_file, "ro")) as reader:
            reader.execute("BEGIN")
            view = reader.execute("SELECT document FROM jobs").fetchall()
            for number in range(5):
                store.save([msgspec.structs.replace(job, status_message=str(number))])
                store.commit()
                store.sync()
            assert reader.execute("SELECT document FROM jobs").fetchall() == view
        assert [job.status_message for job in read_jobs(store_file)] == ["4"]


def test_reader_says_what_is_wrong_with_a_store(store_file: Path):
    """A damaged store and a newer one are each an error that names the file."""
    store_file.write_bytes(b"not a database, but long enough to be read as the header of one " * 10)
    with pytest.raises(HomeUnusable, match=r"store\.db is damaged"):
        read_jobs(store_file)
    store_file.unlink()
    with contextlib.closing(SqliteStore(store_file)) as store:
        store.add(make_job(), is_attached=False)
        store.commit()
        store._db.execute("UPDATE head SET job_format = job_format + 1")
    with pytest.raises(StoreTooNew, match=r"store\.db was written by a newer version"):
        read_jobs(store_file)


def test_listing_of_fifty_jobs_asks_no_more_of_the_store_than_that_of_one(
    store_file: Path, monkeypatch: pytest.MonkeyPatch
):
    """The file is opened once, the statements are the same, and each job is decoded once: `benchmarks` times it."""
    asked: list[str] = []
    decoded: list[str] = []

    def open_and_listen(file: Path) -> sqlite3.Connection:
        db = open_for_reading(file)
        asked.append("open")
        db.set_trace_callback(asked.append)
        return db

    def decode(document: str, file: Path) -> Job:
        decoded.append(document)
        return parse_stored_job(document, file)

    monkeypatch.setattr("azjobs.store.reader.open_for_reading", open_and_listen)
    monkeypatch.setattr("azjobs.store.reader.parse_stored_job", decode)
    with contextlib.closing(SqliteStore(store_file)) as store:
        store.add(make_job("u0"), is_attached=False)
        store.commit()
        assert len(read_jobs(store_file)) == 1
        for_one = asked.copy()
        asked.clear()
        decoded.clear()
        for number in range(1, 50):
            store.add(make_job(f"u{number}"), is_attached=False)
        store.commit()
        assert len(read_jobs(store_file)) == 50
    assert asked == for_one
    assert (asked.count("open"), len(decoded), len(set(decoded))) == (1, 50, 50)
