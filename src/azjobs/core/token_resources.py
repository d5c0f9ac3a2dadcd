"""Name the services that tokens can be for, and their resource addresses in each cloud. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from azjobs.core.context import AZURE_CHINA_CLOUD, AZURE_CLOUD, AZURE_US_GOVERNMENT, Environment
from azjobs.core.errors import InvalidInput

ARM = "Arm"
#: Get-AzAccessToken's words, and what its tokens are for by cloud: public, China, US Government; "" where there is none
#: [azure-powershell-common, AzureEnvironmentConstants; for Microsoft Graph: learn, "National cloud deployments"].
RESOURCES: Mapping[str, tuple[str, str, str]] = {
    "AadGraph": ("https://graph.windows.net/", "https://graph.chinacloudapi.cn/", "https://graph.windows.net/"),
    "Attestation": ("https://attest.azure.net", "", ""),
    "Batch": (
        "https://batch.core.windows.net/",
        "https://batch.chinacloudapi.cn/",
        "https://batch.core.usgovcloudapi.net/",
    ),
    "DataLake": ("https://datalake.azure.net/", "", ""),
    "KeyVault": ("https://vault.azure.net", "https://vault.azure.cn", "https://vault.usgovcloudapi.net"),
    "MSGraph": (
        "https://graph.microsoft.com/",
        "https://microsoftgraph.chinacloudapi.cn/",
        "https://graph.microsoft.us/",
    ),
    "OperationalInsights": (
        "https://api.loganalytics.io",
        "https://api.loganalytics.azure.cn",
        "https://api.loganalytics.us",
    ),
    "Storage": ("https://storage.azure.com/", "https://storage.azure.com/", "https://storage.azure.com/"),
    "Synapse": (
        "https://dev.azuresynapse.net",
        "https://dev.azuresynapse.azure.cn",
        "https://dev.azuresynapse.usgovcloudapi.net",
    ),
}
_CLOUDS = (AZURE_CLOUD.name, AZURE_CHINA_CLOUD.name, AZURE_US_GOVERNMENT.name)


def scope_of(environment: Environment, resource_type_name: str, resource_url: str = "") -> str:
    """Return the token scope of a service in a cloud, by its name or its address.

    Raises:
        InvalidInput: there is no such name, or it has no known address in this cloud.
    """
    if resource_url:
        return resource_url.removesuffix("/.default").rstrip("/") + "/.default"
    wanted = resource_type_name.lower()
    if wanted in ("", ARM.lower(), "resourcemanager"):
        return environment.scope
    name = next((name for name in RESOURCES if name.lower() == wanted), None)
    if name is None:
        raise InvalidInput(f"There is no resource type {resource_type_name}. Known are {', '.join([ARM, *RESOURCES])}.")
    url = RESOURCES[name][_CLOUDS.index(environment.name)] if environment.name in _CLOUDS else ""
    if not url:
        raise InvalidInput(f"The address of {name} in {environment.name} is not known here: give resource_url.")
    return url.rstrip("/") + "/.default"
