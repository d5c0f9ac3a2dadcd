"""Decide which machine a name means.

Pure. An id, or a name with its group, needs no look. A name alone is looked up
in the group of the same name first, where New-AzVM puts a machine, then in the
whole subscription; a name that several machines have is refused, never guessed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from azjobs.core.arm import Request
from azjobs.core.errors import Fault, InvalidInput, Sent
from azjobs.core.naming import MACHINE_TYPE, ResourceId, check_group_name, group_of, parse_resource_id, path_of
from azjobs.core.plan import Answers, Send
from azjobs.core.plans.reading import is_missing, read_pages
from azjobs.core.plans.versions import COMPUTE


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A machine as the user names it: by id, by name and group, or by name alone."""

    subscription_id: str = ""
    name: str = ""
    resource_group_name: str = ""
    id: str = ""


def find_vm(target: Target, answers: Answers) -> ResourceId | Send | Fault:
    """Return the machine's id, what is to be read to learn it, or why there is none.

    Raises:
        InvalidInput: the target is no target.
    """
    if target.id:
        return parse_resource_id(target.id)
    check_name(target.name)
    if target.resource_group_name:
        return machine_id(target.subscription_id, target.resource_group_name, target.name)
    guess = machine_id(target.subscription_id, target.name, target.name)
    answer = answers.get("find in its group")
    if answer is None:
        return Send({"find in its group": Request("GET", path_of(str(guess), COMPUTE), label_of(guess))})
    if answer.is_ok:
        return guess
    if not is_missing(answer):
        return answer.fault or Fault("Unreadable", "The machine could not be read.", label_of(guess))
    machines = read_pages("find in subscription", list_request(target.subscription_id), answers)
    if not isinstance(machines, list):
        return machines
    same = [m["id"] for m in machines if str(m.get("name", "")).lower() == target.name.lower() and m.get("id")]
    return _only(target, same)


def machine_id(subscription_id: str, group: str, name: str) -> ResourceId:
    """Return the id of a machine, its group's name checked."""
    return ResourceId(subscription_id, check_group_name(group), MACHINE_TYPE, name)


def check_name(name: str) -> None:
    """Refuse a name that cannot be of a machine: an empty one, or one with a slash that would reach elsewhere.

    Raises:
        InvalidInput: it is one of these.
    """
    if not name.strip():
        raise InvalidInput("Say which machine: its name, or its id.")
    if "/" in name or name in (".", ".."):
        raise InvalidInput(f"'{name}' is not the name of a machine.")


def list_request(subscription_id: str, group: str = "") -> Request:
    """Return the first page of the machines of a group, or of the subscription."""
    scope = f"/subscriptions/{subscription_id}" + (f"/resourceGroups/{group}" if group else "")
    return Request("GET", path_of(f"{scope}/providers/{MACHINE_TYPE}", COMPUTE), "virtualMachines")


def label_of(machine: ResourceId) -> str:
    """Return what people call it."""
    return f"virtualMachines/{machine.name}"


def not_found(name: str, group: str = "") -> Fault:
    """Return the fault that says that there is no such machine."""
    where = f"in resource group {group}" if group else "in the subscription"
    message = f"There is no machine {name} {where}. Type: azjobs vm get"
    return Fault("ResourceNotFound", message, f"virtualMachines/{name}", http_status=404)


def as_not_found(machine: ResourceId, fault: Fault) -> Fault:
    """Return the fault in words that name the machine, when it says that machine or group do not exist."""
    is_absent = fault.http_status == 404 and fault.code.lower() in ("resourcenotfound", "resourcegroupnotfound")
    return not_found(machine.name, machine.group) if is_absent else fault


def _only(target: Target, ids: list[Any]) -> ResourceId | Fault:
    if not ids:
        return not_found(target.name)
    if len(ids) > 1:
        groups = ", ".join(sorted(group_of(one) for one in ids))
        message = f"Several machines are called {target.name}, in the resource groups {groups}. Say which group."
        return Fault("AmbiguousName", message, f"virtualMachines/{target.name}", sent=Sent.NO)
    return parse_resource_id(ids[0])
