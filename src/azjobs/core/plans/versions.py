"""The api-versions that requests carry, each with what it is chosen for.

Source: Azure/azure-rest-api-specs, the `stable` folders of each provider.
"""

from __future__ import annotations

RESOURCES = "2024-03-01"  # Microsoft.Resources: resource groups and what is in them
SUBSCRIPTIONS = "2022-12-01"  # Microsoft.Resources: subscriptions and tenants
COMPUTE = "2024-07-01"  # Microsoft.Compute: machines take If-None-Match
NETWORK = "2024-05-01"  # Microsoft.Network
