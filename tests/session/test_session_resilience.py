"""Daemon and keeper may be killed at any moment, and programs may fork: what callers see of it."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.wire import DaemonStatus, Status
from azjobs.keeper.launch import attach, run_folder
from azjobs.session.jobs.looking import load_view
from azjobs.session.link.local import local
from azjobs.session.submitting.plans import run_plan
from azjobs.store.reader import has_unfinished, read_jobs
from terminal import Home, wait_until

LIMIT_S = 30.0


def wait_for_file(path: str) -> str:
    import pathlib  # noqa: PLC0415 - in the job
    import time  # noqa: PLC0415 - in the job

    while not pathlib.Path(path).exists():
        time.sleep(0.01)
    return "seen"


@pytest.fixture
def waiting(home: Home, tmp_path: Path) -> Iterator[tuple[az.Job[str], Path]]:
    """A job that ends when its file is there."""
    go = tmp_path / "go"
    job = az.start_job(wait_for_file, argument_list=[str(go)])
    wait_until(lambda: job.view.row.work.pid, what="the process is known")
    yield job, go
    go.touch()


def pid_of_daemon() -> int:
    return local().client.ask(Status(0), DaemonStatus).pid


def kill_both(home: Home) -> None:
    """Kill keeper and daemon so that neither can replace the other."""
    keeper, daemon = home.process("keeper"), home.process("_main.daemon")
    os.kill(daemon, signal.SIGSTOP)
    os.kill(keeper, signal.SIGKILL)
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not is_answered(home), what="nobody listens any more")


def is_answered(home: Home) -> bool:
    connection = attach(run_folder(home.folder))
    if connection is not None:
        connection.close()
    return connection is not None


def test_a_request_after_the_daemon_was_killed_is_answered_by_the_next_one(home: Home) -> None:
    """The caller notices nothing."""
    first = pid_of_daemon()
    home.kill("_main.daemon")
    assert pid_of_daemon() != first


def test_a_future_is_told_of_its_end_by_the_next_daemon(waiting: tuple[az.Job[str], Path], home: Home) -> None:
    """The listener connects again."""
    job, go = waiting
    told = threading.Event()
    job.add_done_callback(lambda _: told.set())
    home.kill("_main.daemon")
    wait_until(lambda: job.state is az.JobState.RUNNING)
    assert not told.is_set()
    go.touch()
    assert told.wait(LIMIT_S)
    assert job.result() == "seen"


def test_waiting_for_a_job_goes_on_over_a_daemons_replacement(waiting: tuple[az.Job[str], Path], home: Home) -> None:
    """Result and wait_job return what there is to return."""
    job, go = waiting
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waits = [pool.submit(job.result, LIMIT_S), pool.submit(az.wait_job, job, timeout=LIMIT_S)]
        home.kill("_main.daemon")
        pid_of_daemon()
        go.touch()
        assert [wait.result(LIMIT_S) for wait in waits] == ["seen", [job]]


def test_a_blocking_call_goes_on_over_a_daemons_replacement(home: Home) -> None:
    """The machine is made once, and the caller has it."""
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    home.cloud.retry_after(0)
    arguments = {"subscription_id": home.endpoint["subscription_id"], "name": "Steady", "username": "vmadmin"}
    secrets = {"password": az.SecureString("Pa55-word-long!")}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(run_plan, "new-az-vm@1", arguments, command="New-AzVM", target="Steady", secrets=secrets)
        home.cloud.wait_for_requests(method="PUT", path_regex="virtualMachines/Steady", answered=True)
        home.kill("_main.daemon")
        pid_of_daemon()
        home.cloud.finish()
        made = call.result(LIMIT_S)
    assert made.name == "Steady"
    assert len(home.cloud.requests(method="PUT", path_regex="virtualMachines/Steady")) == 1
    assert az.get_job() == []


def test_a_job_is_seen_as_it_is_while_no_daemon_runs(waiting: tuple[az.Job[str], Path], home: Home) -> None:
    """Running while its process lives, completed when that has said so."""
    job, go = waiting
    layout = local().layout
    kill_both(home)
    assert load_view(layout, job.uuid).state is az.JobState.RUNNING
    go.touch()
    wait_until(lambda: load_view(layout, job.uuid).state is az.JobState.COMPLETED)
    assert not any("_main.daemon" in line for line in home.pids().values())


def test_to_look_at_jobs_starts_a_daemon_for_those_that_need_one(waiting: tuple[az.Job[str], Path], home: Home) -> None:
    """So that they go on, and somebody takes note of their end."""
    job, go = waiting
    kill_both(home)
    go.touch()
    az.get_job()
    wait_until(lambda: job.view.row.state_name is az.JobState.COMPLETED)
    assert job.result() == "seen"


def test_looking_at_finished_jobs_starts_nothing(home: Home) -> None:
    """Reading needs no daemon."""
    job = az.start_job(lambda: 5)
    assert job.result(LIMIT_S) == 5
    home.end()
    assert [found.result() for found in az.get_job()] == [5]
    assert az.receive_job(job) == [5]
    assert not home.pids()


def test_a_forked_child_has_a_connection_and_a_session_of_its_own(home: Home) -> None:
    """Parent and child ask at the same time, and the choice made before goes with the child."""
    code = """
        import os, sys
        import azjobs as az
        from azjobs.core.wire import DaemonStatus, Status
        from azjobs.session.link.local import local
        ask = lambda: local().client.ask(Status(0), DaemonStatus).pid
        job = az.start_job(lambda: 1)
        job.add_done_callback(lambda _: None)
        first, key = ask(), local().key
        pid = os.fork()
        assert ask() == first
        assert (local().key == key) == (pid != 0)
        assert job.result(20) == 1
        if pid == 0:
            told = []
            job.add_done_callback(told.append)
            assert told == [job]
            os._exit(0)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_forked_child_follows_jobs_on_a_connection_of_its_own(home: Home) -> None:
    """The one that its parent has kept from a wait before is the parent's, and goes on serving it."""
    code = """
        import os, sys
        from azjobs.core.wire import DaemonStatus, Status
        from azjobs.session.link.client import expect
        from azjobs.session.link.local import local
        client = local().client
        kept = client.open_following()
        client.keep_following(kept)
        which = lambda connection: os.fstat(connection.fileno()).st_ino
        mine = which(kept)
        pid = os.fork()
        if pid == 0:
            own = client.open_following()
            os._exit(which(own) == mine)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert client.open_following() is kept
        assert expect(kept.ask(Status(0)), DaemonStatus).pid
        kept.close()
        sys.exit(code)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("answer", [b"", b"\x00\x00\x00\x05hello", b"\xff" * 100])
def test_what_is_no_daemon_is_not_talked_to(home: Home, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, in a moment; nothing that was to be sent is sent."""
    monkeypatch.setattr("azjobs.session.link.client.PATIENCE_S", 0.1)
    run = home.folder / "run"
    run.mkdir(mode=0o700)
    received: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(run / "daemon.sock"))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    received.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(az.DaemonUnavailable):
                az.start_job(lambda: "secret work")
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert not any(b"secret work" in data for data in received)


