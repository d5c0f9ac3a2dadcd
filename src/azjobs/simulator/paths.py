"""How a request path of Azure Resource Manager is read: into names, and into a shape that a route table can hold.

Pure. A *shape* is the path in lower case with `{}` for every name, such as
`subscriptions/{}/resourcegroups/{}/providers/microsoft.compute/virtualmachines/{}/start`.
After a provider's namespace, types and names take turns, so an action and a collection both end in a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from azjobs.simulator.errors import ArmError

#: [ARM naming rules, resourceGroups] 1-90 word characters, dots, hyphens, parentheses; no dot at the end.
_GROUP_CHARACTER = re.compile(r"[-\w._()]")
_GROUP_LENGTH = 90
#: [ARM naming rules, Microsoft.Network] 1-80; begins with a letter or digit, ends with one or with an underscore.
_NETWORK_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9_])?")
#: [ARM naming rules, Microsoft.Compute] the rule the provider prints for its entity names, 1-64 for machines.
_MACHINE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?")
_DISK_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class ArmPath:
    """A path taken apart. Names keep the caller's spelling; `shape` and `namespace` are lower-case."""

    raw: str
    shape: str
    subscription: str | None = None
    group: str | None = None
    namespace: str | None = None
    #: The names after the namespace, or after the subscription or group when there is none.
    names: tuple[str, ...] = ()
    #: Type words as the caller spelled them, for messages only.
    words: tuple[str, ...] = ()


def parse_path(raw: str) -> ArmPath:
    """Return `raw` (percent-encoded, without query) taken apart; an empty segment is ARM's 400."""
    segments = raw.strip("/").split("/")
    if "" in segments:
        raise ArmError(400, "InvalidRequestUri", "The request URI has an empty segment.")
    if "%" in raw:
        segments = [unquote(segment) for segment in segments]
    if segments[0].lower() != "subscriptions":
        return ArmPath(raw, "/".join(segments).lower(), words=tuple(segments))
    shape, rest = ["subscriptions"], segments[1:]
    subscription = group = namespace = None
    if rest:
        subscription, rest = rest[0], rest[1:]
        shape.append("{}")
    if rest and rest[0].lower() == "resourcegroups":
        shape.append("resourcegroups")
        if len(rest) > 1:
            group = rest[1]
            shape.append("{}")
        rest = rest[2:]
    if rest and rest[0].lower() == "providers":
        shape.append("providers")
        if len(rest) > 1:
            namespace = rest[1].lower()
            shape.append(namespace if len(rest) > 2 else "{}")
        rest = rest[2:]
    for position, segment in enumerate(rest):
        shape.append("{}" if position % 2 else segment.lower())
    return ArmPath(raw, "/".join(shape), subscription, group, namespace, tuple(rest[1::2]), tuple(rest[::2]))


def check_group_name(name: str) -> None:
    """Raise InvalidResourceGroup for a name that a resource group cannot have."""
    wrong = sorted(set(_GROUP_CHARACTER.sub("", name)))
    if wrong:
        raise ArmError(
            400,
            "InvalidResourceGroup",
            f"The provided resource group name '{name}' has these invalid characters: '{''.join(wrong)}'. The name "
            "can only be a letter, digit, '-', '.', '(', ')' or '_'.",
        )
    if name.endswith("."):
        raise ArmError(
            400, "InvalidResourceGroup", f"The provided resource group name '{name}' cannot end with a period."
        )
    if len(name) > _GROUP_LENGTH:
        raise ArmError(
            400,
            "InvalidResourceGroup",
            f"The provided resource group name has a length of {len(name)}, which exceeds the maximum length of "
            f"{_GROUP_LENGTH}.",
        )


def check_resource_name(resource_type: str, name: str) -> None:
    """Raise InvalidResourceName for a name that a resource of `resource_type` cannot have."""
    if resource_type == "Microsoft.Compute/virtualMachines":
        rule, length = _MACHINE_NAME, 64
    elif resource_type == "Microsoft.Compute/disks":
        rule, length = _DISK_NAME, 80
    else:
        rule, length = _NETWORK_NAME, 80
    if rule.fullmatch(name) is None:
        raise ArmError(
            400,
            "InvalidResourceName",
            f"Resource name {name} is invalid. The name can be up to {length} characters long. It must begin with a "
            "word character, and it must end with a word character or with '_'. The name may contain word "
            "characters or '.', '-', '_'.",
        )
