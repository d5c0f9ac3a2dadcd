"""Network interfaces: their place in a subnet, their private address, who uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azjobs.simulator.bodies import DROP, check_envelope, check_state, decode_body, keep, read_location, read_tags
from azjobs.simulator.cloud import Call, Json, Reply, Route
from azjobs.simulator.errors import ArmError
from azjobs.simulator.inventory import Inventory, Resource
from azjobs.simulator.network_rules import (
    DELETING,
    IP,
    NIC,
    NSG,
    REFERENCE,
    SUBNET,
    UPDATING,
    next_public_address,
    release_address,
    require_idle,
    take_address,
)
from azjobs.simulator.paths import check_resource_name
from azjobs.simulator.provisioning import act, write
from azjobs.simulator.resources import (
    GROUP,
    check_match,
    envelope,
    find_named,
    reading_routes,
    refuse_query,
    require_group,
    require_reference,
    require_same_location,
    resource_id,
)
from azjobs.simulator.settings import Kind

_CONFIGURATION: Mapping[str, Any] = {
    "subnet": REFERENCE,
    "publicIPAddress": REFERENCE,
    "privateIPAddress": str,
    "privateIPAllocationMethod": str,
    "privateIPAddressVersion": str,
    "primary": bool,
    "provisioningState": DROP,
}
_SCHEMA: Mapping[str, Any] = {
    "ipConfigurations": [{"name": str, "id": DROP, "etag": DROP, "type": DROP, "properties": _CONFIGURATION}],
    "networkSecurityGroup": REFERENCE,
    "enableAcceleratedNetworking": bool,
    "enableIPForwarding": bool,
    "disableTcpStateTracking": bool,
    "nicType": str,
    "auxiliaryMode": str,
    "auxiliarySku": str,
    "dnsSettings": {
        "dnsServers": [str],
        "internalDnsNameLabel": str,
        **dict.fromkeys(("appliedDnsServers", "internalFqdn", "internalDomainNameSuffix"), DROP),
    },
    **dict.fromkeys(
        (
            "macAddress",
            "primary",
            "virtualMachine",
            "resourceGuid",
            "provisioningState",
            "hostedWorkloads",
            "tapConfigurations",
            "vnetEncryptionSupported",
            "defaultOutboundConnectivityEnabled",
        ),
        DROP,
    ),
}
_MACHINES = "/providers/microsoft.compute/virtualmachines/"


def machine_of(inventory: Inventory, interface: Resource) -> str | None:
    """Return the id of the machine an interface belongs to, None when to none."""
    return next((one for one in inventory.referrers(interface.id) if _MACHINES in one.lower()), None)


def _render(inventory: Inventory, interface: Resource) -> Json:
    configurations = []
    for one in interface.properties["ipConfigurations"]:
        properties = {**one["properties"], "provisioningState": interface.state}
        own_id = f"{interface.id}/ipConfigurations/{one['name']}"
        configurations.append({"name": one["name"], "id": own_id, "etag": interface.etag, "properties": properties})
    properties = {**interface.properties, "ipConfigurations": configurations}
    machine = machine_of(inventory, interface)
    if machine is not None:
        properties["virtualMachine"] = {"id": machine}
    return envelope(interface, properties)


def _check_configurations(call: Call, interface: Resource, configurations: list[Json]) -> list[Resource]:
    """Check every IP configuration and return their subnets, in order."""
    if not configurations:
        raise ArmError(
            400,
            "NetworkInterfaceMustHaveAtLeastOneIPConfiguration",
            f"Network interface {interface.id} must have at least one IP configuration.",
        )
    subnets = []
    for one in configurations:
        own_id = f"{interface.id}/ipConfigurations/{one.get('name')}"
        properties = one.get("properties") or {}
        if not one.get("name") or not properties.get("subnet"):
            raise ArmError(400, "InvalidRequestFormat", f"Cannot parse the request: {own_id} has no name or no subnet.")
        location = interface.location or ""
        subnets.append(require_reference(call, properties["subnet"], SUBNET, referrer=own_id, location=location))
        public = properties.get("publicIPAddress")
        if public is not None:
            address = require_reference(call, public, IP, referrer=own_id, location=location)
            others = [user for user in call.cloud.inventory.referrers(address.id) if user.lower() != own_id.lower()]
            if others:
                raise ArmError(
                    400,
                    "PublicIPAddressInUse",
                    f"Resource {own_id} is referencing public IP address {address.id} that is already allocated to "
                    f"resource {others[0]}.",
                )
    return subnets


def _take_addresses(call: Call, wanted: Resource, existing: Resource | None, subnets: list[Resource]) -> None:
    """Settle the private address of every configuration; gives the old ones back first, and again on failure."""
    old = existing.properties["ipConfigurations"] if existing else []
    for one in old:
        _release(call, one)
    taken: list[Json] = []
    try:
        for one, subnet in zip(wanted.properties["ipConfigurations"], subnets, strict=True):
            properties = one["properties"]
            method = properties.setdefault("privateIPAllocationMethod", "Dynamic")
            properties.setdefault("privateIPAddressVersion", "IPv4")
            properties.setdefault("primary", not taken)
            asked = properties.get("privateIPAddress") if method == "Static" else None
            if method != "Static":
                asked = _former_address(old, one, subnet)
            properties["subnet"] = {"id": subnet.id}
            properties["privateIPAddress"] = take_address(call.cloud, subnet, asked)
            taken.append(one)
    except ArmError:
        for one in taken:
            _release(call, one)
        for one in old:
            former = call.cloud.inventory.find(one["properties"]["subnet"]["id"])
            assert former is not None
            take_address(call.cloud, former, one["properties"]["privateIPAddress"])
        raise


def _former_address(old: list[Json], configuration: Json, subnet: Resource) -> str | None:
    """Return the dynamic address a configuration has had in this subnet: it keeps it."""
    for one in old:
        properties = one["properties"]
        if one["name"] == configuration["name"] and properties["subnet"]["id"].lower() == subnet.key:
            address: str = properties["privateIPAddress"]
            return address
    return None


def _release(call: Call, configuration: Json) -> None:
    properties = configuration["properties"]
    release_address(call.cloud, properties["subnet"]["id"], properties["privateIPAddress"])


def _references(interface: Resource) -> list[tuple[str, str]]:
    pairs = []
    for one in interface.properties["ipConfigurations"]:
        own_id = f"{interface.id}/ipConfigurations/{one['name']}"
        pairs.append((one["properties"]["subnet"]["id"], own_id))
        if one["properties"].get("publicIPAddress"):
            pairs.append((one["properties"]["publicIPAddress"]["id"], own_id))
    if interface.properties.get("networkSecurityGroup"):
        pairs.append((interface.properties["networkSecurityGroup"]["id"], interface.id))
    return pairs


def _read(call: Call, existing: Resource | None) -> tuple[Resource, list[Resource]]:
    """Return the interface of the body and its subnets, all checked, nothing taken."""
    name = call.path.names[0]
    check_resource_name(NIC, name)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    properties, tags = check_envelope(body, NIC), read_tags(body)
    location = read_location(body, NIC)
    if existing is not None:
        require_same_location(existing, location)
    check_state(properties, existing.state if existing else None)
    kept = keep(properties, _SCHEMA, "properties")
    group = require_group(call)
    wanted = Resource(resource_id(group, NIC, name), NIC, name, group, location, kept)
    wanted.extra = {} if tags is None else {"tags": tags}
    subnets = _check_configurations(call, wanted, kept.get("ipConfigurations") or [])
    if kept.get("networkSecurityGroup"):
        require_reference(call, kept["networkSecurityGroup"], NSG, referrer=wanted.id, location=location)
    return wanted, subnets


def _put(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    existing = find_named(call, NIC, for_write=True)
    check_match(call, existing, with_none_match=False)
    require_idle(call, existing)
    wanted, subnets = _read(call, existing)
    _take_addresses(call, wanted, existing, subnets)
    if existing is None:
        inventory.add(wanted)
        interface = wanted
    else:
        interface, interface.properties, interface.extra = existing, wanted.properties, wanted.extra

    def give_back() -> None:
        for one in interface.properties["ipConfigurations"]:
            _release(call, one)

    def succeed() -> None:
        for one in interface.properties["ipConfigurations"]:
            public = inventory.find((one["properties"].get("publicIPAddress") or {}).get("id", ""))
            if public is not None:  # a dynamic address comes with its first use
                public.properties.setdefault("ipAddress", next_public_address(call.cloud))

    interface.give_back = give_back
    inventory.refer(interface, _references(interface))
    return write(
        call,
        Kind.NIC_WRITE,
        interface,
        created=existing is None,
        word=UPDATING,
        render=lambda one: _render(inventory, one),
        succeed=succeed,
    )


def _delete(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    interface = find_named(call, NIC, for_write=True)
    check_match(call, interface, with_none_match=False)
    if interface is None:
        return Reply(204)
    require_idle(call, interface)
    machine = machine_of(inventory, interface)
    if machine is not None:
        raise nic_in_use(interface, machine)
    return act(
        call,
        Kind.NIC_DELETE,
        interface,
        word=DELETING,
        effect="deleted",
        succeed=lambda: inventory.remove(interface),
        final_status=204,
    )


def nic_in_use(interface: Resource, machine_id: str) -> ArmError:
    """Return the provider's 400 for an interface that belongs to a machine."""
    return ArmError(
        400,
        "NicInUse",
        f"Network Interface {interface.id} is used by existing resource {machine_id}. In order to delete the network "
        "interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.",
    )


ROUTES = (
    Route("PUT", f"{GROUP}/providers/{NIC}/{{}}", _put, Kind.NIC_WRITE),
    Route("DELETE", f"{GROUP}/providers/{NIC}/{{}}", _delete, Kind.NIC_DELETE),
    *reading_routes(NIC, _render),
)
