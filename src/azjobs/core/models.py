"""What commands return: the service's JSON as frozen values with snake_case fields, the original in `.raw`.

Tolerant: a field that the service did not send, or sent as something else, is
"" or empty, never an error. Built by `from_json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgspec

from azjobs.core.looking import power_state
from azjobs.core.naming import group_of
from azjobs.core.plan import PlannedWrite

Json = dict[str, Any]


class VirtualMachine(msgspec.Struct, frozen=True):
    """A virtual machine. `power_state` is a word such as "running", None when it was not asked for."""

    id: str
    name: str
    resource_group_name: str
    location: str
    vm_id: str = ""
    type: str = ""
    vm_size: str = ""
    os_type: str = ""
    provisioning_state: str = ""
    power_state: str | None = None
    computer_name: str = ""
    network_interface_ids: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    raw: Json = {}

    @property
    def size(self) -> str:
        """The size, such as Standard_D2s_v3."""
        return self.vm_size

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """Read what Microsoft.Compute says of a machine."""
        identity = _text(body, "id")
        return cls(
            id=identity,
            name=_text(body, "name"),
            resource_group_name=group_of(identity),
            location=_text(body, "location"),
            vm_id=_text(body, "properties", "vmId"),
            type=_text(body, "type"),
            vm_size=_text(body, "properties", "hardwareProfile", "vmSize"),
            os_type=_text(body, "properties", "storageProfile", "osDisk", "osType"),
            provisioning_state=_text(body, "properties", "provisioningState"),
            power_state=power_state(body) or None,
            computer_name=_text(body, "properties", "osProfile", "computerName"),
            network_interface_ids=_ids(_at(body, "properties", "networkProfile", "networkInterfaces")),
            zones=_texts(_at(body, "zones")),
            tags=_tags(body),
            raw=_json(body),
        )

    def __repr__(self) -> str:
        """Say which, where and how it fares, on one line."""
        state = self.power_state or self.provisioning_state or "state unknown"
        return f"<VirtualMachine {self.name!r} in {self.resource_group_name!r}, {self.location}, {state}>"


class ResourceGroup(msgspec.Struct, frozen=True):
    """A resource group."""

    id: str
    name: str
    location: str
    provisioning_state: str = ""
    tags: dict[str, str] = {}
    raw: Json = {}

    @property
    def resource_group_name(self) -> str:
        """Its name, as Azure PowerShell calls it."""
        return self.name

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """Read what Microsoft.Resources says of a group."""
        return cls(
            id=_text(body, "id"),
            name=_text(body, "name"),
            location=_text(body, "location"),
            provisioning_state=_text(body, "properties", "provisioningState"),
            tags=_tags(body),
            raw=_json(body),
        )

    def __repr__(self) -> str:
        """Say which, where and how it fares, on one line."""
        return f"<ResourceGroup {self.name!r}, {self.location}, {self.provisioning_state or 'state unknown'}>"


class ActionResult(msgspec.Struct, frozen=True):
    """What was done to what, for operations that give nothing back themselves: start, stop, restart, remove."""

    name: str
    action: str
    status: str
    resource_group_name: str = ""
    id: str = ""
    raw: Json = {}

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """Read the result of such a plan."""
        return cls(
            name=_text(body, "name"),
            action=_text(body, "action"),
            status=_text(body, "status"),
            resource_group_name=_text(body, "resourceGroupName"),
            id=_text(body, "id"),
            raw=_json(body),
        )

    def __repr__(self) -> str:
        """Say what came of it, on one line."""
        return f"<ActionResult {self.action} {self.name!r}: {self.status}>"


class RestResponse(msgspec.Struct, frozen=True):
    """The end of a raw request: its status, and its content as decoded JSON (None without one)."""

    status_code: int
    content: Any = None
    raw: Json = {}

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """Read the result of such a plan."""
        status = _at(body, "statusCode")
        return cls(status if isinstance(status, int) else 0, _at(body, "content"), _json(body))

    def __repr__(self) -> str:
        """Say the status, and what kind of thing the content is."""
        what = _text(self.content, "id") or type(self.content).__name__
        return f"<RestResponse {self.status_code} {what}>"


class Subscription(msgspec.Struct, frozen=True):
    """A subscription that an account can see."""

    id: str
    name: str
    tenant_id: str = ""
    state: str = ""
    raw: Json = {}

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """Read what Microsoft.Resources says of a subscription."""
        return cls(
            id=_text(body, "subscriptionId"),
            name=_text(body, "displayName"),
            tenant_id=_text(body, "tenantId"),
            state=_text(body, "state"),
            raw=_json(body),
        )

    def __repr__(self) -> str:
        """Say which and its state, on one line."""
        return f"<Subscription {self.name!r} {self.id}, {self.state or 'state unknown'}>"


class Tenant(msgspec.Struct, frozen=True):
    """A tenant that an account belongs to."""

    id: str
    name: str = ""
    default_domain: str = ""
    domains: tuple[str, ...] = ()
    category: str = ""
    raw: Json = {}

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """Read what Microsoft.Resources says of a tenant."""
        return cls(
            id=_text(body, "tenantId"),
            name=_text(body, "displayName"),
            default_domain=_text(body, "defaultDomain"),
            domains=_texts(_at(body, "domains")),
            category=_text(body, "tenantCategory"),
            raw=_json(body),
        )

    def __repr__(self) -> str:
        """Say which, on one line."""
        return f"<Tenant {self.name!r} {self.id}>"


class TargetRehearsal(msgspec.Struct, frozen=True):
    """What would be done to one target."""

    target: str
    writes: tuple[PlannedWrite, ...]


class BatchRehearsal(msgspec.Struct, frozen=True):
    """What a command for many targets would do: how many there are, where, and what to the first of them.

    `subscription` and `tenant` are names, ids where they have none.
    """

    command: str
    count: int
    subscription: str
    tenant: str
    sample: tuple[TargetRehearsal, ...]


def _at(body: Any, *names: str) -> Any:
    """What stands at a place of nested objects; None when there is no such place."""
    for name in names:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


def _text(body: Any, *names: str) -> str:
    value = _at(body, *names)
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _ids(value: Any) -> tuple[str, ...]:
    return tuple(i for i in (_text(v, "id") for v in value) if i) if isinstance(value, list) else ()


def _tags(body: Any) -> dict[str, str]:
    tags = _at(body, "tags")
    return {str(k): v for k, v in tags.items() if isinstance(v, str)} if isinstance(tags, Mapping) else {}


def _json(body: Any) -> Json:
    return dict(body) if isinstance(body, Mapping) else {}
