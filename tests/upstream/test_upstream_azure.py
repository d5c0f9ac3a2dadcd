"""Azure commands as jobs."""

from __future__ import annotations

from typing import Any

import pytest

import azjobs as az
from azjobs.core.errors import ConfirmationRequired, InvalidInput
from azjobs.core.job import PlanWork, Watching
from terminal import Home, Shell, wait_until

LIMIT_S = 30.0


def is_watched(job: az.Job[Any]) -> bool:
    """Whether Azure has taken what the job asks for."""
    work = job.view.row.work
    assert isinstance(work, PlanWork)
    return any(isinstance(call.phase, Watching) for call in work.calls.values())


@pytest.mark.upstream(136)
@pytest.mark.difference("streams of operations")
def test_an_operation_gives_its_result(signed_in: Home) -> None:
    """Typed, to be received once and asked for again and again; the state says that it completed."""
    job = az.new_az_resource_group("made", "eastus", as_job=True)
    group = job.result(LIMIT_S)
    assert (job.state, job.status_message, job.has_more_data) == (az.JobState.COMPLETED, "", True)
    assert az.receive_job(job) == [group]
    assert (group.name, job.result(), job.has_more_data) == ("made", group, False)


@pytest.mark.upstream(137, 138, 141, 143)
@pytest.mark.difference("confirmation")
def test_a_command_asks_before_its_job_exists(signed_in: Home, shell: Shell) -> None:
    """Where nobody can be asked it does nothing, and says how to go on; the job asks nothing."""
    az.new_az_resource_group("kept", "eastus")
    assert shell("azjobs account connect --environment AzureSimulator").code == 0
    done = shell("azjobs resource-group remove kept --as-job")
    assert (done.code, done.out) == (ConfirmationRequired.exit_code, "")
    assert done.err == "Not removed: confirmation needs a terminal. Add --force.\n"
    assert az.get_job() == []
    assert shell("azjobs resource-group remove kept --as-job --force -q | xargs azjobs job wait -q").code == 0


@pytest.mark.upstream(142)
@pytest.mark.difference("rehearsal")
def test_a_rehearsal_is_no_job(signed_in: Home) -> None:
    """To ask for both is refused, and nothing was begun."""
    with pytest.raises(InvalidInput, match="A rehearsal is no job"):
        az.new_az_resource_group("both", "eastus", as_job=True, what_if=True)  # type: ignore[call-overload]
    assert az.get_job() == []


@pytest.mark.upstream(139)
@pytest.mark.difference("failures fail")
def test_a_refused_operation_has_failed_with_one_error(signed_in: Home) -> None:
    """The service's own; the job is Failed and nothing else, and asking for its result raises."""
    signed_in.cloud.fault(
        "resourcegroups/bad", {"status": 400, "code": "BadThing", "message": "It is bad."}, method="PUT"
    )
    job = az.new_az_resource_group("bad", "eastus", as_job=True)
    received = az.receive_job(job, wait=True)
    signed_in.cloud.clear_faults()
    assert (job.state, received, [error.type for error in received.errors]) == (az.JobState.FAILED, [], ["BadThing"])
    with pytest.raises(az.JobFailed, match=r"BadThing\. It is bad\."):
        job.result()


@pytest.mark.upstream(140)
@pytest.mark.difference("stopped operations")
def test_a_stopped_job_says_what_goes_on_in_azure(signed_in: Home) -> None:
    """It is Stopped, the operation is not, and watching can go on."""
    az.new_az_resource_group("slow", "eastus")
    signed_in.cloud.time("at-once", kinds={"group-delete": {"mode": "held"}})
    job = az.remove_az_resource_group("slow", as_job=True)
    wait_until(lambda: is_watched(job))
    az.stop_job(job)
    assert (job.state, job.remote_state) == (az.JobState.STOPPED, "Running")
    assert job.status_message.startswith("Stopped watching. The operation goes on in Azure (slow")
    az.resume_job(job)
    signed_in.cloud.finish()
    signed_in.cloud.time("at-once", kinds={"group-delete": {"mode": "at-once"}})
    az.wait_job(job, timeout=LIMIT_S)
    assert job.state is az.JobState.COMPLETED
