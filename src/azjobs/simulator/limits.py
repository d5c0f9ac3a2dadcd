"""How many requests are let through: the published token buckets, with their headers.

Off unless switched on, and then no header is sent either. Numbers: [request-limits-and-throttling] reads 250 and 25
more a second, writes and deletes 200 and 10 more a second, for each subscription and principal; the same for each
tenant and principal; fifteen times that for a subscription over all principals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from azjobs.simulator.errors import ArmError

GLOBAL_FACTOR = 15
_CLASS_OF_METHOD = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}  # everything else writes


class Bucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a bucket holds, and how much flows in a second."""

    capacity: float
    refill_per_s: float


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits in force."""

    enforced: bool = False
    reads: Bucket = Bucket(250, 25)
    writes: Bucket = Bucket(200, 10)
    deletes: Bucket = Bucket(200, 10)

    def bucket(self, request_class: str) -> Bucket:
        """Return the bucket of "reads", "writes" or "deletes"."""
        return {"reads": self.reads, "writes": self.writes, "deletes": self.deletes}[request_class]


@dataclass(slots=True)
class _Level:
    tokens: float
    at: float


class Limiter:
    """The fill of every bucket."""

    def __init__(self, steady: Callable[[], float]) -> None:
        """Begin switched off; `steady` is the clock, in seconds."""
        self._steady = steady
        self._levels: dict[tuple[str, ...], _Level] = {}
        self.limits = Limits()

    def use(self, limits: Limits) -> None:
        """Take new limits, every bucket full."""
        self.limits = limits
        self._levels.clear()

    def charge(self, method: str, *, subscription: str | None, tenant: str, principal: str) -> dict[str, str]:
        """Take one token and return the headers that tell what is left; a 429 ArmError when there is none.

        A refused request takes no token, and is told after how many seconds there will be one.
        """
        if not self.limits.enforced:
            return {}
        request_class = _CLASS_OF_METHOD.get(method, "writes")
        bucket = self.limits.bucket(request_class)
        scope, scope_id = ("subscription", subscription) if subscription else ("tenant", tenant)
        buckets: dict[str, tuple[tuple[str, ...], Bucket]] = {
            f"x-ms-ratelimit-remaining-{scope}-{request_class}": ((scope_id, principal), bucket)
        }
        if subscription:
            whole = Bucket(bucket.capacity * GLOBAL_FACTOR, bucket.refill_per_s * GLOBAL_FACTOR)
            buckets[f"x-ms-ratelimit-remaining-subscription-global-{request_class}"] = ((scope_id,), whole)
        levels = {
            header: (self._level((request_class, *key), one), one.refill_per_s)
            for header, (key, one) in buckets.items()
        }
        wait_s = max((1 - level.tokens) / refill_per_s for level, refill_per_s in levels.values())
        headers = {header: str(max(0, int(level.tokens) - 1)) for header, (level, _) in levels.items()}
        if wait_s > 0:
            raise _too_many(request_class, scope, scope_id, math.ceil(wait_s), headers)
        for level, _ in levels.values():
            level.tokens -= 1
        return headers

    def _level(self, key: tuple[str, ...], bucket: Bucket) -> _Level:
        now = self._steady()
        level = self._levels.setdefault(key, _Level(bucket.capacity, now))
        level.tokens = min(bucket.capacity, level.tokens + (now - level.at) * bucket.refill_per_s)
        level.at = now
        return level


def _too_many(request_class: str, scope: str, scope_id: str, wait_s: int, headers: dict[str, str]) -> ArmError:
    verb = request_class.removesuffix("s")
    return ArmError(
        429,
        "TooManyRequests",
        f"Number of '{verb}' requests for {scope} '{scope_id}' exceeded. Please try again after '{wait_s}' seconds "
        "after additional tokens are available.",
        headers={**headers, "retry-after": str(wait_s)},
    )
