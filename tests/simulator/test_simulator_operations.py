"""Long-running operations: every style, every way of time, and what a poll can meet."""

from __future__ import annotations

import pytest

FAILURE = {"fail_operation": {"code": "AllocationFailed", "message": "No capacity."}}


@pytest.fixture
def path(world) -> str:
    """Where a network can be made."""
    world.group()
    return world.path("virtualNetworks", "v")


def test_at_once_is_done_at_the_first_look(wire, world, path):
    """The first reply still says that it is under way; whoever looks finds it done."""
    answer = wire.put(path, world.vnet_body())
    assert answer.state == "Updating"
    assert wire.get(answer.headers["azure-asyncoperation"]).body["status"] == "Succeeded"


def test_reads_count_every_look(wire, world, control, path):
    """After two looks that say no, the third says yes, whether at the operation or at the resource."""
    control.time("reads", reads=2)
    url = wire.put(path, world.vnet_body()).headers["azure-asyncoperation"]
    assert wire.get(url).body["status"] == "InProgress"
    assert wire.get(path).state == "Updating"
    assert wire.get(url).body["status"] == "Succeeded"


def test_a_deletion_can_end_with_the_look_at_the_resource(wire, world, control, path):
    """The look that ends a deletion already finds nothing; so for a resource, so for a group."""
    wire.put(path, world.vnet_body())
    control.time("reads", reads=0)
    wire.delete(path)
    assert wire.get(path).code == "ResourceNotFound"
    wire.delete(world.group())
    assert wire.get(f"{wire.sub}/resourceGroups/g").code == "ResourceGroupNotFound"


def test_seconds_pass_by_the_clock(wire, world, control, clock, path):
    """An operation of ten seconds is under way after nine and done after ten, seen or not."""
    control.time("seconds", seconds=10)
    url = wire.put(path, world.vnet_body()).headers["azure-asyncoperation"]
    clock.move(9)
    assert wire.get(url).body["status"] == "InProgress"
    clock.move(1)
    body = wire.get(url).body
    assert body["status"] == "Succeeded"
    assert body["startTime"] < body["endTime"]


def test_scaled_time_keeps_the_proportions(wire, world, control, clock, path):
    """By default a network of nominally 15 s takes half a second; one kind can have a rule of its own."""
    control.reset()
    world.group()
    control.time(kinds={"nsg-write": {"mode": "seconds", "seconds": 5}})
    network = wire.put(path, world.vnet_body()).headers["azure-asyncoperation"]
    firewall = wire.put(world.path("networkSecurityGroups", "x"), {"location": "eastus", "properties": {}})
    clock.move(0.49)
    assert wire.get(network).body["status"] == "InProgress"
    clock.move(0.02)
    assert wire.get(network).body["status"] == "Succeeded"
    assert wire.get(firewall.headers["azure-asyncoperation"]).body["status"] == "InProgress"


def test_a_held_operation_ends_when_told(wire, world, control, clock, path):
    """No time and no look ends it; a finish does, also as failed or cancelled."""
    control.time("held")
    url = wire.put(path, world.vnet_body()).headers["azure-asyncoperation"]
    clock.move(10_000)
    wire.sign_out()
    assert wire.get(url).body["status"] == "InProgress"
    control.finish(path, status="Canceled", code="Stopped", message="By hand.")
    body = wire.get(url).body
    assert (body["status"], body["error"]) == ("Canceled", {"code": "Stopped", "message": "By hand."})
    assert wire.get(path).state == "Canceled"


def test_a_location_moves_at_each_poll(wire, world, control, path):
    """A new address with each 202; the one before still answers, an older one does not."""
    control.style("location", kind="vnet-write")
    control.time("held")
    answer = wire.put(path, world.vnet_body())
    assert (answer.status, answer.headers["azure-asyncoperation"]) == (201, None)
    urls = [answer.headers["location"]]
    for _ in range(3):
        urls.append(wire.get(urls[-1]).headers["location"])
    assert len(set(urls)) == 4
    assert wire.get(urls[-2]).status == 202
    assert wire.get(urls[0]).code == "OperationNotFound"
    control.finish(path)
    done = wire.get(urls[-1])
    assert (done.status, done.body["name"], done.state) == (200, "v", "Succeeded")


def test_a_state_in_the_body_is_all_there_is(wire, world, control, path):
    """In this style a PUT has no header to follow."""
    control.style("provisioning-state", resource_type="Microsoft.Network/virtualNetworks")
    answer = wire.put(path, world.vnet_body())
    assert (answer.status, answer.state) == (201, "Updating")
    assert answer.headers["azure-asyncoperation"] is None
    assert answer.headers["location"] is None
    assert wire.get(path).state == "Succeeded"
    assert wire.delete(path).headers["azure-asyncoperation"]


def test_sync_is_done_before_the_reply(wire, world, control, path):
    """In this style nothing is left to wait for, nor for an action, nor for a group."""
    control.style("sync")
    control.time("held")
    answer = wire.put(path, world.vnet_body())
    assert (answer.status, answer.state, answer.headers["retry-after"]) == (201, "Succeeded", None)
    machine = world.machine("m2") if wire.delete(path).status == 204 else ""
    assert wire.post(f"{machine}/deallocate").status == 200
    assert world.power(machine) == "deallocated"
    assert wire.delete(world.group()).status == 200
    assert {one["outcome"] for one in control.effects()} == {"Succeeded"}


