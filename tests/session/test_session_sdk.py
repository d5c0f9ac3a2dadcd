"""Official SDK clients bound to a context, and their operations as jobs."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import azjobs as az
from terminal import Home

LIMIT_S = 30.0


@pytest.fixture
def groups(signed_in: Home) -> Iterator[Any]:
    """A client for resource groups."""
    from azure.mgmt.resource.resources import ResourceManagementClient  # noqa: PLC0415 - heavy

    context = az.get_az_context()
    assert context is not None
    with context.client(ResourceManagementClient) as client:
        yield client


def test_a_client_acts_in_its_context(groups: Any) -> None:
    """Cloud, subscription, authority and tokens are the context's."""
    made = groups.resource_groups.create_or_update("by-sdk", {"location": "eastus"})
    assert made.name == "by-sdk"
    assert "by-sdk" in [group.name for group in groups.resource_groups.list()]


def test_a_client_inside_a_job_has_the_jobs_context(signed_in: Home) -> None:
    """It needs nothing but what the job was granted."""

    def names() -> list[str]:
        from azure.mgmt.resource.resources import ResourceManagementClient  # noqa: PLC0415 - in the job

        with az.get_az_context().client(ResourceManagementClient) as client:
            client.resource_groups.create_or_update("by-job", {"location": "eastus"})
            return [group.name for group in client.resource_groups.list()]

    assert "by-job" in az.start_job(names).result(LIMIT_S)


def test_an_operation_that_a_client_has_begun_becomes_a_job(groups: Any, signed_in: Home) -> None:
    """It is watched to its end, and its reply is its value."""
    groups.resource_groups.create_or_update("tracked", {"location": "eastus"})
    signed_in.cloud.time("at-once", kinds={"group-delete": {"mode": "held"}})
    job = az.track(groups.resource_groups.begin_delete, "tracked", job_name="gone soon")
    assert (job.name, job.type, job.state) == ("gone soon", az.JobType.AZURE, az.JobState.RUNNING)
    before = len(signed_in.cloud.requests())
    signed_in.cloud.wait_for_requests(since=before, path_regex="operationresults", count=2, answered=True)
    assert not job.done()
    signed_in.cloud.finish()
    assert job.result(LIMIT_S).status_code in (200, 204)
    assert "tracked" not in [group.name for group in groups.resource_groups.list()]


def test_only_pollers_of_the_contexts_own_subscription_are_tracked(groups: Any, signed_in: Home) -> None:
    """A job never acts outside its context."""
    other = "77777777-7777-4777-8777-777777777777"
    signed_in.add_subscriptions(Seventh=other)
    az.set_az_context(subscription="Seventh")
    groups.resource_groups.create_or_update("foreign", {"location": "eastus"})
    poller = groups.resource_groups.begin_delete("foreign", polling=False)
    with pytest.raises(az.WrongTarget, match="is not the context's"):
        az.track(poller)
    with pytest.raises(az.InvalidInput, match="A object is no poller"):
        az.track(object())
    with pytest.raises(az.InvalidInput, match="A poller takes no arguments"):
        az.track(poller, "foreign")


def test_an_operation_of_an_asynchronous_client_is_not_begun(signed_in: Home) -> None:
    """It could not be followed."""

    async def begin_nothing(**_: Any) -> None:
        raise AssertionError

    with pytest.raises(az.InvalidInput, match="Nothing was begun"):
        az.track(begin_nothing)


def test_a_client_class_that_needs_a_subscription_says_so(signed_in: Home) -> None:
    """Also an asynchronous one."""
    from azure.mgmt.resource.resources import ResourceManagementClient  # noqa: PLC0415 - heavy
    from azure.mgmt.resource.resources.aio import ResourceManagementClient as Asynchronous  # noqa: PLC0415 - heavy
    from msgspec.structs import replace  # noqa: PLC0415 - here only

    context = az.get_az_context()
    assert context is not None
    bare = az.Context(replace(context.value, subscription=None))
    for kind in (ResourceManagementClient, Asynchronous):
        with pytest.raises(az.InvalidInput, match="ResourceManagementClient needs a subscription"):
            bare.client(kind)


