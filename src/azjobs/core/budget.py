"""Decide when a request may go out, so that a throttled cloud is never made worse.

Pure, and shared by everything that sends. A budget is a token bucket of one
(principal, subscription, region, provider, kind); it is unknown, and holds
nothing back, until a reply tells what remains or refuses. Times are epoch
seconds or any other steady count of seconds, given by the caller.
Sources: learn.microsoft.com request-limits-and-throttling [limits] and
compute-throttling-limits [compute].
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from azjobs.core.arm import Reply

LOW_SHARE = 0.1  # guess: the last tenth of a bucket is left to others who share it, such as the portal
PROBE_TIMEOUT_S = 90.0  # guess: a probe without an outcome by then was lost; ARM ends a request after 60 s
SLACK = 0.05  # guess: of a token; whoever comes back a moment early is let through
UNTOLD_CLOSED_S = 10.0  # guess: a 429 without Retry-After; the shortest wait the RPC allows a service to ask for
GLOBAL_FACTOR = 15  # [limits] all principals of a subscription together have 15 times the budget of one
ARM = "arm"
REMAINING = "x-ms-ratelimit-remaining-"
LOCKED = frozenset({"retryableerrorduetoanotheroperation"})  # [limits] a lock on one resource, not a rate


class Kind(StrEnum):
    """What a budget counts. Azure Resource Manager knows the first three, providers the others too."""

    READS = "reads"
    WRITES = "writes"
    DELETES = "deletes"
    LISTS = "lists"
    STATUS = "status"


class BudgetKey(msgspec.Struct, frozen=True, cache_hash=True):
    """Whose budget it is. `principal` is "" for one that all share, `region` where it is not known."""

    principal: str
    subscription: str
    region: str
    provider: str
    kind: Kind


class Rate(msgspec.Struct, frozen=True):
    """A bucket: how much flows in each second, and how much it holds."""

    refill_per_s: float
    capacity: float


_PER_MINUTE = 1 / 60
RATES: dict[tuple[str, Kind], Rate] = {
    (ARM, Kind.READS): Rate(25, 250),  # [limits] for each subscription and principal
    (ARM, Kind.WRITES): Rate(10, 200),
    (ARM, Kind.DELETES): Rate(10, 200),
    ("microsoft.compute", Kind.READS): Rate(8_000 * _PER_MINUTE, 24_000),  # [compute] for each subscription and region
    ("microsoft.compute", Kind.LISTS): Rate(300 * _PER_MINUTE, 900),
    ("microsoft.compute", Kind.STATUS): Rate(5_000 * _PER_MINUTE, 15_000),
    ("microsoft.compute", Kind.WRITES): Rate(500 * _PER_MINUTE, 1_500),
    ("microsoft.compute", Kind.DELETES): Rate(500 * _PER_MINUTE, 1_500),
    ("microsoft.network", Kind.READS): Rate(10_000 / 300, 10_000),  # [limits] in five minutes
    ("microsoft.network", Kind.WRITES): Rate(1_000 / 300, 1_000),
    ("microsoft.network", Kind.DELETES): Rate(1_000 / 300, 1_000),
}
OTHER_RATE = Rate(10, 200)  # guess: what ARM gives writes, for providers that publish nothing
_OF_METHOD = {"GET": Kind.READS, "HEAD": Kind.READS, "DELETE": Kind.DELETES}  # all else writes
_STATUS_WORDS = frozenset(
    {"operations", "operationstatuses", "operationsstatus", "operationresults", "asyncoperations"}
)


def classify(method: str, path: str, *, principal: str, region: str = "") -> tuple[BudgetKey, ...]:
    """Return the budgets a request draws on: ARM's own, ARM's for all principals, the provider's.

    `path` is a path or an absolute URL. A provider's budget is per region, which
    only the paths of status records tell; elsewhere it is the caller's `region`.
    """
    segments = path.partition("?")[0].lower().split("/")
    if segments[0] == "https:":
        del segments[:2]
    kind = _OF_METHOD.get(method, Kind.WRITES)
    subscription = segments[2] if len(segments) > 2 and segments[1] == "subscriptions" else ""
    keys = [BudgetKey(principal, subscription, "", ARM, kind)]
    if subscription:
        keys.append(BudgetKey("", subscription, "", ARM, kind))
    if "providers" in segments:
        at = len(segments) - 1 - segments[::-1].index("providers")
        below = segments[at + 2 :]
        if below:
            place = below[1] if below[0] == "locations" and len(below) > 1 else region
            keys.append(BudgetKey("", subscription, place, segments[at + 1], _provider_kind(kind, method, below)))
    return tuple(keys)


class Budgets:
    """The levels of all budgets. Not safe for threads: one event loop owns it."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._buckets: dict[BudgetKey, _Bucket] = {}

    def reserve(self, keys: Iterable[BudgetKey], now: float, *, is_new: bool = False) -> float:
        """Return 0 when a request may go out now, and count it; else how many seconds to wait before asking again.

        Those who wait are told different times, so that they do not come back all
        at once; `is_new` (the first time a request asks) does not go before them.
        After a 0, `observe` is to be called once, whatever came of it.
        """
        buckets = [self._bucket(key) for key in keys]
        wait_s = 0.0
        for bucket in buckets:
            if bucket.is_known:
                wait_s = max(wait_s, bucket.wait_s(now, is_new=is_new))
        if wait_s > 0.0:
            return wait_s
        for bucket in buckets:
            bucket.take(now)
        return 0.0

    def observe(self, keys: Iterable[BudgetKey], reply: Reply | None, now: float) -> None:
        """Learn from what came of a request: what remains, or that it was refused. None: no reply came."""
        buckets = [(key, self._bucket(key)) for key in keys]
        for _, bucket in buckets:
            bucket.in_flight = max(0, bucket.in_flight - 1)
        if reply is None:
            for _, bucket in buckets:
                bucket.is_probing = False
            return
        remaining = {key: _remaining(key, bucket.header, reply) for key, bucket in buckets}
        culprit = _culprit(remaining, reply) if reply.status in (429, 503) else None
        for key, bucket in buckets:
            if key == culprit:
                bucket.close(now, UNTOLD_CLOSED_S if reply.retry_after_s is None else reply.retry_after_s)
            elif bucket.is_reopening and bucket.is_probing:
                bucket.reopen(now)
            level = remaining[key]
            if level is not None:
                bucket.correct(level, now)

    def closed(self, now: float) -> dict[BudgetKey, float]:
        """Return the budgets that are closed, each with the seconds until it opens again."""
        return {k: b.closed_until - now for k, b in self._buckets.items() if b.closed_until > now}

    def _bucket(self, key: BudgetKey) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(key)
        return bucket


