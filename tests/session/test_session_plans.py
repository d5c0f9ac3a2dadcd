"""Azure work: blocking, as a job, in rehearsal; interrupted, failed, stopped; in contexts that were granted."""

from __future__ import annotations

import _thread
import json
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

import azjobs as az
from azjobs.core.models import ResourceGroup, VirtualMachine
from azjobs.session.submitting.plans import Progress, read_plan, run_plan, showing_progress, what_if
from terminal import Home, wait_until

LIMIT_S = 30.0
PASSWORD = "Pa55-word-long!"


def machine(home: Home, name: str) -> dict[str, Any]:
    """What makes a new machine, as arguments of its plan."""
    return {"subscription_id": home.endpoint["subscription_id"], "name": name, "username": "vmadmin"}


def group(home: Home, name: str) -> dict[str, Any]:
    return {"subscription_id": home.endpoint["subscription_id"], "name": name, "location": "eastus"}


@pytest.fixture
def credential() -> az.Credential:
    return az.Credential("vmadmin", az.SecureString(PASSWORD))


@pytest.fixture
def held(signed_in: Home) -> Any:
    """Machines are created when the test says so."""
    signed_in.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    yield signed_in.cloud
    signed_in.cloud.time("at-once", kinds={"vm-create": {"mode": "at-once"}})
    signed_in.cloud.finish()


def test_a_blocking_call_returns_the_typed_value_and_leaves_no_job(signed_in: Home) -> None:
    """It was a job, but nobody needs to see it."""
    before = az.get_job()
    made = run_plan(
        "new-az-resource-group@1", group(signed_in, "blocking"), command="New-AzResourceGroup", target="blocking"
    )
    assert isinstance(made, ResourceGroup)
    assert (made.name, made.location) == ("blocking", "eastus")
    assert az.get_job() == before


def test_a_job_has_the_same_typed_value_for_whoever_asks(signed_in: Home, credential: az.Credential) -> None:
    """Also for a handle of another session, and in what is received."""
    job = run_plan(
        "new-az-vm@1",
        machine(signed_in, "Typed"),
        command="New-AzVM",
        target="Typed",
        secrets={"password": credential},
        as_job=True,
    )
    assert repr(job).endswith("'New-AzVM Typed' AzureLongRunningJob Running>")
    made = job.result(LIMIT_S)
    assert isinstance(made, VirtualMachine)
    assert made.name == "Typed"
    assert az.get_job(job.id).result() == made
    assert (job.type, job.target, job.command) == (az.JobType.AZURE, "Typed", "New-AzVM")
    assert job.context == az.get_az_context()
    received = az.receive_job(job)
    assert received == [made]
    assert received.progress


def test_the_password_of_a_machine_is_in_no_file(signed_in: Home, credential: az.Credential) -> None:
    """Not while it is made and not after: it goes by memory only."""
    job = run_plan(
        "new-az-vm@1",
        machine(signed_in, "Secretive"),
        command="New-AzVM",
        target="Secretive",
        secrets={"password": credential},
        as_job=True,
    )
    job.result(LIMIT_S)
    needle = PASSWORD.encode()
    files = [path for path in signed_in.folder.rglob("*") if path.is_file() and "simulator" not in path.parts]
    assert files
    assert [path for path in files if needle in path.read_bytes()] == []


def test_a_refusal_of_azure_is_told_with_its_code(signed_in: Home) -> None:
    """RequestFailed when it was waited for, JobFailed when it was a job; the fault is the same."""
    arguments = {"subscription_id": signed_in.endpoint["subscription_id"], "name": "not-there"}
    with pytest.raises(az.RequestFailed, match="not-there") as blocking:
        run_plan("remove-az-resource-group@1", arguments, command="Remove-AzResourceGroup", target="not-there")
    job = run_plan(
        "remove-az-resource-group@1", arguments, command="Remove-AzResourceGroup", target="not-there", as_job=True
    )
    with pytest.raises(az.JobFailed, match=r"^Remove-AzResourceGroup not-there failed: ") as failed:
        job.result(LIMIT_S)
    assert blocking.value.fault is not None
    assert failed.value.fault is not None
    assert failed.value.fault.code == blocking.value.fault.code
    assert az.receive_job(job).errors[0].fault == failed.value.fault


