"""What can be told to the simulator: how time passes, which style an operation takes, how long things are kept.

The kinds of operation, their nominal durations and their usual styles are the tables of this module.
Durations are seconds. Nominal durations are the estimates Azure PowerShell shows progress by [azure-powershell,
Compute/Strategies], except those marked as guesses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What an operation does to which type; the key of every per-kind setting."""

    GROUP_DELETE = "group-delete"
    VNET_WRITE = "vnet-write"
    VNET_DELETE = "vnet-delete"
    SUBNET_WRITE = "subnet-write"
    SUBNET_DELETE = "subnet-delete"
    NSG_WRITE = "nsg-write"
    NSG_DELETE = "nsg-delete"
    IP_WRITE = "ip-write"
    IP_DELETE = "ip-delete"
    NIC_WRITE = "nic-write"
    NIC_DELETE = "nic-delete"
    VM_CREATE = "vm-create"
    VM_UPDATE = "vm-update"
    VM_DELETE = "vm-delete"
    VM_START = "vm-start"
    VM_POWER_OFF = "vm-power-off"
    VM_DEALLOCATE = "vm-deallocate"
    VM_RESTART = "vm-restart"
    DISK_WRITE = "disk-write"
    DISK_DELETE = "disk-delete"
    DEPLOYMENT_WRITE = "deployment-write"
    DEPLOYMENT_DELETE = "deployment-delete"


class Style(StrEnum):
    """How an operation tells that it is not done yet."""

    ASYNC_OPERATION = "async-operation"  # Azure-AsyncOperation; a DELETE or POST has Location beside it
    LOCATION = "location"  # Location only, and it moves at each poll
    PROVISIONING_STATE = "provisioning-state"  # no header; the body's provisioningState only. PUT and PATCH
    SYNC = "sync"  # done before the reply


class Mode(StrEnum):
    """How time passes for an operation."""

    AT_ONCE = "at-once"  # done before anyone can look
    READS = "reads"  # done at the look after `reads` looks
    SECONDS = "seconds"  # done `seconds` after it began
    SCALED = "scaled"  # done after its nominal duration times `scale`
    HELD = "held"  # done when told so by the control, never by itself


NOMINAL_S: dict[Kind, float] = {
    Kind.GROUP_DELETE: 60.0,  # guess: between an empty group and one with machines
    Kind.VNET_WRITE: 15.0,
    Kind.VNET_DELETE: 15.0,  # guess, as long as making it; so are the deletions below
    Kind.SUBNET_WRITE: 5.0,  # guess: a part of a network
    Kind.SUBNET_DELETE: 5.0,
    Kind.NSG_WRITE: 15.0,
    Kind.NSG_DELETE: 15.0,
    Kind.IP_WRITE: 15.0,
    Kind.IP_DELETE: 15.0,
    Kind.NIC_WRITE: 5.0,
    Kind.NIC_DELETE: 5.0,
    Kind.VM_CREATE: 120.0,
    Kind.VM_UPDATE: 30.0,  # guess; so are the rest
    Kind.VM_DELETE: 60.0,
    Kind.VM_START: 60.0,
    Kind.VM_POWER_OFF: 30.0,
    Kind.VM_DEALLOCATE: 60.0,
    Kind.VM_RESTART: 60.0,
    Kind.DISK_WRITE: 15.0,
    Kind.DISK_DELETE: 15.0,
    Kind.DEPLOYMENT_WRITE: 120.0,  # guess: as a machine, the most common thing in a template
    Kind.DEPLOYMENT_DELETE: 15.0,
}

USUAL_STYLE: dict[Kind, Style] = {
    **dict.fromkeys(Kind, Style.ASYNC_OPERATION),
    Kind.GROUP_DELETE: Style.LOCATION,
    Kind.NIC_WRITE: Style.PROVISIONING_STATE,
    Kind.DISK_WRITE: Style.LOCATION,
    Kind.DISK_DELETE: Style.LOCATION,
    Kind.DEPLOYMENT_DELETE: Style.LOCATION,
}