class _Bucket:
    """One budget. `level` is what the service would still let through, as far as its replies told."""

    __slots__ = (
        "at",
        "capacity",
        "closed_until",
        "header",
        "in_flight",
        "is_known",
        "is_probing",
        "is_reopening",
        "level",
        "next_turn_at",
        "probe_until",
        "refill_per_s",
        "reserve",
        "top",
    )

    def __init__(self, key: BudgetKey) -> None:
        rate = RATES.get((key.provider, key.kind), OTHER_RATE)
        is_global = key.provider == ARM and not key.principal
        factor = GLOBAL_FACTOR if is_global else 1
        self.refill_per_s = rate.refill_per_s * factor
        self.capacity = rate.capacity * factor
        self.header = _header_of(key, is_global=is_global)
        self.is_known = False  # whether a reply ever told something
        self.level = self.capacity
        self.at = 0.0
        self.top = 0.0  # the most that was ever said to remain
        self.reserve = 0.0
        self.in_flight = 0
        self.closed_until = 0.0
        self.is_reopening = False  # closed, or open and not probed yet
        self.is_probing = False
        self.probe_until = 0.0
        self.next_turn_at = 0.0

    def wait_s(self, now: float, *, is_new: bool) -> float:
        """0 when there is a token, else how long until it is this asker's turn."""
        if self.closed_until > now:
            return self._turn(self.closed_until, now)
        if self.is_reopening:
            return self._turn(now + 1 / self.refill_per_s, now) if self.is_probing and now < self.probe_until else 0.0
        self._refill(now)
        missing = 1.0 + self.reserve - self.level
        if missing <= SLACK and not (is_new and self.next_turn_at > now):
            return 0.0
        return self._turn(now + max(0.0, missing) / self.refill_per_s, now)

    def take(self, now: float) -> None:
        """Count a request that goes out."""
        self.in_flight += 1
        if not self.is_known:
            return
        self.level -= 1.0
        if self.is_reopening:
            self.is_probing, self.probe_until = True, now + PROBE_TIMEOUT_S

    def correct(self, remaining: float, now: float) -> None:
        """Take the service's word; what is under way was not counted in it yet."""
        self.is_known = True
        self.level, self.at = remaining - self.in_flight, now
        if remaining > self.top:
            self.top, self.reserve = remaining, LOW_SHARE * remaining

    def close(self, now: float, wait_s: float) -> None:
        """Let nothing through for `wait_s`; then one request has to go well before the others follow."""
        self.is_known = True
        self.is_reopening, self.is_probing = True, False
        self.level, self.at = 0.0, now
        self.closed_until = max(self.closed_until, now + wait_s)
        self.next_turn_at = max(self.next_turn_at, self.closed_until)

    def reopen(self, now: float) -> None:
        """Go on, at the pace of the refill until a reply says that there is more."""
        self.is_reopening = self.is_probing = False
        self.level, self.at = self.reserve, now

    def _refill(self, now: float) -> None:
        if now > self.at:
            self.level = min(self.capacity, self.level + (now - self.at) * self.refill_per_s)
            self.at = now

    def _turn(self, earliest_at: float, now: float) -> float:
        """Give the next turn at or after `earliest_at`; turns are one refill apart."""
        turn_at = max(earliest_at, self.next_turn_at)
        self.next_turn_at = turn_at + 1 / self.refill_per_s
        return turn_at - now


