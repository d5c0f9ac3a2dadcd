"""core.token_resources: what a token is for, by the service's name or address, in each cloud."""

from __future__ import annotations

import pytest

from azjobs.core.context import AZURE_CHINA_CLOUD, AZURE_CLOUD, AZURE_US_GOVERNMENT, BUILT_IN_ENVIRONMENTS, host_of
from azjobs.core.errors import InvalidInput
from azjobs.core.token_resources import RESOURCES, scope_of


def test_resource_manager_is_meant_unless_another_service_is_named() -> None:
    """Each cloud's own; names in any case."""
    for cloud in BUILT_IN_ENVIRONMENTS:
        assert {scope_of(cloud, name) for name in ("", "Arm", "ARM", "ResourceManager")} == {cloud.scope}


@pytest.mark.parametrize(
    ("cloud", "scope"),
    [
        (AZURE_CLOUD, "https://vault.azure.net/.default"),
        (AZURE_CHINA_CLOUD, "https://vault.azure.cn/.default"),
        (AZURE_US_GOVERNMENT, "https://vault.usgovcloudapi.net/.default"),
    ],
)
def test_a_service_has_its_own_address_in_each_cloud(cloud: object, scope: str) -> None:
    """A token of one cloud is never asked for with another one's address."""
    assert scope_of(cloud, "keyvault") == scope  # type: ignore[arg-type]


def test_an_address_goes_before_a_name_with_or_without_the_ending_of_a_scope() -> None:
    """What azure-identity calls a scope is taken, too."""
    for url in ("https://x.example", "https://x.example/", "https://x.example/.default"):
        assert scope_of(AZURE_CLOUD, "KeyVault", url) == "https://x.example/.default"


def test_a_service_that_is_unknown_or_not_in_the_cloud_is_refused() -> None:
    """With the names there are, or with what to give instead."""
    with pytest.raises(InvalidInput, match=r"There is no resource type Moon\. Known are Arm, AadGraph,"):
        scope_of(AZURE_CLOUD, "Moon")
    with pytest.raises(InvalidInput, match="DataLake in AzureChinaCloud is not known here: give resource_url"):
        scope_of(AZURE_CHINA_CLOUD, "DataLake")


def test_every_address_is_https() -> None:
    """None is a slip that a token would be asked for with."""
    assert all(host_of(url) for urls in RESOURCES.values() for url in urls if url)