def test_a_group_can_have_an_asynchronous_operation(wire, world, control):
    """Also ARM's own operation takes a forced style."""
    control.style("async-operation", kind="group-delete")
    answer = wire.delete(world.group())
    assert wire.get(answer.headers["azure-asyncoperation"]).body["status"] == "Succeeded"
    assert wire.get(answer.headers["location"]).status == 200


def test_a_patch_answers_as_a_put_does(wire, world, control):
    """200 with the changed body and Azure-AsyncOperation; with a Location only, that ends with the resource."""
    machine = world.machine()
    answer = wire.send("PATCH", machine, {"tags": {"a": "b"}})
    assert (answer.status, answer.body["tags"]) == (200, {"a": "b"})
    assert wire.get(answer.headers["azure-asyncoperation"]).body["status"] == "Succeeded"
    control.style("location", kind="vm-update")
    answer = wire.send("PATCH", machine, {"tags": {}})
    assert answer.status == 200
    assert wire.get(answer.headers["location"]).body["id"] == machine


@pytest.mark.parametrize("style", ["async-operation", "location", "provisioning-state", "sync"])
def test_a_failure_is_told_in_each_style(wire, world, control, path, style):
    """The code and message of a failed operation reach the caller, and the effect is noted as failed."""
    control.style(style, kind="vnet-write")
    control.fault("/virtualNetworks/v$", FAILURE, method="PUT")
    answer = wire.put(path, world.vnet_body(("s", "10.0.0.0/24")))
    if style == "async-operation":
        followed = wire.get(answer.headers["azure-asyncoperation"])
        assert (followed.status, followed.body["status"]) == (200, "Failed")
        assert followed.code == "AllocationFailed"
    elif style == "location":
        followed = wire.get(answer.headers["location"])
        assert (followed.status, followed.code, followed.message) == (409, "AllocationFailed", "No capacity.")
    elif style == "sync":
        assert (answer.status, answer.code) == (409, "AllocationFailed")
    body = wire.get(path).body
    assert body["properties"]["provisioningState"] == "Failed"
    assert body["properties"]["subnets"][0]["properties"]["provisioningState"] == "Failed"
    if style != "sync":
        assert control.effects()[-1]["outcome"] == "Failed"


def test_a_deletion_that_fails_leaves_the_resource(wire, world, control, path):
    """It is still there afterwards, as Failed."""
    wire.put(path, world.vnet_body())
    control.fault("/virtualNetworks/v$", {"cancel_operation": {"code": "Stopped", "message": "x"}}, method="DELETE")
    answer = wire.delete(path)
    assert wire.get(answer.headers["azure-asyncoperation"]).body["status"] == "Canceled"
    assert wire.get(path).state == "Canceled"


def test_retry_after_is_as_told_or_absent(wire, world, control, path):
    """Initial replies and polls of an operation under way carry the seconds; an ended one carries none."""
    control.time("held")
    control.retry_after(17)
    answer = wire.put(path, world.vnet_body())
    url = answer.headers["azure-asyncoperation"]
    assert (answer.headers["retry-after"], wire.get(url).headers["retry-after"]) == ("17", "17")
    control.retry_after(None)
    assert wire.get(url).headers["retry-after"] is None
    control.finish(path)
    control.retry_after(17)
    assert wire.get(url).headers["retry-after"] is None


def test_percent_complete_is_told_when_switched_on(wire, world, control, clock, path):
    """It follows the clock, stays below 100 while under way, and is absent unless asked for."""
    control.time("seconds", seconds=10)
    url = wire.put(path, world.vnet_body()).headers["azure-asyncoperation"]
    assert "percentComplete" not in wire.get(url).body
    control.style(percent_complete=True)
    clock.move(4)
    assert wire.get(url).body["percentComplete"] == 40
    clock.move(5.99)
    assert wire.get(url).body["percentComplete"] == 99
    clock.move(1)
    assert wire.get(url).body["percentComplete"] == 100


def test_the_record_of_an_operation_is_forgotten(wire, world, control, clock, path):
    """After the time it is kept, its address is a 404; the resource is not touched by that."""
    control.time(keep_s=60)
    url = wire.put(path, world.vnet_body()).headers["azure-asyncoperation"]
    assert wire.get(url).status == 200
    clock.move(61)
    assert (wire.get(url).status, wire.get(url).code) == (404, "OperationNotFound")
    assert wire.get(path).state == "Succeeded"


def test_an_operation_is_found_by_its_own_address_only(wire, world, control, path):
    """Under another provider, another id or a broken hop there is nothing."""
    control.time("held")
    url = wire.put(path, world.vnet_body()).headers["azure-asyncoperation"]
    assert wire.get(url.replace("Microsoft.Network", "Microsoft.Compute")).code == "OperationNotFound"
    assert wire.get(url.replace("/operations/", "/operations/0")).code == "OperationNotFound"
    results = url.replace("/operations/", "/operationResults/")
    assert wire.get(f"{results}&hop=x").code == "OperationNotFound"


def test_a_poll_needs_an_api_version_and_a_token(wire, world, control, path):
    """The address of an operation is no key by itself."""
    control.time("held")
    url = wire.put(path, world.vnet_body()).headers["azure-asyncoperation"]
    bare = url.removeprefix(wire.endpoint["url"])
    assert wire.raw("GET", bare).status == 401
    headers = {"authorization": f"Bearer {wire.token}"}
    assert wire.raw("GET", bare.partition("?")[0], headers=headers).code == "MissingApiVersionParameter"
