"""A session that acts in the saved default stays there, and is told once when another one changes it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

import azjobs as az
from azjobs.core import profile as rules
from azjobs.core.context import ContextValue
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile, SessionState
from azjobs.session import local as local_module
from azjobs.session.contexts import resolve_context
from azjobs.session.profile_file import profile_file
from azjobs.store.whole_file import WholeFile
from terminal import Home, Shell

MakeContext = Callable[..., ContextValue]


@pytest.fixture
def saved(quiet_home: Path, make_context: MakeContext) -> WholeFile[Profile]:
    """Production is the saved default; Staging and Rehearsal are there."""
    contexts = tuple(make_context(name) for name in ("Production", "Staging", "Rehearsal"))
    file = profile_file(Layout(quiet_home))
    file.change(lambda _: Profile(contexts=contexts, default="Production"))
    return file


def make_default(saved: WholeFile[Profile], name: str) -> None:
    """As another process does."""
    saved.change(lambda profile: replace(profile, default=name))


def current() -> str:
    return resolve_context().name


def test_a_running_process_stays_where_it_acts_and_is_told_once_of_another_default(saved: WholeFile[Profile]) -> None:
    """One warning for each change, that says where it goes on and how to follow."""
    assert current() == "Production"
    make_default(saved, "Staging")
    told = r"^The saved default is Staging now; this session goes on in Production\. To follow, type: azjobs context "
    with pytest.warns(az.DefaultChanged, match=told):
        assert current() == "Production"
    assert current() == "Production"  # warnings are errors here: it is told once
    make_default(saved, "Rehearsal")
    with pytest.warns(az.DefaultChanged, match="is Rehearsal now"):
        assert current() == "Production"
    make_default(saved, "Production")
    assert current() == "Production"


def test_a_process_that_only_looked_begins_with_the_default_of_the_moment_it_acts(saved: WholeFile[Profile]) -> None:
    """To look is not to act."""
    assert az.get_az_context().name == "Production"
    make_default(saved, "Staging")
    assert current() == "Staging"


def test_a_process_that_chose_is_not_told(saved: WholeFile[Profile]) -> None:
    """The default is none of its business."""
    az.select_az_context("Rehearsal")
    assert current() == "Rehearsal"
    make_default(saved, "Staging")
    assert current() == "Rehearsal"


def test_a_new_session_begins_with_the_new_default(saved: WholeFile[Profile]) -> None:
    """And follows nobody's old one."""
    assert current() == "Production"
    make_default(saved, "Staging")
    local_module.close_all()
    local_module._memories.clear()
    assert current() == "Staging"


def test_a_default_that_is_gone_is_not_replaced_by_another_one(saved: WholeFile[Profile]) -> None:
    """Its context was removed elsewhere: acting there will say that its sign-in is gone, not act elsewhere."""
    assert current() == "Production"
    saved.change(lambda profile: replace(profile, contexts=profile.contexts[1:], default="Staging"))
    with pytest.warns(az.DefaultChanged):
        assert current() == "Production"


def test_signing_out_here_forgets_the_default_that_was_acted_in(make_context: MakeContext) -> None:
    """Who signs out does not go on as if nothing had been."""
    context = make_context("Production")
    state = rules.settle_default(Profile(contexts=(context,), default="Production"), SessionState())
    assert state.default == context
    assert rules.drop_session_sign_ins(state, [context.sign_in_key]).default is None


def test_a_variable_names_the_context_of_a_whole_process(
    saved: WholeFile[Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AZJOBS_CONTEXT wins over a choice and the default, not over what is said in the program."""
    az.select_az_context("Rehearsal")
    monkeypatch.setenv("AZJOBS_CONTEXT", "staging")
    assert current() == "Staging"
    with az.get_az_context("Production"):
        assert current() == "Production"
    assert resolve_context("Rehearsal").name == "Rehearsal"
    monkeypatch.setenv("AZJOBS_CONTEXT", "Stagin")
    with pytest.raises(
        az.ContextNotFound, match=r"^AZJOBS_CONTEXT names Stagin, and there is none\. Type: azjobs context get$"
    ):
        current()


def test_with_the_variable_nobody_is_told_of_the_default(
    saved: WholeFile[Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not depend on it."""
    monkeypatch.setenv("AZJOBS_CONTEXT", "Staging")
    assert current() == "Staging"
    make_default(saved, "Rehearsal")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert current() == "Staging"


@pytest.mark.slow
def test_a_terminal_stays_where_it_acts_and_says_so_in_one_line(signed_in: Home, make_context: MakeContext) -> None:
    """The line is on stderr, once; AZJOBS_CONTEXT and --context reach every command."""
    home = signed_in
    one, two = Shell(home, "default-1"), Shell(home, "default-2")
    assert one("azjobs resource-group get").code == 0
    other = make_context("Elsewhere")
    profile_file(Layout(home.folder)).change(
        lambda profile: replace(profile, contexts=(*profile.contexts, other), default="Elsewhere")
    )
    done = one("azjobs resource-group get")
    assert done.code == 0, done
    assert done.err.strip() == (
        "The saved default is Elsewhere now; this session goes on in Rehearsal. "
        "To follow, type: azjobs context select Elsewhere"
    )
    assert one("azjobs resource-group get").err == ""
    assert two("azjobs context get --output json --query '[?current].name'").json == ["Elsewhere"]
    assert two("AZJOBS_CONTEXT=Rehearsal azjobs resource-group get").code == 0
    assert two("AZJOBS_CONTEXT=Nowhere azjobs resource-group get").code == 3
