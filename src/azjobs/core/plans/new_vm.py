"""Decide the next requests of New-AzVM: reads, then group, then network parts side by side, interface, machine.

Pure. What exists already is used as it is; a machine that exists is returned
unchanged. A request that fails ends the plan; what was created until then stays
[azure-powershell, NewAzureVMCommand].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azjobs.core.arm import OnUnanswered, Request
from azjobs.core.naming import check_location, path_of
from azjobs.core.plan import Answers, Decision, Done, Send
from azjobs.core.plans import new_vm_bodies as bodies
from azjobs.core.plans.new_vm_input import DEFAULT_LOCATION, PASSWORD_HOLE, NewVm, Wish, settle
from azjobs.core.plans.reading import first_fault, first_real_fault, is_missing
from azjobs.core.plans.versions import COMPUTE, NETWORK, RESOURCES

PARTS = ("network", "security group", "address", "interface")  # by key of the request that makes each
NETWORK_KINDS = {
    "network": "virtualNetworks",
    "security group": "networkSecurityGroups",
    "address": "publicIPAddresses",
    "interface": "networkInterfaces",
}
PASSWORD_POINTER = "/properties/osProfile/adminPassword"  # noqa: S105 - a place in the body


def new_vm(asked: NewVm, answers: Answers) -> Decision:
    """Return what comes next on the way to the machine that is `asked` for."""
    wish = settle(asked)
    reads = {"read machine": _read_machine(wish), "read group": _read_group(wish)}
    if not reads.keys() <= answers.keys():
        return Send(reads)
    if (fault := first_real_fault(answers, *reads)) is not None:
        return fault
    if answers["read machine"].is_ok:
        return Done(answers["read machine"].body)
    if answers["read group"].is_ok:
        reads |= {f"read {part}": _read_part(wish, part) for part in PARTS if _name_of(wish, part)}
        if not reads.keys() <= answers.keys():
            return Send(reads)
        if (fault := first_real_fault(answers, *reads)) is not None:
            return fault
    return _make(wish, _found(answers, reads), answers)


def _make(wish: Wish, found: Mapping[str, Any], answers: Answers) -> Decision:
    """Return the writes that may be under way, stage by stage, once it is known what exists."""
    location = _location(wish, found)
    for stage in (
        _make_group(wish, found, location),
        _make_network_parts(wish, found, location),
        _make_interface(wish, found, location),
        {"machine": _write_machine(wish, location)},
    ):
        fault = first_fault(answers, *stage)
        if fault is not None:
            return fault
        if not stage.keys() <= answers.keys():
            return Send(stage)
    return Done(answers["machine"].body)


def _make_group(wish: Wish, found: Mapping[str, Any], location: str) -> dict[str, Request]:
    if "group" in found:
        return {}
    path = path_of(_group_id(wish), RESOURCES)
    return {"group": Request("PUT", path, f"resource group {wish.group}", bodies.group(wish, location))}


def _make_network_parts(wish: Wish, found: Mapping[str, Any], location: str) -> dict[str, Request]:
    """Network, security group and address do not depend on each other; an interface that exists needs none."""
    if "interface" in found:
        return {}
    requests: dict[str, Request] = {}
    if "network" not in found:
        requests["network"] = _write_part(wish, "network", bodies.network(wish, location))
    elif not _has_subnet(found["network"], wish.subnet):
        path = path_of(bodies.subnet_id(wish), NETWORK)
        label = f"virtualNetworks/{wish.network}/subnets/{wish.subnet}"
        requests["subnet"] = Request("PUT", path, label, bodies.subnet(wish))
    if "security group" not in found:
        requests["security group"] = _write_part(wish, "security group", bodies.security_group(wish, location))
    if wish.asked.public_ip_address_name and "address" not in found:
        requests["address"] = _write_part(wish, "address", bodies.address(wish, location))
    return requests


def _make_interface(wish: Wish, found: Mapping[str, Any], location: str) -> dict[str, Request]:
    if "interface" in found:
        return {}
    return {"interface": _write_part(wish, "interface", bodies.interface(wish, location))}


def _write_machine(wish: Wish, location: str) -> Request:
    """The one request with a secret; under If-None-Match, so that it can go out again without a second effect."""
    return Request(
        "PUT",
        path_of(_machine_id(wish), COMPUTE),
        f"virtualMachines/{wish.asked.name}",
        bodies.machine(wish, location),
        holes={PASSWORD_POINTER: PASSWORD_HOLE},
        on_unanswered=OnUnanswered.CONDITION,
    )


def _write_part(wish: Wish, part: str, body: dict[str, Any]) -> Request:
    read = _read_part(wish, part)
    return Request("PUT", read.path, read.label, body)


def _read_part(wish: Wish, part: str) -> Request:
    kind, name = NETWORK_KINDS[part], _name_of(wish, part)
    return Request("GET", path_of(bodies.id_of(wish, kind, name), NETWORK), f"{kind}/{name}")


def _read_machine(wish: Wish) -> Request:
    return Request("GET", path_of(_machine_id(wish), COMPUTE), f"virtualMachines/{wish.asked.name}")


def _read_group(wish: Wish) -> Request:
    return Request("GET", path_of(_group_id(wish), RESOURCES), f"resource group {wish.group}")


def _machine_id(wish: Wish) -> str:
    return bodies.id_of(wish, "virtualMachines", wish.asked.name, "Microsoft.Compute")


def _group_id(wish: Wish) -> str:
    return f"/subscriptions/{wish.asked.subscription_id}/resourceGroups/{wish.group}"


def _name_of(wish: Wish, part: str) -> str:
    names = {
        "network": wish.network,
        "security group": wish.security_group,
        "address": wish.asked.public_ip_address_name,
        "interface": wish.asked.name,
    }
    return names[part]


def _found(answers: Answers, reads: Mapping[str, Request]) -> dict[str, Any]:
    """The bodies of what exists, by part."""
    known = {key.removeprefix("read "): answers[key] for key in reads}
    return {part: answer.body for part, answer in known.items() if not is_missing(answer)}


def _location(wish: Wish, found: Mapping[str, Any]) -> str:
    """Where it goes: where the user says, else where what it depends on is, else the default [New-AzVM]."""
    if wish.asked.location:
        return check_location(wish.asked.location)
    for part in ("interface", "network", "security group", "address", "group"):
        location = found[part].get("location") if isinstance(found.get(part), Mapping) else None
        if isinstance(location, str) and location:
            return location
    return DEFAULT_LOCATION


def _has_subnet(network: Any, name: str) -> bool:
    properties = network.get("properties") if isinstance(network, Mapping) else None
    subnets = properties.get("subnets") if isinstance(properties, Mapping) else None
    names = [s.get("name", "") for s in subnets or () if isinstance(s, Mapping)]
    return name.lower() in (str(n).lower() for n in names)
