"""What resources may be called, and how their ids are read and written.

Every check raises `InvalidInput` with one sentence that names the value and the
rule it breaks, so that nothing is sent that Azure is known to refuse. Names are
compared without case.
Source: learn.microsoft.com resource-name-rules, cited as [names].
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from urllib.parse import quote

import msgspec

from azjobs.core.errors import InvalidInput

WINDOWS, LINUX = "Windows", "Linux"
MACHINE_TYPE = "Microsoft.Compute/virtualMachines"

GROUP_LENGTH = 90  # [names, Microsoft.Resources]
MACHINE_LENGTH = {WINDOWS: 15, LINUX: 64}  # [names, Microsoft.Compute]: also the computer's own name
NETWORK_LENGTH = 80  # [names, Microsoft.Network]; virtual networks have 2 to 64
_NOT_IN_A_GROUP = re.compile(r"[^-\w.()]")
_NOT_IN_A_MACHINE = re.compile(r"[\s\x00-\x1f~!@#$%^&*()=+_\[\]{}\\|;:.'\",<>/?]")
_NETWORK_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_LOCATION = re.compile(r"[a-z0-9]+")
_SEGMENT_SAFE = "()!$&'*+,;=:@-._~"  # what RFC 3986, 3.3 lets stand in a path segment
# What the label of a public name may not be, begin with, or hold [learn, error-reserved-resource-name].
RESERVED_WORDS = frozenset(
    {"access", "azure", "bing", "bizspark", "biztalk", "cortana", "directx", "dotnet", "dynamics", "excel"}
    | {"exchange", "forefront", "groove", "hololens", "hyperv", "kinect", "lync", "msdn", "o365", "office"}
    | {"office365", "onedrive", "onenote", "outlook", "powerpoint", "sharepoint", "skype", "visio", "visualstudio"}
    | {"xbox"}
)
RESERVED_START, RESERVED_PARTS = "login", ("microsoft", "windows")
_DNS_LABEL = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")  # the pattern the network provider states in its refusal


class ResourceId(msgspec.Struct, frozen=True):
    """A resource's id taken apart. `type` is `Namespace/type`, or "" for a resource group itself."""

    subscription_id: str
    group: str
    type: str = ""
    name: str = ""

    def __str__(self) -> str:
        """The id as Azure writes it."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.group}"
        return f"{group}/providers/{self.type}/{self.name}" if self.type else group


def parse_resource_id(text: str, *, type_: str = MACHINE_TYPE) -> ResourceId:
    """Read the id of a top-level resource of `type_`; the keywords in it may have any case.

    Raises:
        InvalidInput: it is not such an id.
    """
    parts = text.strip().split("/")
    namespace, _, kind = type_.partition("/")
    words = [parts[i].lower() for i in (1, 3, 5, 6, 7)] if len(parts) == 9 else []
    is_right = words == ["subscriptions", "resourcegroups", "providers", namespace.lower(), kind.lower()]
    if not is_right or parts[0] or not all(parts[1:]):
        raise InvalidInput(f"'{text}' is not the id of a {type_}; one looks like /subscriptions/…/{kind}/NAME.")
    return ResourceId(parts[2], parts[4], type_, parts[8])


def group_of(resource_id: str) -> str:
    """Return the resource group in an id, or "" when there is none."""
    parts = resource_id.split("/")
    return parts[4] if len(parts) > 4 and parts[3].lower() == "resourcegroups" else ""


def path_of(resource_id: str, version: str, *more: str, **query: str) -> str:
    """Return the request path of an id: every segment percent-encoded, the api-version added.

    `more` are further segments; `query` further parameters, a leading `_`
    standing for the `$` of OData.

    Raises:
        InvalidInput: a segment is empty, or one that a server would fold away.
    """
    segments = [*resource_id.strip("/").split("/"), *more]
    if any(segment in ("", ".", "..") for segment in segments):
        raise InvalidInput(
            f"'{resource_id}' is no id: a part of it is missing. Is there a subscription in the context?"
        )
    parameters = {"api-version": version, **{k.replace("_", "$", 1) if k[0] == "_" else k: v for k, v in query.items()}}
    text = "&".join(f"{key}={quote(value, safe='')}" for key, value in parameters.items())
    return "/" + "/".join(quote(segment, safe=_SEGMENT_SAFE) for segment in segments) + "?" + text


def check_group_name(name: str) -> str:
    """Return the name of a resource group unchanged, or raise InvalidInput [names, Microsoft.Resources]."""
    wrong = _characters(_NOT_IN_A_GROUP, name)
    if not name or len(name) > GROUP_LENGTH:
        raise InvalidInput(f"A resource group's name has 1 to {GROUP_LENGTH} characters, '{name}' has {len(name)}.")
    if wrong:
        raise InvalidInput(f"The resource group name '{name}' has {wrong}; it takes letters, digits, - . _ ( ) only.")
    if name.endswith("."):
        raise InvalidInput(f"The resource group name '{name}' ends with a period, which Azure does not take.")
    return name


def check_machine_name(name: str, os_type: str) -> str:
    """Return the name of a machine unchanged, or raise InvalidInput.

    The simple form of New-AzVM gives the machine's name to the computer too, so
    the rules of the host name hold [names, Microsoft.Compute, note].
    """
    limit = MACHINE_LENGTH[os_type]
    wrong = _characters(_NOT_IN_A_MACHINE, name)
    if not name or len(name) > limit:
        raise InvalidInput(f"A {os_type} machine's name has 1 to {limit} characters, '{name}' has {len(name)}.")
    if wrong:
        raise InvalidInput(f"The machine name '{name}' has {wrong}, which a computer name does not take.")
    if name.endswith("-"):
        raise InvalidInput(f"The machine name '{name}' ends with a hyphen, which Azure does not take.")
    if os_type == WINDOWS and name.isdecimal():
        raise InvalidInput(f"The machine name '{name}' has digits only, which Windows does not take.")
    return name


def check_network_name(name: str, what: str, shortest: int = 1, longest: int = NETWORK_LENGTH) -> str:
    """Return the name of a network, subnet, security group, address or interface unchanged, or raise InvalidInput."""
    if not shortest <= len(name) <= longest:
        raise InvalidInput(f"The name of a {what} has {shortest} to {longest} characters, '{name}' has {len(name)}.")
    if _NETWORK_NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"The {what} name '{name}' is not taken: letters, digits, . _ - only, beginning with a letter or digit "
            "and ending with one or with _."
        )
    return name


def check_dns_label(label: str) -> str:
    """Return the label of a public name unchanged, or raise InvalidInput."""
    if _DNS_LABEL.fullmatch(label) is None:
        raise InvalidInput(
            f"The domain name label '{label}' is not taken: 3 to 63 lower-case letters, digits and hyphens, "
            "beginning with a letter and ending with a letter or digit."
        )
    part = next((p for p in RESERVED_PARTS if p in label), RESERVED_START if label.startswith(RESERVED_START) else "")
    if part or label in RESERVED_WORDS:
        raise InvalidInput(f"The domain name label '{label}' holds the reserved word '{part or label}'.")
    return label


def check_location(location: str) -> str:
    """Return a region's name in ARM's form (`East US` as `eastus`), or raise InvalidInput."""
    name = location.replace(" ", "").lower()
    if _LOCATION.fullmatch(name) is None:
        raise InvalidInput(f"'{location}' is not the name of a region; one looks like eastus or 'East US'.")
    return name


def is_wildcard(pattern: str) -> bool:
    """Whether a name is a pattern, with PowerShell's `*`, `?` or `[a-z]`."""
    return any(c in pattern for c in "*?[")


def matches(pattern: str, name: str) -> bool:
    """Whether `name` fits `pattern`, without case; "" fits everything."""
    return matcher(pattern)(name)


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells of each of many names whether it fits, as `matches` does."""
    lower = pattern.lower()
    if not is_wildcard(pattern):
        return lambda name: not lower or name.lower() == lower
    fit = re.compile(translate(lower)).fullmatch
    return lambda name: fit(name.lower()) is not None


def _characters(wrong: re.Pattern[str], name: str) -> str:
    found = sorted(set(wrong.findall(name)))
    return " and ".join("a space" if c == " " else f"'{c}'" if c.isprintable() else repr(c) for c in found)
