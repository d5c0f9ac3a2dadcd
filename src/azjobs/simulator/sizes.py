"""Machine sizes, their families and cores, and how many cores of a family are in use.

A selection of the public cloud's general sizes, by the naming rule family letter, cores, suffix. Cores count from
the moment a machine is accepted until it is gone; a deallocated machine counts [Azure vCPU quotas].
"""

from __future__ import annotations

from dataclasses import dataclass, field

from azjobs.simulator.cloud import Cloud
from azjobs.simulator.errors import ArmError, invalid_parameter


@dataclass(frozen=True, slots=True)
class Size:
    """A machine size; `family` is how a quota names it."""

    name: str
    family: str
    cores: int


@dataclass(slots=True)
class CoresInUse:
    """Cores by (subscription, region, family), all lower-case."""

    used: dict[tuple[str, str, str], int] = field(default_factory=dict)


_SERIES: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("D", "_v3", (2, 4, 8, 16, 32, 48, 64)),
    ("D", "s_v3", (2, 4, 8, 16, 32, 48, 64)),
    ("D", "s_v4", (2, 4, 8, 16, 32, 48, 64)),
    ("D", "_v5", (2, 4, 8, 16, 32, 48, 64, 96)),
    ("D", "s_v5", (2, 4, 8, 16, 32, 48, 64, 96)),
    ("D", "as_v5", (2, 4, 8, 16, 32, 48, 64, 96)),
    ("D", "ds_v5", (2, 4, 8, 16, 32, 48, 64, 96)),
    ("D", "s_v6", (2, 4, 8, 16, 32, 48, 64, 96, 128)),
    ("E", "s_v3", (2, 4, 8, 16, 20, 32, 48, 64)),
    ("E", "s_v5", (2, 4, 8, 16, 20, 32, 48, 64, 96)),
    ("F", "s_v2", (2, 4, 8, 16, 32, 48, 64, 72)),
)
#: Sizes whose number is not that of their cores.
_ODD = {
    "B": {
        "B1ls": 1,
        "B1s": 1,
        "B1ms": 1,
        "B2s": 2,
        "B2ms": 2,
        "B4ms": 4,
        "B8ms": 8,
        "B12ms": 12,
        "B16ms": 16,
        "B20ms": 20,
    },
    "DS": {"DS1_v2": 1, "DS2_v2": 2, "DS3_v2": 4, "DS4_v2": 8, "DS5_v2": 16},
}


def _catalogue() -> dict[str, Size]:
    sizes = [
        Size(f"Standard_{letter}{cores}{suffix}", f"Standard_{letter}", cores)
        for letter, suffix, several in _SERIES
        for cores in several
    ]
    sizes += [
        Size(f"Standard_{name}", f"Standard_{letter}", cores)
        for letter, several in _ODD.items()
        for name, cores in several.items()
    ]
    return {size.name.lower(): size for size in sizes}


SIZES = _catalogue()


def require_size(name: object) -> Size:
    """Return the size with that name; the provider's 400 for any other."""
    size = SIZES.get(name.lower()) if isinstance(name, str) else None
    if size is None:
        raise invalid_parameter(f"The value {name} provided for the VM size is not valid.", "vmSize")
    return size


def take_cores(cloud: Cloud, subscription: str, location: str, new: Size, old: Size | None = None) -> None:
    """Count the cores of a machine of size `new` in the place of `old`; QuotaExceeded when there are not enough."""
    book = _book(cloud)
    key = (subscription.lower(), location, new.family.lower())
    freed = old.cores if old is not None and old.family == new.family else 0
    needed = book.used.get(key, 0) - freed + new.cores
    approved = cloud.settings.approved_cores(new.family, location)
    if needed > approved and new.cores > freed:
        raise ArmError(
            409,
            "QuotaExceeded",
            f"Approved {new.family} family cores: {approved}, needed: {needed} ({location}).",
        )
    if old is not None:
        give_cores(cloud, subscription, location, old)
    book.used[key] = book.used.get(key, 0) + new.cores


def give_cores(cloud: Cloud, subscription: str, location: str, size: Size) -> None:
    """Count the cores of a machine no longer."""
    key = (subscription.lower(), location, size.family.lower())
    book = _book(cloud)
    book.used[key] = book.used.get(key, 0) - size.cores


def _book(cloud: Cloud) -> CoresInUse:
    book = cloud.provider_state.setdefault("cores", CoresInUse())
    assert isinstance(book, CoresInUse)
    return book
