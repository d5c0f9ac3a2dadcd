"""Which subscription is chosen, and which others get contexts."""

from __future__ import annotations

import random

import pytest

from azjobs.core.choosing import ALL, choose, in_order, populate
from azjobs.core.context import AZURE_CLOUD, Account, AccountType, ContextValue, Subscription, Tenant
from azjobs.core.errors import ContextNotFound, InvalidInput

ANA = Account("ana@contoso.com", AccountType.USER)


def context(name: str, tenant: str = "home", state: str = "Enabled", ident: str = "") -> ContextValue:
    subscription = Subscription(ident or f"id-{tenant}-{name}", name, state)
    return ContextValue("", ANA, Tenant(tenant, tenant.title()), AZURE_CLOUD, subscription)


HOME_B = context("b")
FOUND = [context("a", state="Disabled"), HOME_B, context("C"), context("a", "other"), context("b", "other")]


def test_the_choice_does_not_depend_on_the_order_of_the_service() -> None:
    """Enabled first, then the home tenant, then by name."""
    for seed in range(10):
        shuffled = random.Random(seed).sample(FOUND, len(FOUND))
        ordered = in_order(shuffled, "HOME")
        labels = [f"{one.tenant.id} {one.subscription_label}" for one in ordered]
        assert labels == ["home b", "home C", "other a", "other b", "home a"]
        assert choose(ordered, "", None) == HOME_B


def test_what_is_current_stays_current_where_it_is_still_seen() -> None:
    """Signing in again changes no target."""
    ordered = in_order(FOUND, "home")
    assert choose(ordered, "", FOUND[3].key) == FOUND[3]
    assert choose(ordered, "", context("gone").key) == HOME_B


@pytest.mark.parametrize("wanted", ["c", "C", "id-home-C", "ID-HOME-c"])
def test_a_subscription_is_found_by_name_or_id(wanted: str) -> None:
    """In any case."""
    assert choose(in_order(FOUND, "home"), wanted, None).subscription_label == "C"


def test_a_name_in_several_tenants_is_refused_with_their_list() -> None:
    """The id, or the tenant, tells which."""
    with pytest.raises(InvalidInput) as caught:
        choose(in_order(FOUND, "home"), "B", None)
    assert str(caught.value) == (
        "Several subscriptions are called B: in Home (id-home-b), Other (id-other-b). Give the id, or the tenant too."
    )


def test_an_id_seen_from_several_tenants_is_no_question() -> None:
    """It is the one subscription: seen from the home tenant first."""
    twins = [context("x", "other", ident="same"), context("x", "home", ident="same")]
    assert choose(in_order(twins, "home"), "same", None).tenant.id == "home"


def test_a_subscription_that_is_not_seen_is_told_with_those_that_are() -> None:
    """Ten of them at most."""
    many = in_order([context(f"s{n:02}") for n in range(14)], "home")
    with pytest.raises(ContextNotFound, match=r"sees no subscription Nope\. It sees: s00, .*, s09 and 4 more\.$"):
        choose(many, "Nope", None)
    bare = [ContextValue("", ANA, Tenant("home"), AZURE_CLOUD)]
    with pytest.raises(ContextNotFound, match="it sees none at all"):
        choose(bare, "Nope", None)


@pytest.mark.parametrize(("most", "count"), [(0, 1), (1, 1), (3, 3), (25, 5), (ALL, 5)])
def test_a_population_holds_the_chosen_one_and_as_many_as_wanted(most: int, count: int) -> None:
    """The chosen one comes first, whatever the limit."""
    ordered = in_order(FOUND, "home")
    chosen = ordered[3]
    populated = populate(ordered, chosen, most)
    assert populated[0] == chosen
    assert len({one.key for one in populated}) == len(populated) == count
