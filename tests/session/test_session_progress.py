"""How far jobs are is shown live to whoever waits for them on a terminal, and to nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import azjobs as az
from terminal import Home, Shell, Terminal, sleeps_without_limit, visible, wait_until


@pytest.fixture(autouse=True)
def _in_home(home: Home) -> None:
    """Every test has a home of its own."""


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Terminal]:
    """A terminal, closed with the test."""
    made = Terminal(shell)
    yield made
    made.end()


class Gate:
    """Where a job waits until it may go on."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        os.mkfifo(path)

    def wait(self) -> None:
        """In the job: wait until the gate is opened."""
        with open(self.path, encoding="ascii") as file:  # noqa: PTH123 - the job has no more than this
            file.read()

    def open(self) -> None:
        """Let it go on."""
        with open(self.path, "w", encoding="ascii"):  # noqa: PTH123 - as above
            pass


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Give a gate."""
    return Gate(tmp_path / "gate")


def wait_to_see(terminal: Terminal, end: str) -> None:
    """Read until the terminal shows this at its end."""
    while not visible(terminal.screen.seen).endswith(end):
        terminal.screen.read()


def copying(gate: Gate) -> None:
    """Copy in steps."""
    az.write_progress("copy", "all disks", 10)
    az.write_progress("disk", "first", parent="copy")
    gate.wait()
    print("one line")  # noqa: T201 - the job prints
    az.write_progress("disk", completed=True)
    az.write_progress("copy", "all disks", 50)
    gate.wait()


def test_waiting_shows_a_line_for_each_running_activity_and_takes_it_away(terminal: Terminal, gate: Gate) -> None:
    """What an activity is inside of stands above it; at the end only the table is left."""
    az.start_job(copying, argument_list=[gate], name="migration")
    terminal.type("azjobs job wait 1\n")
    terminal.wait_for("migration: copy 10 %: all disks")
    terminal.wait_for("  disk: first")
    gate.open()
    wait_to_see(terminal, "azjobs job wait 1\nmigration: copy 50 %: all disks")
    gate.open()
    terminal.wait_for("Completed")
    terminal.wait_for("ready> ")
    assert "all disks" not in visible(terminal.screen.seen)


def test_receiving_shows_progress_below_what_the_job_prints(terminal: Terminal, gate: Gate) -> None:
    """What it prints stays, the progress moves on."""
    az.start_job(copying, argument_list=[gate], name="migration")
    terminal.type("azjobs job receive 1 --wait\n")
    terminal.wait_for("  disk: first")
    gate.open()
    wait_to_see(terminal, "one line\nmigration: copy 50 %: all disks")
    gate.open()
    terminal.wait_for("ready> ")
    assert visible(terminal.screen.seen).splitlines()[1:] == ["one line", "ready> "]


def test_several_jobs_are_shown_at_once(terminal: Terminal, tmp_path: Path) -> None:
    """Each under its name, while each of them has something to tell."""
    first, second = Gate(tmp_path / "first"), Gate(tmp_path / "second")
    az.start_job(copying, argument_list=[first], name="one")
    az.start_job(copying, argument_list=[second], name="two")
    terminal.type("azjobs job wait 1 2\n")
    terminal.wait_for("two: copy 10 %")
    first.open()
    wait_to_see(terminal, "one: copy 50 %: all disks\ntwo: copy 10 %: all disks\n  disk: first")
    first.open()
    second.open()
    terminal.wait_for("two: copy 50 %")
    second.open()
    terminal.wait_for("Completed")


def test_interrupting_a_wait_leaves_nothing_of_the_progress(terminal: Terminal, gate: Gate) -> None:
    """The lines are gone, the sentence is there."""
    az.start_job(copying, argument_list=[gate], name="migration")
    terminal.type("azjobs job wait 1\n")
    terminal.wait_for("disk: first")
    terminal.type("\x03")
    terminal.wait_for("Interrupted. The jobs go on.")
    terminal.wait_for("ready> ")
    assert "disk: first" not in visible(terminal.screen.seen)


def test_a_wait_in_the_background_draws_nothing(home: Home, terminal: Terminal, gate: Gate) -> None:
    """The terminal is somebody else's then; the table at the end is all that comes."""
    az.start_job(copying, argument_list=[gate], name="migration")
    terminal.type("azjobs job wait 1 &\n")
    waiter = wait_until(lambda: next((pid for pid, line in home.pids().items() if "job wait 1" in line), 0))
    wait_until(lambda: sleeps_without_limit(waiter), what="it waits")
    gate.open()
    wait_until(lambda: len(az.receive_job(1, keep=True).progress) == 4, what="the second activity is told")
    wait_until(lambda: sleeps_without_limit(waiter), what="it waits again")
    gate.open()
    terminal.wait_for("Completed")
    assert "all disks" not in terminal.screen.seen


def test_a_job_at_azure_shows_what_the_service_does(home: Home, shell: Shell, terminal: Terminal) -> None:
    """As jobs of this machine do; its name is its activity, and is not said twice."""
    assert shell("azjobs account connect --environment AzureSimulator").code == 0
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    line = "azjobs credential get --name admin --username vmadmin --password-stdin"
    assert shell(line, stdin="Pa55-word-long\n").code == 0
    assert shell("azjobs vm new --name MyVm --credential admin --as-job -q").out == "1\n"
    terminal.type("azjobs job wait 1\n")
    wait_to_see(terminal, "azjobs job wait 1\nNew-AzVM MyVm: creating virtualMachines/MyVm")
    terminal.type("\x03")
    terminal.wait_for("The jobs go on.")


def test_without_a_terminal_nothing_is_shown_of_progress(shell: Shell) -> None:
    """A log or a pipe has what the job said, and no more."""
    job = az.start_job(lambda: az.write_progress("copy", "all", 50), name="migration")
    az.wait_job(job)
    done = shell("azjobs job wait 1 >/dev/null; azjobs job receive 1 --wait")
    assert (done.out, done.err) == ("", "")


def test_what_is_told_has_its_four_parts_and_its_end() -> None:
    """Activity, status, percent, parent; and whether it is over."""

    def work() -> None:
        az.write_progress("copy", "all disks", 10)
        az.write_progress("disk", parent="copy", completed=True)

    job = az.start_job(work)
    az.wait_job(job)
    told = [(p.activity, p.status, p.percent, p.parent, p.completed) for p in az.receive_job(job).progress]
    assert told == [("copy", "all disks", 10.0, "", False), ("disk", "", None, "copy", True)]
