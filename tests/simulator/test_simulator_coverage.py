"""The reference page, and what the route table promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from azjobs.simulator.arm import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "simulated-operations.md"


def test_the_reference_page_is_what_the_tables_say():
    """`python -m azjobs.simulator.coverage` prints exactly the checked-in page."""
    command = [sys.executable, "-m", "azjobs.simulator.coverage"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == PAGE.read_text(encoding="utf-8")


def test_no_two_routes_answer_the_same_request():
    """A later route never hides an earlier one."""
    keys = [route.key for route in ROUTES]
    assert len(keys) == len(set(keys))


def test_the_name_of_a_permission_is_the_one_azure_uses():
    """Type, action and verb stand in it as in a role definition."""
    names = {route.permission for route in ROUTES}
    assert {
        "Microsoft.Compute/virtualMachines/write",
        "Microsoft.Compute/virtualMachines/start/action",
        "Microsoft.Network/virtualNetworks/subnets/read",
        "Microsoft.Resources/subscriptions/resourceGroups/delete",
    } <= names


def test_the_simulator_reads_nothing_of_the_client():
    """No module of it loads anything of azjobs outside itself: it shares no reading of the protocol."""
    code = (
        "import sys, azjobs.simulator.server, azjobs.simulator.control, azjobs.simulator.launch\n"
        "print(sorted(name for name in sys.modules if name.startswith('azjobs.')))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    names = [name.strip(" '[]\n") for name in printed.split(",")]
    assert [name for name in names if not name.startswith("azjobs.simulator")] == []
    assert "azjobs.simulator.arm" in names
