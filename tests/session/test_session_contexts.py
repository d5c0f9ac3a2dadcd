"""Which context is current in this process, and what choosing changes; no daemon is needed for any of it."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

import azjobs as az
from azjobs.core import profile as rules
from azjobs.core.context import ContextValue
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.link import local as local_module
from azjobs.session.link.profile_file import profile_file
from azjobs.session.submitting.in_job import prepare

MakeContext = Callable[..., ContextValue]


@pytest.fixture
def three(quiet_home: Path, make_context: MakeContext) -> dict[str, ContextValue]:
    """Production (the default), Staging and Rehearsal are saved."""
    found = {name: make_context(name) for name in ("Production", "Staging", "Rehearsal")}
    profile = Profile(contexts=tuple(found.values()), default="Production")
    profile_file(Layout(quiet_home)).change(lambda _: profile)
    return found


def current() -> str:
    return resolve_context().name


def another_session() -> None:
    """From here on this process is as one that was just started."""
    local_module.close_all()
    local_module._memories.clear()


def test_nobody_signed_in_is_said_with_what_to_type(quiet_home: Path) -> None:
    """To look is no error; to act is one."""
    assert az.get_az_context() is None
    assert az.get_az_context(list_available=True) == []
    with pytest.raises(az.NotSignedIn, match=r"^Not signed in\. Type: azjobs account connect$"):
        resolve_context()


def test_the_innermost_with_block_wins_over_the_choice_and_the_choice_over_the_default(
    three: dict[str, ContextValue],
) -> None:
    """And each is back when the one inside it ends, also by an error."""
    assert current() == "Production"
    az.select_az_context("rehearsal")
    assert current() == "Rehearsal"
    staging = az.get_az_context("STAGING")
    with suppress(ZeroDivisionError), staging:
        assert current() == "Staging"
        with az.get_az_context("Production"):
            assert current() == "Production"
        with staging:
            assert current() == "Staging"
        raise ZeroDivisionError
    assert current() == "Rehearsal"


def test_a_with_block_is_for_its_own_thread_and_task(three: dict[str, ContextValue]) -> None:
    """A task has that of whoever started it, and keeps its own to itself; of threads see test_session_blocks."""

    async def work(name: str) -> str:
        with az.get_az_context(name):
            await asyncio.sleep(0)
            return current()

    async def main() -> list[str]:
        with az.get_az_context("Staging"):
            return [*await asyncio.gather(work("Rehearsal"), work("Production")), current()]

    assert asyncio.run(main()) == ["Rehearsal", "Production", "Staging"]


def test_choosing_is_for_this_session_unless_the_saved_default_is_meant(
    three: dict[str, ContextValue], quiet_home: Path
) -> None:
    """--scope CurrentUser changes both."""
    file = profile_file(Layout(quiet_home))
    az.select_az_context("Staging")
    assert (current(), file.load().default) == ("Staging", "Production")
    az.select_az_context("Staging", scope="CurrentUser")
    assert file.load().default == "Staging"
    another_session()
    assert current() == "Staging"


def test_what_another_session_removes_does_not_move_this_one(three: dict[str, ContextValue], quiet_home: Path) -> None:
    """The choice stays: at worst its sign-in is gone, which is said."""
    az.select_az_context("Staging")
    file = profile_file(Layout(quiet_home))
    file.change(lambda profile: replace(profile, contexts=(three["Production"],)))
    assert current() == "Staging"


def test_the_shells_session_is_shared_by_its_commands(
    three: dict[str, ContextValue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AZJOBS_SESSION is one session, whatever process asks."""
    monkeypatch.setenv("AZJOBS_SESSION", "one")
    az.select_az_context("Staging")
    local_module.close_all()
    assert current() == "Staging"
    monkeypatch.setenv("AZJOBS_SESSION", "two")
    assert current() == "Production"


def test_a_context_is_given_by_itself_or_by_its_name(three: dict[str, ContextValue]) -> None:
    """Anything else is refused; an unknown name is not found."""
    staging = az.get_az_context("Staging")
    assert resolve_context(staging) is staging
    assert resolve_context("staging") == staging
    with pytest.raises(az.ContextNotFound, match="No context Nowhere"):
        resolve_context("Nowhere")
    with pytest.raises(az.InvalidInput, match="not int"):
        resolve_context(5)  # type: ignore[arg-type]


def test_a_context_is_a_value(three: dict[str, ContextValue]) -> None:
    """Equal by what it is, not by its name; it survives a pickle, holds no secret, and shows itself in one line."""
    staging = az.get_az_context("Staging")
    renamed = az.Context(replace(three["Staging"], name="blue"))
    assert staging == renamed
    assert len({staging, renamed, az.get_az_context("Production")}) == 2
    assert pickle.loads(pickle.dumps(staging)) == staging
    assert repr(staging) == (
        "<Context 'Staging' account=ana@contoso.com tenant=Contoso subscription=Staging environment=AzureCloud>"
    )
    assert "Staging" in staging._repr_html_()


def test_a_context_can_be_renamed_and_its_default_follows(three: dict[str, ContextValue], quiet_home: Path) -> None:
    """By set_az_context, for a subscription that is known: nothing is asked of Azure."""
    assert az.set_az_context(subscription="Production", name="prod").name == "prod"
    assert profile_file(Layout(quiet_home)).load().default == "prod"
    with pytest.raises(az.InvalidInput, match="Another context is called Staging"):
        az.set_az_context(subscription="Production", name="staging")


