"""A disk that is full: jobs go on, the daemon says what it cannot record, and nothing that happened is lost."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from azjobs.core.job import Job
from azjobs.core.states import JobState
from azjobs.store.reader import read_jobs
from terminal import Home, Shell, wait_until

PASSWORD = "Pa55-word-long"


def job_of(home: Home) -> Job:
    """The first job as it is recorded."""
    [job] = read_jobs(home.folder / "store.db", ids=[1])
    return job


@pytest.mark.slow
@pytest.mark.parametrize("word", ["", "_main.daemon"], ids=["the same daemon", "the next daemon"])
def test_a_result_that_finds_no_room_is_kept_until_it_does(home: Home, signed_in: Shell, word: str) -> None:
    """Its job has not ended before; the daemon tells why, and if it is killed the next one has the result too."""
    home.cloud.retry_after(0)
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    line = "azjobs credential get --name admin --username vmadmin --password-stdin"
    assert signed_in(line, stdin=f"{PASSWORD}\n").code == 0
    assert signed_in("azjobs vm new --name MyVm --credential admin --as-job -q").out == "1\n"
    wait_until(lambda: signed_in("azjobs vm get --name MyVm").code == 0, what="the machine is being made")
    journal = home.folder / "journals" / f"{job_of(home).uuid}.journal"
    kept = journal.rename(journal.with_suffix(".kept"))
    journal.symlink_to("/dev/full")
    home.cloud.finish()
    told = "The disk is full: the ends of New-AzVM MyVm are recorded when there is room."
    wait_until(lambda: told in signed_in("azjobs daemon status --output table").out)
    assert job_of(home).state_name is JobState.RUNNING
    if word:
        home.kill(word)
    journal.unlink()
    kept.rename(journal)
    assert signed_in("azjobs job wait 1 --timeout 30").code == 0
    assert job_of(home).state_name is JobState.COMPLETED
    assert signed_in("azjobs job result 1").json["name"] == "MyVm"
    assert len(signed_in("azjobs job receive 1").out.splitlines()) == 1
    assert signed_in("azjobs daemon status --output json").json["troubles"] == []


IN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]

SCENARIO = """
import os, pathlib, subprocess, sys, time
import azjobs as az
from azjobs.core.wire import Accepted, DaemonStatus, Status, Submit
from azjobs.session.link.local import local
from azjobs.store.reader import read_jobs

home = pathlib.Path(os.environ["AZJOBS_HOME"])
go = home.parent / "go"

def until(what):
    deadline_at = time.monotonic() + 30
    while not (value := what()):
        assert time.monotonic() < deadline_at, what
        time.sleep(0.01)
    return value

def work(path):
    import pathlib, time
    while not pathlib.Path(path).exists():
        time.sleep(0.01)
    return "x" * 50_000

def states():
    return [job.state_name.value for job in read_jobs(home / "store.db")]

def troubles():
    return local().client.ask(Status(0), DaemonStatus).troubles

jobs = [az.start_job(work, argument_list=[str(go)]) for _ in range(3)]
journals = [home / "journals" / f"{job.uuid}.journal" for job in jobs]
until(lambda: all(journal.exists() and journal.stat().st_size for journal in journals))
filler = home / "filler"

