"""What is the same for every type of resource: to find it, show it, list it, check conditions on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlencode

from azjobs.simulator.cloud import Call, Json, Reply, Route
from azjobs.simulator.errors import (
    ArmError,
    group_not_found,
    invalid_reference,
    not_provisioned,
    not_simulated,
    precondition_failed,
    resource_not_found,
)
from azjobs.simulator.inventory import SUCCEEDED, Group, Inventory, Resource

Render = Callable[[Inventory, Resource], Json]
GROUP = "/subscriptions/{}/resourceGroups/{}"
SUBSCRIPTION = "/subscriptions/{}"


def require_group(call: Call, *, for_write: bool = False) -> Group:
    """Return the group the path names; 404 when there is none, 409 for a write to one that is being deleted."""
    name = call.path.group or ""
    group = call.cloud.inventory.find_group(call.subscription_id, name)
    if group is None:
        raise group_not_found(name)
    if for_write and group.state == "Deleting":
        raise ArmError(
            409,
            "ResourceGroupBeingDeleted",
            f"The resource group '{group.name}' is in deprovisioning state and cannot perform this operation.",
        )
    return group


def resource_id(group: Group, resource_type: str, *names: str) -> str:
    """Return the id of a resource, or of a child resource, of a group."""
    provider, *words = resource_type.split("/")
    pairs = "/".join(f"{word}/{name}" for word, name in zip(words, names, strict=True))
    return f"{group.id}/providers/{provider}/{pairs}"


def find_named(call: Call, resource_type: str, *, for_write: bool = False) -> Resource | None:
    """Return the resource the path names, None when there is none in its group."""
    group = require_group(call, for_write=for_write)
    depth = resource_type.count("/")
    return call.cloud.inventory.find(resource_id(group, resource_type, *call.path.names[:depth]))


def require_named(call: Call, resource_type: str, *, for_write: bool = False) -> Resource:
    """Return the resource the path names; ResourceNotFound when there is none."""
    resource = find_named(call, resource_type, for_write=for_write)
    if resource is None:
        names = "/".join(call.path.names[: resource_type.count("/")])
        raise resource_not_found(resource_type, names, call.path.group or "")
    return resource


def require_same_location(existing: Resource, location: str) -> None:
    """Raise InvalidResourceLocation for a PUT that would move a resource."""
    if existing.location != location:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{existing.name}' already exists in location '{existing.location}' in resource group "
            f"'{existing.group.name}'. A resource with the same name cannot be created in location '{location}'. "
            "Please select a new resource name.",
        )


def require_reference(call: Call, reference: object, resource_type: str, *, referrer: str, location: str) -> Resource:
    """Return the resource that a body refers to as {"id": …}; it must be of the subscription, region, and ready."""
    wanted = reference.get("id") if isinstance(reference, dict) else None
    if not isinstance(wanted, str):
        raise ArmError(400, "InvalidRequestFormat", f"Cannot parse the request: {referrer} refers to no resource id.")
    resource = call.cloud.inventory.find(wanted)
    if resource is None or resource.type != resource_type:
        raise invalid_reference(wanted, referrer)
    if resource.group.subscription != call.subscription_id.lower():
        raise invalid_reference(wanted, referrer)
    parent = call.cloud.inventory.find(resource.parent_key) if resource.parent_key else resource
    if parent is None or parent.location != location or "Deleting" in (resource.state, parent.state):
        raise invalid_reference(wanted, referrer)
    if resource.state not in (SUCCEEDED, "Failed", "Canceled"):
        raise not_provisioned(wanted, referrer, resource.state)
    return resource


def check_match(call: Call, existing: Resource | None, *, with_none_match: bool) -> None:
    """Raise the 412 of an If-Match, and of an If-None-Match: * where the provider honours that one."""
    wanted = call.headers.get("if-match")
    if wanted is not None and (existing is None or wanted not in ("*", existing.etag)):
        raise precondition_failed(existing.id if existing else call.path.raw)
    if with_none_match and existing is not None and call.headers.get("if-none-match") == "*":
        raise precondition_failed(existing.id)


def envelope(resource: Resource, properties: Json) -> Json:
    """Return a resource as a GET shows it, its state among the properties."""
    body: Json = {"name": resource.name, "id": resource.id, "type": resource.type}
    if resource.location is not None:
        body["location"] = resource.location
    return {
        **body,
        **resource.extra,
        "etag": resource.etag,
        "properties": {**properties, "provisioningState": resource.state},
    }


def plain(_inventory: Inventory, resource: Resource) -> Json:
    """Return a resource whose stored properties are all there is to show."""
    return envelope(resource, resource.properties)


def show(call: Call, resource: Resource, render: Render) -> Reply:
    """Answer a GET of one resource; it counts as a look at the operation under way on it."""
    if resource.operation is not None:
        call.cloud.operations.look(resource.operation)
        if call.cloud.inventory.find(resource.key) is None:
            raise resource_not_found(resource.type, resource.name, resource.group.name)
    return Reply(200, render(call.cloud.inventory, resource), {"etag": resource.etag})


def list_page(call: Call, items: Iterable[object]) -> Reply:
    """Answer {"value": [...], "nextLink"?} with the page the call asks for; items that are callables are called."""
    start_text, top_text = call.query.get("$skiptoken", "0"), call.query.get("$top", "")
    if not start_text.isdecimal() or (top_text and not top_text.isdecimal()):
        raise ArmError(400, "InvalidRequestUri", "The paging parameters of the request are not numbers.")
    size = call.cloud.settings.page_size
    size = min(size, int(top_text)) if top_text else size
    start, everything = int(start_text), list(items)
    page = everything[start : start + size]
    body: Json = {"value": [item() if callable(item) else item for item in page]}
    if start + size < len(everything):
        query = urlencode({**call.query, "$skiptoken": start + size})
        body["nextLink"] = f"{call.base_url}{call.path.raw}?{query}"
    return Reply(200, body)


def list_resources(call: Call, resources: Iterable[Resource], render: Render) -> Reply:
    """Answer a list of resources; only the page that is sent is rendered."""
    inventory = call.cloud.inventory
    return list_page(call, [lambda one=one: render(inventory, one) for one in resources])


def reading_routes(resource_type: str, render: Render) -> Sequence[Route]:
    """Return the three routes that read a top-level type: one by name, those of a group, those of a subscription."""

    def get(call: Call) -> Reply:
        refuse_query(call)
        return show(call, require_named(call, resource_type), render)

    def of_group(call: Call) -> Reply:
        refuse_query(call)
        group = require_group(call)
        everything = call.cloud.inventory.in_group(group)
        return list_resources(call, (one for one in everything if one.type == resource_type), render)

    def of_subscription(call: Call) -> Reply:
        refuse_query(call)
        return list_resources(call, call.cloud.inventory.of_type(call.subscription_id, resource_type), render)

    return (
        Route("GET", f"{GROUP}/providers/{resource_type}/{{}}", get),
        Route("GET", f"{GROUP}/providers/{resource_type}", of_group),
        Route("GET", f"{SUBSCRIPTION}/providers/{resource_type}", of_subscription),
    )


def refuse_query(call: Call, *known: str) -> None:
    """Refuse by name a query parameter that would change what the operation does."""
    for name in call.query:
        if name.lower() not in ("api-version", "$skiptoken", "$top", *known):
            raise not_simulated(f"the query parameter {name} of {call.method} {call.path.shape}")
