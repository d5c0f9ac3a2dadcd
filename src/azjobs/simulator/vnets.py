"""Virtual networks, with the subnets written inline."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

from azjobs.simulator.bodies import DROP, check_envelope, check_state, decode_body, keep, read_location, read_tags
from azjobs.simulator.cloud import Call, Json, Reply, Route
from azjobs.simulator.errors import ArmError
from azjobs.simulator.inventory import SUCCEEDED, Inventory, Resource
from azjobs.simulator.network_rules import (
    DELETING,
    NSG,
    REFERENCE,
    SUBNET,
    UPDATING,
    VNET,
    parse_prefix,
    prefixes,
    reference_to,
    require_idle,
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

_SCHEMA: Mapping[str, Any] = {
    "addressSpace": {"addressPrefixes": [str]},
    "dhcpOptions": {"dnsServers": [str]},
    "enableDdosProtection": bool,
    "enableVmProtection": bool,
    "flowTimeoutInMinutes": int,
    "privateEndpointVNetPolicies": str,
    "virtualNetworkPeerings": [{}],  # an empty list only
    "subnets": DROP,  # read apart
    "resourceGuid": DROP,
    "provisioningState": DROP,
}
_SUBNET_SCHEMA: Mapping[str, Any] = {
    "addressPrefix": str,
    "addressPrefixes": [str],
    "networkSecurityGroup": REFERENCE,
    "privateEndpointNetworkPolicies": str,
    "privateLinkServiceNetworkPolicies": str,
    "defaultOutboundAccess": bool,
    "delegations": [{}],  # an empty list only
    "serviceEndpoints": [{}],
    "ipConfigurations": DROP,
    "purpose": DROP,
    "provisioningState": DROP,
}


def render_subnet(inventory: Inventory, subnet: Resource) -> Json:
    """Return a subnet with those who use it."""
    users = [{"id": one} for one in inventory.referrers(subnet.id)]
    return envelope(subnet, {**subnet.properties, **({"ipConfigurations": users} if users else {})})


def render_vnet(inventory: Inventory, vnet: Resource) -> Json:
    """Return a virtual network with its subnets."""
    subnets = [render_subnet(inventory, one) for one in inventory.children(vnet)]
    return envelope(vnet, {**vnet.properties, "subnets": subnets})


def read_subnet(call: Call, vnet: Resource, name: str, body: Json) -> Resource:
    """Return a checked subnet out of a body, not kept yet; `vnet` tells the location."""
    check_resource_name(SUBNET, name)
    properties = check_envelope(body, SUBNET)
    subnet_id = f"{vnet.id}/subnets/{name}"
    kept = keep(properties, _SUBNET_SCHEMA, f"properties of subnet {name}")
    if not kept.get("addressPrefix") and not kept.get("addressPrefixes"):
        raise ArmError(400, "NetcfgInvalidSubnet", f"Subnet '{name}' has no address prefix.")
    nsg = kept.get("networkSecurityGroup")
    if nsg is not None:
        require_reference(call, nsg, NSG, referrer=subnet_id, location=vnet.location or "")
    subnet = Resource(subnet_id, SUBNET, name, vnet.group, None, kept, parent_key=vnet.key)
    for prefix in prefixes(subnet):
        parse_prefix(prefix, subnet_id)
    return subnet


def check_layout(vnet: Resource, subnets: list[Resource]) -> None:
    """Raise the provider's 400 for a subnet outside the network, or two that overlap."""
    space = [parse_prefix(one, vnet.id) for one in vnet.properties["addressSpace"]["addressPrefixes"]]
    placed: list[tuple[Resource, IPv4Network]] = []
    for subnet in subnets:
        for prefix in prefixes(subnet):
            network = parse_prefix(prefix, subnet.id)
            if not any(network.subnet_of(one) for one in space):
                raise ArmError(
                    400,
                    "NetcfgSubnetRangeOutsideVnet",
                    f"Subnet '{subnet.name}' is not valid because its IP address range is outside the IP address "
                    f"range of virtual network '{vnet.name}'.",
                )
            placed.append((subnet, network))
    for (one, one_range), (other, other_range) in combinations(placed, 2):
        if one_range.overlaps(other_range):
            raise ArmError(
                400,
                "NetcfgSubnetRangesOverlap",
                f"Subnet '{other.name}' is not valid because its IP address range overlaps with that of an existing "
                f"subnet '{one.name}' in virtual network '{vnet.name}'.",
            )


