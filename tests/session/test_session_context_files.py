"""Saving contexts to a file and importing them: what is in it, what is believed of it, and what is merged."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import azjobs as az
from azjobs.core.context import AZURE_CHINA_CLOUD, AZURE_CLOUD, ContextValue, Environment
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.link import local as local_module
from azjobs.session.link.profile_file import profile_file
from terminal import Home

MakeContext = Callable[..., ContextValue]
MOON = {
    "Name": "Moon",
    "ResourceManagerUrl": "https://management.moon.example/",
    "ActiveDirectoryAuthority": "https://login.moon.example/",
}


@pytest.fixture
def two(quiet_home: Path, make_context: MakeContext) -> dict[str, ContextValue]:
    """Production (the default) and Staging are saved."""
    found = {name: replace(make_context(name), environment=AZURE_CLOUD) for name in ("Production", "Staging")}
    save(quiet_home, Profile(contexts=tuple(found.values()), default="Production"))
    return found


def save(home: Path, profile: Profile) -> None:
    profile_file(Layout(home)).change(lambda _: profile)


def saved(home: Path) -> Profile:
    return profile_file(Layout(home)).load()


def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """From here on this process is a new session in another, empty home."""
    home = tmp_path / "elsewhere"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("AZJOBS_HOME", str(home))
    local_module.close_all()
    local_module._memories.clear()
    return home


def powershell_context(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "Account": {"Id": "ana@contoso.com", "Type": "User", "Credential": None, "ExtendedProperties": {}},
        "Tenant": {"Id": f"tenant-{number}", "Directory": "contoso.example"},
        "Subscription": {"Id": f"sub-{number}", "Name": f"Sub {number}", "State": "Enabled"},
        "Environment": {"Name": "AzureCloud", "ResourceManagerUrl": "https://evil.example/"},
        "TokenCache": {"CacheData": None},
        **changes,
    }


def write(folder: Path, content: Any) -> Path:
    file = folder / "AzureRmContext.json"
    file.write_text(json.dumps(content), encoding="utf-8-sig")  # as PowerShell may, with a byte-order mark
    return file


def test_a_saved_file_brings_its_contexts_into_another_home(
    two: dict[str, ContextValue], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their names, and the one that was current is chosen; the file is for its owner only."""
    az.select_az_context("Staging")
    file = tmp_path / "mine.json"
    assert [one.name for one in az.save_az_context(file)] == ["Production", "Staging"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    home = elsewhere(tmp_path, monkeypatch)
    assert [one.value for one in az.import_az_context(file)] == list(two.values())
    assert resolve_context().name == "Staging"
    assert saved(home) == Profile(contexts=tuple(two.values()), default="Staging")


def test_a_file_is_replaced_by_force_only_and_never_holds_a_secret(
    two: dict[str, ContextValue], tmp_path: Path
) -> None:
    """What cannot be written is said."""
    file = tmp_path / "mine.json"
    file.write_text("precious")
    for attempt, sentence in (
        (lambda: az.save_az_context(file), "already. Add force"),
        (lambda: az.save_az_context(file, force=True, with_credential=True), "never holds secrets"),
        (lambda: az.save_az_context(tmp_path), "cannot be written"),
        (lambda: az.save_az_context(tmp_path / "no" / "where"), "cannot be written"),
    ):
        with pytest.raises(az.InvalidInput, match=sentence):
            attempt()
    assert file.read_text() == "precious"
    az.save_az_context(file, profile=az.get_az_context("Staging"), force=True)
    assert [one["name"] for one in json.loads(file.read_text())["contexts"]] == ["Staging"]


def test_there_is_nothing_to_save_when_nobody_is_signed_in(quiet_home: Path, tmp_path: Path) -> None:
    """An empty file would only hide that."""
    with pytest.raises(az.InvalidInput, match="There are no contexts to save"):
        az.save_az_context(tmp_path / "mine.json")


def test_the_same_context_is_not_there_twice_and_a_name_is_not_taken_away(
    two: dict[str, ContextValue], quiet_home: Path, tmp_path: Path
) -> None:
    """Same account, tenant and subscription: it stays as it is. Another one of a taken name gets a name of its own."""
    renamed = replace(two["Staging"], name="Blue")
    usurper = replace(two["Staging"], name="Production", account=replace(two["Staging"].account, id="bob@contoso.com"))
    file = tmp_path / "mine.json"
    other = Profile(contexts=(renamed, usurper), default="Blue")
    before = saved(quiet_home)
    save(quiet_home, other)
    az.save_az_context(file)
    save(quiet_home, before)
    local_module._memories.clear()
    found = az.import_az_context(file)
    assert [one.name for one in found] == ["Staging", "Staging - Contoso"]
    assert found[1].account.id == "bob@contoso.com"
    assert saved(quiet_home).contexts == (*two.values(), found[1].value)
    assert saved(quiet_home).default == "Production"
    assert resolve_context().name == "Staging"


def test_contexts_of_azure_powershell_are_imported(quiet_home: Path, tmp_path: Path) -> None:
    """Who, where and by what name; built-in environments mean what they always do, whatever the file says."""
    application = {"Id": "app-1", "Type": "Certificate"}
    content = {
        "DefaultContextKey": "Second",
        "Contexts": {
            "First": powershell_context(1),
            "Second": powershell_context(2, Account=application, Environment={"Name": "azurechinacloud"}),
            "Bare": powershell_context(3, Subscription=None),
        },
    }
    found = az.import_az_context(write(tmp_path, content))
    assert [(one.name, one.account.type.value, one.tenant.id) for one in found] == [
        ("First", "User", "tenant-1"),
        ("Second", "ServicePrincipal", "tenant-2"),
        ("Bare", "User", "tenant-3"),
    ]
    assert [one.environment for one in found] == [AZURE_CLOUD, AZURE_CHINA_CLOUD, AZURE_CLOUD]
    assert found[2].subscription is None
    assert resolve_context() == found[1]


def test_secrets_in_a_file_are_not_taken_and_said_to_be_there(quiet_home: Path, tmp_path: Path) -> None:
    """Not into the home, not into the message."""
    account = {"Id": "app-1", "Type": "ServicePrincipal", "ExtendedProperties": {"ServicePrincipalSecret": "s3cr3t~x"}}
    content = {"Contexts": {"one": powershell_context(Account=account, TokenCache={"CacheData": "czNjcjN0fng="})}}
    with pytest.warns(az.SignInWarning, match="It holds tokens or secrets, none of which was taken") as heard:
        az.import_az_context(write(tmp_path, content))
    assert "s3cr3t" not in str([one.message for one in heard])
    held = b"".join(path.read_bytes() for path in quiet_home.rglob("*") if path.is_file())
    assert b"s3cr3t" not in held
    assert b"czNjcjN0fng" not in held


def test_contexts_of_an_unknown_environment_are_left_out_until_it_is_added(quiet_home: Path, tmp_path: Path) -> None:
    """What to type is said; then it means what was typed, not what the file says."""
    content = {
        "DefaultContextKey": "far",
        "EnvironmentTable": {"Moon": MOON},
        "Contexts": {"far": powershell_context(Environment=MOON), "near": powershell_context(2)},
    }
    file = write(tmp_path, content)
    told = "type: azjobs environment add Moon --resource-manager-url https://management.moon.example/ "
    with pytest.warns(az.SignInWarning, match=told):
        assert [one.name for one in az.import_az_context(file)] == ["near"]
    assert az.get_az_context() is None
    az.add_az_environment(
        "moon", resource_manager_url="https://here.example", active_directory_authority="https://login.example"
    )
    found = az.import_az_context(file)
    assert [one.name for one in found] == ["far", "near"]
    assert found[0].environment.resource_manager_url == "https://here.example"
    assert resolve_context() == found[0]


def test_the_embedded_cloud_of_another_home_is_left_out(live: Home, tmp_path: Path) -> None:
    """One of this home is taken, by its address; one of the same name elsewhere is another cloud."""
    context = az.connect_az_account(environment="AzureSimulator")
    file = tmp_path / "mine.json"
    az.save_az_context(file, profile=context)
    assert az.import_az_context(file) == [context]
    content = json.loads(file.read_text())
    content["contexts"][0]["environment"]["resource_manager_url"] = "https://127.0.0.1:1"
    file.write_text(json.dumps(content))
    with pytest.warns(az.SignInWarning, match="another home's embedded cloud were left out"):
        assert az.import_az_context(file) == []
    forged = replace(
        context.environment, name="azurecloud", is_simulator=False, resource_manager_url="https://x.example"
    )
    (found,) = az.import_az_context(az.Context(replace(context.value, environment=forged)))
    assert found.environment == AZURE_CLOUD
    az.clear_az_context()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is not whole JSON"),
        ('{"Contexts": {', "it is not whole JSON"),
        ("[]", "it holds no contexts of azjobs or Azure PowerShell"),
        ('{"Contexts": 5}', "it holds no contexts"),
        ('{"kind": "azjobs-contexts", "contexts": [{"name": 5}]}', "it cannot be understood"),
        ('{"kind": "azjobs-contexts", "format": 99}', "it was written by a newer version"),
        ("[" * 100_000, "it is not whole JSON"),
    ],
)
def test_a_broken_file_is_one_sentence_and_changes_nothing(
    two: dict[str, ContextValue], quiet_home: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    """Which file, and what is wrong with it."""
    before = (quiet_home / "contexts.json").read_bytes()
    file = tmp_path / "broken.json"
    file.write_text(text)
    with pytest.raises(az.InvalidInput, match=f"broken.json cannot be imported: {sentence}"):
        az.import_az_context(file)
    with pytest.raises(az.InvalidInput, match="cannot be read: No such file"):
        az.import_az_context(tmp_path / "nowhere")
    assert (quiet_home / "contexts.json").read_bytes() == before


def test_contexts_that_make_no_sense_are_left_out_with_their_number(quiet_home: Path, tmp_path: Path) -> None:
    """No account, no tenant, ids that would lead a request elsewhere, names that steer a terminal."""
    contexts = {
        "a": powershell_context(Account=None),
        "b": powershell_context(Tenant={"Id": "../evil"}),
        "c": powershell_context(Subscription={"Id": "x/../y"}),
        "d\x1b[2J": powershell_context(),
        "e": 7,
        "good": powershell_context(2),
    }
    with pytest.warns(az.SignInWarning, match="Left out 4 of its contexts"):
        assert [one.name for one in az.import_az_context(write(tmp_path, {"Contexts": contexts}))] == ["good"]


def test_with_process_scope_nothing_is_saved(two: dict[str, ContextValue], quiet_home: Path, tmp_path: Path) -> None:
    """The session has them; one that is saved already is that one, with its sign-in."""
    before = saved(quiet_home)
    file = tmp_path / "mine.json"
    foreign = replace(two["Staging"], name="Foreign", tenant=replace(two["Staging"].tenant, id="t-9"))
    save(quiet_home, Profile(contexts=(two["Production"], foreign), default="Foreign"))
    az.save_az_context(file)
    save(quiet_home, before)
    local_module._memories.clear()
    found = az.import_az_context(file, scope="Process")
    assert (found[0].value, found[1].value.scope[:3]) == (two["Production"], "py:")
    assert saved(quiet_home) == before
    assert resolve_context() == found[1]


def test_a_job_can_import_nothing(
    two: dict[str, ContextValue], quiet_home: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """It may save what it has."""
    from azjobs.session.link.session_file import make_job_session  # noqa: PLC0415 - as the daemon does it

    name = make_job_session(Layout(quiet_home), "11111111-1111-4111-8111-111111111111", two["Staging"], autosave=True)
    monkeypatch.setenv("AZJOBS_SESSION", name)
    file = tmp_path / "mine.json"
    assert [one.name for one in az.save_az_context(file)] == ["Staging"]
    with pytest.raises(az.Refused, match="A job cannot import"):
        az.import_az_context(file)


def test_an_environment_is_found_by_what_is_known_here(quiet_home: Path, make_context: MakeContext) -> None:
    """A context in the hand is imported as one in a file is."""
    far = replace(make_context("far"), environment=Environment("Moon", "https://m.example", "https://l.example"))
    with pytest.warns(az.SignInWarning, match="environment Moon were left out"):
        assert az.import_az_context(az.Context(far)) == []
    (near,) = az.import_az_context("", profile=az.Context(make_context("near")))
    assert near.environment == AZURE_CLOUD
