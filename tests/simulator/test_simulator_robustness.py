"""Bodies that no client should send: refused for a reason, never a mistake of the simulator's own."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulator_wire import PASSWORD

JUNK: list[Any] = [None, 3, -1, True, "", "x", "/subscriptions/x", [], {}, [3], [None], [{}], ["x"], {"id": 3}, 1.5]
TARGETS = ["group", "vnet", "subnet", "nsg", "ip", "nic", "machine", "disk"]


def valid_bodies(world) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the path and a body of each type, in an order in which they can be made."""
    nsg, ip = world.path("networkSecurityGroups", "f"), world.path("publicIPAddresses", "p")
    rule = dict.fromkeys(("sourceAddressPrefix", "sourcePortRange", "destinationAddressPrefix"), "*")
    rule |= {"destinationPortRange": "22", "protocol": "Tcp", "access": "Allow", "direction": "Inbound"}
    vnet, nic = world.path("virtualNetworks", "v"), world.path("networkInterfaces", "n")
    fixed = {"privateIPAllocationMethod": "Static", "privateIPAddress": "10.0.0.9", "publicIPAddress": {"id": ip}}
    interface = world.nic_body(f"{vnet}/subnets/s", **fixed)
    interface["properties"]["networkSecurityGroup"] = {"id": nsg}
    machine = world.machine_body(nic) | {"zones": ["1"], "tags": {"a": "b"}}
    machine["properties"]["storageProfile"] |= {
        "osDisk": {"createOption": "FromImage", "name": "os", "managedDisk": {"storageAccountType": "Standard_LRS"}},
        "dataDisks": [{"lun": 0, "createOption": "Empty", "diskSizeGB": 4}],
    }
    address = {"publicIPAllocationMethod": "Static", "dnsSettings": {"domainNameLabel": "label"}}
    prefixes = {"addressPrefixes": ["10.0.1.0/24"], "networkSecurityGroup": {"id": nsg}}
    rules = {"securityRules": [{"name": "r", "properties": rule | {"priority": 100}}]}
    creation = {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4}
    return {
        "group": (f"{world.wire.sub}/resourceGroups/g", {"location": "eastus", "tags": {"a": "b"}}),
        "vnet": (vnet, world.vnet_body(("s", "10.0.0.0/24"))),
        "nsg": (nsg, {"location": "eastus", "properties": rules}),
        "subnet": (f"{vnet}/subnets/t", {"properties": prefixes}),
        "ip": (ip, {"location": "eastus", "sku": {"name": "Standard"}, "properties": address}),
        "nic": (nic, interface),
        "machine": (world.path("virtualMachines", "m"), machine),
        "disk": (world.path("disks", "d"), {"location": "eastus", "sku": {"name": "x"}, "properties": creation}),
    }


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Go over every place in a body, the outermost first."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from places(member, (*path, name))


def replaced(body: dict[str, Any], path: tuple[Any, ...], junk: Any) -> Any:
    """Return a copy of the body with something else at one place."""
    if not path:
        return junk
    changed = copy.deepcopy(body)
    inside: Any = changed
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = junk
    return changed


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_is_more_than_the_simulator_can_answer(wire, world, control, data):
    """Whatever stands at one place of a body, the answer is of the service's form, and a refusal changed nothing."""
    control.reset()
    control.time("at-once")
    bodies = valid_bodies(world)
    target = data.draw(st.sampled_from(TARGETS))
    is_there = data.draw(st.booleans())
    for name, (path, body) in bodies.items():
        if name != target or is_there:
            assert wire.put(path, body).status < 300
        if name == target:
            break
    path, body = bodies[target]
    before = control.effects()
    place = data.draw(st.sampled_from(list(places(body))))
    answer = wire.put(path, replaced(body, place, data.draw(st.sampled_from(JUNK))))
    if answer.status >= 400:
        assert answer.status != 500
        assert answer.code
        assert control.effects() == before
        assert PASSWORD not in answer.message
    if is_there:
        assert wire.get(path).status == 200
    assert wire.get(f"{wire.sub}/resources").status == 200
    assert wire.delete(bodies["group"][0]).status in (202, 404)
