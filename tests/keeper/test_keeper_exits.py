"""The keeper adopts what lost its parent, and tells how it ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from keeper_site import Site, is_running, wait_for

from azjobs.keeper.exits import Exit, ExitList
from azjobs.keeper.orphans import load_start_time, parse_start_time


def test_end_of_an_orphan_is_told_at_once_and_kept(site: Site):
    """An orphan's exit code reaches the daemon as an event, and stays in the list until acknowledged."""
    with site.client() as client:
        pid, start_time = client.ask("orphan", script="exit 42")
        assert client.ask("event", pid=pid) == [start_time, 42 << 8]
        assert start_time > 0
        assert [pid, start_time, 42 << 8] in client.ask("exits")
        client.ask("ack")
        assert client.ask("exits") == []


def test_signal_that_killed_an_orphan_is_told(site: Site):
    """The raw wait status tells a signal from an exit code."""
    with site.client() as client:
        pid, _ = client.ask("orphan", script="kill -9 $$")
        status = client.ask("event", pid=pid)[1]
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_orphan_that_ends_while_no_daemon_runs_is_told_to_the_next(site: Site):
    """A job that outlives its daemon keeps running, and the next daemon learns how it ended."""
    site.start()
    gate = site.home / "gate"
    os.mkfifo(gate)
    with site.client() as client:
        pid, start_time = client.ask("orphan", script=f"read line < {gate}; exit 5")
        client.tell("exit", code=0)
        assert client.answer() is None
    wait_for(lambda: "with exit code 0" in site.said(), "the daemon ended")
    assert is_running(pid)
    gate.write_text("go\n")
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the keeper has reaped it")
    with site.client() as client:
        assert [pid, start_time, 5 << 8] in client.ask("exits")


def test_children_of_a_killed_daemon_are_adopted(site: Site):
    """What the daemon itself had started goes to the keeper when the daemon is killed."""
    site.start()
    gate = site.home / "gate"
    os.mkfifo(gate)
    with site.client() as client:
        pid = client.ask("child", script=f"read line < {gate}; exit 6")
        os.kill(client.ask("about")["pid"], signal.SIGKILL)
    with site.client() as client:
        assert client.ask("exits") == [], "it still runs, and the next daemon as well"
        gate.write_text("go\n")
        assert client.ask("event", pid=pid)[1] == 6 << 8


def test_many_orphans_at_once_are_all_told(site: Site):
    """Two hundred processes that end together are two hundred exits."""
    with site.client() as client:
        shell, _ = client.ask("orphan", script="for n in $(seq 200); do (exit $((n % 7))) & done; exit 9")
        client.ask("event", pid=shell)
        wait_for(lambda: len(client.ask("exits")) >= 201, "all have ended")
        statuses = [status >> 8 for pid, _, status in client.ask("exits") if pid != shell]
    assert sorted(set(statuses)) == list(range(7))


def test_list_of_exits_is_bounded():
    """Beyond its capacity the list forgets the oldest."""
    exits = ExitList(capacity=3)
    for pid in range(1, 6):
        exits.add(Exit(pid, pid * 10, 0, 1.5))
    assert [entry["pid"] for entry in exits.entries()] == [3, 4, 5]
    assert not exits.drop(1, 10)
    assert not exits.drop(4, 41), "another process with the same id"
    assert exits.drop(4, 40)
    assert len(exits) == 2


def test_start_time_is_read_behind_any_name():
    """A process may call itself what it likes; the start time is field 22 all the same."""
    fields = " ".join(["S", *map(str, range(4, 53))])
    assert parse_start_time(f"7 (a) b) (c) {fields}".encode()) == 22
    assert parse_start_time(b"7 (short) S 1") is None
    assert load_start_time(os.getpid()) == load_start_time(os.getpid()) > 0
    assert load_start_time(2**22 + 1) is None
