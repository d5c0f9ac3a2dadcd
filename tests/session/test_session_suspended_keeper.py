"""A suspended keeper holds nobody up for ever: what needs it is refused in one sentence, and nothing is lost."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

import azjobs as az
from terminal import Home

LIMIT_S = 30.0


@pytest.mark.slow
def test_a_keeper_that_does_not_answer_is_named_with_what_to_type(home: Home) -> None:
    """A job that needs it is refused, and is not there; one that does not is taken and comes to its end."""
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.time("at-once")
    keeper = home.process("keeper.py")
    os.kill(keeper, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        needing = pool.submit(az.start_job, command=["true"])
        other = pool.submit(az.new_az_resource_group, "a", location="eastus", as_job=True)
        with pytest.raises(az.DaemonUnavailable) as caught:
            needing.result(LIMIT_S)
        group = other.result(LIMIT_S)
    said = f"The keeper (process {keeper}) has not answered for 10 s. If it is suspended, type: kill -CONT {keeper}."
    assert str(caught.value).startswith(said)
    assert group.result(LIMIT_S).name == "a"
    assert az.get_job() == [group]
    os.kill(keeper, signal.SIGCONT)
    job = az.start_job(command=["true"])
    az.wait_job(job, timeout=LIMIT_S)
    assert job.state == az.JobState.COMPLETED


@pytest.mark.slow
def test_a_daemon_that_cannot_come_back_for_want_of_its_keeper_is_said(home: Home) -> None:
    """The keeper holds the socket: a client is connected, and nobody greets it."""
    az.start_job(command=["true"]).result(LIMIT_S)
    keeper = home.process("keeper.py")
    os.kill(keeper, signal.SIGSTOP)
    home.kill("_main.daemon")
    said = (
        rf"Nobody has answered for 15 s\. If the keeper \(process {keeper}\) is suspended, type: kill -CONT {keeper}\."
    )
    with pytest.raises(az.DaemonUnavailable, match=said):
        az.start_job(command=["true"])
    os.kill(keeper, signal.SIGCONT)
    az.start_job(command=["true"]).result(LIMIT_S)