def test_a_home_that_can_hold_no_socket_is_said(home: Home) -> None:
    """The sentence names what is in the way."""
    (home.folder / "run").write_text("in the way")
    with pytest.raises(az.HomeUnusable, match="run"):
        az.start_job(lambda: 1)


def test_a_program_ends_cleanly_while_it_waits_for_jobs(home: Home) -> None:
    """The listener's thread keeps nobody from leaving, and no warning is shown."""
    code = """
        import azjobs as az
        def wait():
            import time
            time.sleep(60)
        job = az.start_job(wait)
        job.add_done_callback(print)
        print(job.state)
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Running\n", "")


def test_many_threads_ask_at_once(home: Home) -> None:
    """Each has its own answer."""

    def one(number: int) -> Any:
        return az.start_job(lambda: number).result(LIMIT_S)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(16))) == list(range(16))


@pytest.mark.slow
def test_a_caller_that_was_away_while_its_job_ended_finds_the_result(home: Home) -> None:
    """The daemon was replaced and the job ended meanwhile: it shows itself, and nothing is sent twice."""
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    home.cloud.retry_after(0)
    arguments = {"subscription_id": home.endpoint["subscription_id"], "name": "Once", "username": "vmadmin"}
    code = f"""
        import azjobs as az
        from azjobs.session.submitting.plans import run_plan
        secrets = {{"password": az.SecureString("Pa55-word-long!")}}
        print(run_plan("new-az-vm@1", {arguments!r}, command="New-AzVM", target="Once", secrets=secrets).name)
    """
    caller = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    home.cloud.wait_for_requests(method="PUT", path_regex="virtualMachines/Once", answered=True)
    caller.send_signal(signal.SIGSTOP)
    home.kill("_main.daemon")
    home.cloud.finish()
    store = local().layout.store_file
    wait_until(lambda: not has_unfinished(store))
    wait_until(lambda: read_jobs(store), what="the job shows itself")
    caller.send_signal(signal.SIGCONT)
    out, _ = caller.communicate(timeout=LIMIT_S)
    assert out == "Once\n"
    assert len(home.cloud.requests(method="PUT", path_regex="virtualMachines/Once")) == 1
