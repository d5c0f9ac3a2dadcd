"""Hold what a user expects of the context against the context, before anything is asked of anybody.

Said with one command, or by AZJOBS_EXPECT_TENANT and AZJOBS_EXPECT_SUBSCRIPTION
for every command of a process, as in a pipeline. Both hold.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from azjobs.core.context import ContextValue
from azjobs.core.errors import WrongTarget

TENANT_VARIABLE = "AZJOBS_EXPECT_TENANT"
SUBSCRIPTION_VARIABLE = "AZJOBS_EXPECT_SUBSCRIPTION"


class Expected(NamedTuple):
    """The tenant and the subscription that the context must have, by name or id, in any case; "" for any."""

    tenant: str = ""
    subscription: str = ""


def check_expected(context: ContextValue | None, expected: Expected = Expected()) -> None:  # noqa: B008 - immutable
    """Refuse a context that is not the expected one.

    Raises:
        WrongTarget: it is of another tenant or subscription, or there is none; nothing was sent.
    """
    general = Expected(os.environ.get(TENANT_VARIABLE, ""), os.environ.get(SUBSCRIPTION_VARIABLE, ""))
    if context is not None:
        for one in (expected, general):
            _check(context, one)
    elif any(expected):
        wanted = f"tenant {expected.tenant}" if expected.tenant else f"subscription {expected.subscription}"
        raise WrongTarget(f"Expected {wanted}, but there is no context; nothing was sent.")


def _check(context: ContextValue, expected: Expected) -> None:
    tenant, subscription = context.tenant, context.subscription
    if expected.tenant and not _is(expected.tenant, tenant.id, tenant.name):
        there = _shown(tenant.name, tenant.id)
        raise WrongTarget(
            f"Expected tenant {expected.tenant}, but the context {context.name} is in {there}; nothing was sent."
        )
    if expected.subscription and (
        subscription is None or not _is(expected.subscription, subscription.id, subscription.name)
    ):
        there = f"is of {_shown(subscription.name, subscription.id)}" if subscription else "has no subscription"
        raise WrongTarget(
            f"Expected subscription {expected.subscription}, but the context {context.name} {there}; nothing was sent."
        )


def _is(wanted: str, *names: str) -> bool:
    return wanted.lower() in {name.lower() for name in names}


def _shown(name: str, identity: str) -> str:
    return f"{name} ({identity})" if name else identity