def fill():
    with open(filler, "ab", buffering=0) as file:
        for size in (65536, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                pass

def is_refused():
    fill()
    try:
        az.start_job(print, argument_list=["x" * 100_000], queue="full", throttle_limit=1)
    except az.StoreFull as error:
        refused.append(str(error))
    return refused and troubles()

refused = []
print(*until(is_refused))
print(refused[0])
try:
    local().client.ask(Submit(0, jobs[0].view.row), Accepted)  # as after a lost connection
except az.StoreFull:
    print("not lost")
fill()
go.touch()
until(lambda: all(journal.stat().st_size % os.sysconf("SC_PAGE_SIZE") == 0 for journal in journals))  # to the last byte
assert "Completed" not in states()[:3], states()
filler.unlink()
print([len(job.result(30)) for job in jobs])
until(lambda: states()[:3] == ["Completed"] * 3)
until(lambda: not troubles())
print(az.start_job(len, argument_list=["four"], queue="full").result(30))
"""


def has_namespaces() -> bool:
    """Whether this system lets its users mount a file system of their own."""
    try:
        return subprocess.run([*IN_NAMESPACE, "true"], capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False


REMOVAL = """
import os, pathlib, subprocess, sys
import azjobs as az
from azjobs.session.link.presence import is_daemon_alive
from azjobs.session.link.local import local

home = pathlib.Path(os.environ["AZJOBS_HOME"])
for _ in range(4):
    az.start_job(lambda: "x" * 60_000).result(30)
if sys.argv[1] == "none":
    subprocess.run([sys.executable, "-m", "azjobs._main.cli", "daemon", "stop"], check=True, capture_output=True)
    while is_daemon_alive(local().layout):
        pass
with open(home / "filler", "wb", buffering=0) as file:
    for size in (65536, 1):
        try:
            while file.write(b"x" * size) == size:
                pass
        except OSError:
            pass
print([job.id for job in az.get_job()])
print(az.prune_jobs(keep=1))
print(az.start_job(len, argument_list=["four"]).result(30))
"""


NO_MORE_FILES = """
import os, pathlib, sys, time
import azjobs as az

home = pathlib.Path(os.environ["AZJOBS_HOME"])
az.start_job(len, argument_list=["one"]).result(30)
fillers = []
try:
    for number in range(1000):
        fillers.append(home / f"filler-{number}")
        fillers[-1].touch()
except OSError:
    pass
job = az.start_job(len, argument_list=["four"])
log = home / "logs" / "daemon.log"
deadline_at = time.monotonic() + 30
while f"job {job.id} begins when there is room" not in log.read_text():
    assert time.monotonic() < deadline_at, log.read_text()
    time.sleep(0.01)
print(job.state.value)
for filler in fillers:
    filler.unlink(missing_ok=True)
print(job.result(30))
"""


def run_on_a_small_disk(tmp_path: Path, code: str, *words: str) -> list[str]:
    """Run a program whose home is on a file system of 4 MB; returns the lines that it printed."""
    script = tmp_path / "scenario.py"
    script.write_text(textwrap.dedent(code))
    home = tmp_path / "small" / "home"
    home.parent.mkdir()
    program = f"{sys.executable} -W error {script} {' '.join(words)}"
    line = f"mount -t tmpfs -o size=4m,nr_inodes=500 none {home.parent} && mkdir -m 700 {home} && exec {program}"
    environment = {"AZJOBS_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*IN_NAMESPACE, "sh", "-c", line], env=environment, capture_output=True, text=True, timeout=55, check=False
    )
    assert done.returncode == 0, done
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(not has_namespaces(), reason="needs user namespaces")
def test_jobs_go_on_while_the_disk_of_their_home_is_full(tmp_path: Path) -> None:
    """New jobs are refused in a sentence, and those under way end when there is room again.

    One that is submitted once more meanwhile goes on; one that was refused keeps no turn of its queue.
    """
    trouble, refused, fate, lengths, value = run_on_a_small_disk(tmp_path, SCENARIO)
    why = "is full: nothing more can be recorded. Free some space; nothing was lost."
    assert refused == f"The disk of {tmp_path}/small/home/store.db {why}"
    assert trouble.startswith("The disk is full: what happened lately is recorded when there is room.")
    assert (fate, lengths, value) == ("not lost", "[50000, 50000, 50000]", "4")


@pytest.mark.slow
@pytest.mark.skipif(not has_namespaces(), reason="needs user namespaces")
@pytest.mark.parametrize("daemon", ["one", "none"])
def test_old_jobs_can_be_removed_on_a_full_disk(tmp_path: Path, daemon: str) -> None:
    """With a daemon or without, jobs can be looked at and removed, and then there is room for new ones."""
    assert run_on_a_small_disk(tmp_path, REMOVAL, daemon) == ["[1, 2, 3, 4]", "[1, 2, 3]", "4"]


@pytest.mark.slow
@pytest.mark.skipif(not has_namespaces(), reason="needs user namespaces")
def test_a_job_that_was_taken_begins_when_there_is_room_for_its_journal(tmp_path: Path) -> None:
    """On a disk that takes no more files: the job waits, and nothing of it has run before."""
    assert run_on_a_small_disk(tmp_path, NO_MORE_FILES) == ["Running", "4"]
