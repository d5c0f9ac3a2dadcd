"""Many jobs that start at once ask the sign-in service once for each identity and scope."""

from __future__ import annotations

import concurrent.futures
import os
import signal
from collections import Counter
from typing import Any

import pytest

import azjobs as az
from azjobs.core.wire import DaemonStatus, Status
from azjobs.session.link.local import local
from terminal import Home

IDENTITIES = 5
OPERATIONS = 98  # of each identity
PROCESSES = 2  # of each identity
LIMIT_S = 100.0


def ask(scopes: tuple[str, ...]) -> int:
    context = az.get_az_context()
    assert context is not None
    return len(context.credential.get_token(*scopes).token)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_500_jobs_starting_at_once_cause_one_token_request_for_each_identity(signed_in: Home) -> None:
    """Operations and processes alike, while the sign-in service takes its time; and all of them have their token."""
    cloud = signed_in.cloud
    contexts = []
    for number in range(IDENTITIES):
        about = signed_in.add_principal(f"many-{number}", subscriptions=1)
        credential = az.Credential(about["client"], az.SecureString(about["secret"]))
        contexts.append(
            az.connect_az_account(
                environment="AzureSimulator", service_principal=True, tenant=about["tenant"], credential=credential
            )
        )
    os.kill(local().client.ask(Status(0), DaemonStatus).pid, signal.SIGKILL)  # with every token that it kept
    before = max(one["seq"] for one in cloud.requests())
    cloud.fault("oauth2/v2.0/token", {"delay_s": 1.0}, method="POST", times=IDENTITIES)

    def start(context: az.Context, number: int) -> az.Job[Any]:
        if number < PROCESSES:
            scopes = (context.environment.scope,) if number else ()
            return az.start_job(ask, argument_list=[scopes], az_context=context)
        return az.new_az_resource_group(name=f"g{number}", location="eastus", az_context=context, as_job=True)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        wanted = [(context, number) for number in range(PROCESSES + OPERATIONS) for context in contexts]
        jobs = [future.result() for future in [pool.submit(start, *one) for one in wanted]]
    assert len(jobs) == 500
    results = [job.result(LIMIT_S) for job in jobs]
    assert sum(result.name.startswith("g") for result in results if not isinstance(result, int)) == 490
    asked = Counter(one["tenant_id"] for one in cloud.requests(since=before, method="POST", path_regex="oauth2"))
    assert asked == {context.tenant.id: 1 for context in contexts}
