"""A sign-in service that does not answer for one account holds up the jobs of that account, and of no other."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

import azjobs as az
from azjobs.core.wire import DaemonStatus, Shutdown, Status
from azjobs.daemon.sending.requests import SENDERS
from azjobs.session.link.local import local
from terminal import DEADLINE_S, Home

JOBS = SENDERS + SENDERS // 2
HANGS_S = 50.0
OTHERS_MAY_TAKE_S = 20.0  # less than that


def kill_daemon() -> None:
    """With every token that it kept."""
    os.kill(local().client.ask(Status(0), DaemonStatus).pid, signal.SIGKILL)


class Hanging:
    """An application whose sign-in service does not answer one question: the next one."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.about = home.add_principal("hanging", subscriptions=1)
        self.context = self.sign_in()
        kill_daemon()
        self.since = max(one["seq"] for one in home.cloud.requests())
        self.endpoint = f"{self.about['tenant']}/oauth2/v2.0/token"
        home.cloud.fault(self.endpoint, {"delay_s": HANGS_S}, method="POST", times=1)

    def sign_in(self) -> az.Context:
        """Sign in as the application."""
        return az.connect_az_account(
            environment="AzureSimulator",
            service_principal=True,
            tenant=self.about["tenant"],
            credential=az.Credential(self.about["client"], az.SecureString(self.about["secret"])),
        )

    def start(self, number: int) -> az.Job[az.ResourceGroup]:
        """Start a job that needs a token."""
        return az.new_az_resource_group(f"g{number}", "eastus", az_context=self.context, as_job=True)

    def wait_until_asked(self) -> None:
        """Wait until the service was asked what it does not answer."""
        self.home.cloud.wait_for_requests(path_regex=self.endpoint, since=self.since, timeout_s=DEADLINE_S)

    def is_unanswered(self) -> bool:
        """Whether the service still does not answer the question that came first."""
        status = self.home.cloud.requests(path_regex=self.endpoint, since=self.since)[0]["status"]
        return status is None


@pytest.fixture
def hanging(signed_in: Home) -> Hanging:
    """No token of it is kept."""
    return Hanging(signed_in)


def test_jobs_of_an_account_whose_sign_in_service_hangs_keep_no_other_account_waiting(hanging: Hanging) -> None:
    """They are more than are sent at a time; they go on themselves once the service answers the next daemon."""
    other = az.get_az_context("Rehearsal")
    with ThreadPoolExecutor(16) as pool:
        jobs = list(pool.map(hanging.start, range(JOBS)))
    hanging.wait_until_asked()
    made = az.new_az_resource_group("others", "eastus", az_context=other, as_job=True).result(OTHERS_MAY_TAKE_S)
    assert made.name == "others"
    assert not any(job.done() for job in jobs)
    kill_daemon()
    assert {job.result(DEADLINE_S).location for job in jobs} == {"eastus"}


def test_jobs_that_wait_for_a_sign_in_service_that_hangs_go_on_when_somebody_signs_in_again(hanging: Hanging) -> None:
    """Nobody waits for the answer to what was asked before that."""
    job = hanging.start(0)
    hanging.wait_until_asked()
    assert not job.done()
    hanging.sign_in()
    assert job.result(OTHERS_MAY_TAKE_S).name == "g0"


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_daemon_that_leaves_waits_for_no_sign_in_service_that_hangs(
    signed_in: Home, hanging: Hanging, *, is_asked: bool
) -> None:
    """Neither when it is told to, nor when its keeper is gone: the next one serves soon, and has the job."""
    job = hanging.start(0)
    hanging.wait_until_asked()
    if is_asked:
        local().client.ask(Shutdown(0), DaemonStatus)
    else:
        signed_in.kill("keeper.py")
    context = az.connect_az_account(environment="AzureSimulator")
    assert az.new_az_resource_group("others", "eastus", az_context=context).name == "others"
    if not is_asked:
        hanging.sign_in()  # its secret went with the keeper
    assert job.result(DEADLINE_S).name == "g0"
    assert hanging.is_unanswered()
