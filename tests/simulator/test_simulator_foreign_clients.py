"""The official clients, unmodified, as readers that know nothing of the simulator."""

from __future__ import annotations

import asyncio

import azure.identity.aio
import azure.mgmt.compute.aio
import azure.mgmt.network.aio
import azure.mgmt.resource.resources.aio
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from simulator_wire import PASSWORD


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    # A bundle in the environment overrides what msal is told to verify by; and no proxy stands before loopback.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "AZURE_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")


@pytest.fixture
def brisk(control):
    """Every operation is under way at the first look and done at the second; clients poll without waiting."""
    control.time("reads", reads=1)
    control.retry_after(None)
    return control


def credential_options(endpoint):
    return {
        "authority": endpoint["authority_url"],
        "disable_instance_discovery": True,
        "connection_verify": endpoint["ca_file"],
    }


def client_options(endpoint):
    return {
        "base_url": endpoint["url"],
        "credential_scopes": [f"{endpoint['url']}/.default"],
        "connection_verify": endpoint["ca_file"],
        "polling_interval": 0.01,
    }


@pytest.fixture
def credential(endpoint):
    parts = (endpoint["tenant_id"], endpoint["client_id"], endpoint["client_secret"])
    with ClientSecretCredential(*parts, **credential_options(endpoint)) as made:
        yield made


@pytest.fixture
def clients(endpoint, credential):
    options = client_options(endpoint)
    subscription = endpoint["subscription_id"]
    with (
        ResourceManagementClient(credential, subscription, **options) as resource,
        NetworkManagementClient(credential, subscription, **options) as network,
        ComputeManagementClient(credential, subscription, **options) as compute,
    ):
        yield resource, network, compute


VNET = {
    "location": "eastus",
    "properties": {
        "addressSpace": {"addressPrefixes": ["192.168.0.0/16"]},
        "subnets": [{"name": "MyVm", "properties": {"addressPrefix": "192.168.1.0/24"}}],
    },
}


def nic_body(subnet_id):
    configuration = {"name": "MyVm", "properties": {"subnet": {"id": subnet_id}}}
    return {"location": "eastus", "properties": {"ipConfigurations": [configuration]}}


def machine_body(nic_id):
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    return {
        "location": "eastus",
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
            "storageProfile": {"imageReference": image},
            "osProfile": {"computerName": "MyVm", "adminUsername": "vmadmin", "adminPassword": PASSWORD},
            "networkProfile": {"networkInterfaces": [{"id": nic_id}]},
        },
    }


