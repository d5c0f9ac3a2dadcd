"""A sign-in service that does not answer for one account holds up the jobs of that account, and of no other."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

import azjobs as az
from azjobs.core.wire import DaemonStatus, Status
from azjobs.daemon.requests import SENDERS
from azjobs.session.local import local
from terminal import DEADLINE_S, Home, wait_until

JOBS = SENDERS + SENDERS // 2
HANGS_S = 50.0
OTHERS_MAY_TAKE_S = 20.0  # less than that


def kill_daemon() -> None:
    """With every token that it kept."""
    os.kill(local().client.ask(Status(0), DaemonStatus).pid, signal.SIGKILL)


@pytest.fixture
def hanging(signed_in: Home) -> az.Context:
    """A context whose sign-in service takes very long, and whose token nobody has yet."""
    about = signed_in.add_principal("hanging", subscriptions=1)
    credential = az.Credential(about["client"], az.SecureString(about["secret"]))
    context = az.connect_az_account(
        environment="AzureSimulator",
        service_principal=True,
        tenant=about["tenant"],
        credential=credential,
        context_name="hanging",
    )
    kill_daemon()
    signed_in.cloud.fault(f"{about['tenant']}/oauth2/v2.0/token", {"delay_s": HANGS_S}, method="POST", times=1)
    return context


def test_jobs_of_an_account_whose_sign_in_service_hangs_keep_no_other_account_waiting(
    signed_in: Home, hanging: az.Context
) -> None:
    """They are more than are sent at a time; they go on themselves once the service answers the next daemon."""
    other = az.get_az_context("Rehearsal")

    def start(number: int) -> az.Job[az.ResourceGroup]:
        return az.new_az_resource_group(f"g{number}", "eastus", az_context=hanging, as_job=True)

    with ThreadPoolExecutor(16) as pool:
        jobs = list(pool.map(start, range(JOBS)))
    tenant = hanging.tenant.id
    wait_until(lambda: signed_in.cloud.requests(method="POST", path_regex=f"{tenant}/oauth2"))
    made = az.new_az_resource_group("others", "eastus", az_context=other, as_job=True).result(OTHERS_MAY_TAKE_S)
    assert made.name == "others"
    assert not any(job.done() for job in jobs)
    kill_daemon()
    assert {job.result(DEADLINE_S).location for job in jobs} == {"eastus"}
