"""What a policy means, and which are none. Pure."""

from __future__ import annotations

import pytest

from azjobs.core.errors import InvalidInput
from azjobs.core.policy import Policy, check_policy, parse_age_s
from azjobs.daemon.serving.pruning import YoungestClock


@pytest.mark.parametrize(
    ("text", "age_s"), [("90s", 90.0), ("45m", 2700.0), ("12h", 43200.0), ("30D", 2592000.0), (" 1.5w ", 907200.0)]
)
def test_ages_are_numbers_with_a_unit(text: str, age_s: float):
    """Seconds, minutes, hours, days and weeks, in any case."""
    assert parse_age_s(text) == age_s


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "3 months", "1e3d"])
def test_what_is_no_age_is_refused(text: str):
    """The sentence says how an age is written."""
    with pytest.raises(InvalidInput, match=r"is no age\. Type a number with its unit: 90s, 45m, 12h, 30d or 2w"):
        parse_age_s(text)


@pytest.mark.parametrize(
    "policy", [Policy(keep_days=-1), Policy(keep_jobs=-1), Policy(output_cap_bytes=-5), Policy(keep_days=float("nan"))]
)
def test_limits_below_nothing_are_refused(policy: Policy):
    """The sentence names the limit."""
    with pytest.raises(InvalidInput, match=r"(keep_days|keep_jobs|output_cap_bytes) is a number from 0 on, not"):
        check_policy(policy)


def test_age_is_counted_from_the_end():
    """A job becomes too old as many days after its end as it is kept."""
    policy = Policy(keep_days=2)
    assert policy.removes
    assert policy.ended_before(now=1_000_000.0) == 827_200.0
    assert policy.due_at(827_200.0) == 1_000_000.0
    assert Policy(output_cap_bytes=1).removes is False
    assert Policy(keep_jobs=1).due_at(1.0) is None


def test_clock_that_jumps_makes_no_job_old():
    """Of the wall clock and of the time that has really passed the earlier one counts."""
    wall, steady = [1000.0], [5.0]
    now = YoungestClock(lambda: wall[0], lambda: steady[0])
    assert now() == 1000.0
    wall[0], steady[0] = 1060.0, 65.0
    assert now() == 1060.0
    wall[0] = 1e9  # set ahead
    assert now() == 1060.0
    wall[0] = 500.0  # set back
    assert now() == 500.0
