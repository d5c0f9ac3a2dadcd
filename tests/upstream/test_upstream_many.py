"""One command for many targets: a batch with a child for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import azjobs as az
from azjobs.core.errors import InvalidInput
from azjobs.simulator.control import ControlClient
from terminal import Home, Shell, wait_until

LIMIT_S = 30.0
NAMES = [f"many-{n}" for n in range(4)]


@pytest.fixture
def groups(signed_in: Home) -> Home:
    """Four resource groups."""
    for job in [az.new_az_resource_group(name, "eastus", as_job=True) for name in NAMES]:
        job.result(LIMIT_S)
    az.remove_job(az.get_job())
    return signed_in


@pytest.fixture
def held(groups: Home) -> Iterator[ControlClient]:
    """Removals of groups end when the test says so."""
    groups.cloud.time("at-once", kinds={"group-delete": {"mode": "held"}})
    yield groups.cloud
    groups.cloud.time("at-once", kinds={"group-delete": {"mode": "at-once"}})
    groups.cloud.finish()


def states(job: az.Job[Any]) -> list[str]:
    return [child.state.value for child in job.child_jobs]


@pytest.mark.upstream(57, 94, 95, 104)
def test_each_target_has_a_child(groups: Home, shell: Shell) -> None:
    """The batch is listed, its children where they are asked for; the results are those of all, in order."""
    job = az.remove_az_resource_group(NAMES, as_job=True)
    assert [result.name for result in job.result(LIMIT_S)] == NAMES
    children = job.child_jobs
    assert az.get_job() == [job]
    assert az.get_job(include_child_job=True) == az.get_job(child_job_state="Completed") == [job, *children]
    assert az.get_job(child_job_state="Failed") == [job]
    assert [child.target for child in children] == NAMES
    assert {child.command for child in children} == {job.command} == {"Remove-AzResourceGroup"}
    assert {child.parent for child in children} == {job}
    shown = shell("azjobs job get --include-child-job").json
    assert [one["parentId"] for one in shown] == [None, *[job.uuid] * 4]
    assert shown[0]["childJobs"] == {"Completed": 4}


@pytest.mark.upstream(97, 98)
def test_what_fails_takes_nothing_from_the_others(groups: Home) -> None:
    """The batch is Failed, the children are as they ended, and the output of those that ended well is received."""
    fault = {"status": 400, "code": "BadThing", "message": "It is bad."}
    groups.cloud.fault(f"resourcegroups/{NAMES[1]}", fault, method="DELETE")
    job = az.remove_az_resource_group(NAMES[:2], as_job=True)
    received = az.receive_job(job, wait=True)
    groups.cloud.clear_faults()
    assert ([result.name for result in received], [error.type for error in received.errors]) == (
        [NAMES[0]],
        ["BadThing"],
    )
    assert (job.state.value, states(job)) == ("Failed", ["Completed", "Failed"])
    bad = job.child_jobs[1]
    assert bad.error is not None
    assert (bad.error.code, az.receive_job(bad)) == ("BadThing", [])


@pytest.mark.upstream(108)
def test_the_first_targets_run_and_the_others_have_not_started(held: ControlClient) -> None:
    """As many as the limit says."""
    job = az.remove_az_resource_group(NAMES, throttle_limit=2, as_job=True)
    wait_until(lambda: states(job) == ["Running", "Running", "NotStarted", "NotStarted"])
    az.stop_job(job)


@pytest.mark.upstream(109)
def test_a_batch_is_received_to_its_end_and_gone(groups: Home) -> None:
    """With its children; before that each child tells of its end after its output, and the batch at last."""
    job = az.remove_az_resource_group(NAMES, as_job=True)
    received = az.receive_job(job, wait=True, write_events=True, auto_remove_job=True)
    events = [one for one in received if isinstance(one, az.JobEvent)]
    assert [one.name for one in received if not isinstance(one, az.JobEvent)] == NAMES
    assert [received.index(event) for event in events] == [1, 3, 5, 7, 8]
    assert events[-1].job == job
    assert az.get_job(include_child_job=True) == []


@pytest.mark.difference("children")
def test_a_child_belongs_to_its_batch(held: ControlClient, shell: Shell) -> None:
    """It is found by its id and name, is stopped alone, and is removed with the batch only, by nobody alone."""
    job = az.remove_az_resource_group(NAMES[:2], as_job=True)
    wait_until(lambda: states(job) == ["Running"] * 2)
    first, _ = job.child_jobs
    assert az.get_job(f"Remove-AzResourceGroup {NAMES[0]}") == [first]
    assert az.get_job("Remove-AzResourceGroup *") == [job]
    for force in (False, True):
        with pytest.raises(InvalidInput, match=f"Job {first.id} is part of a batch"):
            az.remove_job(first, force=force)
    assert shell(f"azjobs job remove {first.id} --force").code == 2
    with pytest.raises(InvalidInput, match=f"Job {first.id} is part of a batch"):
        az.receive_job(first, wait=True, auto_remove_job=True)
    az.stop_job(first)
    held.finish()
    az.wait_job(job, timeout=LIMIT_S)
    assert (states(job), job.state.value) == (["Stopped", "Completed"], "Stopped")
    az.remove_job(job)
    assert az.get_job(include_child_job=True) == []


@pytest.mark.difference("unread output of batches")
def test_a_batch_has_more_data_while_a_child_has(groups: Home) -> None:
    """And no more when all of it was received."""
    job = az.remove_az_resource_group(NAMES[:2], as_job=True)
    az.wait_job(job, timeout=LIMIT_S)
    assert job.has_more_data
    assert az.receive_job(job, no_recurse=True) == []
    assert len(az.receive_job(job.child_jobs[0])) == 1
    assert job.has_more_data
    assert len(az.receive_job(job)) == 1
    assert not job.has_more_data
