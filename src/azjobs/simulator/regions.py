"""The regions of this cloud and the providers that are there. Pure tables."""

from __future__ import annotations

#: Normal name -> display name, a selection of the public cloud's.
REGIONS: dict[str, str] = {
    "eastus": "East US",
    "eastus2": "East US 2",
    "centralus": "Central US",
    "northcentralus": "North Central US",
    "southcentralus": "South Central US",
    "westus": "West US",
    "westus2": "West US 2",
    "westus3": "West US 3",
    "canadacentral": "Canada Central",
    "brazilsouth": "Brazil South",
    "northeurope": "North Europe",
    "westeurope": "West Europe",
    "uksouth": "UK South",
    "francecentral": "France Central",
    "germanywestcentral": "Germany West Central",
    "swedencentral": "Sweden Central",
    "switzerlandnorth": "Switzerland North",
    "australiaeast": "Australia East",
    "southeastasia": "Southeast Asia",
    "eastasia": "East Asia",
    "japaneast": "Japan East",
    "koreacentral": "Korea Central",
    "centralindia": "Central India",
    "southafricanorth": "South Africa North",
    "uaenorth": "UAE North",
}


def normal_location(location: str) -> str | None:
    """Return the normal name of a region given as "East US" or "eastus", None when there is no such region."""
    name = location.replace(" ", "").lower()
    return name if name in REGIONS else None
