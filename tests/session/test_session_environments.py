"""Adding, changing and removing environments, against the metadata that the embedded cloud really serves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import azjobs as az
from azjobs.core.context import BUILT_IN_ENVIRONMENTS, Account, AccountType, ContextValue, Tenant
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.link.profile_file import profile_file
from terminal import Home

PLACES = {
    "resource_manager_url": "https://management.contoso.example/",
    "active_directory_authority": "https://login.contoso.example/",
}


def saved(home: Path) -> Profile:
    return profile_file(Layout(home)).load()


def use(home: Path, environment: az.Environment) -> ContextValue:
    context = ContextValue("mine", Account("a", AccountType.USER), Tenant("t"), environment)
    profile_file(Layout(home)).change(lambda profile: replace(profile, contexts=(context,), default="mine"))
    return context


def test_an_environment_is_added_by_its_addresses_and_found_again(quiet_home: Path) -> None:
    """In any case of its name, beside the built-in ones; the embedded cloud is there only once it was started."""
    added = az.add_az_environment("Contoso", **PLACES, audience="https://a.example", endpoints={"storage": "s.example"})
    assert az.get_az_environment("CONTOSO") == added
    assert az.get_az_environment() == [*BUILT_IN_ENVIRONMENTS, added]
    assert isinstance(added, az.Environment)
    assert added.resource_manager_url == "https://management.contoso.example"
    assert added.scope == "https://a.example/.default"
    with pytest.raises(az.EnvironmentNotFound, match=r"^No environment AzureSimulator\. Type: azjobs environment get$"):
        az.get_az_environment("AzureSimulator")


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("azurecloud", PLACES, "azurecloud is built in"),
        ("AzureSimulator", {"arm_endpoint": "https://x.example"}, "is built in"),
        ("", PLACES, "Say what the environment is called"),
        ("x", {}, "Say where the environment is in one way"),
        ("x", {**PLACES, "arm_endpoint": "https://x.example"}, "in one way"),
        ("x", {"resource_manager_url": "https://x.example"}, "The address of the sign-in service is an https address"),
        ("x", {**PLACES, "resource_manager_url": "http://x.example"}, "is an https address"),
        ("x", {"arm_endpoint": "http://x.example"}, "The ARM endpoint is an https address"),
        ("x", {"auto_discover": True, "uri": "http://x.example"}, "The metadata address is an https address"),
        ("x", {**PLACES, "uri": "https://x.example"}, "uri goes with auto_discover"),
        ("x", {**PLACES, "ca_file": "/nowhere/ca.pem"}, "There is no file /nowhere/ca.pem"),
        ("Contoso", PLACES, "There is an environment Contoso already"),
    ],
)
def test_what_cannot_be_added_is_said_and_changes_nothing(
    quiet_home: Path, name: str, arguments: dict[str, Any], sentence: str
) -> None:
    """One sentence."""
    az.add_az_environment("Contoso", **PLACES)
    before = saved(quiet_home)
    with pytest.raises(az.InvalidInput, match=sentence):
        az.add_az_environment(name, **arguments)
    assert saved(quiet_home) == before


def test_an_environment_is_added_by_its_arm_endpoint_and_can_be_signed_in_to(live: Home) -> None:
    """The metadata is fetched with the private authority that was given; a real sign-in follows."""
    az.connect_az_account(environment="AzureSimulator")  # starts it
    end = live.endpoint
    added = az.add_az_environment("Mine", arm_endpoint=end["url"], ca_file=end["ca_file"])
    assert isinstance(added, az.Environment)
    assert (added.resource_manager_url, added.ca_file) == (end["url"], end["ca_file"])
    try:
        secret = az.Credential(end["client_id"], az.SecureString(end["client_secret"]))
        context = az.connect_az_account(
            environment="mine", service_principal=True, tenant=end["tenant_id"], credential=secret
        )
        assert context.environment == added
        assert context.credential.get_token().token
        with pytest.raises(az.InvalidInput, match="Mine is used by contexts: "):
            az.remove_az_environment("Mine")
        with pytest.warns(az.SignInWarning, match="is signed out"):
            assert az.remove_az_environment("mine", force=True) == added
        assert "Mine" not in (live.folder / "contexts.json").read_text()
        with pytest.raises(az.NotSignedIn):
            context.credential.get_token()
    finally:
        az.clear_az_context()


def test_metadata_is_not_believed_without_the_hosts_certificate(live: Home) -> None:
    """Nothing is saved then."""
    az.connect_az_account(environment="AzureSimulator")
    before = json.loads((live.folder / "contexts.json").read_text())
    with pytest.raises(az.AzJobsError, match=r"cannot be reached: .*nothing was changed\.$"):
        az.add_az_environment("Mine", arm_endpoint=live.endpoint["url"])
    assert json.loads((live.folder / "contexts.json").read_text()) == before


def test_discovery_adds_nothing_under_a_built_in_name(live: Home) -> None:
    """The embedded cloud calls itself AzureSimulator: there is nothing to add."""
    az.connect_az_account(environment="AzureSimulator")
    uri = f"{live.endpoint['url']}/metadata/endpoints?api-version=2022-09-01"
    assert az.add_az_environment(auto_discover=True, uri=uri, ca_file=live.endpoint["ca_file"]) == []
    assert az.get_az_environment("azuresimulator") == resolve_context().environment
    with pytest.raises(az.AzJobsError, match="answers with status 40"):
        az.add_az_environment("x", arm_endpoint=f"{live.endpoint['url']}/no", ca_file=live.endpoint["ca_file"])


def test_only_what_is_given_of_an_environment_is_changed_and_its_contexts_follow(quiet_home: Path) -> None:
    """What does not lead tokens elsewhere may change while it is used."""
    added = az.add_az_environment("Contoso", **PLACES, endpoints={"storage": "s.example", "portal": "p.example"})
    assert isinstance(added, az.Environment)
    use(quiet_home, added)
    changed = az.set_az_environment("contoso", endpoints={"storage": "", "graph": "g.example"})
    assert changed == replace(added, endpoints=(("portal", "p.example"), ("graph", "g.example")))
    assert saved(quiet_home).environments == (changed,)
    assert resolve_context().environment == changed


def test_an_address_is_not_changed_under_contexts_that_use_it(quiet_home: Path) -> None:
    """Their sign-ins were made with the old one."""
    added = az.add_az_environment("Contoso", **PLACES)
    assert isinstance(added, az.Environment)
    use(quiet_home, added)
    for change in (
        {"resource_manager_url": "https://elsewhere.example"},
        {"active_directory_authority": "https://elsewhere.example"},
        {"audience": "https://elsewhere.example"},
    ):
        with pytest.raises(az.InvalidInput, match=r"Contoso is used by contexts: mine\. Remove them first"):
            az.set_az_environment("Contoso", **change)
    assert saved(quiet_home).environments == (added,)


def test_only_what_was_added_can_be_changed_or_removed(quiet_home: Path) -> None:
    """A built-in name is refused, an unknown one not found."""
    for command in (az.set_az_environment, az.remove_az_environment):
        with pytest.raises(az.InvalidInput, match="AzureChinaCloud is built in"):
            command("AzureChinaCloud")
        with pytest.raises(az.EnvironmentNotFound, match="No environment Moon"):
            command("Moon")
    added = az.add_az_environment("Contoso", **PLACES)
    assert az.remove_az_environment("CONTOSO") == added
    assert saved(quiet_home).environments == ()
