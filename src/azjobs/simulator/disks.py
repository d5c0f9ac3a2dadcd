"""Managed disks: empty ones made by request, and those that come with a machine."""

from __future__ import annotations

import uuid
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
from azjobs.simulator.errors import ArmError, invalid_parameter, not_simulated
from azjobs.simulator.inventory import Group, Inventory, Resource
from azjobs.simulator.machine_rules import DISK
from azjobs.simulator.paths import check_resource_name
from azjobs.simulator.provisioning import act, timestamp, write
from azjobs.simulator.resources import (
    GROUP,
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
    "creationData": {"createOption": str},
    "diskSizeGB": int,
    "osType": str,
    "networkAccessPolicy": str,
    "publicNetworkAccess": str,
    **dict.fromkeys(("provisioningState", "diskState", "timeCreated", "uniqueId", "diskSizeBytes"), DROP),
}
_EXTRA: Mapping[str, Any] = {"sku": {"name": str, "tier": str}, "zones": [str]}
_SIZES_GB = range(1, 65_537)  # [managed disks] the largest
_OS_SIZES_GB = {"Windows": 127, "Linux": 30}  # what the images of these systems come with


def _render(inventory: Inventory, disk: Resource) -> Json:
    owner = next(iter(inventory.referrers(disk.id)), None)
    state = {"diskState": "Attached" if owner else "Unattached"}
    body = envelope(disk, {**disk.properties, **state})
    del body["etag"]  # this type has none
    return {**body, "managedBy": owner} if owner else body


def attach_new_disk(call: Call, machine: Resource, profile: Json, *, system: str | None) -> Resource:
    """Make the disk that a machine's OS disk or data disk stands for, and fill `profile` in. Not kept yet.

    `system` is "Windows" or "Linux" for an OS disk, None for an empty data disk.
    """
    which = "OsDisk_1" if system else f"DataDisk_{profile.get('lun')}"
    name = profile.setdefault("name", f"{machine.name}_{which}_{uuid.uuid4().hex}")
    check_resource_name(DISK, name)
    size_gb = profile.setdefault("diskSizeGB", _OS_SIZES_GB[system]) if system else profile.get("diskSizeGB")
    _check_size(size_gb)
    managed = profile.get("managedDisk") or {}
    profile["managedDisk"] = managed
    disk_id = resource_id(machine.group, DISK, name)
    existing = call.cloud.inventory.find(disk_id)
    if existing is not None:
        raise ArmError(409, "Conflict", f"Disk {name} already exists in resource group {machine.group.name}.")
    managed["id"] = disk_id
    account_type = managed.setdefault("storageAccountType", "Standard_LRS")
    properties = {
        "creationData": {"createOption": "FromImage" if system else "Empty"},
        "diskSizeGB": size_gb,
        **({"osType": system} if system else {}),
    }
    disk = _new_disk(call, machine.group, name, machine.location or "", properties)
    disk.extra = {"sku": {"name": account_type}}
    return disk


def _new_disk(call: Call, group: Group, name: str, location: str, properties: Json) -> Resource:
    made = {"timeCreated": timestamp(call.cloud.wall()), "uniqueId": str(uuid.uuid4())}
    return Resource(resource_id(group, DISK, name), DISK, name, group, location, {**properties, **made})


def _check_size(size_gb: object) -> None:
    if not isinstance(size_gb, int) or size_gb not in _SIZES_GB:
        raise invalid_parameter(f"The value of parameter diskSizeGB is not in {_SIZES_GB}.", "diskSizeGB")


def _put(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    existing = find_named(call, DISK, for_write=True)
    require_idle_disk(existing)
    name = call.path.names[0]
    check_resource_name(DISK, name)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    properties, tags = check_envelope(body, DISK, extra=_EXTRA), read_tags(body)
    extra = read_extra(body, _EXTRA)
    location = read_location(body, DISK)
    if existing is not None:
        require_same_location(existing, location)
    check_state(properties, existing.state if existing else None)
    kept = keep(properties, _SCHEMA, "properties")
    option = (kept.get("creationData") or {}).get("createOption")
    if option is None:
        raise invalid_parameter("Required parameter 'disk.creationData' is missing (null).", "disk.creationData")
    if existing is None and option != "Empty":
        raise not_simulated(f"a disk with createOption {option}")
    _check_size(kept.get("diskSizeGB"))
    if existing is None:
        disk = _new_disk(call, require_group(call), name, location, kept)
        inventory.add(disk)
    else:
        if kept["diskSizeGB"] < existing.properties["diskSizeGB"]:
            raise invalid_parameter("Disk size reduction is not supported.", "diskSizeGB")
        disk, existing.properties = existing, {**existing.properties, **kept}
    extra["sku"] = {"name": "Standard_LRS", **extra.get("sku", {})}
    disk.extra = extra | ({"tags": tags} if tags is not None else {})
    return write(
        call,
        Kind.DISK_WRITE,
        disk,
        created=existing is None,
        word="Updating",
        render=lambda one: _render(inventory, one),
    )


def require_idle_disk(disk: Resource | None) -> None:
    """Raise the provider's 409 for a disk with an operation under way."""
    if disk is not None and disk.is_busy:
        raise ArmError(409, "Conflict", f"Disk {disk.name} has another operation in progress.")


def _delete(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    disk = find_named(call, DISK, for_write=True)
    if disk is None:
        return Reply(204)
    require_idle_disk(disk)
    owners = inventory.referrers(disk.id)
    if owners:
        raise ArmError(409, "OperationNotAllowed", f"Disk {disk.name} is attached to VM {owners[0]}.")
    return act(
        call,
        Kind.DISK_DELETE,
        disk,
        word="Deleting",
        effect="deleted",
        succeed=lambda: inventory.remove(disk),
        final_status=204,
    )


ROUTES = (
    Route("PUT", f"{GROUP}/providers/{DISK}/{{}}", _put, Kind.DISK_WRITE),
    Route("DELETE", f"{GROUP}/providers/{DISK}/{{}}", _delete, Kind.DISK_DELETE),
    *reading_routes(DISK, _render),
)
