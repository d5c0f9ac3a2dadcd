"""Stop Azure jobs, have Azure cancel what they began, and let them go on: over kills, delays and lost answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

import azjobs as az
from azjobs.core.job import Call, Ended, Intended, PlanWork
from azjobs.core.models import RestResponse
from azjobs.core.wire import Ok, Stop
from azjobs.session.jobs import stopping as job_stopping
from azjobs.session.link.local import local
from terminal import Home, wait_until

LIMIT_S = 30.0
BODY = {"properties": {"mode": "Incremental", "template": {"$schema": "s", "contentVersion": "1", "resources": []}}}
CANCEL = "cancel request"


@pytest.fixture
def cloud_home(home: Home) -> Home:
    """A home of its own, signed in, with a group; operations end when they are told to."""
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.time("held")
    az.new_az_resource_group("g", location="eastus")
    return home


def deploy(home: Home) -> az.Job[Any]:
    place = f"/subscriptions/{home.endpoint['subscription_id']}/resourceGroups/g"
    path = f"{place}/providers/Microsoft.Resources/deployments/d?api-version=2024-11-01"
    return az.invoke_az_rest_method("PUT", path, payload=BODY, as_job=True)


@pytest.fixture
def deployment(cloud_home: Home) -> az.Job[Any]:
    """A job whose deployment is under way and watched."""
    job = deploy(cloud_home)
    wait_until(lambda: job.remote_state == "Running", what="the deployment is watched")
    return job


def put_off(home: Home) -> az.Job[Any]:
    """A job whose deployment was refused for the moment, and waits to be sent again."""
    home.cloud.fault("/deployments/d$", {"status": 429, "retry_after": 5}, method="PUT")
    job = deploy(home)

    def is_refused() -> bool:
        call = call_of(job, "request")
        return call is not None and isinstance(call.phase, Intended) and call.phase.refusals > 0

    wait_until(is_refused, what="it is put off")
    return job


def call_of(job: az.Job[Any], key: str) -> Call | None:
    work = job.view.row.work
    assert isinstance(work, PlanWork)
    return work.calls.get(key)


def effects_of(home: Home, word: str) -> list[dict[str, Any]]:
    return [one for one in home.cloud.effects() if one["effect"] == word and "/deployments/" in one["resource_id"]]


def is_put_off(job: az.Job[Any], _: Home) -> bool:
    call = call_of(job, CANCEL)
    return call is not None and isinstance(call.phase, Intended) and call.phase.refusals > 0


def is_on_its_way(_: az.Job[Any], home: Home) -> bool:
    return bool(home.cloud.requests(method="POST", path_regex="/cancel$"))


def is_done(_: az.Job[Any], home: Home) -> bool:
    return bool(effects_of(home, "canceled"))


def is_answered(job: az.Job[Any], _: Home) -> bool:
    call = call_of(job, CANCEL)
    return call is not None and isinstance(call.phase, Ended)


@pytest.mark.parametrize(
    ("fault", "has_come"),
    [
        pytest.param({"status": 429, "retry_after": 2}, is_put_off, id="recorded-and-not-sent"),
        pytest.param({"delay_s": 2.0}, is_on_its_way, id="on-its-way"),
        pytest.param("reset-after", is_done, id="done-and-not-answered"),
        pytest.param(None, is_answered, id="answered"),
    ],
)
def test_a_cancel_goes_on_after_the_daemon_was_killed(
    deployment: az.Job[Any], home: Home, fault: Any, has_come: Callable[[az.Job[Any], Home], bool]
) -> None:
    """SIGKILL at each step of it: the deployment is cancelled once, and the job tells so."""
    if fault is not None:
        home.cloud.fault("/cancel$", fault)
    local().client.ask(Stop(0, (deployment.uuid,), cancel=True), Ok)
    wait_until(lambda: has_come(deployment, home))
    home.kill("_main.daemon")
    assert [ended.state for ended in az.wait_job(deployment, timeout=LIMIT_S)] == ["Stopped"]
    assert deployment.remote_state == "Canceled"
    assert deployment.status_message == "Azure cancelled it (deployments/d). What it had made by then stays."
    assert len(effects_of(home, "canceled")) == 1


def test_a_cancel_that_was_taken_and_not_answered_is_no_refusal(deployment: az.Job[Any], home: Home) -> None:
    """It is sent again, and refused then, because the first one was taken: the operation's own end is told."""
    home.cloud.fault("/cancel$", "reset-after")
    [stopped] = az.stop_job(deployment, cancel=True)
    assert (stopped.state, stopped.remote_state) == ("Stopped", "Canceled")
    assert len(home.cloud.requests(method="POST", path_regex="/cancel$")) == 2


