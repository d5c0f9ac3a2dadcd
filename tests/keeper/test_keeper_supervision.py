"""The keeper starts its daemon when it is needed, again when it dies, and gives up in time."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import stat
import sys
import time
from pathlib import Path

import pytest
from keeper_site import KEEPER, Site, is_running, wait_for, wait_until_ended

from azjobs.keeper import doors
from azjobs.keeper.errors import DaemonFailed
from azjobs.keeper.launch import attach, load_failure, running_keeper

HURRIED = """
import json, sys
sys.path.append(sys.argv.pop(1))
from azjobs.keeper import birth, loop, supervision
for name, value in json.loads(sys.argv.pop(1)).items():
    for module in (loop, supervision):
        if hasattr(module, name):
            setattr(module, name, value)
sys.exit(birth.serve(sys.argv[1:]))
"""


def start_hurried(site: Site, changes: dict[str, object], *options: str, **how):
    """Start a keeper whose long waits are short: `changes` are its constants."""
    source = str(Path(KEEPER).parents[2])
    return site.start(*options, program=["-c", HURRIED, source, json.dumps(changes)], is_given_environment=True, **how)


def test_no_daemon_runs_before_the_first_connection(site: Site):
    """A keeper alone starts nothing; the first connection starts the daemon and is served by it."""
    site.start()
    assert site.starts() == []
    with site.client() as client:
        assert client.ask("about")["pid"] == site.starts()[0]
    assert len(site.starts()) == 1


def test_started_at_once_when_asked(site: Site):
    """With --start the daemon runs without any connection."""
    site.start("--start")
    wait_for(site.starts, "a daemon was started")


def test_daemon_inherits_what_was_promised_and_nothing_else(site: Site):
    """A daemon has the starter's environment, a socket, a channel and an identity port, and no descriptor beyond."""
    site.environment["WHAT_THE_STARTER_HAD"] = "naïve"
    leaked, other = socket.socketpair()
    with leaked, other:
        os.set_inheritable(leaked.fileno(), True)
        site.start(keep=[leaked.fileno()])
        with site.client() as client:
            about = client.ask("about")
    assert about["env"]["WHAT_THE_STARTER_HAD"] == "naïve"
    assert not any(name.endswith("_FD") for name in about["env"]), "the names were taken out by the daemon"
    assert about["ppid"] == running_keeper(site.run)
    assert about["cwd"] == "/"
    assert about["identity"][0] == "127.0.0.1"
    # 0-2, listening socket, channel, identity port; then its own: epoll, self-pipe pair, the client, the look at them.
    assert len(about["fds"]) <= 3 + 3 + 3 + 3


def test_killed_daemon_is_back_without_delay_and_with_its_secrets(site: Site):
    """After kill -9 a new daemon serves, however long a failing one is put off; the keeper still has every secret."""
    start_hurried(site, {"BACK_OFF_S": [600.0] * 5})
    with site.client() as client:
        client.ask("put", key="job:1:password", value="pässword")
        first = client.ask("about")["pid"]
        os.kill(first, signal.SIGKILL)
        assert client.answer() is None
    with site.client() as client:
        about = client.ask("about")
        assert client.ask("get", key="job:1:password") == "pässword"
        assert client.ask("status")["daemon_starts"] == 2
    assert site.starts() == [first, about["pid"]]


def test_killed_daemon_is_back_without_a_client(site: Site):
    """Nobody has to connect for a killed daemon to be started again."""
    site.start("--start")
    (first,) = wait_for(site.starts, "a daemon was started")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: len(site.starts()) == 2, "it was started again")


def test_identity_port_outlives_the_daemon(site: Site):
    """The address of the identity endpoint is the same for the next daemon."""
    site.start()
    with site.client() as client:
        port = client.ask("about")["identity"]
        os.kill(site.starts()[0], signal.SIGKILL)
    with site.client() as client:
        assert client.ask("about")["identity"] == port


