"""Choose which of the subscriptions that an account sees is to be current, and which others get contexts.

Pure. Azure PowerShell takes whatever the service lists first; here the same
account makes the same choice each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from azjobs.core.context import ContextKey, ContextValue
from azjobs.core.errors import ContextNotFound, InvalidInput

ALL = -1  # of a population: no limit [Connect-AzAccount, MaxContextPopulation]
_MOST_NAMED = 10  # guess: what still reads as one sentence


def in_order(found: Iterable[ContextValue], home: str) -> list[ContextValue]:
    """Order contexts: enabled subscriptions first, those of the `home` tenant before others, then by name and id."""

    def rank(context: ContextValue) -> tuple[int, bool, str, str, str]:
        subscription = context.subscription
        if subscription is None:
            return (2, context.tenant.id.lower() != home.lower(), "", "", context.tenant.id)
        is_away = context.tenant.id.lower() != home.lower()
        names = (subscription.name.lower(), subscription.id.lower(), context.tenant.id.lower())
        return (int(subscription.state.lower() != "enabled"), is_away, *names)

    return sorted(found, key=rank)


def choose(ordered: Sequence[ContextValue], wanted: str, present: ContextKey | None) -> ContextValue:
    """Return the context to be current: of the subscription that is `wanted` by id or name.

    Where none is wanted: the one that is current already, else the first.

    Raises:
        ContextNotFound: the account sees no such subscription.
        InvalidInput: several tenants have one of that name.
    """
    if not wanted:
        return next((one for one in ordered if one.key == present), ordered[0])
    lower = wanted.lower()
    by_id = [one for one in ordered if one.subscription and one.subscription.id.lower() == lower]
    hits = by_id[:1] or [one for one in ordered if one.subscription and one.subscription.name.lower() == lower]
    if not hits:
        raise ContextNotFound(_not_seen(ordered, wanted))
    if len(hits) > 1:
        where = ", ".join(f"{one.tenant_label} ({one.subscription.id if one.subscription else ''})" for one in hits)
        raise InvalidInput(f"Several subscriptions are called {wanted}: in {where}. Give the id, or the tenant too.")
    return hits[0]


def populate(ordered: Sequence[ContextValue], chosen: ContextValue, most: int) -> list[ContextValue]:
    """Return the chosen context first, then others: `most` in all, -1 for every one; the chosen one always."""
    others = [one for one in ordered if one.key != chosen.key]
    return [chosen, *others] if most == ALL else [chosen, *others][: max(most, 1)]


def _not_seen(ordered: Sequence[ContextValue], wanted: str) -> str:
    label = ordered[0].account_label
    seen = [one.subscription_label for one in ordered if one.subscription]
    if not seen:
        return f"{label} sees no subscription {wanted}: it sees none at all."
    more = "" if len(seen) <= _MOST_NAMED else f" and {len(seen) - _MOST_NAMED} more"
    return f"{label} sees no subscription {wanted}. It sees: {', '.join(seen[:_MOST_NAMED])}{more}."
