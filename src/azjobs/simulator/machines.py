"""Virtual machines: made, changed, deleted, with their disks and what they hold of the network."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from azjobs.simulator.bodies import (
    Json,
    check_envelope,
    check_state,
    decode_body,
    keep,
    read_extra,
    read_location,
    read_tags,
)
from azjobs.simulator.cloud import Call, Reply, Route
from azjobs.simulator.disks import attach_new_disk
from azjobs.simulator.errors import ArmError, invalid_parameter, not_simulated
from azjobs.simulator.interfaces import machine_of, nic_in_use
from azjobs.simulator.inventory import Inventory, Resource
from azjobs.simulator.machine_rules import MACHINE, SCHEMA, check_os_profile, check_unchanged, require_image
from azjobs.simulator.network_rules import NIC
from azjobs.simulator.operations import Outcome
from azjobs.simulator.paths import check_resource_name
from azjobs.simulator.provisioning import act, timestamp, write
from azjobs.simulator.resources import (
    GROUP,
    check_match,
    find_named,
    plain,
    refuse_query,
    require_group,
    require_named,
    require_reference,
    require_same_location,
    resource_id,
)
from azjobs.simulator.settings import Kind
from azjobs.simulator.sizes import give_cores, require_size, take_cores

_EXTRA: Mapping[str, Any] = {"zones": [str]}
_ONE = f"{GROUP}/providers/{MACHINE}/{{}}"


def require_idle_machine(machine: Resource | None) -> None:
    """Raise the provider's 409 for a machine with an operation under way."""
    if machine is not None and machine.is_busy:
        raise ArmError(
            409,
            "Conflict",
            "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
            "https://aka.ms/activitylog to get more details on the conflicting requests.",
        )


def _require_interfaces(call: Call, machine: Resource, kept: Json) -> list[Resource]:
    wanted = (kept.get("networkProfile") or {}).get("networkInterfaces")
    if not wanted:
        raise invalid_parameter("Required parameter 'networkProfile' is missing (null).", "networkProfile")
    found = []
    for reference in wanted:
        location = machine.location or ""
        interface = require_reference(call, reference, NIC, referrer=machine.id, location=location)
        owner = machine_of(call.cloud.inventory, interface)
        if owner is not None and owner.lower() != machine.key:
            raise nic_in_use(interface, owner)
        found.append(interface)
    return found


def _put(call: Call) -> Reply:
    refuse_query(call)
    existing = find_named(call, MACHINE, for_write=True)
    check_match(call, existing, with_none_match=True)
    require_idle_machine(existing)
    name = call.path.names[0]
    check_resource_name(MACHINE, name)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    properties, tags = check_envelope(body, MACHINE, extra=_EXTRA), read_tags(body)
    location = read_location(body, MACHINE)
    check_state(properties, existing.state if existing else None)
    kept = keep(properties, SCHEMA, "properties")
    extra = ({"tags": tags} if tags is not None else {}) | read_extra(body, _EXTRA)
    if existing is not None:
        require_same_location(existing, location)
        return _update(call, existing, kept, extra)
    return _create(call, name, location, kept, extra, properties.get("osProfile"))


def _create(call: Call, name: str, location: str, kept: Json, extra: Json, os_profile: object) -> Reply:
    inventory = call.cloud.inventory
    group = require_group(call)
    machine = Resource(resource_id(group, MACHINE, name), MACHINE, name, group, location, kept, extra)
    size = require_size((kept.get("hardwareProfile") or {}).get("vmSize"))
    system = require_image(kept)
    check_os_profile(os_profile, system)
    _require_interfaces(call, machine, kept)
    disks = [attach_new_disk(call, machine, kept["storageProfile"]["osDisk"], system=system)]
    kept["storageProfile"]["osDisk"]["osType"] = system
    disks += _new_data_disks(call, machine)
    take_cores(call.cloud, call.subscription_id, location, size)
    kept["vmId"], kept["timeCreated"] = str(uuid.uuid4()), timestamp(call.cloud.wall())
    machine.give_back = lambda: _give_back(call, machine)
    inventory.add(machine)
    for disk in disks:
        inventory.add(disk)
    _hold(inventory, machine)

    def succeed() -> None:
        machine.power = "running"

    return write(
        call,
        Kind.VM_CREATE,
        machine,
        created=True,
        word="Creating",
        render=lambda one: plain(inventory, one),
        succeed=succeed,
    )


def _new_data_disks(call: Call, machine: Resource) -> list[Resource]:
    made, luns = [], set()
    for profile in machine.properties["storageProfile"].get("dataDisks") or []:
        if profile.get("createOption") != "Empty":
            raise not_simulated(f"a data disk with createOption {profile.get('createOption')}")
        if not isinstance(profile.get("lun"), int) or profile["lun"] in luns:
            raise invalid_parameter("The lun of a data disk is missing or used twice.", "dataDisk.lun")
        luns.add(profile["lun"])
        made.append(attach_new_disk(call, machine, profile, system=None))
    return made


