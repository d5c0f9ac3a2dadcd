"""`azjobs job watch` as people use it: on a terminal with a keyboard, and in a pipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from terminal import Ended, Home, Shell, Terminal, wait_until

ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Terminal]:
    """A terminal, closed with the test."""
    made = Terminal(shell)
    yield made
    made.end()


Start = Callable[[str], Path]


@pytest.fixture
def start(shell: Shell, tmp_path: Path) -> Start:
    """Start a job of that name; it ends when its file is there, badly when that has something in it."""

    def start_one(name: str) -> Path:
        go = tmp_path / name
        script = f"while ! [ -e {go} ]; do sleep 0.01; done; ! [ -s {go} ]"
        assert shell(f"azjobs job start --name {name} -- sh -c '{script}'").code == 0
        wait_until(lambda: shell(f"azjobs job get --name {name}").json[0]["state"] == "Running", what="it runs")
        return go

    return start_one


def test_the_live_table_follows_changes_and_ends_with_the_named_jobs(terminal: Terminal, start: Start) -> None:
    """The last picture stays on the terminal, and the exit code is that of waiting."""
    good, bad = start("good"), start("bad")
    terminal.type("azjobs job watch 1 2; echo code $?\n")
    terminal.wait_for("2 jobs: 2 Running.")
    good.touch()
    terminal.wait_for("2 jobs: 1 Running, 1 Completed.")
    bad.write_text("x")
    terminal.wait_for(LEFT)
    terminal.wait_for("2 jobs: 1 Completed, 1 Failed.")
    terminal.wait_for("code 6")


def test_the_live_table_goes_on_after_daemon_and_keeper_were_killed(
    terminal: Terminal, start: Start, home: Home
) -> None:
    """What happened meanwhile is in the next picture; new jobs appear in it."""
    first, second = start("first"), start("second")
    terminal.type("azjobs job watch\n")
    terminal.wait_for("2 jobs: 2 Running.")
    daemon = home.process("_main.daemon")
    os.kill(daemon, signal.SIGSTOP)
    first.touch()
    os.kill(daemon, signal.SIGKILL)
    terminal.wait_for("2 jobs: 1 Running, 1 Completed.")
    home.kill("keeper")
    terminal.wait_for("Connecting again")
    terminal.wait_for("2 jobs: 1 Running, 1 Completed.")
    start("third")
    terminal.wait_for("3 jobs: 2 Running, 1 Completed.")
    second.touch()
    terminal.wait_for("3 jobs: 1 Running, 2 Completed.")


def test_ctrl_c_leaves_the_table_and_gives_the_terminal_back(terminal: Terminal, start: Start) -> None:
    """With exit code 130; the jobs go on, and the terminal is as it was."""
    start("on")
    before = termios.tcgetattr(terminal.fd)
    terminal.type("azjobs job watch; echo code $?\n")
    terminal.wait_for(ENTERED)
    terminal.wait_for("1 job: 1 Running.")
    terminal.type("\x03")
    terminal.wait_for("\x1b[?25h" + LEFT)
    terminal.wait_for("Interrupted. The jobs go on.")
    terminal.wait_for("code 130")
    terminal.wait_for("ready> ")
    assert termios.tcgetattr(terminal.fd) == before


def test_the_table_follows_the_size_of_the_terminal(terminal: Terminal, start: Start) -> None:
    """At once, without a change of any job."""
    start("on")
    terminal.type("azjobs job watch\n")
    terminal.wait_for("What happens")
    terminal.wait_for("1 job: 1 Running.")
    terminal.resize(20, 6)
    terminal.wait_for("Id  Name  State\x1b[K")


def test_a_suspended_table_leaves_the_screen_and_comes_back_with_it(terminal: Terminal, start: Start) -> None:
    """Ctrl-Z, and `fg`."""
    start("on")
    terminal.type("azjobs job watch\n")
    terminal.wait_for("1 job: 1 Running.")
    terminal.type("\x1a")
    terminal.wait_for(LEFT)
    terminal.wait_for("ready> ")
    terminal.type("fg\n")
    terminal.wait_for(ENTERED)
    terminal.wait_for("1 job: 1 Running.")


def test_a_table_that_is_ended_gives_the_terminal_back(terminal: Terminal, start: Start) -> None:
    """By SIGTERM."""
    start("on")
    terminal.type("azjobs job watch & echo pid=$!=; fg\n")
    terminal.wait_for(ENTERED)
    pid = int(terminal.screen.seen.rsplit("pid=", 1)[1].split("=")[0])
    os.kill(pid, signal.SIGTERM)
    terminal.wait_for("\x1b[?25h" + LEFT)
    terminal.wait_for("ready> ")


def events(done: Ended) -> list[tuple[str, str]]:
    return [(event["name"], event["state"]) for event in map(json.loads, done.out.splitlines())]


def test_in_a_pipe_each_event_is_one_line_of_json_at_once(shell: Shell, start: Start) -> None:
    """So that another program can read it while it goes on."""
    go = start("piped")
    with subprocess.Popen(
        ["bash", "-c", "azjobs job watch"], stdout=subprocess.PIPE, env=shell.environment, text=True
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        go.touch()
        last = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    assert (first["id"], first["state"], first["previousState"]) == (1, "Running", None)
    assert (last["id"], last["state"], last["previousState"]) == (1, "Completed", "Running")
    assert last["at"] == shell("azjobs job get 1").json["endTime"]
    assert set(first) == set(last)


def test_watching_ends_with_the_named_jobs_and_with_the_exit_code_of_waiting(shell: Shell, start: Start) -> None:
    """0 when all ended well, 1 when they failed, 6 when some did."""
    start("good").touch()
    start_bad = start("bad")
    start_bad.write_text("x")
    assert shell("azjobs job wait 1 2").code == 6
    assert [shell(f"azjobs job watch {ids}").code for ids in ("1", "2", "1 2")] == [0, 1, 6]
    assert events(shell("azjobs job watch 1 2")) == [("good", "Completed"), ("bad", "Failed")]
    assert shell("azjobs job watch 1 --changes-only").out == ""
    assert shell("azjobs job watch --until-done") == Ended(0, "", "")


def test_until_done_watches_the_jobs_that_are_unfinished_now(shell: Shell, start: Start) -> None:
    """And ends with them."""
    start("before").touch()
    assert shell("azjobs job wait 1").code == 0
    start("now").touch()
    done = shell("azjobs job watch --until-done")
    assert done.code == 0
    assert {name for name, _ in events(done)} <= {"now"}


def test_a_form_without_lines_is_refused_with_what_to_type(shell: Shell) -> None:
    """Events have no end, so there is no document of all of them."""
    done = shell("azjobs job watch --output yaml")
    sentence = "azjobs job watch draws its table on a terminal only; elsewhere add --output jsonl or tsv.\n"
    assert done == Ended(2, "", sentence)
