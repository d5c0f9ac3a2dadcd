"""A damaged store is set aside when the daemon starts: what can be read of it is saved, and what was lost is said."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azjobs.core.job import Job, ProcessKind, ProcessWork
from azjobs.core.states import Completed, Running, State
from azjobs.store.reader import read_jobs
from azjobs.store.salvage import CHECKED_BYTES
from azjobs.store.sqlite import SqliteStore
from terminal import Home, Shell, wait_until

PAGE_BYTES = 4096
JOBS = 60


def fill(home: Home, count: int, *, command: str = "true") -> Path:
    """Record jobs that have ended, each with a journal; returns the store's file."""
    file = home.folder / "store.db"
    with contextlib.closing(SqliteStore(file)) as store:
        for number in range(1, count + 1):
            store.add(make_job(number, Completed(1.0, 2.0 + number), command), is_attached=False)
        store.commit()
    (home.folder / "journals").mkdir(mode=0o700)
    for number in range(1, min(count, JOBS) + 1):
        journal_of(home, number).write_bytes(b"what it said")
    return file


def make_job(number: int, state: State, command: str = "true") -> Job:
    work = ProcessWork(ProcessKind.COMMAND, "/", 0o22, arguments=("true",))
    return Job(
        uuid=f"00000000-0000-4000-8000-{number:012}",
        name=f"job-{number}",
        command=command,
        session="s",
        submitted_at=float(number),
        work=work,
        state=state,
    )


def asides(home: Home) -> list[Path]:
    """The damaged stores that were set aside, without what SQLite keeps beside a file."""
    return [file for file in home.folder.glob("store.db.damaged-*") if not file.name.endswith(("-wal", "-shm"))]


def journal_of(home: Home, number: int) -> Path:
    return home.folder / "journals" / f"00000000-0000-4000-8000-{number:012}.journal"


def page_of(file: Path, text: str) -> int:
    """Return where the page with a text begins: of two the first, which is the table's."""
    return file.read_bytes().index(text.encode()) // PAGE_BYTES * PAGE_BYTES


def tear_a_page(file: Path) -> None:
    write_at(file, page_of(file, '"name":"job-30"'), b"\xff" * PAGE_BYTES)


def garble_the_header(file: Path) -> None:
    write_at(file, 0, b"no database " * 9)