def test_reading_makes_no_job_and_a_rehearsal_sends_no_write(signed_in: Home) -> None:
    """What would be made is listed; it is not there after that."""
    before, there = az.get_job(), signed_in.endpoint["subscription_id"]
    steps = what_if("new-az-resource-group@1", group(signed_in, "rehearsed"))
    assert [(step.action, step.label) for step in steps] == [("create", "resource group rehearsed")]
    with pytest.raises(az.RequestFailed):
        read_plan("get-az-resource-group@1", {"subscription_id": there, "name": "rehearsed"})
    assert az.get_job() == before


def test_how_far_it_is_is_told_while_it_is_waited_for(signed_in: Home, credential: az.Credential) -> None:
    """By whoever shows it."""
    seen: list[Progress] = []
    with showing_progress(seen.append):
        run_plan(
            "new-az-vm@1",
            machine(signed_in, "Watched"),
            command="New-AzVM",
            target="Watched",
            secrets={"password": credential},
        )
    assert {progress.name for progress in seen} == {"New-AzVM Watched"}
    assert any("virtualMachines/Watched" in progress.message for progress in seen)


def test_ctrl_c_detaches_and_says_which_job_goes_on(signed_in: Home, held: Any, credential: az.Credential) -> None:
    """The work is done all the same."""
    seen = threading.Event()

    def interrupt_once(progress: Progress) -> None:
        if "virtualMachines/Interrupted" in progress.message and not seen.is_set():
            seen.set()
            _thread.interrupt_main()

    with showing_progress(interrupt_once), pytest.raises(az.Detached) as caught:
        run_plan(
            "new-az-vm@1",
            machine(signed_in, "Interrupted"),
            command="New-AzVM",
            target="Interrupted",
            secrets={"password": credential},
        )
    job = caught.value.job
    assert isinstance(caught.value, KeyboardInterrupt)
    assert str(caught.value) == f"Job {job.id} 'New-AzVM Interrupted' goes on. Type: azjobs job get {job.id}"
    assert job.state is az.JobState.RUNNING
    held.finish()
    assert job.result(LIMIT_S).name == "Interrupted"


def test_a_caller_that_is_killed_leaves_its_work_to_go_on_as_a_job(signed_in: Home, held: Any) -> None:
    """It gets an id and shows itself."""
    code = (
        "import azjobs as az, json, sys\n"
        "from azjobs.session.submitting.plans import run_plan\n"
        "credential = az.Credential('vmadmin', az.SecureString(sys.stdin.readline()))\n"
        "run_plan('new-az-vm@1', json.loads(sys.argv[1]), command='New-AzVM', target='Orphan',"
        " secrets={'password': credential})\n"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(machine(signed_in, "Orphan"))], stdin=subprocess.PIPE, text=True
    )
    assert caller.stdin is not None
    with caller.stdin as stdin:
        stdin.write(f"{PASSWORD}\n")
    held.wait_for_requests(method="PUT", path_regex="virtualMachines/Orphan", answered=True)
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    job = wait_until(lambda: az.get_job("New-AzVM Orphan*"), what="the job shows itself")[0]
    assert job.state is az.JobState.RUNNING
    held.finish()
    assert job.result(LIMIT_S).name == "Orphan"


def test_a_stopped_azure_job_says_that_the_operation_goes_on(
    signed_in: Home, held: Any, credential: az.Credential
) -> None:
    """cancel() refuses to say that it ended, and stop_job only stops watching."""
    job = run_plan(
        "new-az-vm@1",
        machine(signed_in, "Unwatched"),
        command="New-AzVM",
        target="Unwatched",
        secrets={"password": credential},
        as_job=True,
    )
    held.wait_for_requests(method="PUT", path_regex="virtualMachines/Unwatched", answered=True)
    wait_until(lambda: job.remote_state)
    assert job.cancel() is False
    assert job.state is az.JobState.RUNNING
    az.stop_job(job)
    assert (job.state, job.remote_state) == (az.JobState.STOPPED, "Running")
    assert job.status_message == "Stopped watching. The operation goes on in Azure (Unwatched, creating)."
    assert job.cancel() is False


def test_a_job_acts_where_it_was_submitted_whatever_is_chosen_after(signed_in: Home) -> None:
    """The context is looked up once, at submit."""
    other = "55555555-5555-4555-8555-555555555555"
    signed_in.add_subscriptions(Yonder=other)
    here = az.get_az_context()
    elsewhere = az.set_az_context(subscription="Yonder")
    with here:
        made = az.start_job(lambda: az.get_az_context().subscription.id)
    assert made.result(LIMIT_S) == here.subscription.id
    current = az.start_job(lambda: az.get_az_context().subscription.id)
    az.select_az_context(here)
    assert current.result(LIMIT_S) == elsewhere.subscription.id == other
