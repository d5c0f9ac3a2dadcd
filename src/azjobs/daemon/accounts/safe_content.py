"""What the safe keeps: secrets by name, and since when, so that of two places the newer one counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

FORMAT = 1


class SafeContent(msgspec.Struct, frozen=True, omit_defaults=True):
    """The secrets of each sign-in by name, and under what name.

    `times`: when each was kept, in epoch seconds. A name that has a time and no
    entry was forgotten then, and another place may not know of that yet.
    """

    format: int = FORMAT
    entries: dict[str, dict[str, str]] = {}
    times: dict[str, float] = {}

    def __repr__(self) -> str:
        """Show how much, not what."""
        return f"<SafeContent of {len(self.entries)}>"

    @property
    def forgotten(self) -> frozenset[str]:
        """The names that another place may still have."""
        return frozenset(self.times.keys() - self.entries.keys())

    def changed(self, name: str, secrets: Mapping[str, str] | None, *, at: float) -> SafeContent:
        """Return the content with these secrets, or with none of that name; later than all before, whatever `at`."""
        at = max(at, max(self.times.values(), default=0.0) + 1e-3)
        entries = {n: s for n, s in self.entries.items() if n != name}
        more = {} if secrets is None else {name: dict(secrets)}
        return replace(self, entries={**entries, **more}, times={**self.times, name: at})

    def without(self, names: Iterable[str]) -> SafeContent:
        """Return the content as if it had never heard of these names."""
        gone = set(names)
        entries = {n: s for n, s in self.entries.items() if n not in gone}
        return replace(self, entries=entries, times={n: t for n, t in self.times.items() if n not in gone})


def newest(one: SafeContent, other: SafeContent) -> SafeContent:
    """Return of each name what was kept last; where neither says when, what the first one has."""
    entries, times = dict[str, dict[str, str]](), dict[str, float]()
    for name in {**one.entries, **one.times, **other.entries, **other.times}:
        known = [place for place in (one, other) if name in place.entries or name in place.times]
        place = max(known, key=lambda place: place.times.get(name, 0.0))
        if name in place.entries:
            entries[name] = place.entries[name]
        times[name] = place.times.get(name, 0.0)
    return SafeContent(entries=entries, times=times)
