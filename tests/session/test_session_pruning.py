"""Jobs that have ended are removed when somebody says so, by age or number, and never otherwise."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

import azjobs as az
from azjobs.core.job import Job, ProcessKind, ProcessWork
from azjobs.core.states import Completed
from azjobs.store.reader import read_jobs
from azjobs.store.sqlite import SqliteStore
from terminal import Home, Python, Shell, wait_until

DAY_S = 86_400.0


@pytest.fixture
def old_jobs(home: Home) -> Home:
    """Jobs 1 to 5 ended so many days ago as their ids say, each with a journal."""
    now = time.time()
    (home.folder / "journals").mkdir(mode=0o700)
    with contextlib.closing(SqliteStore(home.folder / "store.db")) as store:
        for days in range(1, 6):
            work = ProcessWork(ProcessKind.COMMAND, "/", 0o22, arguments=("true",))
            ended = Completed(now - 6 * DAY_S, now - days * DAY_S)
            job = Job(uuid=f"u{days}", name="", command="true", session="s", submitted_at=now, work=work, state=ended)
            store.add(job, is_attached=False)
            journal_of(home, days).write_bytes(b"")
        store.commit()
    return home


def journal_of(home: Home, number: int) -> Path:
    return home.folder / "journals" / f"u{number}.journal"


def left(home: Home) -> list[int | None]:
    """The ids of the jobs that are left; each of the old ones has its journal, and no other journal is there."""
    ids = [job.id for job in read_jobs(home.folder / "store.db")]
    for number in range(1, 6):
        assert journal_of(home, number).exists() == (number in ids)
    return ids


def test_jobs_are_pruned_by_age_and_by_number(old_jobs: Home, shell: Shell) -> None:
    """With their journals; first a rehearsal says which; unfinished jobs stay, however many are too many."""
    running = shell("azjobs job start -q -- sleep 60").out.strip()
    done = shell("azjobs job prune --older-than 84h --what-if")
    assert (done.code, done.err) == (0, "Would remove 2 jobs: 5, 4.\n"), done
    assert left(old_jobs) == [1, 2, 3, 4, 5, int(running)]
    assert shell("azjobs job prune --older-than 84h").err == "Removed 2 jobs: 5, 4.\n"
    assert shell("azjobs job prune --older-than 84h").err == "Removed no job.\n"
    assert left(old_jobs) == [1, 2, 3, int(running)]
    assert shell("azjobs job prune --keep 1 -q").out == "3\n2\n"
    assert shell("azjobs job prune --keep 0").err == "Removed 1 job: 1.\n"
    assert left(old_jobs) == [int(running)]


def test_without_a_word_nothing_is_pruned(old_jobs: Home, shell: Shell) -> None:
    """No age, no number and no policy is refused; so is what is no age or number."""
    for words in ("", "--older-than yesterday", "--keep -1"):
        done = shell(f"azjobs job prune {words}")
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done
    assert left(old_jobs) == [1, 2, 3, 4, 5]


def test_ids_of_pruned_jobs_are_returned(old_jobs: Home) -> None:
    """In the order in which the jobs ended."""
    assert az.prune_jobs(older_than=timedelta(days=3.5), keep=4, what_if=True) == [5, 4]
    assert az.prune_jobs(older_than=timedelta(days=3.5), keep=1) == [5, 4, 3, 2]
    with pytest.raises(az.InvalidInput, match="An age is a time such as"):
        az.prune_jobs(older_than=timedelta(days=-1))
    assert left(old_jobs) == [1]


def test_policy_is_kept_in_the_home_and_applied_at_once(old_jobs: Home, shell: Shell) -> None:
    """By the daemon that runs, and by every later one at its start; a limit that is not named stays."""
    assert shell("azjobs job-policy get --output json").json == {
        "keepDays": None,
        "keepJobs": None,
        "outputCapBytes": None,
    }
    assert shell("azjobs job start -q -- true; azjobs job wait 6").code == 0  # a daemon runs, and removes nothing
    assert left(old_jobs) == [1, 2, 3, 4, 5, 6]
    assert shell("azjobs job-policy set --keep-days 4.5 --output-cap-bytes 1000").code == 0
    assert left(old_jobs) == [1, 2, 3, 4, 6]
    assert shell("azjobs daemon stop").code == 0
    done = shell("azjobs job-policy set --keep-jobs 2 --output json")
    assert done.json == {"keepDays": 4.5, "keepJobs": 2, "outputCapBytes": 1000}
    assert left(old_jobs) == [1, 2, 3, 4, 6]
    assert shell("azjobs job prune").err == "Removed no job.\n"  # the daemon that starts for it has applied it
    wait_until(lambda: left(old_jobs) == [1, 6])
    kept = json.loads((old_jobs.folder / "policy.json").read_text())
    assert kept == {"keep_days": 4.5, "keep_jobs": 2, "output_cap_bytes": 1000}
    assert shell("azjobs job-policy set --clear --output json").json == dict.fromkeys(done.json)


def test_policy_is_applied_when_jobs_end(home: Home, python: Python) -> None:
    """Of three jobs that end the last two are kept."""
    az.set_job_policy(keep_jobs=2)
    for _ in range(3):
        az.start_job(int).result(20)
    wait_until(lambda: [job.id for job in read_jobs(home.folder / "store.db")] == [2, 3])
    wait_until(lambda: len(list((home.folder / "journals").glob("*.journal"))) == 2)


def test_unusable_policies_are_refused(home: Home, shell: Shell) -> None:
    """Nothing said, or a limit below zero, is one sentence; a file that is no policy removes nothing."""
    for words in ("", "--keep-jobs=-1", "--keep-days=nan"):
        done = shell(f"azjobs job-policy set {words}")
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done
    (home.folder / "policy.json").write_text("{}}")
    (home.folder / "policy.json").chmod(0o600)
    assert shell("azjobs job start -q -- true; azjobs job wait 1").code == 0
    assert [job.id for job in read_jobs(home.folder / "store.db")] == [1]
    assert shell("azjobs job-policy get").code == 1


def test_files_that_a_killed_daemon_left_are_removed_by_the_next(old_jobs: Home, shell: Shell) -> None:
    """It was killed after the rows were removed and before the journals were."""
    with contextlib.closing(SqliteStore(old_jobs.folder / "store.db")) as store:
        store.remove(["u2", "u4"])
        store.commit()
    assert journal_of(old_jobs, 2).exists()
    assert shell("azjobs job start -q -- true").code == 0
    assert left(old_jobs) == [1, 3, 5, 6]
    assert shell("azjobs daemon stop").code == 0
    with contextlib.closing(SqliteStore(old_jobs.folder / "store.db")) as store:
        assert store.load_removed() == []


@pytest.mark.slow
def test_a_daemon_killed_while_it_prunes_leaves_no_journal_behind(home: Home, shell: Shell) -> None:
    """Killed again and again: in between no job that is left lacks its journal, in the end nothing is left of any."""
    journals = home.folder / "journals"
    journals.mkdir(mode=0o700)
    with contextlib.closing(SqliteStore(home.folder / "store.db")) as store:
        for number in range(3000):
            work = ProcessWork(ProcessKind.COMMAND, "/", 0o22, arguments=("true",))
            ended = Completed(1.0, 2.0 + number)
            job = Job(uuid=f"u{number}", name="", command="true", session="s", submitted_at=1.0, work=work, state=ended)
            store.add(job, is_attached=False)
            (journals / f"u{number}.journal").touch()
        store.commit()
    environment = shell.environment
    with subprocess.Popen(["azjobs", "job", "prune", "--keep", "0"], env=environment, stderr=subprocess.PIPE) as prune:
        for milestone in (2900, 1500, 500):
            wait_until(lambda most=milestone: len(list(journals.iterdir())) < most or prune.poll() is not None)
            with contextlib.suppress(AssertionError, ProcessLookupError):
                home.kill("_main.daemon")
            there = {file.stem for file in journals.iterdir()}  # looked at first: the next daemon goes on already
            assert {job.uuid for job in read_jobs(home.folder / "store.db")} <= there
        assert prune.wait(30) == 0
    assert read_jobs(home.folder / "store.db") == []
    assert list(journals.glob("*.journal")) == []
