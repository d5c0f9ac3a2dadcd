"""Public IP addresses, with their DNS labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from azjobs.simulator.bodies import (
    DROP,
    check_envelope,
    check_state,
    decode_body,
    keep,
    read_extra,
    read_location,
    read_tags,
)
from azjobs.simulator.cloud import Call, Json, Reply, Route
from azjobs.simulator.errors import ArmError, not_simulated
from azjobs.simulator.inventory import Inventory, Resource
from azjobs.simulator.network_rules import DELETING, IP, UPDATING, next_public_address, require_idle
from azjobs.simulator.paths import check_resource_name
from azjobs.simulator.provisioning import act, write
from azjobs.simulator.resources import (
    GROUP,
    SUBSCRIPTION,
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

_SCHEMA: Mapping[str, Any] = {
    "publicIPAllocationMethod": str,
    "publicIPAddressVersion": str,
    "dnsSettings": {"domainNameLabel": str, "reverseFqdn": str, "fqdn": DROP},
    "idleTimeoutInMinutes": int,
    "deleteOption": str,
    **dict.fromkeys(("ipAddress", "ipConfiguration", "resourceGuid", "provisioningState", "ipTags"), DROP),
}
_EXTRA: Mapping[str, Any] = {"sku": {"name": str, "tier": str}, "zones": [str]}
_LABEL = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")  # the rule the provider prints


def _render(inventory: Inventory, address: Resource) -> Json:
    users = inventory.referrers(address.id)
    return envelope(address, {**address.properties, **({"ipConfiguration": {"id": users[0]}} if users else {})})


def _check(sku: Json, kept: Json) -> None:
    method = kept.setdefault("publicIPAllocationMethod", "Dynamic")
    if method not in ("Static", "Dynamic"):
        raise ArmError(400, "InvalidRequestFormat", "Cannot parse the request: publicIPAllocationMethod.")
    if kept.setdefault("publicIPAddressVersion", "IPv4") != "IPv4":
        raise not_simulated("an IPv6 public address")
    if sku.get("name", "Basic") not in ("Basic", "Standard"):
        raise not_simulated(f"the SKU {sku.get('name')} of {IP}")
    if sku.get("name") == "Standard" and method != "Static":
        # The rule is documented; the code is a guess, for the documents do not name it.
        raise ArmError(
            400, "StandardSkuPublicIPAddressesMustBeStatic", "Standard SKU public IP addresses must be Static."
        )


def _take_label(call: Call, kept: Json, location: str, own_id: str) -> None:
    settings = kept.get("dnsSettings")
    label = settings.get("domainNameLabel") if settings else None
    if not settings or label is None:
        return
    if not isinstance(label, str) or _LABEL.fullmatch(label) is None:
        raise ArmError(
            400,
            "InvalidDomainNameLabel",
            f"The domain name label {label} is invalid. It must conform to the following regular expression: "
            "^[a-z][a-z0-9-]{1,61}[a-z0-9]$.",
        )
    owner = _label_owner(call, label, location)
    if owner is not None and owner.key != own_id.lower():
        name = f"{label}.{location}.cloudapp.azure.com"
        raise ArmError(400, "DnsRecordInUse", f"DNS record {name} is already used by another public IP.")
    settings["fqdn"] = f"{label}.{location}.cloudapp.azure.com"


def _label_owner(call: Call, label: str, location: str) -> Resource | None:
    wanted = f"{label}.{location}.cloudapp.azure.com"
    for resource in call.cloud.inventory.resources.values():
        if resource.type == IP and (resource.properties.get("dnsSettings") or {}).get("fqdn") == wanted:
            return resource
    return None


def _put(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    existing = find_named(call, IP, for_write=True)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    check_match(call, existing, with_none_match=False)
    require_idle(call, existing)
    name = call.path.names[0]
    check_resource_name(IP, name)
    properties, tags = check_envelope(body, IP, extra=_EXTRA), read_tags(body)
    extra = read_extra(body, _EXTRA)
    location = read_location(body, IP)
    if existing is not None:
        require_same_location(existing, location)
    check_state(properties, existing.state if existing else None)
    kept = keep(properties, _SCHEMA, "properties")
    _check(extra.get("sku", {}), kept)
    group = require_group(call)
    address_id = resource_id(group, IP, name)
    _take_label(call, kept, location, address_id)
    if existing is None:
        address = Resource(address_id, IP, name, group, location, kept)
        inventory.add(address)
    else:
        kept |= {word: existing.properties[word] for word in ("ipAddress",) if word in existing.properties}
        address, address.properties = existing, kept
    extra["sku"] = {"name": "Basic", "tier": "Regional", **extra.get("sku", {})}
    address.extra = extra | ({"tags": tags} if tags is not None else {})

    def succeed() -> None:
        if address.properties["publicIPAllocationMethod"] == "Static":
            address.properties.setdefault("ipAddress", next_public_address(call.cloud))

    return write(
        call,
        Kind.IP_WRITE,
        address,
        created=existing is None,
        word=UPDATING,
        render=lambda one: _render(inventory, one),
        succeed=succeed,
    )


def _delete(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    address = find_named(call, IP, for_write=True)
    check_match(call, address, with_none_match=False)
    if address is None:
        return Reply(204)
    require_idle(call, address)
    users = inventory.referrers(address.id)
    if users:
        raise ArmError(
            400,
            "PublicIPAddressCannotBeDeleted",
            f"Public IP address {address.id} can not be deleted since it is still allocated to resource {users[0]}. In "
            "order to delete the public IP, disassociate/detach the Public IP address from the resource.",
        )
    return act(
        call,
        Kind.IP_DELETE,
        address,
        word=DELETING,
        effect="deleted",
        succeed=lambda: inventory.remove(address),
        final_status=204,
    )


def _check_label(call: Call) -> Reply:
    label = call.query.get("domainNameLabel", "")
    if _LABEL.fullmatch(label) is None:
        raise ArmError(400, "InvalidDomainNameLabel", f"The domain name label {label} is invalid.")
    return Reply(200, {"available": _label_owner(call, label, call.path.names[0].lower()) is None})


ROUTES = (
    Route("PUT", f"{GROUP}/providers/{IP}/{{}}", _put, Kind.IP_WRITE),
    Route("DELETE", f"{GROUP}/providers/{IP}/{{}}", _delete, Kind.IP_DELETE),
    *reading_routes(IP, _render),
    Route("GET", f"{SUBSCRIPTION}/providers/Microsoft.Network/locations/{{}}/CheckDnsNameAvailability", _check_label),
)
