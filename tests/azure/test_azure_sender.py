"""Nothing leaves for another host, tenant or subscription; secrets are filled in at the last moment only."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from azure_driver import Driver
from azure_rawserver import RawServer, read_request, reply
from msgspec.structs import replace

from azjobs.azure.sender import HoleUnfilled, fill
from azjobs.core.arm import Request
from azjobs.core.claims import parse_claims, tenant_of
from azjobs.core.context import Tenant
from azjobs.core.errors import WrongTarget

GROUP = "/subscriptions/{}/resourceGroups/r?api-version=2024-03-01"
OTHER = "99999999-0000-0000-0000-000000000000"


def send(cloud: Any, request: Request, context: Any = None, **options: Any) -> Any:
    async def run() -> Any:
        async with Driver(cloud) as driver:
            token = options.pop("token", None) or await driver.token()
            return await driver.sender.send(request, context or cloud.context, token, {}, **options)

    return asyncio.run(run())


def poll(cloud: Any, url: str) -> Any:
    async def run() -> Any:
        async with Driver(cloud) as driver:
            return await driver.sender.poll(url, cloud.context, await driver.token())

    return asyncio.run(run())


def put(subscription: str) -> Request:
    return Request("PUT", GROUP.format(subscription), "resource group r", {"location": "eastus"})


def jwt(claims: object) -> str:
    return f"e30.{urlsafe_b64encode(msgspec.json.encode(claims)).decode().rstrip('=')}.sig"


def nothing_arrived(cloud: Any) -> bool:
    return not [r for r in cloud.control.requests() if "/subscriptions" in r["path"]]


def test_a_write_to_its_own_subscription_goes_out_with_its_ids(cloud: Any) -> None:
    """The reply comes with the absolute address; client and correlation id arrive as given."""
    reply, url = send(cloud, put(cloud.endpoint["subscription_id"]), client_request_id="c-1", correlation_id="c-2")
    assert (reply.status, url) == (201, cloud.endpoint["url"] + GROUP.format(cloud.endpoint["subscription_id"]))
    arrived = cloud.control.requests(method="PUT")[0]
    assert (arrived["client_request_id"], arrived["correlation_id"]) == ("c-1", "c-2")


def test_a_write_to_another_subscription_is_a_wrong_target_and_not_sent(cloud: Any) -> None:
    """The path's subscription must be the context's, in any case of its letters."""
    with pytest.raises(WrongTarget, match=f"subscription {OTHER}.*Rehearsal.*nothing was sent"):
        send(cloud, put(OTHER))
    assert nothing_arrived(cloud)
    assert send(cloud, put(cloud.endpoint["subscription_id"].upper()))[0].status == 201


def test_a_write_with_a_token_of_another_tenant_is_a_wrong_target_and_not_sent(cloud: Any) -> None:
    """The token's tenant must be the context's."""
    elsewhere = replace(cloud.context, tenant=Tenant(OTHER, "Fabrikam"))
    with pytest.raises(WrongTarget, match=r"for tenant .*Fabrikam"):
        send(cloud, put(cloud.endpoint["subscription_id"]), elsewhere)
    with pytest.raises(WrongTarget, match="no tenant"):
        send(cloud, put(cloud.endpoint["subscription_id"]), token="opaque")
    assert nothing_arrived(cloud)


def test_a_write_as_another_account_is_a_wrong_target_and_not_sent(cloud: Any) -> None:
    """Where the context knows the account's object id, the token must be of that one."""
    with pytest.raises(WrongTarget, match=rf"object id .*azjobs-demo \({OTHER}\); nothing was sent"):
        send(cloud, put(cloud.endpoint["subscription_id"]), replace(cloud.context, object_id=OTHER))
    assert nothing_arrived(cloud)


def test_a_write_with_a_token_for_another_service_is_a_wrong_target_and_not_sent(cloud: Any) -> None:
    """A real token of the right tenant and account is not enough: it must be for the context's Resource Manager."""
    elsewhere = replace(cloud.context.environment, audience="https://vault.example")
    with pytest.raises(WrongTarget, match="The token is for https://localhost"):
        send(cloud, put(cloud.endpoint["subscription_id"]), replace(cloud.context, environment=elsewhere))
    assert nothing_arrived(cloud)


