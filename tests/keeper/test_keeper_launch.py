"""Clients find the daemon, start the keeper where there is none, and say in one sentence when they cannot."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from keeper_site import PATIENCE_S, STANDIN, Site, wait_for

from azjobs.keeper.errors import (
    FolderUnusable,
    ForeignPeer,
    KeeperError,
    LocksUnsupported,
    SocketPathTooLong,
    StartTimedOut,
    UsageWrong,
)
from azjobs.keeper.folder import check_private, socket_path, try_lock
from azjobs.keeper.launch import _check_peer, attach, connect, peer_uid, run_folder, running_keeper
from azjobs.keeper.start import daemon_environment

CLIENT = """
import fcntl, json, sys
from pathlib import Path
from azjobs.keeper.launch import connect
with (Path(sys.argv[2]) / "gate").open("a") as gate:
    print("ready", flush=True)
    fcntl.flock(gate, fcntl.LOCK_SH)
connection = connect(Path(sys.argv[1]), Path(sys.argv[2]), daemon_command=sys.argv[3:], timeout_s=30)
connection.sendall(b'{"do": "about"}\\n')
about = json.loads(connection.makefile().readline())
print(about["pid"], about["ppid"])
connection.close()
"""


@contextlib.contextmanager
def shut_gate(site: Site) -> Iterator[None]:
    """Let no client process go on while this lasts."""
    with (site.home / "gate").open("a") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield


def client_process(site: Site, command: list[str]) -> subprocess.Popen[str]:
    """Start a client that says "ready", passes the gate, and prints the ids of the daemon and of its parent."""
    arguments = [str(site.run), str(site.home), *command]
    return subprocess.Popen([sys.executable, "-c", CLIENT, *arguments], stdout=subprocess.PIPE, text=True)


def test_client_starts_keeper_and_daemon(site: Site):
    """With nothing running, one call gives a connection that a daemon serves; the keeper outlives the client."""
    with site.client() as client:
        keeper = client.ask("about")["ppid"]
    assert keeper == running_keeper(site.run)
    assert os.getsid(keeper) != os.getsid(0)
    log = site.home / "logs" / "keeper.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


@pytest.mark.slow
def test_thirty_clients_at_once_lead_to_one_start(site: Site):
    """Thirty processes that connect in the same moment find one keeper and one daemon."""
    with shut_gate(site):
        clients = [client_process(site, site.standin()) for _ in range(30)]
        assert {client.stdout.readline() for client in clients} == {"ready\n"}
    answers = {client.communicate(timeout=40)[0] for client in clients}
    assert [client.returncode for client in clients] == [0] * 30
    assert answers == {f"{site.starts()[0]} {running_keeper(site.run)}\n"}
    assert len(site.starts()) == 1


def test_client_waits_for_the_start_of_another(site: Site):
    """A client that finds start.lock held does not start, but connects as soon as somebody listens."""
    with (site.run / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client = client_process(site, ["/bin/false"])
        assert client.stdout.readline() == "ready\n"
        keeper = site.start()
        assert client.communicate(timeout=PATIENCE_S)[0] == f"{site.starts()[0]} {keeper.pid}\n"


def test_nobody_to_attach_to(site: Site):
    """`attach` gives None where nothing runs and starts nothing; the same for the socket of a dead keeper."""
    assert attach(site.run) is None
    keeper = site.start()
    keeper.kill()
    keeper.wait()
    assert (site.run / "daemon.sock").exists()
    assert attach(site.run) is None
    assert running_keeper(site.run) is None


def test_start_that_never_listens_times_out(site: Site):
    """While another process holds the keeper's lock and nobody listens, the client gives up after its time."""
    with (site.run / "keeper.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StartTimedOut, match="Nobody answers on"):
            site.connect(timeout_s=0.1)


def test_full_backlog_is_waited_for(site: Site):
    """A client that finds the backlog full connects when there is room again."""
    path = str(site.run / "daemon.sock")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(path)
            client = client_process(site, ["/bin/false"])
            assert client.stdout.readline() == "ready\n"
            served = [door.accept()[0], door.accept()[0]]
            assert served[1].makefile().readline() == '{"do": "about"}\n'
            served[1].sendall(b'{"pid": 1, "ppid": 2}\n')
            assert client.communicate(timeout=PATIENCE_S)[0] == "1 2\n"
            for connection in served:
                connection.close()


def test_daemon_gets_no_secret_of_the_shell_that_was_first():
    """The daemon's environment leaves out secrets, the session and stale descriptors, and knows the home."""
    shell = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://p",
        "AZURE_TENANT_ID": "t",
        "AZURE_CLIENT_SECRET": "s",
        "AZJOBS_SESSION": "one",
        "AZJOBS_LISTEN_FD": "9",
    }
    assert daemon_environment(shell, Path("/h")) == {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://p",
        "AZURE_TENANT_ID": "t",
        "AZJOBS_HOME": "/h",
    }


def test_run_folder_is_private_and_inside_the_home(tmp_path_factory):
    """The run folder and its home are created with mode 0700, and created once."""
    home = tmp_path_factory.mktemp("h") / "new"
    folder = run_folder(home)
    assert folder == home / "run" == run_folder(home)
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(home.stat().st_mode) == 0o700


