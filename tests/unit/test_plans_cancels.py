"""Which operations Azure lets one cancel, by their paths."""

from __future__ import annotations

import pytest

from azjobs.commands.table import COMMANDS
from azjobs.core.plan import Send
from azjobs.core.plans import PLANS
from azjobs.core.plans.cancels import cancel_path_of

DEPLOYMENT = "providers/Microsoft.Resources/deployments/d"
CLUSTER = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c"


@pytest.mark.parametrize(
    ("path", "action"),
    [
        (f"/subscriptions/s/resourcegroups/g/{DEPLOYMENT}", "cancel"),
        (f"/subscriptions/s/{DEPLOYMENT}", "cancel"),
        (f"/providers/Microsoft.Management/managementGroups/m/{DEPLOYMENT}", "cancel"),
        (f"/{DEPLOYMENT}", "cancel"),
        (f"https://management.azure.com/subscriptions/s/resourceGroups/g/{DEPLOYMENT.upper()}", "cancel"),
        (CLUSTER, "abort"),
        (f"{CLUSTER}/agentPools/p", "abort"),
    ],
)
def test_what_azure_can_cancel_is_known_by_its_path(path: str, action: str) -> None:
    """A deployment at each scope, a cluster and its agent pools; by the api-version of the request."""
    expected = f"{path}/{action}?api-version=2024-11-01"
    assert cancel_path_of("PUT", f"{path}?api-version=2024-11-01") == expected
    assert cancel_path_of("PUT", f"{path}?x=1&api-version=2024-11-01&y=2") == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", f"/{DEPLOYMENT}?api-version=2024-11-01"),
        ("POST", f"/{DEPLOYMENT}/validate?api-version=2024-11-01"),
        ("PUT", f"/{DEPLOYMENT}/operations/1?api-version=2024-11-01"),
        ("PUT", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/deploymentStacks/d?api-version=1"),
        ("PUT", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/d?api-version=1"),
        ("PUT", f"/{DEPLOYMENT}"),
    ],
)
def test_nothing_else_is_taken_for_it(method: str, path: str) -> None:
    """A cancel that Azure does not have is not asked for."""
    assert cancel_path_of(method, path) == ""


def test_the_command_that_can_be_cancelled_declares_it() -> None:
    """Invoke-AzRestMethod, whose request carries where its operation is cancelled."""
    assert [command.cmdlet for command in COMMANDS if command.can_cancel] == ["Invoke-AzRestMethod"]
    path = f"/subscriptions/s/{DEPLOYMENT}?api-version=2024-11-01"
    decision = PLANS["invoke-az-rest-method@1"]({"method": "put", "path": path, "payload": {}}, {})
    assert isinstance(decision, Send)
    assert decision.requests["request"].cancel_path == cancel_path_of("PUT", path)