def test_daemon_that_ended_well_stays_away_until_the_next_connection(site: Site):
    """Exit code 0 means idle: the next daemon is started by the next connection, not before."""
    site.start()
    with site.client() as client:
        client.tell("exit", code=0)
        assert client.answer() is None
    wait_for(lambda: not is_running(site.starts()[0]), "the daemon ended")
    wait_for(lambda: "with exit code 0" in site.said(), "the keeper noticed")
    assert len(site.starts()) == 1
    with site.client() as client:
        assert client.ask("about")["pid"] == site.starts()[1]


def test_connections_wait_while_the_daemon_is_replaced(site: Site):
    """Clients that connect to a dying daemon's socket are served by the next one, all of them."""
    site.start("--start")
    (first,) = wait_for(site.starts, "a daemon was started")
    os.kill(first, signal.SIGSTOP)
    clients = [site.client() for _ in range(5)]
    os.kill(first, signal.SIGKILL)
    pids = {client.ask("about")["pid"] for client in clients}
    assert pids == {site.starts()[1]}


def test_daemon_that_keeps_failing_is_given_up(site: Site):
    """After five restarts that failed, connections are closed at once, and a client gets the keeper's sentence."""
    started_at = time.monotonic()
    delays_s = [0.0, 0.05, 0.1, 0.15, 0.2]
    gate = site.home / "gate"
    os.mkfifo(gate)
    hold = f"test -e {site.home}/held || {{ read line < {gate}; touch {site.home}/held; }}"
    command = ["/bin/sh", "-c", f"echo tried >> {site.home}/tries; {hold}; exit 7"]
    start_hurried(site, {"BACK_OFF_S": delays_s}, "--start", command=command)
    waiting = site.connect()
    gate.write_text("go\n")
    sentence = wait_for(lambda: load_failure(site.run), "the keeper gave up")
    assert time.monotonic() - started_at > sum(delays_s)
    assert (site.home / "tries").read_text().split() == ["tried"] * 6
    assert sentence == (
        "The daemon ended 6 times within 60 seconds, the last time with exit code 7; it is tried again after "
        f"60 seconds. See {site.home}/logs/daemon.log"
    )
    assert stat.S_IMODE((site.run / "daemon.failed").stat().st_mode) == 0o600
    waiting.settimeout(10)
    assert waiting.recv(1) == b""
    waiting.close()
    with pytest.raises(DaemonFailed, match="with exit code 7"):
        site.connect()


def test_command_that_cannot_be_executed_is_said_in_the_log(site: Site):
    """A daemon command that does not exist leaves a sentence in the daemon's log, a private file."""
    site.start("--start", command=["/no/such/python"])
    log = site.home / "logs" / "daemon.log"
    said = "/no/such/python cannot be executed: No such file or directory\n"
    wait_for(lambda: log.exists() and said in log.read_text(), "the log says it")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_idle_keeper_ends_and_leaves_no_socket(site: Site):
    """Without daemon and secrets the keeper ends after --idle-s, with exit code 0."""
    keeper = site.start("--idle-s", "0.2")
    assert keeper.wait(10) == 0
    assert not (site.run / "daemon.sock").exists()


def test_keeper_with_a_secret_stays(site: Site):
    """While a secret is held, an idle keeper does not end; when the last is dropped, it does."""
    keeper = site.start("--start", "--idle-s", "0.1")
    with site.client() as client:
        client.ask("put", key="signin:process:1", value="s")
        client.tell("exit", code=0)
        assert client.answer() is None
    wait_for(lambda: "with exit code 0" in site.said(), "the daemon ended")
    with pytest.raises(TimeoutError):
        wait_until_ended(keeper.pid, 0.5)
    with site.client() as client:
        assert client.ask("get", key="signin:process:1") == "s"
        client.ask("drop", key="signin:process:1")
        client.tell("exit", code=0)
    assert keeper.wait(10) == 0


