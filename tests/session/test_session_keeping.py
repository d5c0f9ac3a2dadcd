"""Renaming, removing and clearing contexts: what follows, what is forgotten, and what nothing takes the place of."""

from __future__ import annotations

import json
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
from azjobs.session.link.profile_file import profile_file
from terminal import Home

MakeContext = Callable[..., ContextValue]
STAGING = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def three(quiet_home: Path, make_context: MakeContext) -> dict[str, ContextValue]:
    """Production (the default), Staging and Rehearsal are saved, all of one account."""
    found = {name: make_context(name) for name in ("Production", "Staging", "Rehearsal")}
    save(quiet_home, Profile(contexts=tuple(found.values()), default="Production"))
    return found


def save(home: Path, profile: Profile) -> None:
    profile_file(Layout(home)).change(lambda _: profile)


def saved(home: Path) -> Profile:
    return profile_file(Layout(home)).load()


def another_session() -> None:
    """From here on this process is as one that was just started."""
    local_module.close_all()
    local_module._memories.clear()


def test_a_renamed_context_stays_the_default_and_the_choice(three: dict[str, ContextValue], quiet_home: Path) -> None:
    """Both follow it; nothing is returned unless that was asked for."""
    az.select_az_context("Staging")
    assert az.rename_az_context("staging", "blue") is None
    renamed = az.rename_az_context(input_object=az.get_az_context("Production"), target_name="prod", pass_thru=True)
    assert renamed is not None
    assert renamed.name == "prod"
    assert resolve_context().name == "blue"
    assert saved(quiet_home).default == "prod"
    another_session()
    assert resolve_context().name == "prod"


