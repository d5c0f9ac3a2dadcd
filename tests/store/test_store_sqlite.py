"""What the SQLite file of a store withstands, and what it says of one that it cannot use."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from store_samples import make_job, run_bound_by_modes

from azjobs.core.errors import HomeUnusable, StoreTooNew
from azjobs.core.states import Completed
from azjobs.store import database
from azjobs.store.filesystem import network_type, refuse_network_folder
from azjobs.store.protocol import StoreFull
from azjobs.store.queries import parse_queries, query
from azjobs.store.sqlite import CHECKPOINT_BYTES, SqliteStore


def content_of(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_files_are_for_their_owner_only(tmp_path: Path, store_file: Path):
    """The store, its log, its shared memory and the bell have mode 0600, a looser file is narrowed."""
    store_file.touch(mode=0o644)
    before = os.umask(0)
    try:
        with contextlib.closing(SqliteStore(store_file, tmp_path / "bell")) as store:
            store.add(make_job(), is_attached=False)
            store.commit()
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["store.db", "store.db-wal", "store.db-shm", "bell"], 0o600)


def test_bell_rings_once_a_commit_and_stays_small(tmp_path: Path, store_file: Path):
    """Each commit that wrote changes the bell's size; a commit of nothing does not; the file never outgrows a block."""
    bell = tmp_path / "bell"
    with contextlib.closing(SqliteStore(store_file, bell)) as store:
        job = store.add(make_job(), is_attached=False)
        store.commit()
        assert bell.stat().st_size == 1
        store.commit()
        assert bell.stat().st_size == 1
        bell.write_bytes(b"\n" * 4095)
        sizes = []
        for _ in range(3):
            store.save([job])
            store.commit()
            sizes.append(bell.stat().st_size)
    assert sizes == [4096, 1, 2]


def test_bell_that_cannot_ring_stops_nothing(tmp_path: Path, store_file: Path):
    """A commit counts even where the bell cannot be written."""
    (tmp_path / "bell").mkdir()
    with contextlib.closing(SqliteStore(store_file, tmp_path / "bell")) as store:
        job = store.add(make_job(), is_attached=False)
        store.commit()
    with contextlib.closing(SqliteStore(store_file)) as store:
        assert store.load_all() == [job]


def test_full_disk_loses_nothing(store_file: Path):
    """A commit for which there is no space says so and leaves its changes pending; with space they are written."""
    with contextlib.closing(SqliteStore(store_file)) as store:
        first = store.add(make_job("u1"), is_attached=False)
        store.commit()
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        second = store.add(make_job("u2"), b"x" * 100_000, is_attached=False)
        ended = msgspec.structs.replace(first, state=Completed(1.0, 2.0))
        store.save([ended])
        for _ in range(2):
            with pytest.raises(StoreFull, match=r"^The disk of .*store\.db is full"):
                store.commit()
        assert store.load_all() == [ended, second]
        with contextlib.closing(sqlite3.connect(store_file)) as other:
            assert other.execute("SELECT state FROM jobs").fetchall() == [("NotStarted",)]
        store._db.execute("PRAGMA max_page_count = 1000000")
        store.commit()
    with contextlib.closing(SqliteStore(store_file)) as store:
        assert store.load_all() == [ended, second]
        assert len(store.payload("u2")) == 100_000


LIMITED = """
import resource, sys
from pathlib import Path
from azjobs.core.errors import HomeUnusable
from azjobs.core.job import Job, PlanWork
from azjobs.store.sqlite import SqliteStore

def make(uuid):
    return Job(uuid=uuid, name="n", command="c", session="s", submitted_at=1.0, work=PlanWork("p"))

store = SqliteStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
count = 0
while True:
    store.add(make(f"u{count}"), b"x" * 20_000, is_attached=False)
    count += 1
    try:
        store.commit()
    except HomeUnusable as error:
        print(error, file=sys.stderr)
        break
store.add(make(f"u{count}"), is_attached=False)
try:
    store.commit()
except HomeUnusable:
    pass
else:
    sys.exit("the limit did not hold")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.commit()
store.close()
print(count + 1)
"""


