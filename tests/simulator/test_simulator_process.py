"""The process: started once, found by all, the same again after a restart, stopped without a trace."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from simulator_wire import Wire

from azjobs.simulator.certificates import IDENTITY_FILE
from azjobs.simulator.control import ControlClient
from azjobs.simulator.launch import (
    SimulatorNotStarted,
    ensure_simulator,
    find_simulator,
    is_locked,
    stop_simulator,
    take_lock,
)
from azjobs.simulator.server import Simulator, SimulatorAlreadyRunning
from azjobs.simulator.threaded import SimulatorThread


@pytest.fixture
def folder(tmp_path):
    """A folder whose simulator is stopped afterwards."""
    path = tmp_path / "simulator"
    yield path
    stop_simulator(path)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it that the first process of this machine has not buried it yet."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return shown.strip() == "" or shown.startswith("Z")


def until(claim, timeout_s=10.0):
    deadline_at = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline_at, "it did not come true in time"
        time.sleep(0.01)


@pytest.mark.slow
def test_many_callers_get_one_simulator(folder):
    """Several processes and threads at once start exactly one, and get the same endpoint."""
    code = "import sys, pathlib, json; from azjobs.simulator.launch import ensure_simulator\n"
    code += "print(json.dumps(ensure_simulator(pathlib.Path(sys.argv[1]))))"
    with ThreadPoolExecutor(4) as pool:
        outside = [
            pool.submit(subprocess.check_output, [sys.executable, "-c", code, str(folder)], text=True) for _ in range(2)
        ]
        inside = [pool.submit(ensure_simulator, folder) for _ in range(2)]
        found = [json.loads(one.result()) for one in outside] + [one.result() for one in inside]
    assert all(one == found[0] for one in found)
    assert find_simulator(folder) == found[0]
    log = (folder / "simulator.log").read_text()
    assert log == ""


@pytest.mark.slow
def test_a_restarted_simulator_is_the_same_one(folder):
    """Ids, secret, certificate, signing key and port stay; the state does not; an old token is still good."""
    first = ensure_simulator(folder)
    wire = Wire(first)
    token = wire.token
    assert wire.put(f"{wire.sub}/resourceGroups/g", {"location": "eastus"}).status == 201
    wire.close()
    certificate = Path(first["ca_file"]).read_text()
    assert stop_simulator(folder)
    assert find_simulator(folder) is None
    until(lambda: is_gone(first["pid"]))
    second = ensure_simulator(folder)
    assert second["pid"] != first["pid"]
    assert second | {"pid": first["pid"]} == first
    assert Path(second["ca_file"]).read_text() == certificate
    wire = Wire(second)
    assert wire.get(f"{wire.sub}/resourceGroups", token=token).body["value"] == []
    wire.close()


@pytest.mark.slow
def test_a_simulator_has_no_terminal_no_parent_and_no_secret_of_its_caller(folder, monkeypatch):
    """It is in a session of its own, nobody's child, and its environment is not the caller's."""
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "do-not-inherit-me")
    pid = ensure_simulator(folder)["pid"]
    assert os.getsid(pid) != os.getsid(0)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    if sys.platform == "linux":
        assert b"do-not-inherit-me" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert b"client_secret" not in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.slow
def test_a_killed_simulator_leaves_nothing_that_misleads(folder):
    """After a kill -9 its endpoint still lies there, and is not believed; the next one starts."""
    first = ensure_simulator(folder)
    os.kill(first["pid"], 9)
    until(lambda: not is_locked(folder / "simulator.lock"))
    assert (folder / "endpoint.json").exists()
    assert find_simulator(folder) is None
    assert ensure_simulator(folder)["pid"] != first["pid"]


@pytest.mark.slow
def test_a_simulator_whose_folder_is_gone_ends(tmp_path):
    """A deleted test folder leaves no process behind for long."""
    folder = tmp_path / "short"
    pid = ensure_simulator(folder)["pid"]
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    until(lambda: is_gone(pid), timeout_s=20)


def test_what_is_secret_is_for_the_owner_only(tmp_path):
    """Files with a key or a secret are 0600, in a folder of 0700; the authority's certificate is readable."""
    folder = tmp_path / "new"
    with SimulatorThread(folder) as simulator:
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
        endpoint = json.loads((folder / "endpoint.json").read_text())
        assert endpoint == simulator.endpoint
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {modes[name] for name in ("endpoint.json", IDENTITY_FILE, "simulator.lock")} == {0o600}
    assert endpoint["client_secret"] in (folder / "endpoint.json").read_text()
    assert set(endpoint) == {
        "url",
        "authority_url",
        "ca_file",
        "pid",
        "tenant_id",
        "tenant_name",
        "subscription_id",
        "subscription_name",
        "client_id",
        "client_secret",
        "account",
        "username",
        "password",
        "identity_endpoint",
        "identity_header",
        "settle_s",
    }