def _hold(inventory: Inventory, machine: Resource) -> None:
    """Note which interfaces and disks the machine holds."""
    storage = machine.properties["storageProfile"]
    held = [one["id"] for one in machine.properties["networkProfile"]["networkInterfaces"]]
    held += [one["managedDisk"]["id"] for one in (storage["osDisk"], *(storage.get("dataDisks") or ()))]
    inventory.refer(machine, [(one, machine.id) for one in held])


def _give_back(call: Call, machine: Resource) -> None:
    """Give the cores back, and delete what the machine's delete options say."""
    size = require_size(machine.properties["hardwareProfile"]["vmSize"])
    give_cores(call.cloud, machine.group.subscription, machine.location or "", size)
    storage = machine.properties["storageProfile"]
    doomed = [
        one["managedDisk"]["id"]
        for one in (storage["osDisk"], *(storage.get("dataDisks") or ()))
        if one.get("deleteOption") == "Delete"
    ]
    doomed += [
        one["id"]
        for one in machine.properties["networkProfile"]["networkInterfaces"]
        if (one.get("properties") or {}).get("deleteOption") == "Delete"
    ]
    for one in doomed:
        resource = call.cloud.inventory.find(one)
        if resource is not None:
            call.cloud.inventory.remove(resource)


def _update(call: Call, machine: Resource, kept: Json, extra: Json) -> Reply:
    """Take the changed parts of a machine over: its size, interfaces, tags and plain settings."""
    inventory = call.cloud.inventory
    old = machine.properties
    check_unchanged(old, kept)
    merged = {**old, **kept}
    merged["osProfile"] = {**old["osProfile"], **(kept.get("osProfile") or {})}
    merged["storageProfile"] = _merge_storage(old["storageProfile"], kept.get("storageProfile") or {})
    _require_interfaces(call, machine, merged)
    size = require_size((merged.get("hardwareProfile") or {}).get("vmSize"))
    former = require_size(old["hardwareProfile"]["vmSize"])
    take_cores(call.cloud, call.subscription_id, machine.location or "", size, former)
    machine.properties, machine.extra = merged, extra
    _hold(inventory, machine)

    def succeed() -> None:
        machine.power = machine.power or "running"  # one whose creation had failed is there now

    return write(
        call,
        Kind.VM_UPDATE,
        machine,
        created=False,
        word="Updating",
        render=lambda one: plain(inventory, one),
        succeed=succeed,
    )


def _merge_storage(old: Json, new: Json) -> Json:
    """Return the storage profile after a change; disks themselves cannot be changed here."""
    disks = {one["lun"]: one for one in old.get("dataDisks") or ()}
    wanted = new.get("dataDisks")
    if wanted is not None and {one.get("lun") for one in wanted} != set(disks):
        raise not_simulated("attaching and detaching data disks of an existing machine")
    os_disk = new.get("osDisk") or {}
    if os_disk.get("name", old["osDisk"]["name"]) != old["osDisk"]["name"]:
        raise ArmError(409, "PropertyChangeNotAllowed", "Changing property 'osDisk.name' is not allowed.")
    changed = {**old["osDisk"], **{word: os_disk[word] for word in ("caching", "deleteOption") if word in os_disk}}
    return {**old, "osDisk": changed}


def _patch(call: Call) -> Reply:
    refuse_query(call)
    machine = require_named(call, MACHINE, for_write=True)
    check_match(call, machine, with_none_match=True)
    require_idle_machine(machine)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    properties = check_envelope(body, MACHINE, extra=_EXTRA)
    check_state(properties, machine.state)
    kept = keep(properties, SCHEMA, "properties")
    extra = dict(machine.extra)
    if "tags" in body:
        extra["tags"] = read_tags(body) or {}
    return _update(call, machine, kept, extra)


def _delete(call: Call) -> Reply:
    refuse_query(call, "forcedeletion")
    inventory = call.cloud.inventory
    machine = find_named(call, MACHINE, for_write=True)
    if machine is None:
        return Reply(204)
    if machine.state == "Deleting":
        require_idle_machine(machine)
    if machine.operation is not None:
        # A deletion does not wait for what goes on: it ends it.
        overtaken = Outcome(
            "Canceled",
            "OperationPreempted",
            "Operation execution has been preempted by a more recent operation.",
        )
        call.cloud.operations.end(machine.operation, overtaken)
    return act(
        call,
        Kind.VM_DELETE,
        machine,
        word="Deleting",
        effect="deleted",
        succeed=lambda: inventory.remove(machine),
        final_status=204,
    )


ROUTES = (
    Route("PUT", _ONE, _put, Kind.VM_CREATE),
    Route("PATCH", _ONE, _patch, Kind.VM_UPDATE),
    Route("DELETE", _ONE, _delete, Kind.VM_DELETE),
)
