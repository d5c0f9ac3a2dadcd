"""Decide the requests that make, read, count and remove resource groups.

Pure. Source: Azure/azure-rest-api-specs, Microsoft.Resources resources.json.
"""

from __future__ import annotations

from typing import Any

import msgspec

from azjobs.core.arm import Request
from azjobs.core.errors import Fault, InvalidInput, Sent
from azjobs.core.naming import check_group_name, check_location, is_wildcard, matches, path_of
from azjobs.core.plan import Answers, Decision, Done, Send
from azjobs.core.plans.reading import is_missing, read_pages
from azjobs.core.plans.versions import RESOURCES


class NewGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`force`: the tags of a group that exists are replaced."""

    subscription_id: str
    name: str
    location: str = ""
    tags: dict[str, str] = {}
    force: bool = False


class GetGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A name or pattern; "" for all. `location` narrows a list down."""

    subscription_id: str
    name: str = ""
    location: str = ""


class OneGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A resource group by name."""

    subscription_id: str
    name: str


def new_group(asked: NewGroup, answers: Answers) -> Decision:
    """Make a resource group; one that exists is returned as it is.

    Its tags would be replaced by a PUT, and silently: so other tags need `force`.
    """
    request = _read(asked.subscription_id, asked.name)
    if not asked.location:
        raise InvalidInput(f"Say where resource group {asked.name} is to be: a location, such as eastus.")
    location = check_location(asked.location)
    found = answers.get("read group")
    if found is None:
        return Send({"read group": request})
    if found.is_ok and not asked.force:
        return _existing(asked, location, found.body)
    if found.fault is not None and not is_missing(found):
        return found.fault
    answer = answers.get("group")
    if answer is None:
        body = {"location": location, **({"tags": dict(asked.tags)} if asked.tags else {})}
        return Send({"group": Request("PUT", request.path, request.label, body)})
    return answer.fault if answer.fault is not None else Done(answer.body)


def get_group(asked: GetGroup, answers: Answers) -> Decision:
    """Read one resource group (the result is an object) or several (the result is a list)."""
    if asked.name and not is_wildcard(asked.name):
        answer = answers.get("group")
        if answer is None:
            return Send({"group": _read(asked.subscription_id, asked.name)})
        return _absent(asked.name, answer.fault) if answer.fault is not None else Done(answer.body)
    location = check_location(asked.location) if asked.location else ""
    path = path_of(f"/subscriptions/{asked.subscription_id}/resourcegroups", RESOURCES)
    found = read_pages("groups", Request("GET", path, "resource groups"), answers)
    if not isinstance(found, list):
        return found
    here = [g for g in found if not location or str(g.get("location", "")).lower() == location]
    return Done([g for g in here if matches(asked.name, str(g.get("name", "")))])


def remove_group(asked: OneGroup, answers: Answers) -> Decision:
    """Delete a resource group with all that is in it."""
    request = _read(asked.subscription_id, asked.name)
    found = answers.get("read group")
    if found is None:
        return Send({"read group": request})
    if found.fault is not None:
        return _absent(asked.name, found.fault)
    answer = answers.get("remove")
    if answer is None:
        return Send({"remove": Request("DELETE", request.path, request.label)})
    if answer.fault is not None and not is_missing(answer):
        return answer.fault
    return Done({"name": asked.name, "action": "delete", "status": "Succeeded"})


def count_resources(asked: OneGroup, answers: Answers) -> Decision:
    """Read what is in a resource group, for the question whether it may go: `{"name", "count", "resources"}`."""
    name = check_group_name(asked.name)
    path = path_of(f"/subscriptions/{asked.subscription_id}/resourceGroups/{name}", RESOURCES, "resources")
    found = read_pages("resources", Request("GET", path, f"resource group {name}"), answers)
    if isinstance(found, Fault):
        return _absent(name, found)
    if isinstance(found, Send):
        return found
    resources = [{key: one.get(key, "") for key in ("id", "name", "type")} for one in found]
    return Done({"name": name, "count": len(resources), "resources": resources})


def _existing(asked: NewGroup, location: str, body: Any) -> Decision:
    group = body if isinstance(body, dict) else {}
    if str(group.get("location", "")).lower() != location:
        there = group.get("location", "elsewhere")
        message = f"Resource group {asked.name} exists already, in {there}; a group cannot move to {location}."
        return Fault("InvalidResourceGroupLocation", message, f"resource group {asked.name}", sent=Sent.NO)
    if asked.tags and asked.tags != (group.get("tags") or {}):
        message = f"Resource group {asked.name} exists already, with other tags. Add force to replace them."
        return Fault("ResourceGroupExists", message, f"resource group {asked.name}", sent=Sent.NO)
    return Done(body)


def _read(subscription_id: str, name: str) -> Request:
    path = path_of(f"/subscriptions/{subscription_id}/resourceGroups/{check_group_name(name)}", RESOURCES)
    return Request("GET", path, f"resource group {name}")


def _absent(name: str, fault: Fault) -> Fault:
    if fault.code.lower() != "resourcegroupnotfound":
        return fault
    message = f"There is no resource group {name} in the subscription. Type: azjobs resource-group get"
    return msgspec.structs.replace(fault, message=message, target=f"resource group {name}")
