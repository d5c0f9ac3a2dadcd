"""Batches: one command for many targets; each target has its own truth, whatever happens in whatever order."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import azjobs as az
from azjobs.core.job import Phase, PlanWork, Watching
from azjobs.core.states import FINISHED, JobState
from azjobs.core.wire import DaemonStatus, Status
from azjobs.session.jobs.looking import load_children, load_view
from azjobs.session.link.local import local
from azjobs.session.submitting.batches import Pace, Part, retry_job, run_batch
from azjobs.session.submitting.terms import Terms
from azjobs.simulator.control import ControlClient
from terminal import Home, wait_until

LIMIT_S = 30.0


@pytest.fixture
def held(signed_in: Home) -> Iterator[ControlClient]:
    """Removals of groups end when the test says so."""
    signed_in.cloud.time("at-once", kinds={"group-delete": {"mode": "held"}})
    yield signed_in.cloud
    signed_in.cloud.clear_faults()
    signed_in.cloud.time("at-once", kinds={"group-delete": {"mode": "at-once"}})
    signed_in.cloud.finish()


def make_groups(*names: str) -> None:
    for job in [az.new_az_resource_group(name, "eastus", as_job=True) for name in names]:
        job.result(LIMIT_S)


def group_id(home: Home, name: str) -> str:
    return f"/subscriptions/{home.endpoint['subscription_id']}/resourceGroups/{name}"


def here() -> Home:
    """The home of this process."""
    return Home(local().layout.home)


def states(job: az.Job[Any]) -> dict[str, str]:
    return {one.target: one.state.value for one in job.report}


def kill_daemon() -> None:
    os.kill(local().client.ask(Status(0), DaemonStatus).pid, signal.SIGKILL)


def last_phases(job: az.Job[Any]) -> list[Phase | None]:
    """How far the last request of each child is."""
    works = [child.view.row.work for child in job.child_jobs]
    return [
        next((call.phase for call in reversed(work.calls.values())), None)
        for work in works
        if isinstance(work, PlanWork)
    ]


def are_sent(cloud: ControlClient, count: int, pattern: str) -> Any:
    return wait_until(lambda: len(cloud.requests(method="DELETE", path_regex=pattern)) == count)


def test_a_batch_is_one_job_with_a_child_for_each_target(signed_in: Home) -> None:
    """The children have ids of their own, in the order of the targets, and are not in a listing of jobs."""
    make_groups("one-a", "one-b", "one-c")
    job = az.remove_az_resource_group(["one-a", "one-b", "one-c"], as_job=True)
    assert (job.name, job.target) == ("Remove-AzResourceGroup x3", "3 resource groups")
    assert job.type == "BatchJob"
    results = job.result(LIMIT_S)
    assert [result.name for result in results] == ["one-a", "one-b", "one-c"]
    assert job.state == "Completed"
    report = job.report
    assert [one.target for one in report] == ["one-a", "one-b", "one-c"]
    assert job.id is not None
    assert [one.id for one in report] == [job.id + 1, job.id + 2, job.id + 3]
    assert [az.get_job(one.id).result().name for one in report if one.id is not None] == ["one-a", "one-b", "one-c"]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(5)), failing=st.sets(st.integers(0, 4)))
def test_the_report_gives_each_target_its_own_truth(held: ControlClient, order: list[int], failing: set[int]) -> None:
    """`az --ids` names another id than the one that failed, and exits with 0: whatever the order, ours does not."""
    home = here()
    names = [f"truth-{os.getpid()}-{n}" for n in range(5)]
    make_groups(*names)
    before = len(held.requests(method="DELETE", path_regex="truth"))
    job = az.remove_az_resource_group(names, as_job=True)
    are_sent(held, before + 5, "truth")
    for n in order:
        status = "Failed" if n in failing else "Succeeded"
        held.finish(group_id(home, names[n]), status=status, code=f"Because{n}", message=f"It is {names[n]}.")
    az.wait_job(job, timeout=LIMIT_S)
    wanted = {name: "Failed" if n in failing else "Completed" for n, name in enumerate(names)}
    assert states(job) == wanted
    assert job.state == ("Failed" if failing else "Completed")
    for n, one in enumerate(job.report):
        assert (one.error is not None) == (n in failing)
        if one.error is not None:
            assert (one.error.code, one.error.message) == (f"Because{n}", f"It is {names[n]}.")
    if failing:
        with pytest.raises(az.BatchFailed) as caught:
            job.result()
        assert f"{len(failing)} of 5 have no result." in str(caught.value)
        again = retry_job(job)
        are_sent(held, before + 5 + len(failing), "truth")
        held.finish()
        assert [one.name for one in again.result(LIMIT_S)] == [names[n] for n in sorted(failing)]


def test_no_more_targets_are_at_work_than_the_limit_says_and_they_begin_in_order(held: ControlClient) -> None:
    """The others wait as NotStarted."""
    home, names = here(), [f"slow-{n}" for n in range(5)]
    make_groups(*names)
    before = len(held.requests(method="DELETE", path_regex="slow"))
    job = az.remove_az_resource_group(names, throttle_limit=2, as_job=True)
    for done in range(5):
        at_work = min(2, 5 - done)
        are_sent(held, before + done + at_work, "slow")
        expected = ["Completed"] * done + ["Running"] * at_work + ["NotStarted"] * (5 - done - at_work)
        wait_until(lambda expected=expected: list(states(job).values()) == expected)
        held.finish(group_id(home, names[done]))
    assert len(job.result(LIMIT_S)) == 5


def test_a_failure_ends_a_batch_that_is_to_fail_fast_but_not_what_is_under_way(held: ControlClient) -> None:
    """What is under way comes to its own end, what had not begun is Stopped, and was never sent."""
    home, names = here(), [f"fast-{n}" for n in range(4)]
    make_groups(*names)
    before = len(held.requests(method="DELETE", path_regex="fast-"))
    job = az.remove_az_resource_group(names, throttle_limit=2, fail_fast=True, as_job=True)
    are_sent(held, before + 2, "fast-")
    held.finish(group_id(home, "fast-0"), status="Failed", code="No", message="No.")
    wait_until(lambda: list(states(job).values()) == ["Failed", "Running", "Stopped", "Stopped"])
    assert job.state == "Running"
    held.finish(group_id(home, "fast-1"))
    az.wait_job(job, timeout=LIMIT_S)
    assert list(states(job).values()) == ["Failed", "Completed", "Stopped", "Stopped"]
    assert job.error is not None
    assert job.error.message == "1 of 4 failed, 2 were stopped."
    assert len(held.requests(method="DELETE", path_regex="fast-")) == before + 2


def test_a_failure_changes_nothing_for_the_others_unless_asked(held: ControlClient) -> None:
    """To continue is the default."""
    home, names = here(), [f"on-{n}" for n in range(3)]
    make_groups(*names)
    before = len(held.requests(method="DELETE", path_regex="/on-"))
    job = az.remove_az_resource_group(names, throttle_limit=1, as_job=True)
    are_sent(held, before + 1, "/on-")
    held.finish(group_id(home, "on-0"), status="Failed", code="No", message="No.")
    for n in (1, 2):
        are_sent(held, before + 1 + n, "/on-")
        held.finish(group_id(home, f"on-{n}"))
    az.wait_job(job, timeout=LIMIT_S)
    assert list(states(job).values()) == ["Failed", "Completed", "Completed"]


def test_a_batch_survives_the_kill_of_the_daemon_with_every_child_where_it_was(held: ControlClient) -> None:
    """Those under way are watched again, those that wait begin in their turn, and none is sent twice."""
    home, names = here(), [f"kill-{n}" for n in range(4)]
    make_groups(*names)
    before = len(held.requests(method="DELETE", path_regex="kill-"))
    job = az.remove_az_resource_group(names, throttle_limit=2, as_job=True)
    are_sent(held, before + 2, "kill-")
    held.finish(group_id(home, "kill-0"), status="Failed", code="No", message="No.")
    are_sent(held, before + 3, "kill-")
    kill_daemon()
    held.finish(group_id(home, "kill-1"))
    are_sent(held, before + 4, "kill-")
    kill_daemon()
    held.finish()
    az.wait_job(job, timeout=LIMIT_S)
    assert list(states(job).values()) == ["Failed", "Completed", "Completed", "Completed"]
    assert job.error is not None
    assert job.error.message == "1 of 4 failed."
    assert len(held.requests(method="DELETE", path_regex="kill-")) == before + 4


def test_the_next_daemon_reads_no_operation_before_azure_asked_it_to(home: Home) -> None:
    """Each daemon would else begin by reading them all at once."""
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.time("at-once", kinds={"group-delete": {"mode": "held"}})
    names = [f"later-{n}" for n in range(5)]
    make_groups(*names)
    home.cloud.retry_after(600)
    job = az.remove_az_resource_group(names, as_job=True)
    wait_until(lambda: all(isinstance(phase, Watching) for phase in last_phases(job)))
    kill_daemon()
    home.cloud.retry_after(0)
    make_groups("another")
    assert home.cloud.requests(path_regex="/operationresults/") == []


def test_stopping_a_batch_stops_its_children_and_a_child_goes_only_with_its_batch(held: ControlClient) -> None:
    """What had not begun never begins."""
    names = [f"stop-{n}" for n in range(3)]
    make_groups(*names)
    before = len(held.requests(method="DELETE", path_regex="stop-"))
    job = az.remove_az_resource_group(names, throttle_limit=1, as_job=True)
    are_sent(held, before + 1, "stop-")
    az.stop_job(job)
    assert job.state == "Stopped"
    assert set(states(job).values()) == {"Stopped"}
    held.finish()
    assert len(held.requests(method="DELETE", path_regex="stop-")) == before + 1
    children = [child.uuid for child in load_children(local().layout, job.uuid)]
    with pytest.raises(az.InvalidInput, match="is part of a batch"):
        az.remove_job(children[0])
    az.remove_job(job)
    assert not load_children(local().layout, job.uuid)
    with pytest.raises(az.JobNotFound):
        load_view(local().layout, children[0])


def test_a_running_batch_is_removed_only_by_force(held: ControlClient) -> None:
    """Then its children are stopped first."""
    make_groups("forced")
    job = az.remove_az_resource_group(["forced"], as_job=True)
    with pytest.raises(az.JobNotFinished):
        az.remove_job(job)
    az.remove_job(job, force=True)
    with pytest.raises(az.JobNotFound):
        _ = job.state
    held.finish()


def test_a_blocking_call_for_many_gives_their_values_or_says_which_failed(signed_in: Home) -> None:
    """It leaves no job behind."""
    make_groups("call-a", "call-b")
    before = az.get_job()
    assert [one.name for one in az.remove_az_resource_group(["call-a", "call-b"])] == ["call-a", "call-b"]
    make_groups("call-a")
    with pytest.raises(az.BatchFailed, match="call-x: ResourceGroupNotFound") as caught:
        az.remove_az_resource_group(["call-a", "call-x"])
    assert [(one.target, one.state) for one in caught.value.report] == [
        ("call-a", JobState.COMPLETED),
        ("call-x", JobState.FAILED),
    ]
    wait_until(
        lambda: (
            [job for job in az.get_job() if job.name.startswith("Remove-")]
            == [job for job in before if job.name.startswith("Remove-")]
        )
    )


def test_nothing_begins_when_one_target_cannot_be_used(signed_in: Home) -> None:
    """Not for the targets before it either; too many, none, or a limit of none are refused likewise."""
    make_groups("whole")
    before = len(az.get_job())
    wrong_ones: list[Any] = [["whole", "not/a name"], [], ["whole", ""], ["whole", 7]]
    for wrong in wrong_ones:
        with pytest.raises(az.InvalidInput):
            az.remove_az_resource_group(wrong)
    with pytest.raises(az.InvalidInput, match="2 resource groups, more than the 1"):
        az.remove_az_resource_group(["whole", "other"], max_targets=1)
    with pytest.raises(az.InvalidInput, match="for several targets"):
        az.remove_az_resource_group("whole", throttle_limit=1)
    with pytest.raises(az.InvalidInput, match="1 or more"):
        az.remove_az_resource_group(["whole"], throttle_limit=0)
    assert len(az.get_job()) == before
    assert az.get_az_resource_group("whole").name == "whole"


def test_a_protected_target_is_left_alone_and_told_apart_from_the_others(signed_in: Home) -> None:
    """The others are removed: each target has its own truth."""
    make_groups("kept", "gone")
    az.add_az_protection(resource_group_name="kept")
    try:
        with pytest.raises(az.BatchFailed, match="kept: ResourceProtected") as caught:
            az.remove_az_resource_group(["kept", "gone"])
    finally:
        az.remove_az_protection(resource_group_name="kept")
    assert [one.state for one in caught.value.report] == ["Failed", "Completed"]
    assert az.get_az_resource_group("kept").name == "kept"


def test_an_override_of_a_protection_holds_for_one_command_and_not_for_its_retry(signed_in: Home) -> None:
    """Said again, it holds again."""
    az.add_az_protection(resource_group_name="guarded")
    try:
        first = az.remove_az_resource_group("guarded", override_protection="guarded", as_job=True)
        az.wait_job(first, timeout=LIMIT_S)
        assert first.error is not None
        assert first.error.code == "ResourceGroupNotFound"
        make_groups("guarded")
        second = retry_job(first)
        az.wait_job(second, timeout=LIMIT_S)
        assert second.error is not None
        assert second.error.code == "ResourceProtected"
        assert retry_job(first, override_protection="guarded").result(LIMIT_S).name == "guarded"
    finally:
        az.remove_az_protection(resource_group_name="guarded")


def test_a_rehearsal_of_many_says_how_many_and_shows_a_sample(signed_in: Home) -> None:
    """Nothing is written."""
    names = [f"try-{n}" for n in range(5)]
    make_groups(*names)
    writes = len(signed_in.cloud.requests(method="DELETE"))
    rehearsal = az.remove_az_resource_group(names, what_if=True)
    assert (rehearsal.count, [one.target for one in rehearsal.sample]) == (5, names[:3])
    assert rehearsal.sample[0].writes[0].action == "delete"
    assert len(signed_in.cloud.requests(method="DELETE")) == writes


def test_a_time_limit_ends_a_batch_and_says_so(held: ControlClient) -> None:
    """Its children are stopped; what Azure was asked to do goes on there."""
    make_groups("late")
    subscription = here().endpoint["subscription_id"]
    job = run_batch(
        "remove-az-resource-group@1",
        [Part("late", {"subscription_id": subscription, "name": "late"})],
        command="Remove-AzResourceGroup",
        noun="resource groups",
        pace=Pace(),
        as_job=True,
        terms=Terms(time_limit_s=0.5),
    )
    az.wait_job(job, timeout=LIMIT_S)
    assert job.state == "Failed"
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("TimeLimit", "It was not done within 0.5 s.")
    assert states(job) == {"late": "Stopped"}


def test_what_is_done_again_is_only_what_has_ended_and_failed(signed_in: Home) -> None:
    """Azure jobs and batches alike; the function of a process job is no longer kept."""
    make_groups("again")
    done = az.remove_az_resource_group(["again"], as_job=True)
    done.result(LIMIT_S)
    with pytest.raises(az.InvalidInput, match="nothing of it failed"):
        retry_job(done)
    failed = az.remove_az_resource_group("again", as_job=True)
    az.wait_job(failed, timeout=LIMIT_S)
    assert failed.state == "Failed"
    make_groups("again")
    assert retry_job(failed).result(LIMIT_S).name == "again"
    process = az.start_job(len, argument_list=["x"])
    process.result(LIMIT_S)
    with pytest.raises(az.InvalidInput, match="no longer kept"):
        retry_job(process)
    assert all(job.state in FINISHED for job in (done, failed, process))
