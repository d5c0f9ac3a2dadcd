"""Resource groups: made and changed at once, deleted with all they hold by a Location-only operation.

If-None-Match is ignored here, as Azure ignores it: a client cannot make a group on the condition that there is none.
"""

from __future__ import annotations

import re

from azjobs.simulator.bodies import check_envelope, decode_body, read_extra, read_location, read_tags
from azjobs.simulator.cloud import Call, Json, Reply, Route
from azjobs.simulator.deployments import DEPLOYMENT
from azjobs.simulator.errors import ArmError, group_not_found, not_simulated
from azjobs.simulator.inventory import Group, Resource
from azjobs.simulator.operations import Outcome
from azjobs.simulator.paths import check_group_name
from azjobs.simulator.provisioning import act, again, result_of, status_of
from azjobs.simulator.resources import GROUP, SUBSCRIPTION, list_page, refuse_query, require_group
from azjobs.simulator.settings import Kind

TYPE = "Microsoft.Resources/resourceGroups"
_EXTRA = {"managedBy": str}
_TAG_FILTER = re.compile(r"tagName eq '([^']+)'(?: and tagValue eq '([^']*)')?", re.IGNORECASE)
_TYPE_FILTER = re.compile(r"resourceType eq '([^']+)'", re.IGNORECASE)


def _render(group: Group) -> Json:
    body: Json = {"id": group.id, "name": group.name, "type": TYPE, "location": group.location}
    if group.tags is not None:
        body["tags"] = group.tags
    if group.managed_by is not None:
        body["managedBy"] = group.managed_by
    return {**body, "properties": {"provisioningState": group.state}}


def _put(call: Call) -> Reply:
    name = call.path.group or ""
    check_group_name(name)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    check_envelope(body, TYPE, extra=_EXTRA)
    managed_by = read_extra(body, _EXTRA).get("managedBy")
    location, tags = read_location(body, TYPE), read_tags(body)
    if call.cloud.inventory.find_group(call.subscription_id, name) is None:
        group = Group(
            id=f"/subscriptions/{call.subscription_id}/resourceGroups/{name}",
            name=name,
            subscription=call.subscription_id.lower(),
            location=location,
        )
        status, effect = 201, "created"
    else:
        group = require_group(call, for_write=True)
        status, effect = 200, "updated"
    if group.location != location:
        raise ArmError(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{group.location}'.",
        )
    group.tags, group.managed_by = tags, managed_by
    if status == 201:
        call.cloud.inventory.add_group(group)
    call.note_effect(group.id, effect).outcome = "Succeeded"
    return Reply(status, _render(group))


def _patch(call: Call) -> Reply:
    group = require_group(call, for_write=True)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    check_envelope(body, TYPE)
    if "tags" in body:
        group.tags = read_tags(body)
    call.note_effect(group.id, "updated").outcome = "Succeeded"
    return Reply(200, _render(group))


def _get(call: Call) -> Reply:
    group = require_group(call)
    if group.operation is not None:
        call.cloud.operations.look(group.operation)
        group = require_group(call)
    return Reply(200, _render(group))


def _head(call: Call) -> Reply:
    found = call.cloud.inventory.find_group(call.subscription_id, call.path.group or "")
    return Reply(204 if found else 404)


def _list(call: Call) -> Reply:
    groups = [one for one in call.cloud.inventory.groups.values() if one.subscription == call.subscription_id.lower()]
    wanted = call.query.get("$filter")
    if wanted:
        match = _TAG_FILTER.fullmatch(wanted.strip())
        if match is None:
            raise not_simulated(f"the filter {wanted} on resource groups")
        groups = [one for one in groups if _has_tag(one, match[1], match[2])]
    principal = call.principal
    assert principal is not None
    return list_page(call, [_render(one) for one in groups if principal.may(one.key, write=False)])


def _has_tag(group: Group, name: str, value: str | None) -> bool:
    tags = {key.lower(): text for key, text in (group.tags or {}).items()}
    return name.lower() in tags and (value is None or tags[name.lower()] == value)


def _delete(call: Call) -> Reply:
    refuse_query(call)
    name = call.path.group or ""
    group = call.cloud.inventory.find_group(call.subscription_id, name)
    if group is None:
        raise group_not_found(name)
    if group.operation is not None:
        return again(call, group.operation)

    def succeed() -> None:
        overtaken = Outcome("Canceled", "ResourceGroupBeingDeleted", "The resource group was deleted meanwhile.")
        for resource in list(call.cloud.inventory.in_group(group)):
            if resource.operation is not None:
                call.cloud.operations.end(resource.operation, overtaken)
        call.cloud.inventory.remove_group(group)

    return act(call, Kind.GROUP_DELETE, group, word="Deleting", effect="deleted", succeed=succeed)


def _resources_of_group(call: Call) -> Reply:
    return _list_generic(call, list(call.cloud.inventory.in_group(require_group(call))))


def _resources_of_subscription(call: Call) -> Reply:
    wanted = call.subscription_id.lower()
    everything = call.cloud.inventory.resources.values()
    return _list_generic(call, [one for one in everything if one.group.subscription == wanted])


def _list_generic(call: Call, resources: list[Resource]) -> Reply:
    resources = [one for one in resources if one.parent_key is None and one.type != DEPLOYMENT]
    wanted = call.query.get("$filter")
    if wanted:
        match = _TYPE_FILTER.fullmatch(wanted.strip())
        if match is None:
            raise not_simulated(f"the filter {wanted} on resources")
        resources = [one for one in resources if one.type.lower() == match[1].lower()]
    return list_page(
        call,
        [
            {"id": one.id, "name": one.name, "type": one.type, "location": one.location, **one.extra}
            for one in resources
        ],
    )


ROUTES = (
    Route("PUT", GROUP, _put),
    Route("PATCH", GROUP, _patch),
    Route("GET", GROUP, _get),
    Route("HEAD", GROUP, _head),
    Route("DELETE", GROUP, _delete, Kind.GROUP_DELETE),
    Route("GET", f"{SUBSCRIPTION}/resourceGroups", _list, any_right=True),
    Route("GET", f"{GROUP}/resources", _resources_of_group),
    Route("GET", f"{SUBSCRIPTION}/resources", _resources_of_subscription),
    Route("GET", f"{SUBSCRIPTION}/operationresults/{{}}", result_of, any_right=True),
    Route("GET", f"{SUBSCRIPTION}/operations/{{}}", status_of, any_right=True),
)