def test_a_deployment_that_had_succeeded_already_is_completed(deployment: az.Job[Any], home: Home) -> None:
    """The cancel came too late: the job has its result, whatever it was asked."""
    home.cloud.fault("/cancel$", {"status": 409, "code": "DeploymentCannotBeCancelled", "message": "Too late."})
    home.cloud.finish()
    az.stop_job(deployment, cancel=True)
    assert deployment.result(LIMIT_S).content["properties"]["provisioningState"] == "Succeeded"
    assert (deployment.state, deployment.remote_state) == ("Completed", "Succeeded")


def test_a_deployment_that_fails_while_it_is_cancelled_is_failed(deployment: az.Job[Any], home: Home) -> None:
    """What Azure says in the end is true."""
    home.cloud.fault("/cancel$", {"status": 409, "code": "DeploymentCannotBeCancelled", "message": "Too late."})
    az.stop_job(deployment, cancel=True)
    assert deployment.state == "Stopping"
    home.cloud.finish(status="Failed", code="QuotaExceeded", message="Too much.")
    with pytest.raises(az.JobFailed, match="QuotaExceeded"):
        deployment.result(LIMIT_S)


def test_a_cancelling_can_be_given_up_and_the_job_resumed(deployment: az.Job[Any], home: Home) -> None:
    """A second stop, without cancel, watches no more; the job goes on from there as if nobody had cancelled."""
    home.cloud.fault("/cancel$", {"status": 409, "code": "DeploymentCannotBeCancelled", "message": "Not now."})
    az.stop_job(deployment, cancel=True)
    az.stop_job(deployment)
    assert (deployment.state, deployment.remote_state) == ("Stopped", "Running")
    az.resume_job(deployment)
    assert deployment.state == "Running"
    [stopped] = az.stop_job(deployment, cancel=True)
    assert (stopped.state, stopped.remote_state) == ("Stopped", "Canceled")


def test_what_waits_to_be_sent_is_recalled_by_a_stop(cloud_home: Home) -> None:
    """It was never sent, so nothing goes on; resumed, it is sent once."""
    job = put_off(cloud_home)
    az.stop_job(job)
    assert (job.state, job.remote_state, job.status_message) == ("Stopped", "", "Stopped watching.")
    cloud_home.cloud.time("at-once")
    assert az.resume_job(job).result(LIMIT_S).status_code == 200
    assert len(effects_of(cloud_home, "created")) == 1


def test_nothing_is_cancelled_where_nothing_was_sent(cloud_home: Home) -> None:
    """The request is recalled, and the sentence says so."""
    job = put_off(cloud_home)
    az.stop_job(job, cancel=True)
    assert (job.state, job.remote_state) == ("Stopped", "")
    assert job.status_message == "Stopped watching: there was nothing to cancel in Azure."
    assert not cloud_home.cloud.requests(method="POST", path_regex="/cancel$")


