"""There is one daemon of a home: a second one does not begin, and one whose place was taken writes nothing more."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import azjobs
from azjobs.core.job import Job
from azjobs.core.journal import Begin, format_record, scan
from azjobs.core.states import Completed, Failed, JobState
from azjobs.keeper.launch import run_folder
from azjobs.keeper.start import daemon_command, daemon_environment
from azjobs.store.reader import read_jobs
from terminal import Home, Shell, wait_until


def job_of(home: Home) -> Job:
    [job] = read_jobs(home.folder / "store.db", ids=[1])
    return job


def epoch_of(home: Home) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{home.folder}/store.db?mode=ro", uri=True)) as db:
        (epoch,) = db.execute("SELECT epoch FROM head").fetchone()
    return int(epoch)


def daemons(home: Home) -> set[int]:
    """The pids of the daemons of a home."""
    return set(home.find("_main.daemon"))


@pytest.mark.slow
def test_a_second_daemon_does_not_begin_beside_the_first(home: Home, shell: Shell, tmp_path: Path) -> None:
    """A keeper in another place starts one for the same home: it finds the lock held, touches no store and leaves."""
    assert shell("azjobs job start -q -- sleep 60").out == "1\n"
    wait_until(lambda: job_of(home).state_name is JobState.RUNNING)
    before = (daemons(home), epoch_of(home))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    program = Path(azjobs.__file__).parent / "_main" / "keeper.py"
    words = ["--run", str(elsewhere), "--home", str(home.folder), "--idle-s", "1", "--start", "--"]
    command = [sys.executable, "-I", "-S", str(program), *words, *daemon_command(home.folder)]
    environment = daemon_environment(os.environ, home.folder)
    with subprocess.Popen(command, env=environment) as keeper:
        try:
            wait_until(lambda: "A daemon of this home runs already" in log_of(home), what="the second one says why")
        finally:
            keeper.kill()
    wait_until(lambda: daemons(home) == before[0], what="the second one has left")
    assert epoch_of(home) == before[1]
    assert shell("azjobs job stop 1").code == 0
    assert job_of(home).state_name is JobState.STOPPED


@pytest.mark.slow
def test_a_daemon_whose_place_was_taken_writes_nothing_more(home: Home, shell: Shell, tmp_path: Path) -> None:
    """Somebody cleared the folder of locks, and a second daemon began: the first one leaves at its next write."""
    line = f"azjobs job start -q -- sh -c 'until test -e {tmp_path}/go; do sleep 0.05; done'"
    assert shell(line).out == "1\n"
    wait_until(lambda: job_of(home).state_name is JobState.RUNNING)
    (first,) = daemons(home)
    before = epoch_of(home)
    shutil.rmtree(run_folder(home.folder))
    assert shell("azjobs job get").code == 0  # a job is unfinished and no daemon is seen: one is started
    wait_until(lambda: epoch_of(home) == before + 1, what="the second daemon has begun")
    assert first in daemons(home)
    (tmp_path / "go").touch()
    wait_until(lambda: isinstance(job_of(home).state, Completed), what="the end is recorded")
    wait_until(lambda: first not in daemons(home), what="the first daemon has left")
    assert epoch_of(home) == before + 1
    assert "Leaving" in log_of(home)
    assert shell("azjobs job start -q -- true; azjobs job wait 2").code == 0


@pytest.mark.slow
@pytest.mark.parametrize(("is_restarted", "code"), [(True, "Interrupted"), (False, "ProcessDied")])
def test_a_restart_of_the_machine_is_told_from_one_of_the_daemon(
    home: Home, shell: Shell, *, is_restarted: bool, code: str
) -> None:
    """All processes are gone in both; the job fails, is not run again, and says which of the two it was."""
    assert shell("azjobs job start -q -- sh -c 'echo ran; sleep 60'").out == "1\n"
    wait_until(lambda: job_of(home).state_name is JobState.RUNNING)
    journal = home.folder / "journals" / f"{job_of(home).uuid}.journal"
    wait_until(lambda: journal.exists() and len(scan(journal.read_bytes()).found) > 1, what="it has printed")
    home.end()
    if is_restarted:
        give_another_boot(journal)
    assert shell("azjobs job wait 1").code == 1
    state = wait_until(lambda: shell("azjobs job get -q").out and failed_of(home), what="the next daemon records it")
    assert state.fault.code == code
    assert shell("azjobs job receive 1").out == "ran\n"


def failed_of(home: Home) -> Failed | None:
    state = job_of(home).state
    return state if isinstance(state, Failed) else None


def give_another_boot(journal: Path) -> None:
    """Write into the first record that it is of another boot of the machine."""
    data = journal.read_bytes()
    begin, *others = scan(data).found
    assert isinstance(begin.record, Begin)
    new = Begin(
        begin.record.stamp, begin.record.pid, begin.record.start_time, "another-boot", begin.record.pid_namespace
    )
    journal.write_bytes(format_record(new) + b"".join(format_record(one.record) for one in others))


def log_of(home: Home) -> str:
    return "".join(file.read_text(errors="replace") for file in (home.folder / "logs").glob("*"))
