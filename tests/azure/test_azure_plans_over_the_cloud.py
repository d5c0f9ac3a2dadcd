"""The plans do in the embedded cloud what they say, in every style of long-running operation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from azure_driver import Driver

from azjobs.core.errors import Fault
from azjobs.core.models import ActionResult, ResourceGroup, Subscription, VirtualMachine
from azjobs.core.models import Tenant as TenantSeen

SECRETS = {"password": "Correct-Horse-7"}


def drive(cloud: Any, work: Callable[[Driver], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Driver(cloud) as driver:
            return await work(driver)

    return asyncio.run(run())


async def make(driver: Driver, name: str = "Big", **more: Any) -> Any:
    return await driver.run("new-az-vm@1", SECRETS, name=name, username="vmadmin", **more)


@pytest.mark.parametrize("style", ["async-operation", "location", "provisioning-state", "sync"])
def test_a_machine_is_made_with_all_it_needs_in_every_style(cloud: Any, style: str) -> None:
    """New-AzVM makes six resources, in the order of what they depend on, and returns the machine."""
    cloud.control.style(style)
    cloud.control.time("reads", reads=1)
    cloud.control.retry_after(0)
    body = drive(cloud, lambda d: make(d, public_ip_address_name="door", domain_name_label="big-door"))
    machine = VirtualMachine.from_json(body)
    assert (machine.name, machine.resource_group_name, machine.provisioning_state) == ("Big", "Big", "Succeeded")
    assert machine.os_type == "Windows"
    ids = [effect["resource_id"].rpartition("/resourcegroups/")[2] for effect in cloud.control.effects()]
    network = {f"big/providers/microsoft.network/{x}" for x in ("virtualnetworks/big", "networksecuritygroups/big")}
    assert ids[0] == "big"
    assert set(ids[1:4]) == network | {"big/providers/microsoft.network/publicipaddresses/door"}
    assert [i.rpartition("/providers/")[2] for i in ids[4:]] == [
        "microsoft.network/networkinterfaces/big",
        "microsoft.compute/virtualmachines/big",
    ]


def test_a_linux_machine_with_disks_and_tags_is_made_as_asked(cloud: Any) -> None:
    """Image, size, zone, disks, tags, network ranges and ports are what the arguments say."""
    body = drive(
        cloud,
        lambda d: make(
            d,
            "web",
            image="Ubuntu2204",
            resource_group_name="blue",
            location="West Europe",
            data_disk_sizes_gb=[32, 64],
            tags={"env": "dev"},
            address_prefix="10.0.0.0/16",
            subnet_address_prefix="10.0.1.0/24",
            open_ports=[22, 443],
        ),
    )
    machine = VirtualMachine.from_json(body)
    assert (machine.os_type, machine.location, machine.tags) == ("Linux", "westeurope", {"env": "dev"})
    assert [disk["diskSizeGB"] for disk in machine.raw["properties"]["storageProfile"]["dataDisks"]] == [32, 64]
    found = {r["id"].rpartition("/")[2]: r for r in cloud.control.resources()["resources"] if "Security" in r["type"]}
    rules = found["web"]["properties"]["securityRules"]
    assert [rule["properties"]["destinationPortRange"] for rule in rules] == ["22", "443"]


def test_a_machine_that_exists_is_returned_and_nothing_is_written(cloud: Any) -> None:
    """New-AzVM of a machine that exists changes nothing."""

    async def twice(driver: Driver) -> tuple[Any, Any, int]:
        first = await make(driver)
        before = len(cloud.control.effects())
        return first, await make(driver, image="Ubuntu2204"), before

    first, second, before = drive(cloud, twice)
    assert (second["id"], second["properties"]["vmId"]) == (first["id"], first["properties"]["vmId"])
    assert len(cloud.control.effects()) == before


def test_what_exists_is_reused_and_a_missing_subnet_is_added(cloud: Any) -> None:
    """A network that exists keeps its subnets; only the one that is missing is made."""

    async def work(driver: Driver) -> None:
        await make(driver, "one", resource_group_name="shared", virtual_network_name="net", security_group_name="nsg")
        cloud.control.time("at-once")
        await make(
            driver,
            "two",
            resource_group_name="shared",
            virtual_network_name="net",
            security_group_name="nsg",
            subnet_address_prefix="192.168.2.0/24",
        )

    drive(cloud, work)
    writes = [path.rpartition("/resourceGroups/shared")[2] for path in cloud.write_paths()]
    assert sum(path.endswith("virtualNetworks/net") for path in writes) == 1
    assert sum(path.endswith("networkSecurityGroups/nsg") for path in writes) == 1
    assert any(path.endswith("virtualNetworks/net/subnets/two") for path in writes)


def test_a_refusal_for_want_of_quota_ends_the_plan_with_azures_own_words(cloud: Any) -> None:
    """The fault of a refused request carries ARM's code and message."""
    cloud.control.quota(1)
    fault = drive(cloud, make)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.http_status) == ("QuotaExceeded", 409)
    assert "cores" in fault.message.lower()