def test_keeper_with_a_living_orphan_stays_to_learn_its_end(site: Site):
    """An adopted process keeps the keeper, as nobody else would learn how it ends."""
    gate = site.home / "gate"
    os.mkfifo(gate)
    keeper = site.start("--start", "--idle-s", "0.1")
    with site.client() as client:
        client.ask("orphan", script=f"read line < {gate}; exit 3")
        client.tell("exit", code=0)
    wait_for(lambda: "with exit code 0" in site.said(), "the daemon ended")
    with pytest.raises(TimeoutError):
        wait_until_ended(keeper.pid, 0.5)
    gate.write_text("go\n")
    assert keeper.wait(10) == 0


def test_told_to_end_it_ends_the_daemon_first(site: Site):
    """On SIGTERM the daemon gets SIGTERM, then the socket is removed and the keeper ends with 0."""
    keeper = site.start("--start")
    with site.client() as client:
        daemon = client.ask("about")["pid"]
        client.ask("put", key="k", value="v")
    keeper.terminate()
    assert keeper.wait(10) == 0
    assert not is_running(daemon)
    assert not (site.run / "daemon.sock").exists()
    assert "with exit code 0" in site.said(), "the daemon was asked, not killed"


def test_second_keeper_on_a_folder_leaves_with_a_code_of_its_own(site: Site):
    """Whoever finds the lock held ends with 3 and touches nothing."""
    site.start()
    second = site.start(wait=False)
    assert second.wait(10) == 3
    with site.client() as client:
        assert client.ask("about")["ppid"] == site.processes[0].pid


def test_stale_socket_and_mark_of_a_killed_keeper_are_replaced(site: Site):
    """A keeper that was killed leaves files; the next one takes their place."""
    keeper = site.start()
    keeper.kill()
    keeper.wait()
    (site.run / "daemon.failed").write_text("old\n")
    site.start()
    assert load_failure(site.run) is None
    with site.client() as client:
        assert client.ask("about")["pid"]


def test_daemon_that_leaves_a_connection_unserved_is_not_started_for_ever(site: Site):
    """A daemon that ends with 0 at once while somebody waits is slowed down like one that fails."""
    tries = site.home / "tries"
    changes = {"BACK_OFF_S": [0.0, 0.1, 600.0], "UNSERVED_S": 600.0}
    keeper = start_hurried(site, changes, command=["/bin/sh", "-c", f"echo tried >> {tries}"])
    connection = site.connect()
    wait_for(lambda: site.said().count("with exit code 0") == 3, "it was tried again")
    keeper.terminate()
    assert keeper.wait(10) == 0
    assert tries.read_text().split() == ["tried"] * 3
    connection.close()


def test_starter_is_left_behind(site: Site):
    """The keeper stands in no folder, leads its own session, and its files are closed to others."""
    keeper = site.start()
    assert Path(f"/proc/{keeper.pid}/cwd").readlink() == Path("/")
    assert os.getsid(keeper.pid) == keeper.pid
    assert stat.S_IMODE((site.run / "daemon.sock").stat().st_mode) == 0o700
    assert stat.S_IMODE((site.run / "keeper.lock").stat().st_mode) == 0o600
    assert (site.run / "keeper.lock").read_text() == f"{keeper.pid}\n"
    assert sys.executable in Path(f"/proc/{keeper.pid}/cmdline").read_text()


def test_given_up_daemon_is_tried_again_when_the_time_is_over(site: Site):
    """After the pause the mark goes, and the next connection starts a daemon that may do better."""
    good = site.home / "good"
    command = ["/bin/sh", "-c", f"test -e {good} || exit 3; exec {shlex.join(site.standin())}"]
    start_hurried(site, {"GIVEN_UP_S": 0.5, "BACK_OFF_S": [0.0, 0.1]}, "--start", command=command)
    wait_for(lambda: "it is tried again after" in site.said(), "the keeper gave up")
    good.touch()
    wait_for(lambda: load_failure(site.run) is None, "the mark is gone")
    assert site.starts() == []
    with site.client() as client:
        assert client.ask("about")["pid"] == site.starts()[0]


