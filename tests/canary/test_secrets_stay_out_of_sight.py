"""A password and a client secret that were handed in appear nowhere but in memory."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from terminal import Ended, Home, Python, Shell, wait_until

PASSWORD = "Canary-Pa55word-7391"
CLIENT_SECRET = "canary~client~secret~8842"
ARGUMENT = "canary-argument-secret-5521"

PROGRAM = """
import json, os, pathlib, pickle, sys, traceback
tenant, client = sys.argv[1:3]
def hand_in():
    password, client_secret, argument = sys.stdin.read().split()
    application = az.Credential(client, az.SecureString(client_secret))
    return application, az.Credential("vmadmin", az.SecureString(password)), az.SecureString(argument)
application, creds, secret = hand_in()  # this program's own frames must not show them either
context = az.connect_az_account(
    service_principal=True, tenant=tenant, environment="AzureSimulator", credential=application)
jobs = [
    az.new_az_vm(name="MyVm", credential=creds, as_job=True),
    az.new_az_vm(name="Big", size="Standard_D128s_v6", credential=creds, as_job=True),
    az.start_job(lambda c: az.new_az_vm(name="MyVm2", credential=c).name, argument_list=[creds]),
    az.start_job(lambda s: len(s.reveal()), argument_list=[secret]),
    az.start_job(lambda s: 1 / 0, argument_list=[secret]),
]
az.wait_job(jobs, timeout=50)
for job in jobs:
    print(job, job.error)
    with_locals = "".join(traceback.TracebackException.from_exception(
        job.exception() or ValueError("none"), capture_locals=True).format())
    print(with_locals)
def shown(work):
    try:
        work()
    except Exception as error:
        print("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
    else:
        raise AssertionError("it did not fail")
shown(lambda: az.new_az_vm(name="MyVm3", credential=az.Credential("root", creds.password)))
shown(lambda: az.new_az_vm(name="MyVm4", size="Standard_D128s_v6", credential=creds))
shown(lambda: az.new_az_vm(name="MyVm5", credential=az.Credential("vmadmin", secret), as_job=1 / 0))
shown(lambda: az.connect_az_account(service_principal=True, tenant=tenant, environment="AzureSimulator",
    credential=az.Credential(client, secret)))
shown(lambda: az.start_job(lambda s: s, argument_list=[secret, __import__("threading").Lock()]))
shown(lambda: az.answer_job(jobs[0], creds))
asking = az.start_job(lambda: len(__import__("getpass").getpass()))
shown(lambda: az.wait_job(asking))  # it is Blocked
shown(lambda: az.answer_job(asking, secrets={"password": creds.password}))
az.answer_job(asking, creds)
print(asking.result(timeout=50), "letters were typed in", asking.view.row)
for value in (context, jobs[0], az.get_az_context()):
    sys.stdout.write(repr(pickle.dumps(value)) + "\\n")
for value in (creds, secret):
    try:
        pickle.dumps(value)
    except az.CannotSend as error:
        print(error)
    print(f"{value} {value!r} {value}")
print([job.result() for job in jobs[2:4]])
"""


@pytest.fixture
def told(home: Home, shell: Shell, python: Python) -> Ended:
    """Run a program that hands in every kind of secret, and fails in several ways."""
    assert shell("azjobs account connect --environment AzureSimulator").code == 0
    home.cloud.time("at-once")
    account = home.add_principal("Canary", subscriptions=1, secret=CLIENT_SECRET)
    named = shell("azjobs credential get --name admin --username vmadmin --password-stdin", stdin=f"{PASSWORD}\n")
    assert named.code == 0, named
    done = subprocess.run(
        [sys.executable, "-c", "import azjobs as az\n" + PROGRAM, account["tenant"], account["client"]],
        input=f"{PASSWORD} {CLIENT_SECRET} {ARGUMENT}",
        capture_output=True,
        text=True,
        timeout=60,
        env=shell.environment,
        check=False,
    )
    assert done.returncode == 0, done
    assert f"['MyVm2', {len(ARGUMENT)}]" in done.stdout
    assert f"{len(PASSWORD)} letters were typed in" in done.stdout
    return Ended(done.returncode, done.stdout, done.stderr)


def forms(secret: str) -> list[bytes]:
    """A secret as it might be written down."""
    raw = secret.encode()
    return [raw, base64.b64encode(raw).rstrip(b"=")[:-1], raw.hex().encode(), json.dumps(secret).encode()[1:-1]]


def found_in(data: bytes) -> list[str]:
    """Which of the secrets are in the data."""
    return [secret for secret in (PASSWORD, CLIENT_SECRET, ARGUMENT) if any(form in data for form in forms(secret))]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_secret_is_in_a_file_an_argument_an_environment_a_text_or_a_pickle(home: Home, told: Ended) -> None:
    """Every file below the home, every process of it, and everything the program could print."""
    assert not found_in(told.out.encode())
    assert not found_in(told.err.encode())
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert any(path.name == "store.db" for path in files)
    for path in files:
        if "simulator" not in path.parts:
            assert not found_in(path.read_bytes()), path
            assert path.stat().st_mode & 0o077 == 0, path
    for folder in (path for path in home.folder.rglob("*") if path.is_dir()):
        assert folder.stat().st_mode & 0o077 == 0, folder
    assert len(home.pids()) >= 3
    for pid in home.pids():
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                assert not found_in(Path(f"/proc/{pid}/{name}").read_bytes()), (pid, name)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_secret_is_in_a_running_jobs_command_line_or_environment(home: Home, python: Python) -> None:
    """While the job runs that was handed it."""
    done = python(
        f"""
        az.start_job(lambda s: __import__("time").sleep(60), argument_list=[az.SecureString("{ARGUMENT}")])
        """
    )
    assert done.code == 0, done
    wait_until(lambda: any("warm_parent" in line for line in home.pids().values()), what="the job runs")
    for pid in home.pids():
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                assert not found_in(Path(f"/proc/{pid}/{name}").read_bytes()), (pid, name)