def test_the_choice_of_another_session_follows_a_renamed_context(
    three: dict[str, ContextValue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A choice is a context, not a name."""
    monkeypatch.setenv("AZJOBS_SESSION", "one")
    az.select_az_context("Staging")
    monkeypatch.setenv("AZJOBS_SESSION", "two")
    az.rename_az_context("Staging", "blue")
    monkeypatch.setenv("AZJOBS_SESSION", "one")
    assert resolve_context().name == "blue"


def test_a_name_that_is_taken_is_refused_unless_it_is_taken_by_force(
    three: dict[str, ContextValue], quiet_home: Path
) -> None:
    """By force the holder is removed; where it was the default there is none then, whatever has its name now."""
    with pytest.raises(az.InvalidInput, match="Another context is called Production"):
        az.rename_az_context("Staging", "PRODUCTION")
    assert [c.name for c in saved(quiet_home).contexts] == ["Production", "Staging", "Rehearsal"]
    az.rename_az_context("Staging", "Production", force=True)
    after = saved(quiet_home)
    assert [(c.name, c.subscription.id if c.subscription else "") for c in after.contexts] == [
        ("Production", "id-staging"),
        ("Rehearsal", "id-rehearsal"),
    ]
    assert after.default == ""


def test_only_the_case_of_a_name_can_be_changed(three: dict[str, ContextValue], quiet_home: Path) -> None:
    """A context does not stand in its own way."""
    az.rename_az_context("production", "PRODUCTION")
    assert (saved(quiet_home).contexts[0].name, saved(quiet_home).default) == ("PRODUCTION", "PRODUCTION")


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"source_name": "Nowhere", "target_name": "x"}, az.ContextNotFound, "No context Nowhere"),
        ({"source_name": "Staging", "target_name": " "}, az.InvalidInput, "Say what the context is to be called"),
        ({"target_name": "x"}, az.InvalidInput, "Say which context"),
        ({"input_object": "Staging", "target_name": "x"}, az.InvalidInput, "takes a context, not str"),
    ],
)
def test_what_cannot_be_renamed_is_said_and_nothing_changes(
    three: dict[str, ContextValue], quiet_home: Path, arguments: dict[str, str], error: type[Exception], sentence: str
) -> None:
    """One sentence."""
    before = (quiet_home / "contexts.json").read_bytes()
    with pytest.raises(error, match=sentence):
        az.rename_az_context(**arguments)  # type: ignore[arg-type]
    assert (quiet_home / "contexts.json").read_bytes() == before


def test_nothing_takes_the_place_of_a_default_that_was_removed(
    three: dict[str, ContextValue], quiet_home: Path
) -> None:
    """Not even the first that is left: to act somewhere else has to be said."""
    resolve_context()
    removed = az.remove_az_context("Production", pass_thru=True)
    assert removed is not None
    assert removed.name == "Production"
    assert [c.name for c in saved(quiet_home).contexts] == ["Staging", "Rehearsal"]
    assert saved(quiet_home).default == ""
    assert az.get_az_context() is None
    with pytest.raises(az.NotSignedIn):
        resolve_context()


def test_the_session_goes_back_to_the_default_when_its_choice_is_removed(three: dict[str, ContextValue]) -> None:
    """The default was said to be where sessions act that chose nothing."""
    az.select_az_context("Staging")
    az.remove_az_context(input_object=az.get_az_context("Staging"))
    assert resolve_context().name == "Production"
    with pytest.raises(az.ContextNotFound, match="No context Staging"):
        az.remove_az_context(input_object=az.Context(three["Staging"]))


def test_a_job_can_neither_rename_nor_remove_nor_clear(
    three: dict[str, ContextValue], quiet_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the contexts that it was granted; a command inside a job no less."""
    from azjobs.session.link.session_file import make_job_session  # noqa: PLC0415 - as the daemon does it

    name = make_job_session(Layout(quiet_home), "11111111-1111-4111-8111-111111111111", three["Staging"], autosave=True)
    monkeypatch.setenv("AZJOBS_SESSION", name)
    assert resolve_context().name == "Staging"
    for attempt in (
        lambda: az.rename_az_context("Staging", "x"),
        lambda: az.remove_az_context("Staging"),
        az.clear_az_context,
    ):
        with pytest.raises(az.Refused, match="A job cannot"):
            attempt()


@pytest.mark.parametrize(
    "attempt",
    [
        az.connect_az_account,
        az.disconnect_az_account,
        az.disable_az_context_autosave,
        lambda: az.add_az_protection(resource_group_name="prod"),
        lambda: az.remove_az_protection(resource_group_name="prod"),
        lambda: az.set_job_policy(keep_jobs=1),
    ],
)
def test_a_command_inside_a_job_changes_no_more_of_the_home_than_the_job_may(
    three: dict[str, ContextValue], quiet_home: Path, monkeypatch: pytest.MonkeyPatch, attempt: Callable[[], object]
) -> None:
    """It is refused by the sentence that a Python job reads, and nothing is changed."""
    from azjobs.session.link.session_file import make_job_session  # noqa: PLC0415 - as the daemon does it

    name = make_job_session(Layout(quiet_home), "11111111-1111-4111-8111-111111111111", three["Staging"], autosave=True)
    monkeypatch.setenv("AZJOBS_SESSION", name)
    before = profile_file(Layout(quiet_home)).load()
    with pytest.raises(az.Refused, match="A job cannot"):
        attempt()
    assert profile_file(Layout(quiet_home)).load() == before


def test_the_last_context_of_an_account_signs_it_out_with_a_warning(live: Home) -> None:
    """One of two does not; with the last the sign-in is gone, also for a context that is still in the hand."""
    live.start_cloud()
    live.add_subscriptions(Staging=STAGING)
    context = az.connect_az_account(environment="AzureSimulator", subscription=STAGING)
    az.remove_az_context("Rehearsal")
    assert resolve_context().credential.get_token().token
    with pytest.warns(az.SignInWarning, match=r"azjobs-demo is signed out of tenant Contoso: Staging was the last"):
        az.remove_az_context("Staging")
    with pytest.raises(az.NotSignedIn):
        context.credential.get_token()


def test_clearing_forgets_every_context_and_sign_in(live: Home) -> None:
    """The saved ones and the session's; environments and settings stay."""
    context = az.connect_az_account(environment="AzureSimulator")
    assert az.clear_az_context(pass_thru=True) is True
    assert az.get_az_context(list_available=True) == []
    assert az.get_az_context() is None
    assert "contexts" not in json.loads((live.folder / "contexts.json").read_text())
    with pytest.raises(az.NotSignedIn):
        context.credential.get_token()


def test_clearing_the_session_leaves_what_is_saved(live: Home) -> None:
    """The session's own contexts, sign-ins and choice end; the saved default is current again."""
    context = az.connect_az_account(environment="AzureSimulator")
    own = az.connect_az_account(environment="AzureSimulator", scope="Process")
    assert own != context
    az.clear_az_context(scope="Process")
    assert az.get_az_context() == context
    assert context.credential.get_token().token
    with pytest.raises(az.NotSignedIn):
        own.credential.get_token()


def test_a_context_is_set_by_itself_or_by_the_objects_of_others(three: dict[str, ContextValue]) -> None:
    """Nothing is asked of Azure for what is known."""
    assert az.set_az_context(context="staging").name == "Staging"
    rehearsal = three["Rehearsal"]
    assert az.set_az_context(subscription_object=az.Subscription("id-rehearsal", "x", "t-1")).value == rehearsal
    assert az.set_az_context(tenant_object=az.Tenant("T-1")).tenant.id == "t-1"
    assert az.select_az_context(input_object=az.Context(rehearsal)).name == "Rehearsal"
    for wrong in ({}, {"subscription": "Staging", "context": "Staging"}, {"context": "x", "tenant_object": "y"}):
        with pytest.raises(az.InvalidInput, match="Say which subscription or tenant"):
            az.set_az_context(**wrong)  # type: ignore[arg-type]
    with pytest.raises(az.InvalidInput, match="Say which context"):
        az.select_az_context()


def test_a_name_is_taken_from_another_context_by_force_only(three: dict[str, ContextValue], quiet_home: Path) -> None:
    """set_az_context refuses it without, as rename_az_context does."""
    with pytest.raises(az.InvalidInput, match="Another context is called Rehearsal"):
        az.set_az_context("Staging", name="Rehearsal")
    assert az.set_az_context("Staging", name="Rehearsal", force=True).name == "Rehearsal"
    assert [c.name for c in saved(quiet_home).contexts] == ["Production", "Rehearsal"]
    assert saved(quiet_home).contexts[1] == replace(three["Staging"], name="Rehearsal")
