"""Deployments: how they are begun, refused, told of, cancelled and deleted, as the wire shows it."""

from __future__ import annotations

from typing import Any

import pytest

TEMPLATE: dict[str, Any] = {"$schema": "https://schema.example/t.json#", "contentVersion": "1.0.0.0", "resources": []}


def body(**changed: Any) -> dict[str, Any]:
    """Return the body of a deployment; a property that is None is left out."""
    properties = {"mode": "Incremental", "template": TEMPLATE} | changed
    return {"properties": {name: value for name, value in properties.items() if value is not None}}


@pytest.fixture
def place(wire, world) -> str:
    """Where the deployment d of a group is."""
    return f"{world.group()}/providers/Microsoft.Resources/deployments/d"


def test_a_deployment_tells_of_itself_at_an_address_of_its_own(wire, control, place):
    """Accepted, Running, Succeeded; the status is below the deployment, as the service has it."""
    control.time("held")
    begun = wire.put(place, body())
    assert (begun.status, begun.body["properties"]["provisioningState"]) == (201, "Accepted")
    status = begun.headers["azure-asyncoperation"]
    assert f"{place}/operationStatuses/" in status
    assert (wire.get(status).body["status"], wire.get(place).body["properties"]["provisioningState"]) == (
        "Running",
        "Running",
    )
    control.finish()
    assert wire.get(status).body["status"] == "Succeeded"
    assert wire.get(place).body["properties"]["provisioningState"] == "Succeeded"
    assert wire.put(place, body()).status == 200


def test_a_deployment_that_is_cancelled_says_so(wire, control, place):
    """204, then Canceled at both addresses; what has ended cannot be cancelled."""
    control.time("held")
    status = wire.put(place, body()).headers["azure-asyncoperation"]
    assert wire.post(f"{place}/cancel").status == 204
    assert wire.get(status).body["status"] == wire.get(place).body["properties"]["provisioningState"] == "Canceled"
    again = wire.post(f"{place}/cancel")
    assert (again.status, again.code) == (409, "DeploymentCannotBeCancelled")
    assert [(one["effect"], one["outcome"]) for one in control.effects()[1:]] == [
        ("created", "Canceled"),
        ("canceled", "Succeeded"),
    ]


def test_an_active_deployment_is_neither_replaced_nor_deleted(wire, control, place):
    """DeploymentActive, until it has ended; then it is deleted."""
    control.time("held")
    wire.put(place, body())
    for refused in (wire.put(place, body()), wire.delete(place)):
        assert (refused.status, refused.code) == (409, "DeploymentActive")
    control.finish()
    assert wire.delete(place).status == 202
    assert wire.post(f"{place}/cancel").code == "DeploymentCannotBeCancelled"
    control.finish()
    assert wire.get(place).code == wire.post(f"{place}/cancel").code == "DeploymentNotFound"
    assert wire.delete(place).status == 204


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"mode": None}, 400, "InvalidRequestContent"),
        ({"mode": "Sometimes"}, 400, "InvalidRequestContent"),
        ({"mode": "Complete"}, 501, "NotSimulated"),
        ({"template": None}, 400, "InvalidTemplate"),
        ({"template": {"resources": []}}, 400, "InvalidTemplate"),
        ({"template": TEMPLATE | {"resources": [{"type": "a"}]}}, 501, "NotSimulated"),
        ({"template": TEMPLATE | {"outputs": {"a": {}}}}, 501, "NotSimulated"),
        ({"template": TEMPLATE | {"surprise": 1}}, 501, "NotSimulated"),
        ({"template": TEMPLATE | {"contentVersion": 1}}, 400, "InvalidRequestContent"),
        ({"parameters": {"a": {"value": 1}}}, 400, "InvalidTemplate"),
        ({"templateLink": {"uri": "https://example.com"}}, 501, "NotSimulated"),
    ],
)
def test_what_is_no_deployment_or_not_simulated_is_refused(wire, place, changed, status, code):
    """By the service's code, or by name; nothing is made."""
    answer = wire.put(place, body(**changed))
    assert (answer.status, answer.code) == (status, code)
    assert wire.get(place).status == 404


def test_a_location_or_a_wrong_name_is_refused(wire, place):
    """A deployment to a group has no location of its own."""
    assert wire.put(place, body() | {"location": "eastus"}).code == "InvalidDeployment"
    assert wire.put(f"{place}%20e", body()).code == "InvalidDeploymentName"


def test_a_deployment_is_no_resource_and_goes_with_its_group(wire, world, control, place):
    """It is in the list of deployments only; an active one ends with the group."""
    control.time("held", kinds={"group-delete": {"mode": "at-once"}})
    wire.put(place, body())
    assert [one["name"] for one in wire.get(place.removesuffix("/d")).body["value"]] == ["d"]
    group = place.partition("/providers/")[0]
    assert wire.get(f"{group}/resources").body["value"] == []
    assert wire.delete(group).status == 202
    assert wire.get(place).code == "ResourceGroupNotFound"