def test_given_up_daemon_with_unfinished_work_is_tried_again_by_itself(site: Site):
    """If the daemon had said that work is unfinished, nobody has to connect."""
    good = site.home / "good"
    good.touch()
    command = ["/bin/sh", "-c", f"test -e {good} || exit 3; exec {shlex.join(site.standin())}"]
    start_hurried(site, {"GIVEN_UP_S": 0.5, "BACK_OFF_S": [0.0, 0.1]}, command=command)
    with site.client() as client:
        client.ask("hold", count=2)
        good.unlink()
        os.kill(client.ask("about")["pid"], signal.SIGKILL)
    wait_for(lambda: "it is tried again after" in site.said(), "the keeper gave up")
    good.touch()
    wait_for(lambda: len(site.starts()) == 2, "a daemon was started without a connection")


def test_daemon_that_ignores_the_wish_to_end_is_killed(site: Site):
    """A keeper told to end kills a daemon that does not follow in time."""
    ready = site.home / "ready"
    command = ["/bin/sh", "-c", f"trap '' TERM; echo $$ > {ready}; while :; do sleep 0.05; done"]
    keeper = start_hurried(site, {"STOP_GRACE_S": 0.2}, "--start", command=command)
    pid = int(wait_for(lambda: ready.exists() and ready.read_text(), "the daemon runs"))
    keeper.terminate()
    assert keeper.wait(10) == 0
    assert not is_running(pid)
    assert "killed by SIGKILL" in site.said()


def test_keeper_whose_socket_was_removed_makes_room(site: Site):
    """A keeper that nobody can reach any more ends by itself, so that the next client starts another."""
    keeper = start_hurried(site, {"LOOK_EVERY_S": 0.05})
    with site.client() as client:
        client.ask("put", key="k", value="v")
    (site.run / "daemon.sock").unlink()
    assert keeper.wait(10) == 0
    with site.client() as client:
        assert client.ask("about")["ppid"] == running_keeper(site.run) != keeper.pid


def test_daemon_starts_though_the_old_one_hangs(site: Site):
    """A leaving daemon is waited for, but not for ever."""
    reading, writing = os.pipe()
    begun_at, grace_s = time.monotonic(), 0.2
    start_hurried(site, {"AFTER_GRACE_S": grace_s}, "--start", "--after-fd", str(reading), keep=[reading])
    os.close(reading)
    wait_for(site.starts, "a daemon was started")
    assert time.monotonic() - begun_at > grace_s
    os.close(writing)


def test_connection_of_the_last_moment_brings_the_door_back(site: Site):
    """A client that connected before the socket was withdrawn is seen, and the same socket can be put back."""
    with doors.bind_unix(str(site.run)) as door, contextlib.ExitStack() as stack:
        assert not doors.is_waited_on(door)
        stack.enter_context(attach(site.run))
        aside = doors.withdraw(str(site.run))
        assert attach(site.run) is None
        assert doors.is_waited_on(door)
        doors.put_back(str(site.run), aside)
        stack.enter_context(attach(site.run))
        doors.turn_away(door)
        assert not doors.is_waited_on(door)


def test_closed_standard_files_do_not_confuse_it(site: Site):
    """A starter that had closed its standard files gets a keeper all the same, and its daemon a log of its own."""
    shell = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    site.start(prefix=shell)
    with site.client() as client:
        assert client.ask("status")["pid"] == site.processes[0].pid
    assert (site.home / "logs" / "daemon.log").exists()


def test_keeper_told_to_end_between_two_tries_starts_none(site: Site):
    """During back-off there is no daemon to wait for: the keeper ends at once."""
    command = ["/bin/sh", "-c", f"echo tried >> {site.home}/tries; exit 3"]
    keeper = start_hurried(site, {"BACK_OFF_S": [0.0, 30.0]}, "--start", command=command)
    wait_for(lambda: site.said().count("with exit code 3") == 2, "it failed twice")
    keeper.terminate()
    assert keeper.wait(10) == 0
    assert (site.home / "tries").read_text().split() == ["tried"] * 2