def test_a_second_simulator_in_a_folder_is_refused(tmp_path):
    """The lock decides, inside one process too; and the thread that asked for it is told."""
    with SimulatorThread(tmp_path), pytest.raises(SimulatorAlreadyRunning):
        SimulatorThread(tmp_path).start()


def test_a_simulator_in_this_process_is_not_stopped_by_a_signal(tmp_path):
    """`stop_simulator` does not shoot its own process."""
    with SimulatorThread(tmp_path), pytest.raises(RuntimeError, match="this process"):
        stop_simulator(tmp_path)
    assert stop_simulator(tmp_path) is False


def test_a_taken_port_is_replaced_unless_it_was_asked_for(tmp_path):
    """The former port is only a wish; a port that was named is an error when it is taken."""
    with SimulatorThread(tmp_path / "one") as former:
        url = former.endpoint["url"]
    port = int(url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        with SimulatorThread(tmp_path / "one") as moved:
            assert moved.endpoint["url"] != url

        async def bind_again():
            async with Simulator(tmp_path / "three", port=port):
                pass

        with pytest.raises(OSError, match="in use"):
            asyncio.run(bind_again())
        assert not is_locked(tmp_path / "three" / "simulator.lock")


def test_a_copy_of_a_folder_is_another_cloud_with_the_same_names(tmp_path):
    """It has the ids and the certificate, and a port of its own; a token of the one is no good at the other."""
    with SimulatorThread(tmp_path / "one") as first:
        url, certificate = first.endpoint["url"], Path(first.endpoint["ca_file"]).read_text()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / IDENTITY_FILE).write_bytes((tmp_path / "one" / IDENTITY_FILE).read_bytes())
    with SimulatorThread(tmp_path / "two") as copy, SimulatorThread(tmp_path / "one") as original:
        assert original.endpoint["url"] == url
        assert copy.endpoint["url"] != url
        assert copy.endpoint["tenant_id"] == original.endpoint["tenant_id"]
        assert Path(copy.endpoint["ca_file"]).read_text() == certificate
        here, there = Wire(original.endpoint), Wire(copy.endpoint)
        answer = there.get(there.sub, token=here.token)
        here.close()
        there.close()
    assert (answer.status, answer.code) == (401, "InvalidAuthenticationTokenAudience")


@pytest.mark.parametrize("content", [b"", b"{", b"{}"])
def test_a_damaged_identity_is_replaced(tmp_path, content):
    """A file that cannot be read costs the old identity, never the start."""
    (tmp_path / IDENTITY_FILE).write_bytes(content)
    with SimulatorThread(tmp_path) as simulator:
        assert ControlClient.of(simulator.endpoint).requests() == []


@pytest.mark.slow
def test_a_start_that_fails_says_where_to_look(tmp_path, monkeypatch):
    """An interpreter that cannot find the package is reported with the name of the log."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SimulatorNotStarted, match=r"simulator\.log"):
        ensure_simulator(tmp_path / "s", timeout_s=5)


def test_a_start_under_way_elsewhere_is_waited_for_and_no_longer(tmp_path):
    """Who cannot get the launch lock in time says so."""
    descriptor = take_lock(tmp_path / "launch.lock")
    assert descriptor is not None
    try:
        with pytest.raises(SimulatorNotStarted, match="still starting"):
            ensure_simulator(tmp_path, timeout_s=0.05)
    finally:
        os.close(descriptor)


@pytest.mark.slow
def test_the_command_serves_in_the_foreground_until_it_is_told_to_stop(tmp_path):
    """`python -m azjobs._main.simulator` says that it is ready, ends on SIGTERM with 0, refuses a second with 3."""
    read_end, write_end = os.pipe()
    command = [sys.executable, "-m", "azjobs._main.simulator", "--folder", str(tmp_path)]
    with subprocess.Popen([*command, "--ready-fd", str(write_end)], pass_fds=(write_end,)) as process:
        os.close(write_end)
        assert os.read(read_end, 16) == b"ready\n"
        os.close(read_end)
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (second.returncode, str(tmp_path) in second.stderr) == (3, True)
        process.terminate()
        assert process.wait(timeout=10) == 0


def test_launch_is_quick_to_import_and_needs_the_standard_library_only():
    """Who only asks for the endpoint loads neither aiohttp nor anything else that is not Python's own."""
    code = "import sys, azjobs.simulator.launch; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    printed = subprocess.check_output([sys.executable, "-I", "-c", code], text=True).split()
    foreign = [name for name in printed if name not in sys.stdlib_module_names and not name.startswith("_")]
    assert [name for name in foreign if name not in ("azjobs", "sitecustomize")] == []
