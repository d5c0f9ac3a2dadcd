"""Decide the requests that start, stop, restart and remove a machine.

Pure. Whether an unanswered start or stop took effect is seen by the machine's
power state; whether a restart did, only the user can know.
Source: Azure/azure-rest-api-specs, Microsoft.Compute virtualMachine.json.
"""

from __future__ import annotations

from typing import Any

from azjobs.core.arm import OnUnanswered, Request
from azjobs.core.errors import Fault, InvalidInput
from azjobs.core.naming import ResourceId, path_of
from azjobs.core.plan import Answers, Decision, Done, Send
from azjobs.core.plans.find_vm import Target, as_not_found, find_vm, label_of
from azjobs.core.plans.reading import is_missing
from azjobs.core.plans.versions import COMPUTE


class StopVm(Target, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The machine is deallocated, unless it is to stay provisioned (and paid for)."""

    stay_provisioned: bool = False
    skip_shutdown: bool = False


class RemoveVm(Target, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`force_deletion` skips the machine's own shutdown."""

    force_deletion: bool = False


def start_vm(target: Target, answers: Answers) -> Decision:
    """Start a machine."""
    return _act(target, answers, "start", done_when="running")


def stop_vm(asked: StopVm, answers: Answers) -> Decision:
    """Deallocate a machine, or power it off when it is to stay provisioned."""
    if not asked.stay_provisioned:
        if asked.skip_shutdown:
            raise InvalidInput("Skipping the shutdown goes with staying provisioned: deallocating has no such choice.")
        return _act(asked, answers, "deallocate", done_when="deallocated")
    query = {"skipShutdown": "true"} if asked.skip_shutdown else {}
    return _act(asked, answers, "powerOff", done_when="stopped", query=query)


def restart_vm(target: Target, answers: Answers) -> Decision:
    """Restart a machine."""
    return _act(target, answers, "restart", done_when="")


def remove_vm(asked: RemoveVm, answers: Answers) -> Decision:
    """Delete a machine; its interface and disks stay, unless they were made to go with it.

    It is read first: a DELETE of what does not exist is answered 204, and says nothing.
    """
    machine = find_vm(asked, answers)
    if not isinstance(machine, ResourceId):
        return machine
    found = answers.get("read machine")
    if found is None:
        return Send({"read machine": Request("GET", path_of(str(machine), COMPUTE), label_of(machine))})
    if found.fault is not None:
        return as_not_found(machine, found.fault)
    answer = answers.get("remove")
    if answer is None:
        query = {"forceDeletion": "true"} if asked.force_deletion else {}
        path = path_of(str(machine), COMPUTE, **query)
        look = path_of(str(machine), COMPUTE)
        return Send({"remove": Request("DELETE", path, label_of(machine), look_path=look)})
    if answer.fault is not None and not is_missing(answer):
        return answer.fault
    return Done(_result(machine, "delete"))


def _act(
    target: Target, answers: Answers, action: str, *, done_when: str, query: dict[str, str] | None = None
) -> Decision:
    machine = find_vm(target, answers)
    if not isinstance(machine, ResourceId):
        return machine
    answer = answers.get(action)
    if answer is None:
        request = Request(
            "POST",
            path_of(str(machine), COMPUTE, action, **(query or {})),
            label_of(machine),
            on_unanswered=OnUnanswered.LOOK if done_when else OnUnanswered.ASK,
            look_path=path_of(str(machine), COMPUTE, "instanceView"),
            done_when=done_when,
        )
        return Send({action: request})
    if isinstance(answer.fault, Fault):
        return as_not_found(machine, answer.fault)
    return Done(_result(machine, action))


def _result(machine: ResourceId, action: str) -> dict[str, Any]:
    """What Azure gives back for an action is nothing; this says what was done to what."""
    return {
        "id": str(machine),
        "name": machine.name,
        "resourceGroupName": machine.group,
        "action": action,
        "status": "Succeeded",
    }