def test_long_home_gets_a_short_run_folder(tmp_path, monkeypatch):
    """Where the socket's path would be too long, every session finds the same folder in /tmp."""
    home = tmp_path / ("long" * 30)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = run_folder(home)
    try:
        assert folder.parent == Path("/tmp")
        assert folder.name.startswith(f"azjobs-{os.geteuid()}-")
        assert len(socket_path(str(folder))) < 104
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        assert run_folder(home) == folder
        assert run_folder(tmp_path / ("other" * 30)) != folder
    finally:
        folder.rmdir()
        run_folder(tmp_path / ("other" * 30)).rmdir()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda folder: None, "No such file", id="missing"),
        pytest.param(lambda folder: folder.write_text(""), "not a link or a file", id="a-file"),
        pytest.param(lambda folder: folder.symlink_to("/tmp"), "not a link or a file", id="a-link"),
        pytest.param(lambda folder: (folder.mkdir(), folder.chmod(0o750)), "chmod 700", id="open-to-the-group"),
    ],
)
def test_folder_that_is_not_private_is_refused(tmp_path, make, says):
    """A run folder that others could enter or exchange is refused, with what to do."""
    folder = tmp_path / "run"
    make(folder)
    with pytest.raises(FolderUnusable, match=says):
        check_private(str(folder))


def test_folder_of_another_user_is_refused(tmp_path):
    """A folder that belongs to somebody else is refused."""
    foreign = Path("/")
    if os.geteuid() == 0:
        foreign = tmp_path / "run"
        foreign.mkdir()
        os.chown(foreign, 65534, -1)
    with pytest.raises(FolderUnusable, match="belongs to another user"):
        check_private(str(foreign))


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    """A home below a file cannot be: the sentence names the folder and the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match=r"file/home/run cannot be created: .* Set AZJOBS_HOME"):
        run_folder(tmp_path / "file" / "home")


def test_socket_path_that_is_too_long_is_one_sentence(tmp_path):
    """A path of 104 bytes or more is refused before the system cuts it or fails."""
    folder = "/" + "x" * 91
    with pytest.raises(SocketPathTooLong, match="has 104 bytes and has to stay under 104"):
        socket_path(folder)
    assert socket_path(folder[:-1])
    long = tmp_path / ("x" * 90)
    long.mkdir(mode=0o700)
    with pytest.raises(SocketPathTooLong):
        connect(long, tmp_path)


def test_file_system_without_locks_is_one_sentence(monkeypatch):
    """ENOLCK, as a network folder without a lock server gives it, names the file and the way out."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(LocksUnsupported, match=r"/home/run/start\.lock cannot be locked: .* on a local disk"):
        try_lock(0, "/home/run/start.lock")


def test_keeper_says_by_its_exit_code_what_is_wrong(site: Site):
    """A keeper that cannot start ends with the code that the launcher turns into the same error."""
    site.run.chmod(0o755)
    assert site.start(wait=False).wait(10) == FolderUnusable.keeper_exit
    site.run.chmod(0o700)
    assert site.start("--nonsense", "1", wait=False).wait(10) == UsageWrong.keeper_exit
    assert "There is no option --nonsense." in site.said()


def test_socket_of_a_stranger_is_left_alone(site: Site):
    """A keeper that finds the socket answered though the lock is free ends with a code of its own."""
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(site.run / "daemon.sock"))
        stranger.listen()
        assert site.start(wait=False).wait(10) == 7
    assert (site.run / "daemon.sock").exists()


def test_interpreter_that_cannot_be_executed_is_an_error_of_ours(site: Site, monkeypatch):
    """A missing interpreter is a KeeperError, with no file left open."""
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(KeeperError, match="No such file or directory"):
        connect(site.run, site.home, daemon_command=["/bin/true"])


def test_peer_uid_is_the_other_ends_user():
    """The credentials of a socket's peer are those of the process that made it."""
    one, other = socket.socketpair()
    with one, other:
        assert peer_uid(one) == os.geteuid()


def test_foreign_peer_is_refused(monkeypatch):
    """A connection that another user answers is not used."""
    one, other = socket.socketpair()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with one, other, pytest.raises(ForeignPeer):
        _check_peer(one)


def test_large_environment_reaches_the_daemon(site: Site):
    """An environment larger than a pipe's buffer arrives whole."""
    environment = {**site.environment, "LARGE": "x" * 120_000, "MORE": "y" * 120_000}
    with site.client(environment=environment) as client:
        env = client.ask("about")["env"]
    assert (len(env["LARGE"]), len(env["MORE"])) == (120_000, 120_000)


def test_home_with_any_characters_works(tmp_path_factory):
    """Blanks and letters beyond ASCII in the home's name do not matter."""
    home = tmp_path_factory.mktemp("h") / "höme of a bär"
    odd = Site(home)
    try:
        with odd.client() as client:
            assert client.ask("status")["pid"] == running_keeper(odd.run)
    finally:
        odd.end()


def test_stand_in_is_what_runs(site: Site):
    """The launcher's daemon is the command it was given, by its own words."""
    with site.client() as client:
        pid = client.ask("about")["pid"]
        line = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    assert line[1] == STANDIN
    wait_for(lambda: site.starts() == [pid], "it has noted its start")