def test_autosave_is_set_for_the_session_or_for_all(quiet_home: Path) -> None:
    """The session's setting goes before the saved one; to set the saved one takes the session along."""
    assert az.get_az_context_autosave_setting().mode == "CurrentUser"
    assert az.disable_az_context_autosave(scope="Process").mode == "Process"
    assert profile_file(Layout(quiet_home)).load().autosave is True
    assert az.enable_az_context_autosave().mode == "CurrentUser"
    assert az.disable_az_context_autosave().mode == "Process"
    another_session()
    assert az.get_az_context_autosave_setting().mode == "Process"


def test_the_autosave_setting_says_where_everything_is(quiet_home: Path) -> None:
    """Contexts, and the secrets of sign-ins where there is no keyring; for this session or for new ones."""
    az.disable_az_context_autosave(scope="Process")
    setting = az.get_az_context_autosave_setting()
    assert setting == az.AutosaveSetting(
        "Process",
        str(quiet_home / "contexts.json"),
        str(quiet_home),
        str(quiet_home / "sign-ins.json"),
        str(quiet_home),
    )
    assert az.get_az_context_autosave_setting(scope="CurrentUser").mode == "CurrentUser"
    with pytest.raises(az.InvalidInput, match="not Machine"):
        az.get_az_context_autosave_setting(scope="Machine")  # type: ignore[arg-type]


def become_job(home: Path, contexts: list[ContextValue], own: ContextValue | None, *, autosave: bool) -> None:
    from msgspec import to_builtins  # noqa: PLC0415 - as the daemon does it

    prepare(
        {
            "job_key": "k",
            "home": str(home),
            "session": "py:parent",
            "autosave": autosave,
            "context": to_builtins(own),
            "grants": to_builtins(contexts),
            "secrets": {},
        }
    )


def test_in_a_job_the_contexts_are_those_that_were_granted(three: dict[str, ContextValue], quiet_home: Path) -> None:
    """Its own is current; another granted one can be used; none else, by whatever way."""
    production = az.get_az_context("Production")
    become_job(quiet_home, [three["Staging"], three["Rehearsal"]], three["Staging"], autosave=True)
    assert current() == "Staging"
    assert resolve_context("Rehearsal").name == "Rehearsal"
    with az.get_az_context("Rehearsal"):
        assert current() == "Rehearsal"
    for attempt in (lambda: resolve_context(production), lambda: az.select_az_context(production)):
        with pytest.raises(az.ContextNotGranted, match="was not granted the context Production"):
            attempt()
    with production, pytest.raises(az.ContextNotGranted):
        resolve_context()
    with pytest.raises(az.ContextNotFound):
        resolve_context("Production")
    assert [c.name for c in az.get_az_context(list_available=True)] == ["Staging", "Rehearsal"]


def test_in_a_job_a_forged_context_of_a_granted_name_is_refused(
    three: dict[str, ContextValue], quiet_home: Path
) -> None:
    """Names are nothing: what counts is account, tenant, subscription and cloud."""
    become_job(quiet_home, [three["Staging"]], three["Staging"], autosave=True)
    forged = az.Context(replace(three["Production"], name="Staging"))
    with pytest.raises(az.ContextNotGranted):
        resolve_context(forged)


def test_in_a_job_a_choice_is_the_jobs_own(three: dict[str, ContextValue], quiet_home: Path) -> None:
    """It changes nothing that is saved, and sign-ins are not its business."""
    become_job(quiet_home, [three["Staging"], three["Rehearsal"]], three["Staging"], autosave=True)
    az.select_az_context("Rehearsal", scope="CurrentUser")
    assert current() == "Rehearsal"
    assert profile_file(Layout(quiet_home)).load().default == "Production"
    for attempt in (az.connect_az_account, az.disconnect_az_account, az.enable_az_context_autosave):
        with pytest.raises(az.Refused, match="A job cannot"):
            attempt()


def test_a_job_without_a_context_says_so_and_how_to_give_it_one(
    three: dict[str, ContextValue], quiet_home: Path
) -> None:
    """With autosave off nothing is taken along unasked."""
    become_job(quiet_home, [], None, autosave=False)
    with pytest.raises(az.ContextRequired) as caught:
        resolve_context()
    assert str(caught.value) == (
        "Context autosave is off, so this job has no context. Pass az_context= to start_job or to the command."
    )


def test_a_job_that_nobody_was_signed_in_for_says_that(quiet_home: Path) -> None:
    """With autosave on there was nothing to take along."""
    become_job(quiet_home, [], None, autosave=True)
    with pytest.raises(az.NotSignedIn):
        resolve_context()


def test_a_saved_profile_is_never_changed_by_looking(three: dict[str, ContextValue], quiet_home: Path) -> None:
    """Reading leaves every byte as it is."""
    before = (quiet_home / "contexts.json").read_bytes()
    current()
    az.get_az_context(list_available=True)
    assert rules.find(profile_file(Layout(quiet_home)).load().contexts, "Staging") == three["Staging"]
    assert (quiet_home / "contexts.json").read_bytes() == before
    assert not (quiet_home / "sessions").exists()