def test_write_error_loses_nothing(store_file: Path):
    """When the system refuses to let the log grow, the changes wait and are written once it does not."""
    command = [sys.executable, "-c", LIMITED, str(store_file)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert "store.db cannot be used" in run.stderr
    with contextlib.closing(SqliteStore(store_file)) as store:
        assert [job.id for job in store.load_all()] != []
        assert sorted(job.id or 0 for job in store.load_all()) == list(range(1, int(run.stdout) + 1))


def make_store(file: Path) -> None:
    """Make a store with one job."""
    with contextlib.closing(SqliteStore(file)) as store:
        store.add(make_job(), is_attached=False)
        store.commit()


@pytest.mark.parametrize("change", ["PRAGMA user_version = 999", "UPDATE head SET job_format = 999"])
def test_newer_store_is_refused_and_left_alone(store_file: Path, change: str):
    """A store whose tables or jobs are of a newer version is refused in one sentence; no byte of it changes."""
    make_store(store_file)
    with contextlib.closing(sqlite3.connect(store_file)) as db, db:
        db.execute(change)
    before = content_of(store_file.parent)
    with pytest.raises(StoreTooNew, match=r"store\.db was written by a newer version of azjobs; nothing was changed"):
        SqliteStore(store_file)
    assert store_file.read_bytes() == before["store.db"]


def test_database_of_another_program_is_refused_and_left_alone(store_file: Path):
    """A SQLite file that is not ours gets no tables of ours."""
    with contextlib.closing(sqlite3.connect(store_file)) as db, db:
        db.execute("CREATE TABLE theirs (a)")
    before = content_of(store_file.parent)
    with pytest.raises(HomeUnusable, match="is not a job store of azjobs"):
        SqliteStore(store_file)
    assert content_of(store_file.parent) == before


@pytest.mark.parametrize("damage", ["no database at all", "a torn page"])
def test_damaged_store_is_named_and_left_alone(store_file: Path, damage: str):
    """A file that cannot be parsed is never taken for an empty store, and never written to."""
    if damage == "no database at all":
        store_file.write_bytes(b"not a database, but long enough to be read as the header of one " * 10)
    else:
        make_store(store_file)
        content = bytearray(store_file.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        store_file.write_bytes(content)
    before = store_file.read_bytes()
    with pytest.raises(HomeUnusable, match=r"The job store .*store\.db is damaged"):
        SqliteStore(store_file)
    assert store_file.read_bytes() == before


@pytest.mark.parametrize("change", ["DELETE FROM head", "UPDATE head SET epoch = 9223372036854775807"])
def test_store_without_a_usable_head_is_named(store_file: Path, change: str):
    """A store that does not know its epoch, or cannot raise it, is an error and no fresh start."""
    make_store(store_file)
    with contextlib.closing(sqlite3.connect(store_file)) as db, db:
        db.execute(change)
    with pytest.raises(HomeUnusable, match=r"The job store .*store\.db (is damaged|cannot be used)"):
        SqliteStore(store_file)


def test_store_that_another_process_holds_is_named(store_file: Path, monkeypatch: pytest.MonkeyPatch):
    """A lock that does not go away in time is said, and nothing is lost."""
    make_store(store_file)
    with contextlib.closing(SqliteStore(store_file)) as store:
        store.add(make_job("u2"), is_attached=False)
        store._db.execute("PRAGMA busy_timeout = 1")
        with contextlib.closing(sqlite3.connect(store_file, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(HomeUnusable, match=r"store\.db is locked by another process"):
                store.commit()
            monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.001)
            with pytest.raises(HomeUnusable, match=r"store\.db is locked by another process"):
                SqliteStore(store_file)
        store.commit()
        assert [job.uuid for job in store.load_all()] == ["u1", "u2"]


def test_too_old_sqlite_is_named(store_file: Path, monkeypatch: pytest.MonkeyPatch):
    """A Python with a SQLite from before strict tables is told so."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(HomeUnusable, match=r"the job store needs 3\.37 or newer"):
        SqliteStore(store_file)
    assert not store_file.exists()


def test_unreadable_job_names_the_store(store_file: Path):
    """A row that is no job is an error that names the file, not a job that is missing."""
    make_store(store_file)
    with contextlib.closing(sqlite3.connect(store_file)) as db, db:
        db.execute("UPDATE jobs SET document = '{}'")
    with (
        contextlib.closing(SqliteStore(store_file)) as store,
        pytest.raises(HomeUnusable, match=r"store\.db holds a job"),
    ):
        store.load_all()


def test_place_that_cannot_be_used_is_named(tmp_path: Path):
    """A folder in place of the file, and a file in place of the folder, are each said in one sentence."""
    (tmp_path / "store.db").mkdir()
    with pytest.raises(HomeUnusable, match=r"store\.db cannot be used: it is no file"):
        SqliteStore(tmp_path / "store.db")
    (tmp_path / "file").touch()
    with pytest.raises(HomeUnusable, match=r"store\.db cannot be used: Not a directory"):
        SqliteStore(tmp_path / "file" / "store.db")


def test_store_file_is_not_followed_through_a_link(tmp_path: Path):
    """A symbolic link in place of the store is refused, so that nobody can direct our writes elsewhere."""
    (tmp_path / "store.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeUnusable, match=r"store\.db cannot be used"):
        SqliteStore(tmp_path / "store.db")
    assert not (tmp_path / "elsewhere").exists()


OPEN = """
import sys
from pathlib import Path
from azjobs.core.errors import HomeUnusable
from azjobs.store.sqlite import SqliteStore
try:
    SqliteStore(Path(sys.argv[1]))
except HomeUnusable as error:
    print(error)
"""


def test_home_that_may_not_be_written_is_named(tmp_path: Path):
    """Without the right to write the folder, or the file, opening says so and changes nothing."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o500)
    assert "cannot be used: Permission denied" in run_bound_by_modes(OPEN, str(folder / "store.db"))
    assert list(folder.iterdir()) == []
    make_store(tmp_path / "store.db")
    (tmp_path / "store.db").chmod(0o400)
    before = (tmp_path / "store.db").read_bytes()
    assert "cannot be used: Permission denied" in run_bound_by_modes(OPEN, str(tmp_path / "store.db"))
    assert (tmp_path / "store.db").read_bytes() == before


WRITER = """
import sys
from pathlib import Path
from azjobs.core.job import Job, PlanWork
from azjobs.core.states import Completed
import msgspec
from azjobs.store.sqlite import SqliteStore

store = SqliteStore(Path(sys.argv[1]))
prefix, count = sys.argv[2], 0
while True:
    jobs = []
    for _ in range(3):
        job = Job(uuid=f"{prefix}-{count}", name="n", command="c", session="s", submitted_at=1.0, work=PlanWork("p"))
        jobs.append(store.add(job, b"p" * 5000, is_attached=False))
        count += 1
    store.commit()
    store.sync()
    print(*(f"{job.uuid}={job.id}" for job in jobs), flush=True)
    store.remove([jobs[2].uuid])
    store.save([msgspec.structs.replace(jobs[0], state=Completed(1.0, 2.0))])
    store.commit()
"""


@pytest.mark.slow
def test_killed_writer_loses_no_committed_job(store_file: Path):
    """After each kill -9 every acknowledged job is there with its id, and no id was ever given twice."""
    given: dict[str, int] = {}
    for round_number in range(6):
        command = [sys.executable, "-c", WRITER, str(store_file), f"r{round_number}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(round_number * 17 + 1)]
            writer.kill()
            lines += writer.stdout.readlines()
        pairs = [word.split("=") for line in lines if line.endswith("\n") for word in line.split()]
        given |= {uuid: int(number) for uuid, number in pairs}
    assert len(given) == len(set(given.values())) > 700
    with contextlib.closing(SqliteStore(store_file)) as store:
        assert store.epoch == 7
        found = {job.uuid: job.id for job in store.load_all()}
        # Every third was removed right after its acknowledgement.
        kept = {uuid: number for uuid, number in given.items() if int(uuid.partition("-")[2]) % 3 != 2}
        assert kept.items() <= found.items()
        new = store.add(make_job("new"), is_attached=False)
        assert new.id is not None
        assert new.id > max(given.values())


def test_barrier_reaches_the_log_from_any_thread(store_file: Path):
    """A barrier in another thread, while commits go on, leaves the log small and every job readable."""
    done = threading.Event()
    errors: list[BaseException] = []
    with contextlib.closing(SqliteStore(store_file)) as store:

        def sync_all_the_time() -> None:
            try:
                while not done.is_set():
                    store.sync()
            except BaseException as error:  # noqa: BLE001 - told to the test's own thread
                errors.append(error)

        thread = threading.Thread(target=sync_all_the_time)
        thread.start()
        job = store.add(make_job(status_message="x" * 50_000), is_attached=False)
        for number in range(400):
            job = msgspec.structs.replace(job, remote_state=str(number))
            store.save([job])
            store.commit()
        done.set()
        thread.join()
        store.sync()
        store.save([job])
        store.commit()
        # 400 commits wrote five times as much as the log may hold.
        assert Path(f"{store_file}-wal").stat().st_size <= 2 * CHECKPOINT_BYTES
        assert errors == []
        assert store.load("u1") == job
    with contextlib.closing(SqliteStore(store_file)) as store:
        assert store.load("u1") == job


def test_closed_store_leaves_one_file(tmp_path: Path, store_file: Path):
    """A store that was closed leaves no log beside it; closing twice, or a barrier afterwards, is no error."""
    store = SqliteStore(store_file)
    store.add(make_job(), is_attached=False)
    store.commit()
    store.close()
    store.close()
    store.sync()
    assert [file.name for file in tmp_path.iterdir()] == ["store.db"]


def test_migrations_are_numbered_without_a_gap():
    """Each one brings the tables to the version of its number; two of one number would change what that means."""
    files = sorted(file.name for file in Path(database.__file__).with_name("migrations").glob("*.sql"))
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))


def test_interrupted_migration_leaves_the_version_before(store_file: Path, monkeypatch: pytest.MonkeyPatch):
    """A migration is made whole or not at all, and a later opening makes it."""
    make_store(store_file)
    old = database.migrations()
    broken = (*old, "CREATE TABLE later (a);\nCREATE TABLE jobs (a);\n")
    monkeypatch.setattr(database, "migrations", lambda: broken)
    with pytest.raises(HomeUnusable, match="already exists"):
        SqliteStore(store_file)
    monkeypatch.setattr(database, "migrations", lambda: (*old, "CREATE TABLE later (a);\n"))
    with contextlib.closing(SqliteStore(store_file)) as store:
        assert [job.uuid for job in store.load_all()] == ["u1"]
        assert store._db.execute(query("schema_version")).fetchone() == (len(old) + 1,)
    monkeypatch.setattr(database, "migrations", lambda: old)
    with pytest.raises(StoreTooNew):
        SqliteStore(store_file)


def test_unfinished_jobs_are_found_by_an_index(store_file: Path):
    """A start with many finished jobs reads none of them."""
    with contextlib.closing(SqliteStore(store_file)) as store:
        plan = store._db.execute(f"EXPLAIN QUERY PLAN {query('load_unfinished_jobs')}").fetchall()
    assert plan[0][3] == "SCAN jobs USING INDEX jobs_unfinished"


def test_statements_are_found_by_name():
    """A file of statements is cut at the lines that name them; a name twice is an error."""
    text = "-- about the file\n\n-- one --\nSELECT 1;\n\n-- two --\nSELECT\n 2;\n"
    assert parse_queries(text) == {"one": "SELECT 1;", "two": "SELECT\n 2;"}
    with pytest.raises(ValueError, match="two statements are named one"):
        parse_queries(text + "-- one --\n")


MOUNTS = r"""
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/vdb /home/local xfs rw 0 0
//server/share /mnt/with\040space cifs rw 0 0
C:\134 /mnt/c 9p rw,aname=drvfs;path=C:\;uid=0,cache=mmap 0 0
root /sandbox 9p rw,trans=fd 0 0
tmpfs /over tmpfs rw 0 0
host:/x /over fuse.sshfs rw 0 0
server:/r / nfs
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        pytest.param("/var/lib", "", id="the-root-file-system-is-local"),
        pytest.param("/home/me/.local/share/azjobs", "nfs4", id="a-home-on-nfs"),
        pytest.param("/home", "nfs4", id="the-mount-itself"),
        pytest.param("/home/local/me", "", id="a-local-disk-below-a-network-one"),
        pytest.param("/homely", "", id="a-name-that-only-begins-alike"),
        pytest.param("/mnt/with space/x", "cifs", id="a-name-with-a-space"),
        pytest.param("/mnt/c/Users/me", "9p", id="a-drive-of-windows"),
        pytest.param("/sandbox/x", "", id="another-9p-may-be-local"),
        pytest.param("/over/x", "fuse.sshfs", id="the-later-mount-is-on-top"),
    ],
)
def test_network_file_systems_are_known(folder: str, kind: str):
    """The mount that a folder is on decides."""
    assert network_type(folder, MOUNTS) == kind


def test_home_on_a_network_file_system_is_refused(tmp_path: Path):
    """One sentence names the folder, the kind of file system and the way out; without a list nothing is refused."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path} nfs4 rw 0 0\n")
    with pytest.raises(HomeUnusable, match=r"is on a network file system \(nfs4\).* Set AZJOBS_HOME"):
        refuse_network_folder(tmp_path / "home", mounts)
    refuse_network_folder(tmp_path, tmp_path / "no-such-list")