def test_what_was_on_its_way_at_the_stop_is_unknown_and_looked_at_when_it_is_resumed(cloud_home: Home) -> None:
    """Unknown is said; the request is not sent a second time."""
    cloud_home.cloud.fault("/deployments/d$", {"delay_s": 1.0}, method="PUT")
    job = deploy(cloud_home)
    cloud_home.cloud.wait_for_requests(method="PUT", path_regex="/deployments/d$")
    az.stop_job(job)
    assert (job.state, job.remote_state) == ("Stopped", "Unknown")
    assert "It is not known whether the operation goes on in Azure" in job.status_message
    resumed = az.resume_job(job)
    wait_until(lambda: job.remote_state == "Running", what="the deployment was found, and is watched")
    cloud_home.cloud.finish()
    assert resumed.result(LIMIT_S).status_code == 200
    assert len(cloud_home.cloud.requests(method="PUT", path_regex="/deployments/d$")) == 1


def test_a_deployment_is_cancelled_once_its_answer_is_there(cloud_home: Home) -> None:
    """A cancel before Azure has taken the request would find nothing: it is asked for right after."""
    cloud_home.cloud.fault("/deployments/d$", {"delay_s": 1.0}, method="PUT")
    job = deploy(cloud_home)
    cloud_home.cloud.wait_for_requests(method="PUT", path_regex="/deployments/d$")
    [stopped] = az.stop_job(job, cancel=True)
    assert (stopped.state, stopped.remote_state) == ("Stopped", "Canceled")


def test_a_resumed_job_asks_for_the_secret_that_was_forgotten(home: Home) -> None:
    """The password went with the stop; the request that needs it waits for an answer, and the job completes."""
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.time("at-once", kinds={"vnet-write": {"mode": "held"}})
    password = az.SecureString("Pa55-word-long")
    job = az.new_az_vm(name="MyVm", credential=az.Credential("vmadmin", password), as_job=True)
    home.cloud.wait_for_requests(method="PUT", path_regex="/virtualNetworks/", answered=True)
    az.stop_job(job)
    home.cloud.finish()
    resumed = az.resume_job(job)
    with pytest.raises(az.JobBlocked, match="The password of vmadmin must be given again"):
        resumed.result(LIMIT_S)
    az.answer_job(job, password)
    assert resumed.result(LIMIT_S).name == "MyVm"
    made = [one["resource_id"] for one in home.cloud.effects() if one["effect"] == "created"]
    assert len(made) == len(set(made))


def test_a_resumed_job_survives_the_daemon(deployment: az.Job[Any], home: Home) -> None:
    """It is unfinished again, and its future is told of the end that the next daemon sees."""
    az.stop_job(deployment)
    told = threading.Event()
    resumed = az.resume_job(deployment)
    resumed.add_done_callback(lambda _: told.set())
    home.kill("_main.daemon")
    home.cloud.finish()
    assert told.wait(LIMIT_S)
    assert (resumed.state, deployment.done()) == ("Completed", True)


def test_who_awaits_a_job_again_that_was_resumed_is_given_its_value(deployment: az.Job[Any], home: Home) -> None:
    """By the same handle, which was told of the stop."""

    async def use() -> RestResponse:
        waits = asyncio.ensure_future(_value_of(deployment))
        await asyncio.to_thread(az.stop_job, deployment)
        with pytest.raises(az.JobStopped):
            await waits
        await asyncio.to_thread(az.resume_job, deployment)
        waits = asyncio.ensure_future(_value_of(deployment))
        await asyncio.sleep(0)
        home.cloud.finish()
        return await asyncio.wait_for(waits, LIMIT_S)

    assert asyncio.run(use()).status_code == 200


async def _value_of(job: az.Job[Any]) -> RestResponse:
    return cast("RestResponse", await job)


