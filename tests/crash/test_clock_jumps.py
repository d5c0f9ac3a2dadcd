"""A wall clock that is set by a day while jobs are under way: none ends for it, waits for it, or ends before it began.

The clock is set as an administrator sets it, for all processes at once: each
finds the offset in a file, in place of the system's own clock.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from azjobs.core.states import ended_at_of, started_at_of
from azjobs.store.reader import read_jobs
from terminal import Home, Shell, wait_until

DAY_S = 86_400.0
LIMIT_S = 3_600  # of every job: a day more on the clock must not use it up
PASSWORD = "Pa55-word-long"
SHIFTED = """
import time

def shifted(real=time.time):
    with open({file!r}) as offset:
        return real() + float(offset.read())

time.time = shifted
"""


class Clock:
    """The wall clock of all processes that begin from now on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = folder / "offset_s"
        self.set(0.0)
        patch = folder / "patch"
        patch.mkdir()
        (patch / "sitecustomize.py").write_text(SHIFTED.format(file=str(self._file)))
        monkeypatch.setenv("PYTHONPATH", str(patch))

    def set(self, offset_s: float) -> None:
        """Set it so far from the true time, whole at once."""
        new = self._file.with_suffix(".new")
        new.write_text(repr(offset_s))
        new.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that the test sets; it is there before the first process of the home."""
    return Clock(tmp_path, monkeypatch)


@pytest.fixture
def busy(clock: Clock, home: Home, tmp_path: Path) -> Shell:
    """A home with a job of each kind under way: a machine being made, a process, and one that waits for its turn."""
    shell = Shell(home, "terminal-1")
    assert shell("azjobs account connect --environment AzureSimulator").code == 0
    home.cloud.retry_after(1)
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    line = "azjobs credential get --name admin --username vmadmin --password-stdin"
    assert shell(line, stdin=f"{PASSWORD}\n").code == 0
    assert shell(f"azjobs vm new --name MyVm --credential admin --as-job --time-limit {LIMIT_S} -q").out == "1\n"
    waits = f"until test -e {tmp_path}/go; do sleep 0.05; done; echo went"
    for job in ("2", "3"):
        begun = shell(f"azjobs job start -q --throttle-limit 1 --time-limit {LIMIT_S} -- sh -c '{waits}'")
        assert begun.out == f"{job}\n"
    wait_until(lambda: shell("azjobs vm get --name MyVm").code == 0, what="the machine is being made")
    wait_until(lambda: states(home) == ["Running", "Running", "NotStarted"], what="all are under way")
    return shell


def states(home: Home) -> list[str]:
    return [str(job.state_name) for job in read_jobs(home.folder / "store.db")]


def go_on(home: Home, shell: Shell, tmp_path: Path) -> None:
    """Let everything end: all have Completed, and none before it began."""
    (tmp_path / "go").touch()
    home.cloud.time("at-once")
    home.cloud.finish()
    assert shell("azjobs job wait 1 2 3 --timeout 30").code == 0
    assert states(home) == ["Completed"] * 3
    for job in read_jobs(home.folder / "store.db"):
        began_at, ended_at = started_at_of(job.state), ended_at_of(job.state)
        assert began_at is not None
        assert ended_at is not None
        assert began_at <= ended_at


@pytest.mark.slow
@pytest.mark.parametrize("offset_s", [-DAY_S, DAY_S], ids=["set back", "set ahead"])
def test_jobs_under_way_go_on_when_the_clock_is_set(
    busy: Shell, clock: Clock, home: Home, tmp_path: Path, offset_s: float
) -> None:
    """The machine is polled on, no limit is reached, the queue moves on; and new jobs work on either side."""
    clock.set(offset_s)
    assert busy("azjobs job get").code == 0
    assert states(home) == ["Running", "Running", "NotStarted"]
    go_on(home, busy, tmp_path)
    assert busy("azjobs job receive 2").out == "went\n"
    assert busy("azjobs job start -q -- echo there").out == "4\n"
    assert busy("azjobs job receive 4 --wait").out == "there\n"
    clock.set(0.0)
    assert busy("azjobs resource-group new --name after --location eastus").code == 0
    assert [job.id for job in read_jobs(home.folder / "store.db")][:4] == [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.parametrize("offset_s", [-DAY_S, 0.9 * LIMIT_S], ids=["set back", "set ahead"])
def test_jobs_go_on_when_the_clock_is_set_while_no_daemon_runs(
    busy: Shell, clock: Clock, home: Home, tmp_path: Path, offset_s: float
) -> None:
    """The next daemon goes on with all of them: time that a clock set back lets come again is waited for by none."""
    home.kill("_main.daemon")
    clock.set(offset_s)
    go_on(home, busy, tmp_path)


@pytest.mark.slow
def test_process_reaches_no_limit_by_a_clock_that_is_set_while_no_daemon_runs(
    busy: Shell, clock: Clock, home: Home, tmp_path: Path
) -> None:
    """The next daemon asks the machine how old it is. Of the Azure job nobody but the clock can say."""
    home.kill("_main.daemon")
    clock.set(DAY_S)
    assert busy("azjobs job wait 1 --timeout 30").code == 1
    assert busy("azjobs job get 1 -o json").json["error"]["code"] == "TimeLimit"
    (tmp_path / "go").touch()
    assert busy("azjobs job wait 2 3 --timeout 30").code == 0
    assert states(home) == ["Failed", "Completed", "Completed"]