def cut_short(file: Path) -> None:
    with file.open("r+b") as out:
        out.truncate(file.stat().st_size // PAGE_BYTES // 2 * PAGE_BYTES)


def forget_the_head(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute("DELETE FROM head")


def write_at(file: Path, place: int, data: bytes) -> None:
    with file.open("r+b") as out:
        out.seek(place)
        out.write(data)


@pytest.mark.parametrize(
    ("damage", "least_saved"),
    [(tear_a_page, 40), (garble_the_header, 0), (cut_short, 0), (forget_the_head, JOBS)],
)
def test_a_damaged_store_is_set_aside_and_what_can_be_read_is_saved(
    home: Home, shell: Shell, damage: Callable[[Path], None], least_saved: int
) -> None:
    """The next command says in one sentence what was lost, once; the daemon's status says it as long as it is noted."""
    file = fill(home, JOBS)
    damage(file)
    damaged = file.read_bytes()
    done = shell("azjobs job get --output json")
    assert done.code == 0, done
    saved = [job["id"] for job in done.json]
    lost = set(range(1, JOBS + 1)) - set(saved)
    assert len(saved) >= least_saved
    (aside,) = asides(home)
    assert aside.read_bytes() == damaged
    (said,) = done.err.splitlines()
    assert said.startswith(f"The job store {file} was damaged (")
    assert f" is kept as {aside.name}: {len(saved)} jobs were saved, " in said
    assert ("no job with output was lost" in said) == (not lost)
    assert all(journal_of(home, number).read_bytes() == b"what it said" for number in range(1, JOBS + 1))
    assert said in shell("azjobs daemon status --output json").json["troubles"]
    assert shell("azjobs job get --output json").err == ""
    new = shell("azjobs job start -q -- true")
    assert int(new.out) > JOBS
    assert shell("azjobs daemon stop").code == 0
    assert len(shell("azjobs job get --output json").json) == len(saved) + 1
    assert asides(home) == [aside]


def test_an_emptied_store_is_no_new_one(home: Home, shell: Shell) -> None:
    """Where journals are there were jobs: their loss is said, and ids begin after them."""
    fill(home, 3).write_bytes(b"")
    done = shell("azjobs job start -q -- true")
    assert done.out == "4\n"
    assert "was damaged (it is empty) and is kept as store.db.damaged-" in done.err
    assert "0 jobs were saved, the jobs 00000000-0000-4000-8000-000000000001, " in done.err


def test_a_daemon_killed_while_it_saved_is_followed_by_one_that_finishes(home: Home, shell: Shell) -> None:
    """The saved store was whole, and the damaged one still in its place, with its log."""
    file = fill(home, 3)
    file.rename(f"{file}.mended")
    file.write_bytes(b"damaged")
    Path(f"{file}-wal").write_bytes(b"its log")
    done = shell("azjobs job get --output json")
    assert [job["id"] for job in done.json] == [1, 2, 3], done


def test_one_job_that_cannot_be_read_hides_no_other(home: Home, shell: Shell) -> None:
    """A finished one is left out with a warning; an unfinished one is set aside: no daemon is started for it again."""
    file = fill(home, 5)
    with contextlib.closing(SqliteStore(file)) as store:
        store.add(make_job(6, Running(1.0)), is_attached=False)
        store.commit()
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE jobs SET document = '{}' WHERE id IN (2, 6)")
    new = shell("azjobs job start -q -- true")
    assert new.out == "7\n", new
    assert shell("azjobs job wait 7").code == 0
    done = shell("azjobs job get --output json")
    assert [job["id"] for job in done.json] == [1, 3, 4, 5, 7]
    assert done.err.count("holds a job that cannot be read") == 1
    assert shell("azjobs job get 3 --output json").err == ""
    assert shell("azjobs job get 2").code == 3
    assert any(text.startswith(f"Job 6 in {file} could not be read") for text in home_losses(home))
    with contextlib.closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT id, document FROM unreadable").fetchall() == [(6, b"{}")]


@pytest.mark.parametrize("damage", [None, forget_the_head])
def test_a_child_whose_batch_was_lost_is_a_job_like_any_other(
    home: Home, signed_in: Shell, damage: Callable[[Path], None] | None
) -> None:
    """It is listed, stopped and removed by itself, ended or not, and says that its batch was lost."""
    for name in ("a", "b", "c"):
        assert signed_in(f"azjobs resource-group new {name} --location eastus").code == 0
    home.cloud.time("at-once", kinds={"group-delete": {"mode": "held"}})
    batch = int(signed_in("azjobs resource-group remove a b c --force --as-job -q").out)
    home.cloud.wait_for_requests(path_regex="/operationresults/", count=3)
    ended, going = batch + 1, batch + 2
    assert signed_in(f"azjobs job stop {ended}").code == 0
    refused = signed_in(f"azjobs job remove {ended}")
    assert (refused.code, "is part of a batch" in refused.err) == (2, True), refused
    assert signed_in("azjobs daemon stop").code == 0
    file = home.folder / "store.db"
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE jobs SET document = '{}' WHERE id = ?", (batch,))
    if damage is not None:
        damage(file)

    def listed() -> dict[int, dict[str, Any]]:
        return {job["id"]: job for job in signed_in("azjobs job get --output json").json if job["id"] >= batch}

    wait_until(lambda: [job["state"] for job in listed().values()] == ["Stopped", "Running", "Running"])
    for job in listed().values():
        assert (job["parentId"], len(job["lostParentId"])) == (None, 36)
        assert job["statusMessage"].startswith("Its batch was lost with a damaged store.")
    assert "stand alone" in home_losses(home)[0]
    assert signed_in(f"azjobs job stop {going}").code == 0
    assert listed()[going]["state"] == "Stopped"
    done = signed_in(f"azjobs job remove {ended} {going} && azjobs job remove {going + 1} --force")
    assert done.code == 0, done
    assert listed() == {}


def home_losses(home: Home) -> list[str]:
    return (home.folder / "losses.txt").read_text().splitlines()


@pytest.mark.slow
def test_a_big_store_is_checked_beside_the_work(home: Home, shell: Shell) -> None:
    """The daemon that finds the damage leaves, and the one after it saves what can be read."""
    file = fill(home, 20_000, command="x" * 1000)
    assert file.stat().st_size > CHECKED_BYTES
    write_at(file, page_of(file, '"name":"job-9000"'), b"\xff" * PAGE_BYTES)

    def is_saved() -> bool:
        shell("azjobs daemon status; azjobs job start -q -- true")
        return (home.folder / "losses.txt").exists()

    wait_until(is_saved)
    jobs = read_jobs(file)
    assert len(jobs) > 19_900
    assert "and is kept as store.db.damaged-" in home_losses(home)[0]


def test_damage_under_a_living_daemon_is_told_with_what_to_type(home: Home, shell: Shell) -> None:
    """Its jobs go on; once it has left, the next daemon saves what can be read, and ids go on from where they were."""
    file = fill(home, JOBS)
    assert shell("azjobs job start -q -- sleep 60").out == "61\n"
    wait_until(lambda: any(job.id == JOBS + 1 for job in read_jobs(file)))
    tear_a_page(file)
    done = shell("azjobs job get --output json")
    assert (done.code, done.err.splitlines()[-1].endswith("Type: azjobs daemon stop")) == (1, True), done
    assert shell("azjobs daemon stop").code == 0
    done = shell("azjobs job get --output json")
    assert {job["id"]: job["state"] for job in done.json}[JOBS + 1] in ("Running", "Disconnected")
    assert "were lost, and their output is kept in journals" in done.err
    assert shell("azjobs job start -q -- true").out == "62\n"