def _provider_kind(kind: Kind, method: str, below: list[str]) -> Kind:
    """The provider's kind of a request; `below` are the segments after the namespace: types and names in turn."""
    if kind is Kind.READS:
        if len(below) > 1 and below[-2] in _STATUS_WORDS:
            return Kind.STATUS
        return Kind.LISTS if len(below) % 2 and below[-1] != "instanceview" else Kind.READS
    # [compute] deallocating counts as deleting
    return Kind.DELETES if method == "POST" and below[-1] == "deallocate" else kind


def _header_of(key: BudgetKey, *, is_global: bool) -> str:
    if key.provider != ARM:
        return REMAINING + "resource"
    if is_global:
        return f"{REMAINING}subscription-global-{key.kind}"
    return f"{REMAINING}{'subscription' if key.subscription else 'tenant'}-{key.kind}"


def _remaining(key: BudgetKey, header: str, reply: Reply) -> float | None:
    """What a reply says remains of one budget, or None."""
    value = reply.headers.get(header)
    if key.provider == ARM:
        return float(value) if value is not None and value.isdecimal() else None
    if value is None:
        value = reply.headers.get(REMAINING + "subscription-resource-requests", "")
        return float(value) if value.isdecimal() else None
    levels: list[float] = []
    for policy in value.split(","):  # "Microsoft.Compute/PutVM3Min;239" [compute], one for each policy
        name, _, level = policy.rpartition(";")
        # Guess: a policy for one resource has that word in its name; it says nothing about the others.
        if level.strip().isdecimal() and "resource" not in name.lower():
            levels.append(float(level))
    return min(levels, default=None)


def _culprit(remaining: dict[BudgetKey, float | None], reply: Reply) -> BudgetKey | None:
    """Which budget a refusal is about; None when it is a lock on one resource.

    "If ARM's counters are far from 0, the 429 is the provider's" [limits].
    """
    if reply.status == 503 and reply.retry_after_s is None:
        return None
    body: Any = reply.body if isinstance(reply.body, dict) else {}
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and code.lower() in LOCKED:
        return None
    arm = [key for key in remaining if key.provider == ARM]
    empty = next((key for key in arm if remaining[key] == 0), None)
    if empty is not None:
        return empty
    provider = next((key for key in remaining if key.provider != ARM), None)
    is_gateway = reply.headers.get("x-ms-failure-cause", "").lower() == "gateway"
    return arm[0] if provider is None or is_gateway else provider