def keep_subnet(inventory: Inventory, subnet: Resource) -> Resource:
    """Keep a subnet, or put its properties into the one that is there, and return the kept one."""
    existing = inventory.find(subnet.id)
    if existing is None:
        inventory.add(subnet)
        existing = subnet
    else:
        existing.properties = subnet.properties
        existing.touch()
    nsg = reference_to(subnet.properties.get("networkSecurityGroup"))
    inventory.refer(existing, [(nsg, existing.id)] if nsg else [])
    return existing


def require_unused(inventory: Inventory, subnet: Resource) -> None:
    """Raise InUseSubnetCannotBeDeleted for a subnet with an interface in it."""
    users = inventory.referrers(subnet.id)
    if users:
        raise ArmError(
            400,
            "InUseSubnetCannotBeDeleted",
            f"Subnet {subnet.name} is in use by {users[0]} and cannot be deleted. In order to delete the subnet, "
            "delete all the resources within the subnet. See aka.ms/deletesubnet.",
        )


def _read_vnet(call: Call, body: Json, existing: Resource | None) -> tuple[Resource, list[Resource] | None]:
    """Return the network and its inline subnets (None: the body has no list of them), all checked, none kept."""
    name = call.path.names[0]
    check_resource_name(VNET, name)
    properties = check_envelope(body, VNET)
    location, tags = read_location(body, VNET), read_tags(body)
    if existing is not None:
        require_same_location(existing, location)
    check_state(properties, existing.state if existing else None)
    kept = keep(properties, _SCHEMA, "properties")
    space = (kept.get("addressSpace") or {}).get("addressPrefixes")
    if not space:
        raise ArmError(400, "InvalidRequestFormat", "Cannot parse the request: addressSpace has no address prefixes.")
    group = require_group(call, for_write=True)
    vnet = Resource(resource_id(group, VNET, name), VNET, name, group, location, kept)
    vnet.extra = {} if tags is None else {"tags": tags}
    inline = properties.get("subnets")
    if inline is None:
        return vnet, None
    if not isinstance(inline, list) or not all(isinstance(one, dict) and _is_named(one) for one in inline):
        raise ArmError(400, "InvalidRequestFormat", "Cannot parse the request: subnets without a name.")
    return vnet, [read_subnet(call, vnet, one["name"], one) for one in inline]


def _is_named(subnet: Json) -> bool:
    return isinstance(subnet.get("name"), str) and subnet["name"] != ""


def _put(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    existing = find_named(call, VNET, for_write=True)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    check_match(call, existing, with_none_match=False)
    require_idle(call, existing)
    wanted, subnets = _read_vnet(call, body, existing)
    old = inventory.children(existing) if existing else []
    check_layout(wanted, old if subnets is None else subnets)
    left_out = [] if subnets is None else [one for one in old if one.key not in {new.key for new in subnets}]
    for subnet in left_out:
        require_unused(inventory, subnet)
    for subnet in left_out:
        inventory.remove(subnet)
    if existing is None:
        inventory.add(wanted)
        vnet = wanted
    else:
        vnet, vnet.properties, vnet.extra = existing, wanted.properties, wanted.extra
    kept = [keep_subnet(inventory, one) for one in subnets or ()]

    def settle(state: str) -> None:
        for subnet in kept:
            subnet.state = state

    settle(UPDATING)
    return write(
        call,
        Kind.VNET_WRITE,
        vnet,
        created=existing is None,
        word=UPDATING,
        render=lambda one: render_vnet(inventory, one),
        succeed=lambda: settle(SUCCEEDED),
        fail=lambda: settle("Failed"),
    )


def _delete(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    vnet = find_named(call, VNET, for_write=True)
    check_match(call, vnet, with_none_match=False)
    if vnet is None:
        return Reply(204)
    require_idle(call, vnet)
    for subnet in inventory.children(vnet):
        require_unused(inventory, subnet)

    def succeed() -> None:
        inventory.remove(vnet)

    return act(call, Kind.VNET_DELETE, vnet, word=DELETING, effect="deleted", succeed=succeed, final_status=204)


ROUTES = (
    Route("PUT", f"{GROUP}/providers/{VNET}/{{}}", _put, Kind.VNET_WRITE),
    Route("DELETE", f"{GROUP}/providers/{VNET}/{{}}", _delete, Kind.VNET_DELETE),
    *reading_routes(VNET, render_vnet),
)