def test_a_handle_of_a_resumed_job_is_not_told_of_the_stop_before(deployment: az.Job[Any], home: Home) -> None:
    """What was told of the stop may be read late: another callback took its time."""
    other, is_held, is_over = az.start_job(command=["true"]), threading.Event(), threading.Event()
    held_until = threading.Event()

    def take_time(_: object) -> None:
        is_held.set()
        held_until.wait(LIMIT_S)

    other.add_done_callback(take_time)
    deployment.add_done_callback(lambda _: None)
    assert is_held.wait(LIMIT_S)
    az.stop_job(deployment)
    resumed, ends = az.resume_job(deployment), list[str]()
    resumed.add_done_callback(lambda job: (ends.append(cast("az.Job[Any]", job).state), is_over.set()))
    last = az.start_job(command=["true"])
    is_told = threading.Event()
    last.add_done_callback(lambda _: is_told.set())
    held_until.set()
    assert is_told.wait(LIMIT_S)  # and so of the stop, which came before
    assert not ends
    home.cloud.finish()
    assert is_over.wait(LIMIT_S)
    assert ends == ["Completed"]


def test_a_stop_that_is_asked_for_twice_says_twice_what_goes_on(deployment: az.Job[Any], home: Home) -> None:
    """Two ask at once, or one asks again because its daemon was killed before it answered."""
    said = [local().client.ask(Stop(0, (deployment.uuid,)), Ok).text]
    said.append(local().client.ask(Stop(0, (deployment.uuid,)), Ok).text)
    home.kill("_main.daemon")
    said.append(local().client.ask(Stop(0, (deployment.uuid,)), Ok).text)
    assert said == 3 * ["Stopped watching. The operation goes on in Azure (d, creating)."]


def test_of_several_jobs_all_are_resumed_or_none(deployment: az.Job[Any]) -> None:
    """One that cannot be resumed leaves the others as they are."""
    process = az.start_job(command=["sleep", "60"])
    az.stop_job([deployment, process])
    with pytest.raises(az.JobNotStopped, match="was a process"):
        az.resume_job([deployment, process])
    assert deployment.state == "Stopped"
    assert [job.state for job in az.resume_job([deployment])] == ["Running"]
    with pytest.raises(az.JobNotStopped, match="is not stopped: it is Running"):
        az.resume_job(deployment)


def begin_batch(home: Home) -> az.Job[Any]:
    """A batch of two removals, each watched."""
    for name in ("a", "b"):
        az.new_az_resource_group(name, location="eastus")
    job = az.remove_az_resource_group(["a", "b"], as_job=True)
    home.cloud.wait_for_requests(path_regex="/operationresults/", count=2)
    return job


def test_a_stopped_batch_is_resumed_with_its_children(cloud_home: Home) -> None:
    """It counts them again, and is Completed once they are; one child can be resumed alone."""
    job = begin_batch(cloud_home)
    az.stop_job(job)
    assert (job.state, [one.state for one in job.report]) == ("Stopped", ["Stopped", "Stopped"])
    first = job.report[0].id
    assert first is not None
    assert az.resume_job(first).state == "Running"
    assert (job.state, [one.state for one in job.report]) == ("Running", ["Running", "Stopped"])
    az.stop_job(job)
    resumed = az.resume_job(job)
    assert (resumed.state, [one.state for one in job.report]) == ("Running", ["Running", "Running"])
    cloud_home.kill("_main.daemon")
    cloud_home.cloud.finish()
    assert [one.action for one in resumed.result(LIMIT_S)] == ["delete", "delete"]
    with pytest.raises(az.JobNotStopped, match="has nothing left to watch"):
        az.resume_job(job)


def test_a_cancel_of_a_batch_is_answered_for_each_target(cloud_home: Home) -> None:
    """The removal of a group cannot be cancelled: that is said of each, and both are watched no more."""
    job = begin_batch(cloud_home)
    said = job_stopping.stop_views(local(), [job.view], cancel=True)
    told = "Stopped watching: Azure offers no way to cancel this operation, and it goes on there"
    assert said == [f"{name}: {told} ({name}, deleting)." for name in ("a", "b")]
    assert (job.state, [one.remote_state for one in az.get_job(job, include_child_job=True)[1:]]) == (
        "Stopped",
        ["Running", "Running"],
    )
