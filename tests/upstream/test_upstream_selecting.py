"""Finding, waiting for, stopping and removing jobs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from upstream_functions import add, count_until, process_id, wait_for

import azjobs as az
from azjobs.core.errors import JobNotFinished
from terminal import Home, Python, Shell, wait_until

LIMIT_S = 30.0
SELECTORS = ["id", "name", "instance id", "job", "state"]


def selected(job: az.Job[Any], by: str) -> dict[str, Any]:
    """What names a job in this way."""
    if by == "state":
        return {"state": job.state}
    return {"job": {"id": job.id, "name": job.name, "instance id": job.instance_id, "job": job}[by]}


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def started(tmp_path: Path, name: str = "flag") -> tuple[az.Job[str], Path]:
    """A job that runs until the file is there."""
    flag = tmp_path / name
    job = az.start_job(wait_for, argument_list=[str(flag)], name=name)
    wait_until(lambda: Path(f"{flag}.begun").exists(), what="it runs")
    return job, flag


@pytest.mark.upstream(5, 9, 44, 55)
@pytest.mark.parametrize("by", SELECTORS)
def test_a_job_is_found_and_waited_for(live: Home, by: str) -> None:
    """In each way; it is the same job, Completed, with its output to be received by its id."""
    job = az.start_job(add, argument_list=[1, 1], name=f"sum by {by}")
    job.result(LIMIT_S)
    which = selected(job, by)
    assert az.wait_job(**which, timeout=LIMIT_S) == [job]
    found = az.get_job(**which)
    assert found in (job, [job])
    assert (job.state, job.has_more_data) == (az.JobState.COMPLETED, True)
    assert az.receive_job(job.id) == [2]


@pytest.mark.upstream(10)
@pytest.mark.difference("timeout")
def test_waiting_with_a_limit_returns_what_has_ended(live: Home, tmp_path: Path) -> None:
    """Nothing of a job that goes on; also at once, with a limit of 0, and in fractions of a second."""
    goes_on, _ = started(tmp_path)
    done = az.start_job(add, argument_list=[1, 1])
    done.result(LIMIT_S)
    assert az.wait_job(goes_on, timeout=0.05) == []
    assert az.wait_job([goes_on, done], timeout=0) == [done]
    assert goes_on.state is az.JobState.RUNNING


@pytest.mark.upstream(45)
@pytest.mark.difference("any")
def test_waiting_for_any_returns_what_has_ended_by_then(live: Home, tmp_path: Path) -> None:
    """One job, or several; without an error in any."""
    jobs = [started(tmp_path, name) for name in ("one", "two", "three")]
    jobs[1][1].touch()
    [first] = az.wait_job([job for job, _ in jobs], any=True, timeout=LIMIT_S)
    received = az.receive_job(first)
    assert (first, first.state, received, received.errors) == (jobs[1][0], az.JobState.COMPLETED, ["seen"], [])
    jobs[0][1].touch()
    jobs[0][0].result(LIMIT_S)
    assert az.wait_job([job for job, _ in jobs], any=True, timeout=LIMIT_S) == [jobs[0][0], jobs[1][0]]


@pytest.mark.upstream(46)
def test_the_time_limit_has_powershells_other_name(shell: Shell) -> None:
    """The job goes on, and what it has said can be received."""
    id = shell("azjobs job start -q -- sh -c 'echo said; sleep 60'").out.strip()
    wait_until(lambda: shell(f"azjobs job get {id}").json["hasMoreData"])
    assert shell(f"azjobs Wait-Job -Id {id} -TimeoutSec 0.1 -q").code == 5
    job = shell(f"azjobs job get {id}").json
    assert (job["state"], job["hasMoreData"]) == ("Running", True)


@pytest.mark.upstream(56)
@pytest.mark.difference("newest")
def test_jobs_are_found_by_their_ends_and_by_what_is_left_of_them(live: Home, shell: Shell, tmp_path: Path) -> None:
    """What has not ended has no end to be found by, and is none of those that ended last."""
    one = az.start_job(add, argument_list=[1, 1])
    one.result(LIMIT_S)
    two = az.start_job(add, argument_list=[1, 1])
    two.result(LIMIT_S)
    started(tmp_path)
    az.receive_job(one)
    assert one.end_time is not None
    assert two.end_time is not None
    assert az.get_job(after=one.end_time) == [two]
    assert az.get_job(before=two.end_time, after=one.end_time - timedelta(hours=1)) == [one]
    assert az.get_job(has_more_data=True) == [two]
    told = shell(f"azjobs job get {two.id}").json["endTime"]  # cut to milliseconds
    assert shell(f"azjobs job get --after {told} -q").out == ""
    assert two not in az.get_job(before=told)
    assert az.get_job(newest=1) == [two]
    assert az.get_job(newest=5) == [one, two]


@pytest.mark.upstream(91)
@pytest.mark.difference("patterns")
def test_every_kind_of_job_is_found_in_the_same_ways(live: Home) -> None:
    """By instance id, name, pattern, command in any case, state and id, and by what its user said of it."""
    job = az.start_job(command=["echo", "A  b"], name="Find-Me", labels={"of": "tests"})
    az.wait_job(job, timeout=LIMIT_S)
    for found in (
        az.get_job(job.instance_id),
        az.get_job("find-me"),
        az.get_job("FIND-*"),
        az.get_job(command="ECHO 'a  B'"),
        az.get_job(state="completed"),
        az.get_job([job.id or 0]),
        az.get_job(label={"of": "t*"}),
    ):
        assert found == [job]


@pytest.mark.upstream(11, 59, 88, 89, 61)
@pytest.mark.parametrize("by", SELECTORS)
def test_a_stopped_job_has_stopped_when_that_returns(live: Home, tmp_path: Path, by: str) -> None:
    """In each way of naming it; its process is gone, and nothing is left to receive, no error either."""
    job, _ = started(tmp_path)
    pid = wait_until(lambda: job.view.row.work.pid, what="its process is recorded")  # type: ignore[union-attr]
    assert is_there(pid)
    assert az.stop_job(**selected(job, by)) == [job]
    received = az.receive_job(job)
    assert (job.state, received, received.errors, job.has_more_data) == (az.JobState.STOPPED, [], [], False)
    wait_until(lambda: not is_there(pid))
    assert az.stop_job(job) == [job]  # once more does nothing


@pytest.mark.upstream(58)
@pytest.mark.parametrize("by", SELECTORS)
def test_a_finished_job_is_removed(live: Home, by: str) -> None:
    """In each way of naming it, without force."""
    job = az.start_job(add, argument_list=[1, 1], name="finished")
    job.result(LIMIT_S)
    az.remove_job(**selected(job, by))
    assert az.get_job() == []


@pytest.mark.upstream(12, 62)
@pytest.mark.difference("removing")
@pytest.mark.parametrize("by", [*SELECTORS, "command"])
def test_a_running_job_is_removed_by_force_only(live: Home, tmp_path: Path, by: str) -> None:
    """However it is named, by its state and command too; with force its process is gone."""
    done = az.start_job(add, argument_list=[1, 1])
    done.result(LIMIT_S)
    job, _ = started(tmp_path)
    pid = wait_until(lambda: job.view.row.work.pid, what="its process is recorded")  # type: ignore[union-attr]
    which = {"command": job.command} if by == "command" else selected(job, by)
    with pytest.raises(JobNotFinished, match=rf"Job {job.id} is running\. Stop it first, or use force\."):
        az.remove_job(**which)
    with pytest.raises(JobNotFinished):
        az.remove_job([done, job])
    assert az.get_job() == [done, job]
    az.remove_job(**which, force=True)
    assert az.get_job() == [done]
    wait_until(lambda: not is_there(pid))


@pytest.mark.upstream(60)
def test_the_process_of_a_completed_job_is_gone(live: Home) -> None:
    """Its output is not."""
    job = az.start_job(process_id)
    pid = job.result(LIMIT_S)
    wait_until(lambda: not is_there(pid))
    assert az.receive_job(job) == [pid]


@pytest.mark.upstream(129)
def test_an_endless_job_is_received_in_parts_and_removed_by_force(live: Home, tmp_path: Path) -> None:
    """While it runs."""
    job = az.start_job(count_until, argument_list=[str(tmp_path / "never")])
    first = wait_until(lambda: az.receive_job(job))
    assert first[0] == 0
    az.remove_job(job, force=True)
    assert az.get_job() == []


@pytest.mark.upstream(131)
def test_stopped_jobs_are_handed_on_to_be_removed(live: Home, shell: Shell, tmp_path: Path) -> None:
    """Without force, since they have ended by then."""
    job, _ = started(tmp_path)
    az.remove_job(az.stop_job(job))
    assert az.get_job() == []
    assert shell("azjobs job start -q -- sleep 60 | xargs azjobs job stop -q | xargs azjobs job remove").code == 0
    assert az.get_job() == []


@pytest.mark.upstream(134)
def test_a_program_is_told_of_a_change_of_state(live: Home, tmp_path: Path) -> None:
    """By events, and by a callback of the job, which is a future."""
    job, flag = started(tmp_path)
    told: list[object] = []
    job.add_done_callback(told.append)
    events = az.watch_jobs(job, changes_only=True)
    flag.touch()
    [event] = [event for event in events if event.is_end]
    assert (event.job, event.state) == (job, az.JobState.COMPLETED)
    wait_until(lambda: told == [job])


@pytest.mark.upstream(82, 90, 108)
@pytest.mark.difference("throttling")
def test_a_limit_lets_so_many_run(live: Home, tmp_path: Path) -> None:
    """Of a named queue, in the order of submission; a higher limit lets queued ones begin, and nothing else does."""
    flags = [tmp_path / str(number) for number in range(5)]

    def start(number: int, limit: int | None = None) -> az.Job[str]:
        return az.start_job(wait_for, argument_list=[str(flags[number])], queue="q", throttle_limit=limit)

    jobs = [start(0, 2), start(1), start(2), start(3)]
    free = az.start_job(add, argument_list=[1, 1])
    assert free.result(LIMIT_S) == 2
    states = [job.state.value for job in jobs]
    assert states == ["Running", "Running", "NotStarted", "NotStarted"]
    jobs.append(start(4, 3))
    wait_until(lambda: jobs[2].state is az.JobState.RUNNING)
    assert [job.state.value for job in jobs[3:]] == ["NotStarted", "NotStarted"]
    az.remove_job(jobs, force=True)
    assert az.get_job() == [free]


@pytest.mark.upstream(93)
def test_a_job_may_have_a_time_limit(live: Home) -> None:
    """When it is over the job is stopped, and has failed for that reason."""
    job = az.start_job(command=["sleep", "60"], time_limit=0.2)
    az.wait_job(job, timeout=LIMIT_S)
    assert job.error is not None
    assert (job.state, job.error.code) == (az.JobState.FAILED, "TimeLimit")


@pytest.mark.difference("missing names")
def test_a_mistyped_name_leads_to_no_half_removal(live: Home, shell: Shell) -> None:
    """What only looks gives what is there, and ends with 3 as well."""
    job = az.start_job(add, argument_list=[1, 1])
    job.result(LIMIT_S)
    for word in ("wait", "stop", "remove"):
        assert shell(f"azjobs job {word} {job.id} gone") == (3, "", "No job gone. Type: azjobs job get\n")
    done = shell(f"azjobs job get {job.id} gone -q")
    assert done == (3, f"{job.id}\n", "No job gone. Type: azjobs job get\n")


@pytest.mark.difference("lifetime")
def test_a_job_goes_on_without_its_program(live: Home, shell: Shell, tmp_path: Path) -> None:
    """Another session sees it, and has its value."""
    flag = tmp_path / "flag"
    done = Python(live)(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nimport upstream_functions\n"
        f"az.start_job(upstream_functions.wait_for, argument_list=[{str(flag)!r}], name='left')"
    )
    assert done.code == 0, done
    assert shell("azjobs job get left").json["state"] == "Running"
    flag.touch()
    assert az.get_job("left")[0].result(LIMIT_S) == "seen"
