"""The rule of AmbiguousContext is what keeps a pool inside `with context:` from acting elsewhere."""

from __future__ import annotations

import pytest

from terminal import Home, Python, Shell

STAGING = "22222222-2222-4222-8222-222222222222"

SUBMIT = """
from concurrent.futures import ThreadPoolExecutor

def make(name):
    try:
        az.new_az_resource_group(name=name, location="eastus")
    except az.AmbiguousContext:
        return "refused"
    return "made"

with ThreadPoolExecutor(4) as pool, az.get_az_context("Staging"):
    print(sorted(set(pool.map(make, [f"g{n}" for n in range(8)]))))
"""

#: Lets a thread that is in no block go by what holds for the process: what users suffer elsewhere.
UNREFUSED = """
import azjobs.session.contexts.choosing
azjobs.session.contexts.choosing.refuse_if_ambiguous = lambda: None
"""


def made_in(home: Home, shell: Shell, python: Python, prelude: str = "") -> tuple[str, set[str]]:
    """Use a pool inside a block of Staging; returns what its commands said, and where groups were made."""
    assert shell("azjobs account connect --environment AzureSimulator").code == 0
    home.add_subscriptions(Staging=STAGING)
    home.cloud.time("at-once")
    assert shell("azjobs account connect --environment AzureSimulator --scope CurrentUser").code == 0
    done = python(prelude + SUBMIT)
    assert done.code == 0, done
    return done.out.strip(), {r["subscription_id"] for r in home.cloud.requests(method="PUT")}


@pytest.mark.slow
def test_a_pool_inside_a_block_makes_nothing_anywhere(home: Home, shell: Shell, python: Python) -> None:
    """Every command of it is refused before anything is sent."""
    assert made_in(home, shell, python) == ("['refused']", set())


@pytest.mark.slow
def test_without_the_rule_the_same_pool_acts_in_the_saved_default(home: Home, shell: Shell, python: Python) -> None:
    """The test above can fail: it does when nothing is refused."""
    said, places = made_in(home, shell, python, UNREFUSED)
    assert said == "['made']"
    assert places
    assert STAGING not in places
