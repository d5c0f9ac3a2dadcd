"""Decide the reads of Get-AzVM: one machine, those of a group, or those of the subscription.

Pure. Names may be patterns, which are matched here: the service does not know
them. The power state costs one more read for each machine of a list.
"""

from __future__ import annotations

from typing import Any

from azjobs.core.arm import Request
from azjobs.core.errors import Fault
from azjobs.core.naming import ResourceId, check_group_name, group_of, is_wildcard, matches, path_of
from azjobs.core.plan import Answers, Decision, Done, Send
from azjobs.core.plans.find_vm import Target, as_not_found, find_vm, label_of, list_request
from azjobs.core.plans.reading import is_missing, read_pages
from azjobs.core.plans.versions import COMPUTE

Json = dict[str, Any]


class GetVm(Target, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which machines; `status`: with their power state."""

    status: bool = False


def get_vm(asked: GetVm, answers: Answers) -> Decision:
    """Read one machine (the result is an object) or several (the result is a list)."""
    is_list = not asked.id and (not asked.name or is_wildcard(asked.name) or is_wildcard(asked.resource_group_name))
    return _get_many(asked, answers) if is_list else _get_one(asked, answers)


def _get_one(asked: GetVm, answers: Answers) -> Decision:
    machine = find_vm(asked, answers)
    if not isinstance(machine, ResourceId):
        return machine
    answer = answers.get("machine")
    if answer is None:
        query = {"_expand": "instanceView"} if asked.status else {}
        return Send({"machine": Request("GET", path_of(str(machine), COMPUTE, **query), label_of(machine))})
    return as_not_found(machine, answer.fault) if answer.fault is not None else Done(answer.body)


def _get_many(asked: GetVm, answers: Answers) -> Decision:
    group = asked.resource_group_name
    is_one_group = bool(group) and not is_wildcard(group)
    scope = check_group_name(group) if is_one_group else ""
    machines = read_pages("machines", list_request(asked.subscription_id, scope), answers)
    if not isinstance(machines, list):
        return machines
    chosen = [m for m in machines if _is_chosen(asked, m)]
    return _with_views(chosen, answers) if asked.status else Done(chosen)


def _is_chosen(asked: GetVm, machine: Any) -> bool:
    if not isinstance(machine, dict):
        return False
    identity = str(machine.get("id", ""))
    return matches(asked.name, str(machine.get("name", ""))) and matches(asked.resource_group_name, group_of(identity))


def _with_views(machines: list[Json], answers: Answers) -> Decision:
    """Add each machine's instance view; one that went away meanwhile is left out."""
    views = {f"view {m['id'].lower()}": m for m in machines if m.get("id")}
    if not views.keys() <= answers.keys():
        return Send({k: Request("GET", path_of(m["id"], COMPUTE, "instanceView"), m["name"]) for k, m in views.items()})
    shown: list[Json] = []
    for key, machine in views.items():
        answer = answers[key]
        if isinstance(answer.fault, Fault):
            if not is_missing(answer):
                return answer.fault
            continue
        shown.append({**machine, "properties": {**(machine.get("properties") or {}), "instanceView": answer.body}})
    return Done(shown)
