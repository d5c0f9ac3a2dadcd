"""Results are read tolerantly from the service's JSON, and show themselves on one line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azjobs.core.models import ActionResult, ResourceGroup, RestResponse, Subscription, Tenant, VirtualMachine

MACHINE = {
    "id": "/subscriptions/s/resourceGroups/Blue/providers/Microsoft.Compute/virtualMachines/web",
    "name": "web",
    "type": "Microsoft.Compute/virtualMachines",
    "location": "eastus",
    "tags": {"env": "dev"},
    "zones": ["1"],
    "properties": {
        "vmId": "v-1",
        "provisioningState": "Succeeded",
        "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
        "osProfile": {"computerName": "web"},
        "storageProfile": {"osDisk": {"osType": "Linux"}},
        "networkProfile": {"networkInterfaces": [{"id": "/nic/1"}, {"id": 7}, "x"]},
        "instanceView": {"statuses": [{"code": "ProvisioningState/succeeded"}, {"code": "PowerState/running"}]},
    },
}


def test_a_machine_is_read_from_its_json() -> None:
    """Every field has its place; the original is kept."""
    machine = VirtualMachine.from_json(MACHINE)
    assert machine == VirtualMachine(
        id=MACHINE["id"],  # type: ignore[arg-type]  # a dict of mixed values
        name="web",
        resource_group_name="Blue",
        location="eastus",
        vm_id="v-1",
        type="Microsoft.Compute/virtualMachines",
        vm_size="Standard_D2s_v3",
        os_type="Linux",
        provisioning_state="Succeeded",
        power_state="running",
        computer_name="web",
        network_interface_ids=("/nic/1",),
        zones=("1",),
        tags={"env": "dev"},
        raw=MACHINE,
    )
    assert machine.size == "Standard_D2s_v3"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (VirtualMachine.from_json(MACHINE), "<VirtualMachine 'web' in 'Blue', eastus, running>"),
        (VirtualMachine.from_json({"name": "x"}), "<VirtualMachine 'x' in '', , state unknown>"),
        (
            ResourceGroup.from_json({"name": "g", "location": "l", "properties": {"provisioningState": "Succeeded"}}),
            "<ResourceGroup 'g', l, Succeeded>",
        ),
        (
            ActionResult.from_json({"name": "v", "action": "start", "status": "Succeeded"}),
            "<ActionResult start 'v': Succeeded>",
        ),
        (RestResponse.from_json({"statusCode": 200, "content": {"id": "/x"}}), "<RestResponse 200 /x>"),
        (RestResponse.from_json({"statusCode": 204}), "<RestResponse 204 NoneType>"),
        (
            Subscription.from_json({"subscriptionId": "s", "displayName": "Prod", "state": "Enabled"}),
            "<Subscription 'Prod' s, Enabled>",
        ),
        (Tenant.from_json({"tenantId": "t", "displayName": "Contoso"}), "<Tenant 'Contoso' t>"),
    ],
)
def test_a_result_shows_itself_on_one_line(value: object, shown: str) -> None:
    """Short, and without the JSON."""
    assert repr(value) == shown


def test_the_power_state_is_none_when_nobody_asked_for_it() -> None:
    """Not asked and not known are told apart from every real state."""
    assert VirtualMachine.from_json({"name": "x"}).power_state is None


def test_a_group_goes_by_both_names() -> None:
    """As Azure PowerShell calls it, too."""
    assert ResourceGroup.from_json({"name": "g"}).resource_group_name == "g"


def test_results_cannot_be_changed() -> None:
    """A result is what the service said at that moment."""
    with pytest.raises(AttributeError):
        VirtualMachine.from_json(MACHINE).name = "other"  # type: ignore[misc]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
names = ["id", "name", "tags", "zones", "properties", "statusCode", "content", "domains", "location"]
objects = json_values | st.dictionaries(st.sampled_from(names), json_values, max_size=6)


@given(objects)
def test_no_json_crashes_a_model(body: Any) -> None:
    """What is missing or of another type is empty."""
    for model in (VirtualMachine, ResourceGroup, ActionResult, RestResponse, Subscription, Tenant):
        assert repr(model.from_json(body)).startswith(f"<{model.__name__} ")