def test_the_credential_of_a_context_is_a_token_credential_of_both_kinds(signed_in: Home) -> None:
    """get_token and get_token_info, with and without scopes."""
    from azure.core.credentials import SupportsTokenInfo, TokenCredential  # noqa: PLC0415 - heavy

    context = az.get_az_context()
    assert context is not None
    credential = context.credential
    assert isinstance(credential, TokenCredential)
    assert isinstance(credential, SupportsTokenInfo)
    token = credential.get_token(context.environment.scope)
    assert credential.get_token_info(context.environment.scope).token == token.token
    assert credential.get_token().token
    assert token.token not in repr(credential)


async def make_group(name: str) -> list[str]:
    from azure.mgmt.resource.resources.aio import ResourceManagementClient  # noqa: PLC0415 - heavy; also in the job

    context = az.get_az_context()
    assert context is not None
    async with context.client(ResourceManagementClient) as client:
        await client.resource_groups.create_or_update(name, {"location": "eastus"})
        return [group.name async for group in client.resource_groups.list()]


def test_an_asynchronous_client_acts_in_its_context_here_and_in_a_job(signed_in: Home) -> None:
    """Cloud, subscription and tokens are the context's."""
    assert "by-aio" in asyncio.run(make_group("by-aio"))
    assert {"by-aio", "by-aio-job"} <= set(az.start_job(make_group, argument_list=["by-aio-job"]).result(LIMIT_S))


def test_the_asynchronous_credential_is_one_of_azure_core_and_a_twin(signed_in: Home) -> None:
    """Also as `async with context.credential`; both have the same tokens, and errors are raised where it is asked."""
    from azure.core.credentials_async import AsyncSupportsTokenInfo, AsyncTokenCredential  # noqa: PLC0415 - heavy

    context = az.get_az_context()
    assert context is not None
    blocking = context.credential

    async def use() -> None:
        async with blocking as credential, context.async_credential as other:
            assert isinstance(credential, AsyncTokenCredential)
            assert isinstance(credential, AsyncSupportsTokenInfo)
            token = await credential.get_token(context.environment.scope)
            assert blocking.get_token(context.environment.scope) == token
            assert (await credential.get_token_info(context.environment.scope)).token == token.token
            assert (await other.get_token()).token
            assert token.token not in repr(credential)
            with pytest.raises(az.WrongTarget):
                await credential.get_token(tenant_id="elsewhere")

    asyncio.run(use())


def test_tasks_that_ask_at_once_share_one_fetch_and_the_loop_goes_on(signed_in: Home) -> None:
    """Nobody waits for the daemon but who asked; a task that is cancelled takes none of the others along."""
    from azjobs.core.wire import DaemonStatus, Status  # noqa: PLC0415 - here only
    from azjobs.session.link.local import local  # noqa: PLC0415 - here only

    context = az.get_az_context()
    assert context is not None
    scope = context.environment.scope
    daemon = local().client.ask(Status(0), DaemonStatus).pid

    async def use() -> None:
        credential = context.async_credential
        os.kill(daemon, signal.SIGSTOP)
        try:
            asking = [asyncio.create_task(credential.get_token(scope)) for _ in range(50)]
            for _ in range(100):
                await asyncio.sleep(0)
            assert not any(task.done() for task in asking)
            assert sum(thread.name == "azjobs-token" for thread in threading.enumerate()) == 1
            asking[0].cancel()
        finally:
            os.kill(daemon, signal.SIGCONT)
        cancelled, *found = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(cancelled, asyncio.CancelledError)
        assert len({token.token for token in found if not isinstance(token, BaseException)}) == 1

    asyncio.run(use())


def test_the_asynchronous_credential_travels_as_the_grant_it_is(signed_in: Home) -> None:
    """As an argument it is the same in the job."""
    context = az.get_az_context()
    assert context is not None

    async def use(credential: Any) -> int:
        return len((await credential.get_token()).token)

    assert az.start_job(use, argument_list=[context.async_credential]).result(LIMIT_S) > 100
