"""Taking over what az and Azure PowerShell are signed in to: their files are read, their tokens are used."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.context import AccountType
from standin_tools import put_tools, write_az_profile, write_powershell_contexts
from terminal import Home

SIMULATOR = "AzureSimulator"


def principal(home: Home, name: str, subscriptions: int = 2) -> dict[str, Any]:
    return {**home.add_principal(name, subscriptions=subscriptions), "name": name}


@pytest.fixture
def tools(live: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for tools on PATH, a home directory without any profile, and az's files in a folder of its own."""
    live.start_cloud()
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "az"))
    return folder


def test_the_contexts_of_az_are_taken_over_and_its_default_is_current(live: Home, tools: Path, tmp_path: Path) -> None:
    """A context for each of its subscriptions; tokens are az's own; its file is as it was."""
    ana, bob = principal(live, "Ana Ltd"), principal(live, "Bob Ltd")
    put_tools(tools, live.endpoint, [ana, bob])
    profile = write_az_profile(tmp_path / "az", [ana, bob], default=bob["subscriptions"][1])
    before = profile.read_bytes()
    context = az.connect_az_account(source="az", environment=SIMULATOR)
    assert (context.name, context.tenant.name) == ("Sub 1 of Bob Ltd", "Bob Ltd")
    assert context.account.id == bob["client"]
    assert context.value.object_id
    assert context.credential.get_token().token
    names = {one.name for one in az.get_az_context(list_available=True)}
    assert names == {f"Sub {n} of {who} Ltd" for n in (0, 1) for who in ("Ana", "Bob")}
    assert az.get_az_context("sub 0 of ana ltd").credential.get_token().token
    assert profile.read_bytes() == before


def test_a_tenant_for_which_az_has_no_token_is_a_warning_and_the_rest_go_on(
    live: Home, tools: Path, tmp_path: Path
) -> None:
    """The warning says whose it is; nothing of that tenant is kept."""
    ana, bob = principal(live, "Ana"), {**principal(live, "Mfa Ltd"), "refuses": True}
    put_tools(tools, live.endpoint, [ana, bob])
    write_az_profile(tmp_path / "az", [ana, bob], default=ana["subscriptions"][0])
    with pytest.warns(az.SignInWarning, match=r"in tenant Mfa Ltd was left out: .*second factor"):
        context = az.connect_az_account(source="az", environment=SIMULATOR)
    assert {one.tenant.name for one in az.get_az_context(list_available=True)} == {"Ana"}
    assert context.tenant.name == "Ana"


def test_when_az_has_no_token_for_the_default_nothing_is_saved(live: Home, tools: Path, tmp_path: Path) -> None:
    """One sentence, and no context."""
    bob = {**principal(live, "Bob"), "refuses": True}
    put_tools(tools, live.endpoint, [bob])
    write_az_profile(tmp_path / "az", [bob], default=bob["subscriptions"][0])
    with pytest.raises(az.SignInFailed):
        az.connect_az_account(source="az", environment=SIMULATOR)
    assert az.get_az_context(list_available=True) == []


def test_the_subscription_and_tenant_of_az_can_be_chosen(live: Home, tools: Path, tmp_path: Path) -> None:
    """By name or id; one that az does not know is refused."""
    ana, bob = principal(live, "Ana"), principal(live, "Bob")
    put_tools(tools, live.endpoint, [ana, bob])
    write_az_profile(tmp_path / "az", [ana, bob])
    chosen = az.connect_az_account(source="az", environment=SIMULATOR, subscription="Sub 1 of Bob")
    assert chosen.subscription.id == bob["subscriptions"][1]
    with pytest.raises(az.NotSignedIn, match=r"not signed in to any subscription in tenant elsewhere\. Type: az login"):
        az.connect_az_account(source="az", environment=SIMULATOR, tenant="elsewhere")
    with pytest.raises(az.ContextNotFound, match="sees no subscription Nowhere"):
        az.connect_az_account(source="az", environment=SIMULATOR, subscription="Nowhere")


