"""The control: journal, effects, settings, and the client that asks for them."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request

import pytest

from azjobs.simulator.control import ControlClient, ControlRefused


def test_the_journal_tells_each_request_and_no_secret(wire, world, control, endpoint):
    """Who asked what, with which ids and answer; never a token, a secret or a body."""
    path = world.group()
    sent = {"x-ms-client-request-id": "mine", "x-ms-correlation-request-id": "ours"}
    wire.get(path, headers=sent)
    entry = control.requests()[-1]
    assert (
        entry
        | {
            "method": "GET",
            "path": path,
            "api_version": "2024-11-01",
            "status": 200,
            "client_id": endpoint["client_id"],
            "tenant_id": endpoint["tenant_id"],
            "subscription_id": endpoint["subscription_id"],
            "client_request_id": "mine",
            "correlation_id": "ours",
            "effect": None,
            "fault": None,
        }
        == entry
    )
    text = json.dumps(control.requests())
    assert wire.token not in text
    assert endpoint["client_secret"] not in text
    sign_in = control.requests(path_regex="/token$")[0]
    assert (sign_in["client_id"], sign_in["status"]) == (endpoint["client_id"], 200)


def test_the_journal_can_be_read_from_a_number_on(wire, control):
    """What is not newer than `since` is left out, as is what does not match."""
    wire.get(wire.sub)
    last = control.requests()[-1]["seq"]
    wire.get("/tenants")
    wire.get("/subscriptions")
    assert [one["path"] for one in control.requests(since=last, path_regex="^/tenants$")] == ["/tenants"]


def test_the_control_itself_is_not_in_the_journal(control):
    """Looking leaves no trace."""
    control.operations()
    assert control.requests() == []


def test_a_repeated_put_is_an_effect_of_its_own(wire, world, control):
    """Two requests that took effect are two effects; one that was refused is none."""
    path = world.group()
    wire.put(path, {"location": "eastus"})
    wire.put(path, {"location": "westus"})
    assert [(one["seq"], one["effect"]) for one in control.effects()] == [(1, "created"), (2, "updated")]
    assert control.effects(since=1)[0]["seq"] == 2
    assert control.effects()[0]["resource_id"] == path.lower()
    assert [one["effect"] for one in control.requests(method="PUT")] == [1, 2, None]


def test_one_can_wait_for_a_request_and_for_an_effect(wire, control):
    """The wait ends as soon as it is there."""
    wire.sign_in()
    path = f"{wire.sub}/resourceGroups/g"
    thread = threading.Timer(0.05, lambda: wire.put(path, {"location": "eastus"}))
    thread.start()
    (request,) = control.wait_for_requests(method="PUT", path_regex="/resourceGroups/", answered=True)
    assert request["status"] == 201
    assert [one["effect"] for one in control.wait_for_effects(1)] == ["created"]
    thread.join()


def test_a_wait_that_is_in_vain_is_a_timeout(control):
    """It says how many there were."""
    with pytest.raises(TimeoutError, match="0 of 1 requests"):
        control.wait_for_requests(timeout_s=0.01)
    with pytest.raises(TimeoutError, match="0 of 2 effects"):
        control.wait_for_effects(2, timeout_s=0.01)


def test_operations_are_listed_with_their_kind_and_state(wire, world, control):
    """What goes on can be seen without counting as a look."""
    world.group()
    control.time("reads", reads=0)
    path = world.path("virtualNetworks", "v")
    wire.put(path, world.vnet_body())
    (operation,) = control.operations()
    assert (operation["kind"], operation["style"]) == ("vnet-write", "async-operation")
    assert (operation["status"], operation["resource_id"]) == ("InProgress", path.lower())
    assert control.operations()[0]["ended_at"] is None


def test_a_reset_returns_to_the_start_and_keeps_tokens_good(wire, world, control):
    """Resources, journal, faults, limits, directory are gone; a token from before still opens."""
    world.machine()
    tenant = "2f000000-0000-4000-8000-000000000002"
    control.directory(tenants=[{"id": tenant, "name": "Fabrikam"}])
    control.limits(reads=(1, 0.001))
    control.quota(1)
    control.style("sync")
    control.retry_after(99)
    control.fault("", {"status": 500}, times=100)
    control.reset()
    assert control.resources() == {"groups": [], "resources": []}
    assert (control.requests(), control.effects(), control.operations()) == ([], [], [])
    assert [wire.get(wire.sub).status for _ in range(2)] == [200, 200]
    assert wire.sign_in(tenant=tenant).status == 400
    control.time("at-once")
    world.machine()
    assert wire.post(world.path("virtualMachines", "m") + "/restart").headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "order",
    [
        lambda control: control.time("yesterday"),
        lambda control: control.time(kinds={"moon-landing": {"mode": "held"}}),
        lambda control: control.style("carrier-pigeon"),
        lambda control: control.style("sync", resource_type="Microsoft.Storage/storageAccounts"),
        lambda control: control.style("provisioning-state", kind="group-delete"),
        lambda control: control.finish(status="Perhaps"),
        lambda control: control.finish("/no/such"),
        lambda control: control.directory(subscriptions=[{"id": "x", "name": "x", "tenant_id": "none"}]),
        lambda control: control.directory(principals=[{"tenant_id": "none", "client_id": "x", "secret": "x"}]),
        lambda control: control.limits(colours=(1, 1)),
        lambda control: control.requests(path_regex="("),
        lambda control: control._send("POST", "no-such-order", {}),
    ],
)
def test_a_wrong_order_is_refused_with_its_reason(control, order):
    """Nothing is guessed from an order that makes no sense."""
    with pytest.raises(ControlRefused):
        order(control)


def test_the_control_is_reached_over_the_certificate_only(endpoint):
    """A client without the authority's certificate does not get through."""
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{endpoint['url']}/_simulator/requests", timeout=10)


def test_the_certificate_is_good_for_the_address_too(endpoint):
    """127.0.0.1 is as good as localhost."""
    url = endpoint["url"].replace("localhost", "127.0.0.1")
    assert ControlClient(url, endpoint["ca_file"]).requests() is not None


def test_resources_show_the_power_of_machines(wire, world, control):
    """What a test wants to know of a machine stands beside its properties."""
    machine = world.machine()
    found = {one["id"]: one for one in control.resources()["resources"]}
    assert found[machine]["power"] == "running"
    assert control.resources()["groups"][0]["provisioningState"] == "Succeeded"


def test_several_operations_can_be_finished_at_once(wire, world, control):
    """Without a resource every operation under way ends."""
    world.group()
    control.time("held")
    for name in ("a", "b"):
        wire.put(world.path("virtualNetworks", name), world.vnet_body())
    control.finish()
    assert {one["status"] for one in control.operations()} == {"Succeeded"}
