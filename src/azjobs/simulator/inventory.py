"""What exists: resource groups, resources, and who refers to whom.

Keys are resource ids in lower case; ids keep the spelling of the first request. No rule of any provider lives here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azjobs.simulator.operations import Operation

Json = dict[str, Any]
SUCCEEDED = "Succeeded"


@dataclass(slots=True)
class Group:
    """A resource group."""

    id: str
    name: str
    subscription: str  # lower-case, as in every key
    location: str
    tags: Json | None = None
    managed_by: str | None = None
    state: str = SUCCEEDED
    operation: Operation | None = None

    @property
    def key(self) -> str:
        """The id in lower case."""
        return self.id.lower()


@dataclass(slots=True)
class Resource:
    """A resource, or a child of one (a subnet). `properties` is what a GET shows, less what is worked out then."""

    id: str
    type: str
    name: str
    group: Group
    location: str | None
    properties: Json
    #: Members beside `properties`: tags, sku, zones.
    extra: Json = field(default_factory=dict)
    parent_key: str | None = None
    state: str = SUCCEEDED
    operation: Operation | None = None
    power: str | None = None  # machines: the word after "PowerState/"
    etag: str = ""
    #: Called when the resource is gone, to give back what it had taken (cores, addresses).
    give_back: Callable[[], None] | None = None
    key: str = ""

    def __post_init__(self) -> None:
        """Work the key out once: it is asked for on every request."""
        self.key = self.id.lower()
        self.touch()

    def touch(self) -> None:
        """Give the resource a new entity tag, after each change."""
        self.etag = f'"{uuid.uuid4()}"'

    @property
    def is_busy(self) -> bool:
        """Whether an operation on it is under way."""
        return self.operation is not None


class Inventory:
    """All groups and resources, with the indexes that lists and deletions need."""

    def __init__(self) -> None:
        """Begin empty."""
        self.groups: dict[str, Group] = {}
        self.resources: dict[str, Resource] = {}
        self._by_group: dict[str, dict[str, Resource]] = {}
        self._by_type: dict[tuple[str, str], dict[str, Resource]] = {}
        self._children: dict[str, dict[str, Resource]] = {}
        #: referenced key -> {referring id in lower case -> referring id}; the referring id may be a part of a resource.
        self._referrers: dict[str, dict[str, str]] = {}
        #: resource key -> the (referenced key, referring id in lower case) pairs it planted.
        self._references: dict[str, list[tuple[str, str]]] = {}

    def find_group(self, subscription: str, name: str) -> Group | None:
        """Return the group, whatever the case of its name."""
        return self.groups.get(f"/subscriptions/{subscription}/resourcegroups/{name}".lower())

    def add_group(self, group: Group) -> None:
        """Keep a new group."""
        self.groups[group.key] = group
        self._by_group[group.key] = {}

    def remove_group(self, group: Group) -> list[Resource]:
        """Forget a group with all it holds and return the resources that went with it."""
        gone = list(self._by_group.pop(group.key, {}).values())
        for resource in gone:
            self.remove(resource)
        self.groups.pop(group.key, None)
        return gone

    def find(self, resource_id: str) -> Resource | None:
        """Return the resource with that id, in any case."""
        return self.resources.get(resource_id.lower())

    def add(self, resource: Resource) -> None:
        """Keep a new resource."""
        self.resources[resource.key] = resource
        self._by_group[resource.group.key][resource.key] = resource
        if resource.parent_key is not None:
            self._children.setdefault(resource.parent_key, {})[resource.key] = resource
        self._by_type.setdefault((resource.group.subscription, resource.type), {})[resource.key] = resource

    def remove(self, resource: Resource) -> None:
        """Forget a resource, its children and its references; harmless when it is gone already."""
        if self.resources.get(resource.key) is not resource:
            return
        for child in self.children(resource):
            self.remove(child)
        del self.resources[resource.key]
        self._by_group.get(resource.group.key, {}).pop(resource.key, None)
        self._by_type[resource.group.subscription, resource.type].pop(resource.key, None)
        if resource.parent_key is not None:
            self._children[resource.parent_key].pop(resource.key, None)
        self._children.pop(resource.key, None)
        self.refer(resource, ())
        if resource.give_back is not None:
            resource.give_back()

    def children(self, resource: Resource) -> list[Resource]:
        """Return the children, oldest first."""
        return list(self._children.get(resource.key, {}).values())

    def of_type(self, subscription: str, resource_type: str) -> Iterable[Resource]:
        """Return every resource of a type in a subscription, oldest first."""
        return self._by_type.get((subscription.lower(), resource_type), {}).values()

    def in_group(self, group: Group) -> Iterable[Resource]:
        """Return every resource of a group, children too, oldest first."""
        return self._by_group[group.key].values()

    def refer(self, resource: Resource, references: Iterable[tuple[str, str]]) -> None:
        """Replace what `resource` refers to by pairs of (referenced id, the referring id, which may be a part)."""
        for referenced, referrer in self._references.pop(resource.key, ()):
            self._referrers[referenced].pop(referrer, None)
        planted = []
        for referenced_id, referrer_id in references:
            self._referrers.setdefault(referenced_id.lower(), {})[referrer_id.lower()] = referrer_id
            planted.append((referenced_id.lower(), referrer_id.lower()))
        if planted:
            self._references[resource.key] = planted

    def referrers(self, resource_id: str) -> list[str]:
        """Return the ids that refer to `resource_id`, oldest first."""
        return list(self._referrers.get(resource_id.lower(), {}).values())
