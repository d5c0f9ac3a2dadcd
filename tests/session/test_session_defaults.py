"""A session is never moved by what another one saves: it is told; and AZJOBS_CONTEXT names one for a whole process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

import azjobs as az
from azjobs.core.context import ContextValue
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.link import local as local_module
from azjobs.session.link.local import Grants, enter_job, enter_shell
from azjobs.session.link.profile_file import profile_file
from azjobs.session.link.session_file import make_job_session

MakeContext = Callable[..., ContextValue]


@pytest.fixture(autouse=True)
def three(quiet_home: Path, make_context: MakeContext) -> dict[str, ContextValue]:
    """Production (the default), Staging and Rehearsal are saved."""
    found = {name: make_context(name) for name in ("Production", "Staging", "Rehearsal")}
    profile_file(Layout(quiet_home)).change(lambda _: Profile(contexts=tuple(found.values()), default="Production"))
    return found


def current() -> str:
    return resolve_context().name


def save_default(home: Path, name: str) -> None:
    """As another session does it."""
    profile_file(Layout(home)).change(lambda profile: replace(profile, default=name))


def test_a_program_stays_in_the_default_it_first_used_and_is_told_once(quiet_home: Path) -> None:
    """The sentence says what the default is now, where the program goes on, and how to follow."""
    assert current() == "Production"
    save_default(quiet_home, "Staging")
    said = r'now Staging; this session goes on in Production\. To follow, type: azjobs\.select_az_context\("Staging"\)'
    with pytest.warns(az.DefaultChanged, match=said):
        assert current() == "Production"
    assert current() == "Production"  # a second warning would be an error here
    save_default(quiet_home, "Rehearsal")
    with pytest.warns(az.DefaultChanged, match="now Rehearsal"):
        assert current() == "Production"


def test_following_is_a_choice(quiet_home: Path) -> None:
    """Whoever has chosen is told nothing more."""
    assert current() == "Production"
    az.select_az_context("Staging")
    save_default(quiet_home, "Rehearsal")
    assert current() == "Staging"


def test_a_program_that_has_used_no_default_yet_takes_the_one_that_is_saved_then(quiet_home: Path) -> None:
    """Naming a context is not falling back."""
    with az.get_az_context("Rehearsal"):
        assert current() == "Rehearsal"
    save_default(quiet_home, "Staging")
    assert current() == "Staging"


def test_what_was_signed_out_elsewhere_stays_this_sessions_default(quiet_home: Path) -> None:
    """Its next command is told that nobody is signed in there; it never moves on silently."""
    assert current() == "Production"
    file = profile_file(Layout(quiet_home))
    file.change(lambda profile: replace(profile, contexts=profile.contexts[1:], default="Staging"))
    with pytest.warns(az.DefaultChanged):
        assert current() == "Production"


def test_a_shells_session_stays_and_is_told_what_to_type(quiet_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across its commands, which are processes of their own; another session begins with the new default."""
    monkeypatch.setenv("AZJOBS_SESSION", "one")
    enter_shell()
    assert current() == "Production"
    save_default(quiet_home, "Staging")
    local_module.close_all()
    with pytest.warns(az.DefaultChanged, match='azjobs context select "Staging"'):
        assert current() == "Production"
    local_module.close_all()
    assert current() == "Production"
    monkeypatch.setenv("AZJOBS_SESSION", "two")
    assert current() == "Staging"


def test_a_shell_without_a_session_has_the_default_as_it_is(quiet_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nowhere to remember another one."""
    monkeypatch.setattr(local_module, "shell_session", lambda: None)
    enter_shell()
    assert current() == "Production"
    save_default(quiet_home, "Staging")
    assert current() == "Staging"
    assert not (quiet_home / "sessions").exists()


def test_a_forked_child_goes_on_in_the_default_of_its_parent(quiet_home: Path) -> None:
    """It is a copy of a program that has used one."""
    assert current() == "Production"
    save_default(quiet_home, "Staging")
    pid = os.fork()
    if pid == 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os._exit(0 if current() == "Production" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_variable_goes_before_the_choice_and_after_what_is_said_in_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In order: given, with block, AZJOBS_CONTEXT, choice."""
    az.select_az_context("Production")
    monkeypatch.setenv("AZJOBS_CONTEXT", "staging")
    assert current() == "Staging"
    with az.get_az_context("Rehearsal"):
        assert current() == "Rehearsal"
    assert resolve_context("Production").name == "Production"


def test_a_name_in_the_variable_that_nothing_has_is_said_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never falls through to the saved default."""
    monkeypatch.setenv("AZJOBS_CONTEXT", "Stagging")
    said = r"AZJOBS_CONTEXT names the context Stagging, which does not exist\. There are: Production, Staging"
    with pytest.raises(az.ContextNotFound, match=said):
        current()


def test_the_variable_holds_for_no_job(
    quiet_home: Path, three: dict[str, ContextValue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It travels with the environment; what a job acts in was settled when it was submitted."""
    own = three["Production"]
    monkeypatch.setenv("AZJOBS_CONTEXT", "Staging")
    monkeypatch.setenv("AZJOBS_SESSION", make_job_session(Layout(quiet_home), "u", own, autosave=True))
    assert current() == "Production"
    enter_job(Layout(quiet_home), "s", Grants(own=own, contexts=tuple(three.values()), autosave=True, key=""))
    assert current() == "Production"
