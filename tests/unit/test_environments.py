"""core.environments: what metadata of a cloud is read as, and which addresses and names are refused."""

from __future__ import annotations

from typing import Any

import pytest

from azjobs.core.context import EnvironmentType
from azjobs.core.environments import address, environment_at, environments_in, metadata_url, refuse_built_in
from azjobs.core.errors import InvalidInput

STACK: dict[str, Any] = {
    "name": "Stack",
    "portal": "https://portal.stack.example/",
    "resourceManager": "https://management.stack.example/",
    "authentication": {
        "loginEndpoint": "https://login.stack.example/",
        "audiences": ["https://management.stack.example/1234", "https://other.example"],
    },
    "suffixes": {"storage": "stack.example", "keyVaultDns": "vault.stack.example"},
}
PUBLIC: dict[str, Any] = {
    "name": "AzureCloud",
    "resourceManager": "https://management.azure.com/",
    "authentication": {
        "loginEndpoint": "https://evil.example/",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
    },
}


def test_one_object_is_read_as_a_list_of_one() -> None:
    """Both forms are served, by clouds of different age."""
    (one,) = environments_in(STACK)
    assert environments_in([STACK]) == (one,)
    assert (one.name, one.type) == ("Stack", EnvironmentType.DISCOVERED)
    assert one.resource_manager_url == "https://management.stack.example"
    assert one.authority_url == "https://login.stack.example"
    assert one.scope == "https://management.stack.example/1234/.default"
    assert dict(one.endpoints) == {
        "portal": "https://portal.stack.example/",
        "suffixes.keyVaultDns": "vault.stack.example",
        "suffixes.storage": "stack.example",
    }


def test_metadata_cannot_say_what_a_built_in_name_means() -> None:
    """It is left out, whatever it says; under another name it is another environment."""
    assert environments_in([PUBLIC, STACK]) == environments_in(STACK)
    mine = environment_at([PUBLIC, STACK], "https://management.azure.com", "Mine")
    assert (mine.name, mine.audience) == ("Mine", "")


def test_the_entry_of_the_endpoint_that_was_asked_is_taken() -> None:
    """One that tells of a single cloud without its own address, as Azure Stack Hub once did, means itself."""
    assert environment_at([PUBLIC, STACK], "https://management.stack.example", "x").name == "x"
    old = {key: value for key, value in STACK.items() if key != "resourceManager"}
    assert environment_at(old, "https://here.example", "x").resource_manager_url == "https://here.example"
    with pytest.raises(InvalidInput, match="serves no metadata of a cloud that is reached there"):
        environment_at([PUBLIC, STACK], "https://elsewhere.example", "x")


@pytest.mark.parametrize("metadata", [[], None, 5, [7], {"name": "x"}, {**STACK, "authentication": {}}, {}])
def test_what_is_no_metadata_is_refused(metadata: Any) -> None:
    """Whatever a host answers: a sentence, never a half environment."""
    with pytest.raises(InvalidInput):
        environments_in(metadata)
    with pytest.raises(InvalidInput):
        environment_at(metadata, "https://management.stack.example", "x")


@pytest.mark.parametrize(
    "text", ["", "http://plain.example", "ftp://x", "https://", "https://user@host.example", "management.azure.com"]
)
def test_an_address_is_https_and_has_no_user_in_it(text: str) -> None:
    """A token goes there."""
    with pytest.raises(InvalidInput, match="is an https address"):
        address(text, "address")


def test_ad_fs_is_refused_by_its_name() -> None:
    """Rather than to fail at the sign-in."""
    adfs = {**STACK, "authentication": {"loginEndpoint": "https://adfs.stack.example/adfs/"}}
    with pytest.raises(InvalidInput, match="signs in by AD FS"):
        environments_in(adfs)


@pytest.mark.parametrize("name", ["AzureCloud", "azurechinacloud", "AzureUSGovernment", "AzureSimulator"])
def test_a_built_in_name_is_nobodys_to_change(name: str) -> None:
    """In any case."""
    with pytest.raises(InvalidInput, match="is built in"):
        refuse_built_in(name)


def test_metadata_is_asked_below_the_endpoint() -> None:
    """With the version that names a cloud's suffixes."""
    assert metadata_url("https://x.example/") == "https://x.example/metadata/endpoints?api-version=2022-09-01"