@pytest.mark.slow
def test_the_official_clients_make_and_delete_a_machine(clients, brisk):
    """Group, network, interface, machine; power off and on; lists; a disk; then everything is deleted again."""
    resource, network, compute = clients
    assert resource.resource_groups.create_or_update("MyVm", {"location": "eastus"}).name == "MyVm"
    vnet = network.virtual_networks.begin_create_or_update("MyVm", "MyVm", VNET).result()
    assert vnet.provisioning_state == "Succeeded"
    nic = network.network_interfaces.begin_create_or_update("MyVm", "MyVm", nic_body(vnet.subnets[0].id)).result()
    assert nic.ip_configurations[0].private_ip_address == "192.168.1.4"
    machine = compute.virtual_machines.begin_create_or_update("MyVm", "MyVm", machine_body(nic.id)).result()
    assert (machine.provisioning_state, machine.os_profile.admin_username) == ("Succeeded", "vmadmin")
    compute.virtual_machines.begin_deallocate("MyVm", "MyVm").result()
    view = compute.virtual_machines.get("MyVm", "MyVm", expand="instanceView").instance_view
    assert [one.code for one in view.statuses] == ["ProvisioningState/succeeded", "PowerState/deallocated"]
    compute.virtual_machines.begin_start("MyVm", "MyVm").result()
    assert compute.virtual_machines.instance_view("MyVm", "MyVm").statuses[1].display_status == "VM running"
    assert [one.name for one in compute.virtual_machines.list_all()] == ["MyVm"]
    updated = compute.virtual_machines.begin_update("MyVm", "MyVm", {"tags": {"env": "dev"}}).result()
    assert updated.tags == {"env": "dev"}
    disk = {"location": "eastus", "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 8}}
    assert compute.disks.begin_create_or_update("MyVm", "data", disk).result().disk_size_gb == 8
    compute.virtual_machines.begin_delete("MyVm", "MyVm").result()
    with pytest.raises(ResourceNotFoundError) as refused:
        compute.virtual_machines.get("MyVm", "MyVm")
    assert refused.value.error.code == "ResourceNotFound"
    network.network_interfaces.begin_delete("MyVm", "MyVm").result()
    network.virtual_networks.begin_delete("MyVm", "MyVm").result()
    resource.resource_groups.begin_delete("MyVm").result()
    assert not resource.resource_groups.check_existence("MyVm")
    assert {one["outcome"] for one in brisk.effects()} == {"Succeeded"}


@pytest.mark.slow
@pytest.mark.parametrize("style", ["async-operation", "location", "provisioning-state", "sync"])
def test_the_official_poller_follows_every_style(clients, brisk, style):
    """A network in each style comes out as the same network."""
    resource, network, _ = clients
    brisk.style(style, resource_type="Microsoft.Network/virtualNetworks")
    resource.resource_groups.create_or_update("g", {"location": "eastus"})
    vnet = network.virtual_networks.begin_create_or_update("g", "v", VNET).result()
    assert (vnet.name, vnet.provisioning_state, vnet.subnets[0].name) == ("v", "Succeeded", "MyVm")


@pytest.mark.slow
def test_the_official_poller_reports_a_failed_operation(clients, brisk):
    """Code and message of the failure reach the exception."""
    resource, network, _ = clients
    resource.resource_groups.create_or_update("g", {"location": "eastus"})
    brisk.fault("/virtualNetworks/v$", {"fail_operation": {"code": "Broken", "message": "It broke."}}, method="PUT")
    with pytest.raises(HttpResponseError, match="It broke"):
        network.virtual_networks.begin_create_or_update("g", "v", VNET).result()


@pytest.mark.slow
def test_the_official_clients_page_through_lists(clients, brisk, endpoint, credential):
    """A list of several pages arrives whole; tenants and subscriptions are listed too."""
    resource, _, _ = clients
    brisk.style(page_size=2)
    for name in ("a", "b", "c", "d", "e"):
        resource.resource_groups.create_or_update(name, {"location": "eastus"})
    assert [one.name for one in resource.resource_groups.list()] == ["a", "b", "c", "d", "e"]
    with SubscriptionClient(credential, **client_options(endpoint)) as client:
        assert [one.display_name for one in client.subscriptions.list()] == ["Rehearsal"]
        assert [one.tenant_id for one in client.tenants.list()] == [endpoint["tenant_id"]]


@pytest.mark.slow
def test_azure_identity_reports_a_wrong_secret(endpoint):
    """The exception of azure-identity carries the authority's own words."""
    parts = (endpoint["tenant_id"], endpoint["client_id"], "not-the-one")
    with (
        ClientSecretCredential(*parts, **credential_options(endpoint)) as wrong,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        wrong.get_token(f"{endpoint['url']}/.default")


@pytest.mark.slow
def test_the_official_asynchronous_clients_do_the_same(endpoint, brisk):
    """Group, network, interface, machine, deletion, over the asynchronous clients."""

    async def drive():
        parts = (endpoint["tenant_id"], endpoint["client_id"], endpoint["client_secret"])
        options, subscription = client_options(endpoint), endpoint["subscription_id"]
        async with (
            azure.identity.aio.ClientSecretCredential(*parts, **credential_options(endpoint)) as credential,
            azure.mgmt.resource.resources.aio.ResourceManagementClient(credential, subscription, **options) as resource,
            azure.mgmt.network.aio.NetworkManagementClient(credential, subscription, **options) as network,
            azure.mgmt.compute.aio.ComputeManagementClient(credential, subscription, **options) as compute,
        ):
            await resource.resource_groups.create_or_update("g", {"location": "eastus"})
            vnet = await (await network.virtual_networks.begin_create_or_update("g", "v", VNET)).result()
            body = nic_body(vnet.subnets[0].id)
            nic = await (await network.network_interfaces.begin_create_or_update("g", "n", body)).result()
            poller = await compute.virtual_machines.begin_create_or_update("g", "m", machine_body(nic.id))
            machine = await poller.result()
            listed = [one.type async for one in resource.resources.list_by_resource_group("g")]
            await (await compute.virtual_machines.begin_power_off("g", "m")).result()
            await (await resource.resource_groups.begin_delete("g")).result()
            return machine.provisioning_state, len(listed), await resource.resource_groups.check_existence("g")

    assert asyncio.run(drive()) == ("Succeeded", 4, False)


TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [],
}


@pytest.fixture
def deployments(endpoint, credential):
    from azure.mgmt.resource.deployments import DeploymentsMgmtClient  # noqa: PLC0415 - for these tests only

    with DeploymentsMgmtClient(credential, endpoint["subscription_id"], **client_options(endpoint)) as client:
        yield client.deployments


def test_the_official_client_deploys_lists_and_deletes(clients, deployments, brisk):
    """It follows a deployment by its Azure-AsyncOperation and its deletion by its Location."""
    clients[0].resource_groups.create_or_update("g", {"location": "eastus"})
    deployment = {"properties": {"mode": "Incremental", "template": TEMPLATE}}
    made = deployments.begin_create_or_update("g", "d", deployment).result()
    assert (made.name, made.properties.provisioning_state, made.properties.mode) == ("d", "Succeeded", "Incremental")
    assert deployments.check_existence("g", "d")
    assert [one.name for one in deployments.list_by_resource_group("g")] == ["d"]
    assert [one.name for one in clients[0].resources.list_by_resource_group("g")] == []
    deployments.begin_delete("g", "d").result()
    assert not deployments.check_existence("g", "d")


def test_the_official_client_cancels_a_deployment(clients, deployments, brisk):
    """The poller is told, a second cancel is refused by the service's code, and the deployment is Canceled."""
    brisk.time("held")
    clients[0].resource_groups.create_or_update("g", {"location": "eastus"})
    poller = deployments.begin_create_or_update("g", "d", {"properties": {"mode": "Incremental", "template": TEMPLATE}})
    deployments.cancel("g", "d")
    with pytest.raises(HttpResponseError) as refused:
        poller.result()
    assert "Canceled" in str(refused.value)
    assert deployments.get("g", "d").properties.provisioning_state == "Canceled"
    with pytest.raises(HttpResponseError) as refused:
        deployments.cancel("g", "d")
    assert (refused.value.status_code, refused.value.error.code) == (409, "DeploymentCannotBeCancelled")
    with pytest.raises(ResourceNotFoundError) as missing:
        deployments.cancel("g", "none")
    assert missing.value.error.code == "DeploymentNotFound"
