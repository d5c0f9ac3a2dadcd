"""Batches at their edges: what is asked of all, answered once for all, said again, resumed, limited, and forged."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

import azjobs as az
from azjobs.core.wire import Accepted, SubmitBatch, Target
from azjobs.session.jobs import stopping as job_stopping
from azjobs.session.jobs.looking import load_children
from azjobs.session.link.local import local
from azjobs.session.submitting.batches import Part, retry_job, run_batch
from azjobs.session.submitting.notices import notice_of
from azjobs.session.submitting.terms import NO_TERMS, Terms
from terminal import Home, wait_until

LIMIT_S = 30.0
PASSWORD = az.SecureString("Pa55-word-long")


@pytest.fixture
def cloud_home(home: Home) -> Home:
    """A home of its own, signed in; what is removed ends when it is told to, and so does the making of networks."""
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.time("at-once", kinds={name: {"mode": "held"} for name in ("group-delete", "vnet-write")})
    return home


def begin_removals(home: Home, *names: str, terms: Terms = NO_TERMS) -> az.Job[Any]:
    """A batch that removes groups that are there, each watched."""
    for name in names:
        az.new_az_resource_group(name, location="eastus")
    subscription = home.endpoint["subscription_id"]
    job: az.Job[Any] = run_batch(
        "remove-az-resource-group@1",
        [Part(name, {"subscription_id": subscription, "name": name}) for name in names],
        command="Remove-AzResourceGroup",
        noun="resource groups",
        as_job=True,
        terms=terms,
    )
    home.cloud.wait_for_requests(path_regex="/operationresults/", count=len(names))
    return job


def blocked_machines(home: Home) -> az.Job[Any]:
    """A batch of two machines, whose password was forgotten by a stop, and is asked for."""
    subscription = home.endpoint["subscription_id"]
    common = {"subscription_id": subscription, "username": "vmadmin", "location": "eastus"}
    job: az.Job[Any] = run_batch(
        "new-az-vm@1",
        [Part(name, {**common, "name": name, "resource_group_name": name}) for name in ("One", "Two")],
        command="New-AzVM",
        noun="machines",
        secrets={"password": az.Credential("vmadmin", PASSWORD)},
        as_job=True,
    )
    home.cloud.wait_for_requests(method="PUT", path_regex="/virtualNetworks/", count=2, answered=True)
    az.stop_job(job)
    home.cloud.time("at-once")
    home.cloud.finish()
    az.resume_job(job)
    wait_until(lambda: [one.state for one in job.report] == ["Blocked", "Blocked"])
    return job


@pytest.mark.parametrize("of", ["the batch", "a child"])
def test_what_all_targets_ask_is_answered_once(cloud_home: Home, of: str) -> None:
    """By an answer to the batch, or to any of its children: the password was given for all of them."""
    job = blocked_machines(cloud_home)
    with pytest.raises(az.InvalidInput, match="The password of vmadmin must be given again"):
        az.answer_job(job, text="a line")
    second = job.report[1].id
    assert second is not None
    az.answer_job(job if of == "the batch" else second, PASSWORD)
    assert [one.name for one in job.result(LIMIT_S)] == ["One", "Two"]


def test_what_goes_on_without_a_stopped_batch_is_said_of_each_target(cloud_home: Home) -> None:
    """As it is after the stop, not as it was before."""
    job = begin_removals(cloud_home, "a", "b")
    said = job_stopping.stop_views(local(), [job.view])
    told = "Stopped watching. The operation goes on in Azure"
    assert said == [f"{name}: {told} ({name}, deleting)." for name in ("a", "b")]


def test_the_next_end_of_a_resumed_batch_is_told_by_its_notice(cloud_home: Home, tmp_path: Path) -> None:
    """Each end is told once."""
    told = tmp_path / "told"
    words = ("sh", "-c", f'echo "$AZJOBS_JOB_STATE" >> {told}')
    job = begin_removals(cloud_home, "a", terms=Terms(notice=notice_of(words)))
    az.stop_job(job)
    wait_until(lambda: told.exists() and told.read_text() == "Stopped\n")
    az.resume_job(job)
    cloud_home.cloud.finish()
    az.wait_job(job, timeout=LIMIT_S)
    wait_until(lambda: told.read_text() == "Stopped\nCompleted\n")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_lets_no_target_begin_is_refused_when_a_batch_is_done_again(cloud_home: Home, limit: int) -> None:
    """And any limit where there is one target; nothing is begun."""
    job = begin_removals(cloud_home, "a")
    az.stop_job(job)
    before = len(az.get_job())
    with pytest.raises(az.InvalidInput, match="The throttle limit is 1 or more"):
        retry_job(job, throttle_limit=limit)
    child = job.report[0].id
    assert child is not None
    with pytest.raises(az.InvalidInput, match="has one target"):
        retry_job(child, throttle_limit=1)
    with pytest.raises(az.InvalidInput, match="for several targets"):
        az.remove_az_resource_group("a", throttle_limit=0)
    assert len(az.get_job()) == before


def test_a_target_of_another_subscription_fails_alone(cloud_home: Home) -> None:
    """It is told apart from the others, and nothing is sent for it."""
    own = cloud_home.endpoint["subscription_id"]
    other = "11111111-2222-3333-4444-555555555555"
    place = "resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
    job = az.start_az_vm(id=[f"/subscriptions/{one}/{place}" for one in (own, other)], as_job=True)
    az.wait_job(job, timeout=LIMIT_S)
    codes = [one.error.code if one.error is not None else "" for one in job.report]
    assert codes == ["ResourceNotFound", "WrongTarget"]
    assert not cloud_home.cloud.requests(path_regex=other)


def test_a_target_that_is_there_twice_or_is_another_job_is_refused(cloud_home: Home) -> None:
    """A batch counts its own children, each once: any other would never end, or end with a job of somebody else."""
    job = begin_removals(cloud_home, "a")
    arguments = {"subscription_id": cloud_home.endpoint["subscription_id"], "name": "b"}
    child = load_children(local().layout, job.uuid)[0]
    fresh = str(uuid4())
    for uuids in ([fresh, fresh], [fresh, child.uuid]):
        row = replace(job.view.row, uuid=str(uuid4()), id=None)
        targets = tuple(Target(uuid, "n", "t", arguments) for uuid in uuids)
        with pytest.raises(az.InvalidInput, match="Each target of a batch is a new job"):
            local().client.ask(SubmitBatch(0, row, "remove-az-resource-group@1", targets), Accepted)
    assert [one.uuid for one in az.get_job()] == [job.uuid]
