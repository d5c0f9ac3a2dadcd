"""A journal that can be neither read nor written is the fault of one job, and stops no other, and no daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

import azjobs as az
from terminal import DEADLINE_S, Home, wait_until


def spoil(home: Home, job: az.Job[object]) -> Path:
    """Put in place of a job's journal what is no file."""
    journal = home.folder / "journals" / f"{job.view.row.uuid}.journal"
    journal.unlink(missing_ok=True)
    journal.mkdir()
    return journal


def sleep(path: str) -> None:
    import pathlib  # noqa: PLC0415 - in the job
    import time  # noqa: PLC0415 - in the job

    while not pathlib.Path(path).exists():
        time.sleep(0.01)


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("kind", ["azure", "process"])
def test_a_journal_that_is_no_file_stops_no_other_job(
    home: Home, tmp_path: Path, kind: str, *, is_killed: bool
) -> None:
    """Nor the daemon after it; the job itself comes to an end."""
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.retry_after(0)
    home.cloud.time("at-once", kinds={"group-delete": {"mode": "held"}})
    go = tmp_path / "go"
    if kind == "azure":
        az.new_az_resource_group("bad", "eastus")
        job: az.Job[object] = az.remove_az_resource_group("bad", as_job=True)
        home.cloud.wait_for_requests(method="DELETE", answered=True)
    else:
        job = az.start_job(sleep, argument_list=[str(go)])
        wait_until(lambda: job.view.row.work.pid)
    spoil(home, job)
    if is_killed:
        home.kill("_main.daemon")
    assert az.new_az_resource_group("good", "eastus", as_job=True).result(DEADLINE_S).name == "good"
    go.touch()
    home.cloud.finish()
    wait_until(lambda: job.state in (az.JobState.COMPLETED, az.JobState.FAILED), what=f"{job.view.row.state}")
    if kind == "process":
        assert "How it ended is not known" in str(job.view.row.state)
    else:
        assert job.state is az.JobState.COMPLETED
    assert az.new_az_resource_group("good", "eastus", as_job=True).result(DEADLINE_S).name == "good"
