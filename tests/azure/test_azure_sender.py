"""Nothing leaves for another host, tenant or subscription; secrets are filled in at the last moment only."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from typing import Any

import msgspec
import pytest
from azure_driver import Driver
from msgspec.structs import replace

from azjobs.azure.sender import HoleUnfilled, check_subscription, fill
from azjobs.core.arm import Request
from azjobs.core.claims import parse_claims, tenant_of
from azjobs.core.context import Subscription, Tenant
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


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("//subscriptions/" + OTHER, id="doubled-slash"),
        pytest.param("/./subscriptions/" + OTHER, id="dot"),
        pytest.param("/x/../subscriptions/" + OTHER, id="dot-dot"),
        pytest.param("/x/%2e%2e/subscriptions/" + OTHER, id="encoded-dots"),
        pytest.param("/%2Fsubscriptions/" + OTHER, id="encoded-slash"),
        pytest.param("/subscriptions%2F" + OTHER, id="encoded-slash-inside"),
        pytest.param("/x\\..\\subscriptions/" + OTHER, id="backslash"),
        pytest.param("/%73ubscriptions/" + OTHER, id="encoded-letter"),
        pytest.param("/SUBSCRIPTIONS/" + OTHER, id="upper-case"),
        pytest.param("/subscriptions/" + OTHER + "%00", id="control-character"),
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_refused(cloud: Any, path: str) -> None:
    """However a subscription is spelled, a write reaches only the context's own."""
    with pytest.raises(WrongTarget):
        check_subscription(cloud.endpoint["url"] + path + "?api-version=1", cloud.context)


def test_a_context_without_a_subscription_writes_to_none(cloud: Any) -> None:
    """Tenant-level paths are open to it, a subscription's are not."""
    bare = replace(cloud.context, subscription=None)
    with pytest.raises(WrongTarget, match="has no subscription"):
        check_subscription(cloud.endpoint["url"] + f"/subscriptions/{OTHER}/x", bare)
    check_subscription(cloud.endpoint["url"] + "/providers/Microsoft.Management/managementGroups/g", bare)
    check_subscription(cloud.endpoint["url"] + "/subscriptions", replace(bare, subscription=Subscription(OTHER)))


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