def test_azure_powershell_is_taken_over(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its default context is current; its file is as it was. The daemon itself calls pwsh here."""
    home.start_cloud()
    ana, bob = principal(home, "Ana"), principal(home, "Bob")
    folder = put_tools(tmp_path / "bin", home.endpoint, [ana, bob])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    file = write_powershell_contexts(tmp_path / ".Azure", [ana, bob], default=bob["subscriptions"][0])
    before = file.read_bytes()
    context = az.connect_az_account(source="pwsh", environment=SIMULATOR)
    assert context.name == "Sub 0 of Bob"
    assert context.credential.get_token().token
    assert len(az.get_az_context(list_available=True)) == 4
    assert file.read_bytes() == before


@pytest.mark.parametrize("kind", ["ServicePrincipal", "Certificate", "ClientAssertion"])
def test_however_an_application_signed_in_to_azure_powershell_it_is_taken_over_as_one(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A certificate or an assertion is no part of who it is."""
    home.start_cloud()
    ana = principal(home, "Ana")
    folder = put_tools(tmp_path / "bin", home.endpoint, [ana])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    file = write_powershell_contexts(tmp_path / ".Azure", [ana], default=ana["subscriptions"][0])
    file.write_text(file.read_text().replace('"ServicePrincipal"', f'"{kind}"'))
    context = az.connect_az_account(source="pwsh", environment=SIMULATOR)
    assert context.account.type is AccountType.SERVICE_PRINCIPAL


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        ('{"subscriptions": [{"id": "x", ', az.InvalidInput, "is not whole JSON: The Azure CLI may be writing it"),
        ("[]", az.InvalidInput, "is no profile of The Azure CLI"),
        ('{"subscriptions": 7}', az.NotSignedIn, "not signed in to any subscription. Type: az login"),
        ('{"subscriptions": [{"id": 1}, null, {"user": "x"}]}', az.NotSignedIn, "Type: az login"),
        (None, az.NotSignedIn, "The Azure CLI is not signed in: there is no "),
    ],
)
def test_a_profile_that_cannot_be_used_is_one_sentence_and_left_as_it_is(
    quiet_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, error: type, sentence: str
) -> None:
    """Az writes its file in place: half of it may be there."""
    folder = put_tools(tmp_path / "bin", {}, [])
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    file = tmp_path / "azureProfile.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(error) as caught:
        az.connect_az_account(source="az")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (file.read_text() if file.exists() else None) == content
    assert not (quiet_home / "run").exists()


def test_a_cloud_that_is_not_known_here_is_left_out_with_a_warning(
    quiet_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user adds it, or does without."""
    folder = put_tools(tmp_path / "bin", {}, [])
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    write_az_profile(tmp_path, [{"client": "c", "tenant": "t", "subscriptions": ["s"], "name": "Moon"}])
    unknown = "knows an environment AzureSimulator, which azjobs does not"
    with pytest.warns(az.SignInWarning, match=unknown), pytest.raises(az.NotSignedIn):
        az.connect_az_account(source="az")


@pytest.mark.parametrize(("source", "name"), [("az", "The Azure CLI"), ("pwsh", "Azure PowerShell")])
def test_a_tool_that_is_not_installed_is_named(
    quiet_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Any, name: str
) -> None:
    """What is missing on PATH is said."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(az.InvalidInput, match=f"{name} is not here: there is no program {source} on PATH"):
        az.connect_az_account(source=source)


def test_of_forty_tenants_as_many_contexts_are_made_as_wanted(live: Home, tools: Path, tmp_path: Path) -> None:
    """The chosen one is among them, and only tenants with a context are signed in to."""
    many = [principal(live, f"Tenant {n:02}", 1) for n in range(40)]
    put_tools(tools, live.endpoint, many)
    write_az_profile(tmp_path / "az", many, default=many[30]["subscriptions"][0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        context = az.connect_az_account(source="az", environment=SIMULATOR, max_context_population=4)
    assert context.tenant.name == "Tenant 30"
    assert len(az.get_az_context(list_available=True)) == 4
