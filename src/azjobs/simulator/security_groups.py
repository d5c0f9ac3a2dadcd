"""Network security groups with the rules written inline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azjobs.simulator.bodies import DROP, check_envelope, check_state, decode_body, keep, read_location, read_tags
from azjobs.simulator.cloud import Call, Json, Reply, Route
from azjobs.simulator.errors import ArmError
from azjobs.simulator.inventory import Inventory, Resource
from azjobs.simulator.network_rules import DELETING, NSG, SUBNET, UPDATING, require_idle
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
    require_same_location,
    resource_id,
)
from azjobs.simulator.settings import Kind

_RULE_SCHEMA: Mapping[str, Any] = {
    **dict.fromkeys(("protocol", "access", "direction"), str),
    "priority": int,
    "description": str,
    "sourceAddressPrefix": str,
    "sourceAddressPrefixes": [str],
    "sourcePortRange": str,
    "sourcePortRanges": [str],
    "destinationAddressPrefix": str,
    "destinationAddressPrefixes": [str],
    "destinationPortRange": str,
    "destinationPortRanges": [str],
    "provisioningState": DROP,
}
_SCHEMA: Mapping[str, Any] = {
    "securityRules": [{"name": str, "id": DROP, "type": DROP, "etag": DROP, "properties": _RULE_SCHEMA}],
    "flushConnection": bool,
    **dict.fromkeys(
        ("defaultSecurityRules", "networkInterfaces", "subnets", "flowLogs", "resourceGuid", "provisioningState"), DROP
    ),
}
_ALLOWED: dict[str, tuple[str, ...]] = {
    "protocol": ("tcp", "udp", "icmp", "esp", "ah", "*"),
    "access": ("allow", "deny"),
    "direction": ("inbound", "outbound"),
}


def _render(inventory: Inventory, nsg: Resource) -> Json:
    properties = dict(nsg.properties)
    rules = []
    for rule in nsg.properties.get("securityRules") or ():
        state = {"provisioningState": nsg.state}
        rule_id = f"{nsg.id}/securityRules/{rule['name']}"
        rules.append({**rule, "id": rule_id, "properties": {**rule["properties"], **state}})
    properties["securityRules"] = rules
    users = [(inventory.find(one), one) for one in inventory.referrers(nsg.id)]
    for name, wanted in (("subnets", True), ("networkInterfaces", False)):
        found = [{"id": one} for user, one in users if user is not None and (user.type == SUBNET) is wanted]
        if found:
            properties[name] = found
    return envelope(nsg, properties)


def _check_rules(rules: list[Json]) -> None:
    seen: dict[tuple[str, int], str] = {}
    for rule in rules:
        name, properties = rule.get("name"), rule.get("properties") or {}
        if not isinstance(name, str) or not name:
            raise ArmError(400, "InvalidRequestFormat", "Cannot parse the request: a security rule without a name.")
        for word, allowed in _ALLOWED.items():
            if str(properties.get(word)).lower() not in allowed:
                raise _invalid_rule(name, f"Value provided for {word} is not one of {', '.join(allowed)}")
        priority = properties.get("priority")
        if not isinstance(priority, int) or not 100 <= priority <= 4096:
            raise _invalid_rule(name, "Priority has to be between 100 and 4096")
        for end in ("source", "destination"):
            for what in ("AddressPrefix", "PortRange"):
                if not properties.get(f"{end}{what}") and not properties.get(
                    f"{end}{what}{'es' if what[0] == 'A' else 's'}"
                ):
                    raise _invalid_rule(name, f"{end}{what} is missing")
        place = (properties["direction"].lower(), priority)
        if place in seen:
            raise ArmError(
                400,
                "SecurityRuleConflict",
                f"Security rule {name} conflicts with rule {seen[place]}. Rules cannot have the same Priority and "
                "Direction.",
            )
        seen[place] = name


def _invalid_rule(name: str, why: str) -> ArmError:
    return ArmError(400, "SecurityRuleParameterInvalid", f"Security rule {name} is invalid. {why}.")


def _put(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    existing = find_named(call, NSG, for_write=True)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    check_match(call, existing, with_none_match=False)
    require_idle(call, existing)
    name = call.path.names[0]
    check_resource_name(NSG, name)
    properties, tags = check_envelope(body, NSG), read_tags(body)
    location = read_location(body, NSG)
    if existing is not None:
        require_same_location(existing, location)
    check_state(properties, existing.state if existing else None)
    kept = keep(properties, _SCHEMA, "properties")
    _check_rules(kept.get("securityRules") or [])
    if existing is None:
        group = require_group(call)
        nsg = Resource(resource_id(group, NSG, name), NSG, name, group, location, kept)
        inventory.add(nsg)
    else:
        nsg, nsg.properties = existing, kept
    nsg.extra = {} if tags is None else {"tags": tags}
    return write(
        call,
        Kind.NSG_WRITE,
        nsg,
        created=existing is None,
        word=UPDATING,
        render=lambda one: _render(inventory, one),
    )


def _delete(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    nsg = find_named(call, NSG, for_write=True)
    check_match(call, nsg, with_none_match=False)
    if nsg is None:
        return Reply(204)
    require_idle(call, nsg)
    users = inventory.referrers(nsg.id)
    if users:
        raise ArmError(
            400,
            "InUseNetworkSecurityGroupCannotBeDeleted",
            f"Network security group {nsg.id} cannot be deleted because it is in use by the following resources: "
            f"{', '.join(users)}. In order to delete the Network security group, remove the association with the "
            "resource(s).",
        )
    return act(
        call,
        Kind.NSG_DELETE,
        nsg,
        word=DELETING,
        effect="deleted",
        succeed=lambda: inventory.remove(nsg),
        final_status=204,
    )


ROUTES = (
    Route("PUT", f"{GROUP}/providers/{NSG}/{{}}", _put, Kind.NSG_WRITE),
    Route("DELETE", f"{GROUP}/providers/{NSG}/{{}}", _delete, Kind.NSG_DELETE),
    *reading_routes(NSG, _render),
)