def test_the_password_reaches_azure_in_the_body_and_nothing_else_holds_it(cloud: Any) -> None:
    """A machine whose password is too weak is refused by the cloud itself: so it did arrive."""
    weak = {"password": "aaaaaaaaaaaaaa"}
    fault = drive(cloud, lambda d: d.run("new-az-vm@1", weak, name="Big", username="vmadmin"))
    assert isinstance(fault, Fault)
    assert weak["password"] not in repr(fault)
    assert "assword" in fault.message


def test_a_machine_is_stopped_started_restarted_and_removed(cloud: Any) -> None:
    """The actions change the power state as they say; a removal is a removal."""

    async def work(driver: Driver) -> list[Any]:
        identity = (await make(driver))["id"]
        seen: list[Any] = []
        for plan, target in (
            ("stop-az-vm@1", {"id": identity}),
            ("start-az-vm@1", {"name": "big"}),
            ("stop-az-vm@1", {"name": "Big", "stay_provisioned": True, "skip_shutdown": True}),
            ("restart-az-vm@1", {"name": "Big", "resource_group_name": "Big"}),
        ):
            result = await driver.run(plan, **target)
            machine = VirtualMachine.from_json(await driver.run("get-az-vm@1", name="Big", status=True))
            seen.append((ActionResult.from_json(result).action, machine.power_state))
            if machine.power_state == "stopped":
                await driver.run("start-az-vm@1", name="Big")
        seen.append(ActionResult.from_json(await driver.run("remove-az-vm@1", name="Big", force_deletion=True)).action)
        seen.append((await driver.run("get-az-vm@1", name="Big")).code)
        return seen

    assert drive(cloud, work) == [
        ("deallocate", "deallocated"),
        ("start", "running"),
        ("powerOff", "stopped"),
        ("restart", "running"),
        "delete",
        "ResourceNotFound",
    ]


@pytest.mark.parametrize("plan", ["start-az-vm@1", "stop-az-vm@1", "restart-az-vm@1", "remove-az-vm@1", "get-az-vm@1"])
def test_a_machine_that_is_not_there_is_named_in_the_fault(cloud: Any, plan: str) -> None:
    """A target that does not exist is `ResourceNotFound`, by name and by name with group alike."""
    for target in ({"name": "gone"}, {"name": "gone", "resource_group_name": "nowhere"}):
        fault = drive(cloud, lambda d, target=target: d.run(plan, **target))
        assert isinstance(fault, Fault), target
        assert fault.code == "ResourceNotFound"
        assert "machine gone" in fault.message
    assert not [path for path in cloud.write_paths() if "DELETE" in path]


def test_machines_are_listed_page_by_page_by_group_and_by_pattern(cloud: Any) -> None:
    """A list follows nextLink to its end; names and groups may be patterns, matched without case."""
    cloud.control.style(page_size=2)

    async def work(driver: Driver) -> dict[str, Any]:
        for name in ("web-1", "web-2", "db-1"):
            await make(driver, name, resource_group_name="blue")
        await make(driver, "web-1", resource_group_name="green")
        return {
            "all": await driver.run("get-az-vm@1"),
            "blue": await driver.run("get-az-vm@1", resource_group_name="blue"),
            "webs": await driver.run("get-az-vm@1", name="WEB-*", status=True),
            "gr*": await driver.run("get-az-vm@1", resource_group_name="gr*"),
            "none": await driver.run("get-az-vm@1", name="x*"),
            "one": await driver.run("get-az-vm@1", name="db-1"),
            "two": await driver.run("get-az-vm@1", name="web-1"),
        }

    found = drive(cloud, work)
    assert sorted(VirtualMachine.from_json(m).name for m in found["all"]) == ["db-1", "web-1", "web-1", "web-2"]
    assert len(found["blue"]) == 3
    assert [VirtualMachine.from_json(m).power_state for m in found["webs"]] == ["running"] * 3
    assert [m["id"].split("/")[4] for m in found["gr*"]] == ["green"]
    assert found["none"] == []
    assert found["one"]["name"] == "db-1"
    assert found["two"].code == "AmbiguousName"
    assert "blue, green" in found["two"].message


