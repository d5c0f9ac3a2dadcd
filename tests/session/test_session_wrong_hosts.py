"""Whatever address a reply names, the token stays in the context's cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import azjobs as az
from azjobs.simulator.control import ControlClient
from azjobs.simulator.launch import ensure_simulator, stop_simulator
from terminal import Home

ELSEWHERE = "https://localhost:9/subscriptions?api-version=2022-12-01"


@pytest.fixture
def impostor(signed_in: Home, tmp_path: Path) -> Iterator[ControlClient]:
    """Another server, which would take any request."""
    assert signed_in
    folder = tmp_path / "impostor"
    yield ControlClient.of(ensure_simulator(folder))
    stop_simulator(folder)


@pytest.mark.parametrize("header", ["Azure-AsyncOperation", "Location"])
def test_an_operation_whose_reply_points_elsewhere_is_a_wrong_target(
    signed_in: Home, impostor: ControlClient, tmp_path: Path, header: str
) -> None:
    """The call fails by name, and the other server never sees a request."""
    there = ensure_simulator(tmp_path / "impostor")["url"]
    status_url = f"{there}/subscriptions/s/operations/o?api-version=1"
    reply = {"status": 202, "headers": {header: status_url}, "retry_after": 0}
    signed_in.cloud.fault("/astray", reply, method="DELETE")
    path = f"/subscriptions/{signed_in.endpoint['subscription_id']}/resourceGroups/astray?api-version=2024-03-01"
    with pytest.raises(az.WrongTarget, match="is no part of AzureSimulator; nothing was sent there"):
        az.invoke_az_rest_method("DELETE", path)
    assert not impostor.requests()


def test_a_client_of_a_context_takes_its_token_nowhere_else(signed_in: Home) -> None:
    """Neither after a redirect, nor to an address from a reply, nor to one that it was made with."""
    from azure.core.rest import HttpRequest  # noqa: PLC0415 - heavy
    from azure.mgmt.compute import ComputeManagementClient  # noqa: PLC0415 - heavy

    context = az.get_az_context()
    assert context is not None
    with context.client(ComputeManagementClient) as client:
        assert client.send_request(HttpRequest("GET", "/subscriptions?api-version=2022-12-01")).status_code == 200
        signed_in.cloud.fault("/subscriptions", {"status": 307, "headers": {"Location": ELSEWHERE}}, method="GET")
        for path in ("/subscriptions?api-version=2022-12-01", ELSEWHERE):
            with pytest.raises(az.WrongTarget, match="is no part of AzureSimulator; nothing was sent there"):
                client.send_request(HttpRequest("GET", path))
    with (
        context.client(ComputeManagementClient, base_url=ELSEWHERE) as client,
        pytest.raises(az.WrongTarget, match="is no part of AzureSimulator"),
    ):
        list(client.virtual_machines.list_all())