#: The kinds whose request is a PUT or PATCH, the only ones whose body can carry the state.
WRITING_KINDS = frozenset(
    {
        Kind.VNET_WRITE,
        Kind.SUBNET_WRITE,
        Kind.NSG_WRITE,
        Kind.IP_WRITE,
        Kind.NIC_WRITE,
        Kind.VM_CREATE,
        Kind.VM_UPDATE,
        Kind.DISK_WRITE,
        Kind.DEPLOYMENT_WRITE,
    }
)

KINDS_OF_TYPE: dict[str, tuple[Kind, ...]] = {
    "microsoft.resources/resourcegroups": (Kind.GROUP_DELETE,),
    "microsoft.network/virtualnetworks": (Kind.VNET_WRITE, Kind.VNET_DELETE),
    "microsoft.network/virtualnetworks/subnets": (Kind.SUBNET_WRITE, Kind.SUBNET_DELETE),
    "microsoft.network/networksecuritygroups": (Kind.NSG_WRITE, Kind.NSG_DELETE),
    "microsoft.network/publicipaddresses": (Kind.IP_WRITE, Kind.IP_DELETE),
    "microsoft.network/networkinterfaces": (Kind.NIC_WRITE, Kind.NIC_DELETE),
    "microsoft.compute/virtualmachines": tuple(kind for kind in Kind if kind.startswith("vm-")),
    "microsoft.compute/disks": (Kind.DISK_WRITE, Kind.DISK_DELETE),
    "microsoft.resources/deployments": (Kind.DEPLOYMENT_WRITE, Kind.DEPLOYMENT_DELETE),
}

DEFAULT_SCALE = 1 / 30  # a machine of nominally 120 s is there after 4 s
DEFAULT_KEEP_S = 3600.0  # guess: how long the record of an ended operation can be read
DEFAULT_TOKEN_LIFETIME_S = 3599  # what Entra says for an app's token
DEFAULT_PAGE_SIZE = 100  # guess: the providers do not publish theirs
DEFAULT_CORES = 100  # guess: what a new subscription is often given for a family in a region


class TimeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of time; the fields not of its mode are ignored."""

    mode: Mode = Mode.SCALED
    reads: int = 2
    seconds: float = 1.0
    scale: float = DEFAULT_SCALE

    def duration_s(self, kind: Kind) -> float | None:
        """Return how long an operation of `kind` takes, None when no clock decides it."""
        match self.mode:
            case Mode.AT_ONCE:
                return 0.0
            case Mode.SECONDS:
                return self.seconds
            case Mode.SCALED:
                return NOMINAL_S[kind] * self.scale
            case Mode.READS | Mode.HELD:
                return None


@dataclass(slots=True)
class Settings:
    """The present settings; a reset is a new object put in its place."""

    time: TimeRule = field(default_factory=TimeRule)
    time_of_kind: dict[Kind, TimeRule] = field(default_factory=dict)
    style_of_kind: dict[Kind, Style] = field(default_factory=lambda: dict(USUAL_STYLE))
    retry_after_s: int | None = 1
    keep_s: float = DEFAULT_KEEP_S
    percent_complete: bool = False
    page_size: int = DEFAULT_PAGE_SIZE
    token_lifetime_s: int = DEFAULT_TOKEN_LIFETIME_S
    default_cores: int = DEFAULT_CORES
    #: Cores by (family, region), both lower-case; the region may be "*".
    cores: dict[tuple[str, str], int] = field(default_factory=dict)

    def time_rule(self, kind: Kind) -> TimeRule:
        """Return the rule of time for operations of `kind`."""
        return self.time_of_kind.get(kind, self.time)

    def approved_cores(self, family: str, location: str) -> int:
        """Return how many cores of `family` may be used in the region `location`."""
        for key in ((family.lower(), location.lower()), (family.lower(), "*")):
            if key in self.cores:
                return self.cores[key]
        return self.default_cores