def test_resource_groups_are_made_read_counted_and_removed(cloud: Any) -> None:
    """A group that exists is left as it is; its resources are counted before it goes."""

    async def work(driver: Driver) -> dict[str, Any]:
        group = {"name": "prod", "location": "East US"}
        seen = {
            "new": await driver.run("new-az-resource-group@1", **group, tags={"a": "1"}),
            "again": await driver.run("new-az-resource-group@1", **group),
            "tags": await driver.run("new-az-resource-group@1", **group, tags={"a": "2"}),
            "moved": await driver.run("new-az-resource-group@1", name="prod", location="westus"),
            "forced": await driver.run("new-az-resource-group@1", **group, tags={"a": "2"}, force=True),
            "listed": await driver.run("get-az-resource-group@1", name="PR*"),
        }
        await make(driver, "web", resource_group_name="prod")
        seen["count"] = await driver.run("count-az-resources@1", name="prod")
        seen["removed"] = await driver.run("remove-az-resource-group@1", name="prod")
        seen["gone"] = await driver.run("get-az-resource-group@1", name="prod")
        seen["no count"] = await driver.run("count-az-resources@1", name="prod")
        seen["not removed"] = await driver.run("remove-az-resource-group@1", name="prod")
        return seen

    seen = drive(cloud, work)
    assert ResourceGroup.from_json(seen["new"]).tags == {"a": "1"}
    assert seen["again"] == seen["new"]
    assert seen["tags"].code == "ResourceGroupExists"
    assert seen["moved"].code == "InvalidResourceGroupLocation"
    assert ResourceGroup.from_json(seen["forced"]).tags == {"a": "2"}
    assert [g["name"] for g in seen["listed"]] == ["prod"]
    assert seen["count"]["count"] == 5  # network, security group, interface, machine, disk
    assert seen["removed"]["status"] == "Succeeded"
    for key in ("gone", "no count", "not removed"):
        assert seen[key].code == "ResourceGroupNotFound", key
        assert "prod" in seen[key].message


def test_any_request_can_be_made_and_is_followed_to_its_end(cloud: Any) -> None:
    """Invoke-AzRestMethod sends what it is told, waits for what takes long, and tells what Azure refuses."""
    cloud.control.time("reads", reads=2)
    cloud.control.retry_after(0)

    async def work(driver: Driver) -> list[Any]:
        await driver.run("new-az-resource-group@1", name="r", location="eastus")
        subscription = cloud.endpoint["subscription_id"]
        path = f"/subscriptions/{subscription}/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v"
        version = "?api-version=2024-05-01"
        payload = {"location": "eastus", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
        invoke = partial(driver.run_as_is, "invoke-az-rest-method@1")
        return [
            await invoke(method="put", path=path + version, payload=payload),
            await invoke(path=path + version),
            await invoke(method="DELETE", path=path + version),
            await invoke(path=path + version),
        ]

    made, read, removed, gone = drive(cloud, work)
    assert made["content"]["properties"]["provisioningState"] == "Succeeded"
    assert read["statusCode"] == 200
    assert removed["statusCode"] in (200, 204)
    assert gone.code == "ResourceNotFound"


def test_a_sign_in_can_look_around(cloud: Any) -> None:
    """Subscriptions and tenants that the account sees are lists; one that it does not see is said so."""

    async def work(driver: Driver) -> list[Any]:
        return [
            await driver.run_as_is("get-az-subscription@1"),
            await driver.run_as_is("get-az-subscription@1", name="rehearsal"),
            await driver.run_as_is("get-az-subscription@1", id="nowhere"),
            await driver.run_as_is("get-az-tenant@1"),
        ]

    every, named, none, tenants = drive(cloud, work)
    assert Subscription.from_json(every[0]).id == cloud.endpoint["subscription_id"]
    assert named == every
    assert none.code == "SubscriptionNotFound"
    assert [TenantSeen.from_json(t).name for t in tenants] == ["Contoso"]