def test_a_redirect_takes_no_token_anywhere(cloud: Any, tmp_path: Path) -> None:
    """An answer that names another address, even of a cloud that would take the token, is not followed there."""

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[bytes]) -> None:
        await read_request(reader, requests)
        writer.write(reply("307 Temporary Redirect", headers=f"location: {cloud.endpoint['url']}/subscriptions\r\n"))
        await writer.drain()

    async def run() -> tuple[int, list[bytes]]:
        async with Driver(cloud) as driver, RawServer(redirect, tmp_path) as server:
            there = replace(cloud.context.environment, resource_manager_url=server.url, ca_file=server.ca_file)
            context = replace(cloud.context, environment=there)
            answer, _ = await driver.sender.poll("/subscriptions?api-version=1", context, await driver.token())
            return answer.status, server.requests

    status, requests = asyncio.run(run())
    assert (status, len(requests)) == (307, 1)
    assert nothing_arrived(cloud)


def test_no_request_goes_to_a_host_outside_the_environment(cloud: Any) -> None:
    """Reads, writes and polls alike: a URL from a reply or an import cannot take the token elsewhere."""
    port = cloud.endpoint["url"].rpartition(":")[2]
    for url in (
        "https://evil.example/subscriptions?api-version=1",
        f"https://127.0.0.1:{port}/subscriptions?api-version=2022-12-01",
        f"https://localhost:{port}@evil.example/x",
        f"https://user@localhost:{port}/subscriptions?api-version=2022-12-01",
        f"http://localhost:{port}/subscriptions",
        f"https://localhost:{port}\\@evil.example/x",
        f"https://localhost:{port}\\.evil.example/x",
        f"https://local\thost:{port}/x",
        "https://localhost:port/x",
        f"https://l\u043ecalhost:{port}/x",
        "file:///etc/passwd",
        "",
    ):
        with pytest.raises(WrongTarget):
            poll(cloud, url)
        with pytest.raises(WrongTarget):
            send(cloud, Request("GET", url))
    assert nothing_arrived(cloud)


def test_a_page_link_of_the_same_host_is_read(cloud: Any) -> None:
    """An absolute address of the environment's own Resource Manager is as good as a path."""
    assert poll(cloud, cloud.endpoint["url"] + "/subscriptions?api-version=2022-12-01")[0].status == 200
    assert poll(cloud, "/subscriptions?api-version=2022-12-01")[0].status == 200


def test_a_condition_becomes_if_none_match(cloud: Any) -> None:
    """A PUT under the condition is refused by the service when the resource exists."""

    async def run() -> list[int]:
        async with Driver(cloud) as driver:
            await driver.run("new-az-vm@1", {"password": "Correct-Horse-7"}, name="vm", username="vmadmin")
            machine = await driver.run("get-az-vm@1", name="vm")
            path = machine["id"] + "?api-version=2024-07-01"
            body = {"location": "eastus"}
            token = await driver.token()
            request = Request("PUT", path, "virtualMachines/vm", body)
            return [(await driver.sender.send(request, cloud.context, token, {}, condition=True))[0].status]

    assert asyncio.run(run()) == [412]


def test_holes_are_filled_in_a_copy() -> None:
    """The stored body never has the secret; pointers reach into objects and lists and make what is missing."""
    body = {"a": {"b": [{"c": 1}, {"d~/": 2}]}}
    before = msgspec.json.encode(body)
    holes = {"/a/b/0/secret": "one", "/a/b/1/d~0~1": "two", "/x/y": "one"}
    filled = fill(body, holes, {"one": "S1", "two": "S2"})
    assert filled == {"a": {"b": [{"c": 1, "secret": "S1"}, {"d~/": "S2"}]}, "x": {"y": "S1"}}
    assert msgspec.json.encode(body) == before
    assert fill(body, {}, {}) is body


def test_a_missing_secret_is_named_and_nothing_is_sent(cloud: Any) -> None:
    """Before anything goes out, every hole must have its secret."""
    request = msgspec.structs.replace(put(cloud.endpoint["subscription_id"]), holes={"/x": "pw", "/y": "key"})
    with pytest.raises(HoleUnfilled, match="key, pw") as caught:
        send(cloud, request)
    assert caught.value.names == ("key", "pw")
    assert nothing_arrived(cloud)


@pytest.mark.parametrize(
    ("token", "tenant"),
    [
        pytest.param(jwt({"tid": "T"}), "T", id="the-claim"),
        pytest.param(jwt({"oid": "T"}), "", id="no-such-claim"),
        pytest.param(jwt({"tid": 7}), "", id="not-text"),
        pytest.param(jwt([1]), "", id="no-object"),
        pytest.param("a.b", "", id="two-parts"),
        pytest.param("a.!.c", "", id="not-base64"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_the_tenant_of_a_token_is_its_tid_claim(token: str, tenant: str) -> None:
    """What is no token of Entra has no tenant."""
    assert tenant_of(parse_claims(token)) == tenant
