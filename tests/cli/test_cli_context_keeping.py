"""Context rename, remove and clear as typed: when they ask, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azjobs.core.context import AZURE_CLOUD, Account, AccountType, ContextValue, Subscription, Tenant
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile
from azjobs.session.link.home import open_home
from azjobs.session.link.profile_file import profile_file

ANA = Account("ana@contoso.com", AccountType.USER)


@pytest.fixture
def two(cli_home: Path) -> Layout[Path]:
    """Production (the default) and Staging are saved."""
    layout = open_home(cli_home)
    contexts = tuple(
        ContextValue(name, ANA, Tenant("t-1", "Contoso"), AZURE_CLOUD, Subscription(f"id-{name}", name))
        for name in ("Production", "Staging")
    )
    profile_file(layout).change(lambda _: Profile(contexts=contexts, default="Production"))
    return layout


def names(layout: Layout[Path]) -> list[str]:
    return [context.name for context in profile_file(layout).load().contexts]


def test_a_context_is_renamed_in_both_forms(run: Callable[..., Any], two: Layout[Path]) -> None:
    """Quietly, unless the renamed one is asked for."""
    done = run("context", "rename", "staging", "blue")
    assert (done.code, done.out, done.err) == (0, "", "")
    done = run("Rename-AzContext", "-SourceName", "blue", "-TargetName", "green", "-PassThru")
    assert (done.code, '"green"' in done.out) == (0, True)
    assert names(two) == ["Production", "green"]


def test_removing_asks_only_where_it_is_the_default_or_the_current_one(
    run: Callable[..., Any], two: Layout[Path]
) -> None:
    """Without a terminal that is an error that says what to add."""
    done = run("context", "remove", "Production")
    assert (done.code, done.err) == (2, "Not removed: confirmation needs a terminal. Add --force.\n")
    assert run("context", "remove", "Production", "--force").code == 0
    assert names(two) == ["Staging"]
    assert run("context", "get").out == run("context", "get", "--list-available").out
    assert '"current": true' not in run("context", "get", "--output", "json").out


def test_clearing_asks(run: Callable[..., Any], two: Layout[Path]) -> None:
    """It forgets sign-ins as well."""
    done = run("context", "clear")
    assert (done.code, done.err) == (2, "Not cleared: confirmation needs a terminal. Add --force.\n")
    assert names(two) == ["Production", "Staging"]
