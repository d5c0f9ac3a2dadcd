"""What a sign-in looks around with: cloud metadata, tenants, subscriptions, regions, providers."""

from __future__ import annotations

from azjobs.simulator.cloud import Call, Json, Reply, Route
from azjobs.simulator.directory import Subscription
from azjobs.simulator.errors import ArmError
from azjobs.simulator.regions import REGIONS
from azjobs.simulator.resources import SUBSCRIPTION, list_page

#: Namespace -> the types of it that are simulated.
PROVIDERS: dict[str, tuple[str, ...]] = {
    "Microsoft.Compute": ("virtualMachines", "disks"),
    "Microsoft.Network": (
        "virtualNetworks",
        "virtualNetworks/subnets",
        "networkSecurityGroups",
        "publicIPAddresses",
        "networkInterfaces",
    ),
    "Microsoft.Resources": ("resourceGroups", "deployments"),
}
#: The real names of the suffixes, on domains that nobody has (RFC 2606).
_SUFFIXES = {
    "storage": "core.simulator.invalid",
    "keyVaultDns": "vault.simulator.invalid",
    "sqlServerHostname": "database.simulator.invalid",
    "acrLoginServer": "registry.simulator.invalid",
    "azureDataLakeStoreFileSystem": "datalakestore.simulator.invalid",
    "azureDataLakeAnalyticsCatalogAndJob": "datalakeanalytics.simulator.invalid",
}
_API_VERSIONS = ["2024-11-01", "2024-07-01", "2024-03-01"]  # an example: every well-formed date is taken


def _metadata(call: Call) -> Reply:
    base = call.cloud.base_url
    authentication = {"loginEndpoint": f"{base}/", "audiences": [f"{base}/", base]}
    if call.api_version < "2019":
        # The form of 2015-01-01 and 2018-01-01: one object, and the manager is the host that was asked.
        old = {"galleryEndpoint": f"{base}/", "graphEndpoint": f"{base}/graph/", "portalEndpoint": base}
        return Reply(200, {**old, "authentication": authentication})
    entry = {
        "portal": base,
        "authentication": {**authentication, "tenant": "common", "identityProvider": "AAD"},
        "media": f"{base}/media",
        "graphAudience": f"{base}/graph/",
        "graph": f"{base}/graph/",
        "name": "AzureSimulator",
        "suffixes": _SUFFIXES,
        "batch": f"{base}/batch/",
        "resourceManager": f"{base}/",
        "vmImageAliasDoc": f"{base}/aliases.json",
        "activeDirectoryDataLake": f"{base}/datalake/",
        "sqlManagement": f"{base}/sql/",
        "microsoftGraphResourceId": f"{base}/microsoft-graph/",
        "gallery": f"{base}/gallery/",
    }
    return Reply(200, [entry])


def _tenants(call: Call) -> Reply:
    assert call.claims is not None
    return list_page(
        call,
        [
            {
                "id": f"/tenants/{tenant.id}",
                "tenantId": tenant.id,
                "displayName": tenant.name,
                "defaultDomain": tenant.domain,
                "domains": [tenant.domain],
                "tenantCategory": "Home",
            }
            for tenant in call.cloud.directory.tenants_of(call.claims.tid, call.claims.appid, call.claims.oid)
        ],
    )


def _subscriptions(call: Call) -> Reply:
    assert call.claims is not None
    assert call.principal is not None
    seen = [
        _render(one)
        for one in call.cloud.directory.subscriptions.values()
        if one.tenant_id == call.claims.tid and call.principal.sees(one.id)
    ]
    return list_page(call, seen)


def _subscription(call: Call) -> Reply:
    assert call.subscription is not None
    return Reply(200, _render(call.subscription))


def _render(subscription: Subscription) -> Json:
    return {
        "id": f"/subscriptions/{subscription.id}",
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant_id,
        "displayName": subscription.name,
        "state": subscription.state,
        "subscriptionPolicies": {"spendingLimit": "Off"},
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


def _locations(call: Call) -> Reply:
    base = f"/subscriptions/{call.subscription_id}/locations"
    return list_page(
        call,
        [
            {
                "id": f"{base}/{name}",
                "name": name,
                "type": "Region",
                "displayName": display,
                "regionalDisplayName": display,
                "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
            }
            for name, display in REGIONS.items()
        ],
    )


def _provider_body(call: Call, namespace: str) -> Json:
    types = [
        {"resourceType": name, "locations": list(REGIONS.values()), "apiVersions": _API_VERSIONS}
        for name in PROVIDERS[namespace]
    ]
    return {
        "id": f"/subscriptions/{call.subscription_id}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered",
        "resourceTypes": types,
    }


def _providers(call: Call) -> Reply:
    return list_page(call, [_provider_body(call, namespace) for namespace in PROVIDERS])


def _provider(call: Call) -> Reply:
    wanted = call.path.namespace
    for namespace in PROVIDERS:
        if namespace.lower() == wanted:
            return Reply(200, _provider_body(call, namespace))
    raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{wanted}' is invalid.")


ROUTES = (
    Route("GET", "/metadata/endpoints", _metadata, is_open=True),
    Route("GET", "/tenants", _tenants),
    Route("GET", "/subscriptions", _subscriptions),
    Route("GET", SUBSCRIPTION, _subscription, any_right=True),
    Route("GET", f"{SUBSCRIPTION}/locations", _locations, any_right=True),
    Route("GET", f"{SUBSCRIPTION}/providers", _providers, any_right=True),
    Route("GET", f"{SUBSCRIPTION}/providers/{{}}", _provider, any_right=True),
    *(Route("POST", f"{SUBSCRIPTION}/providers/{namespace}/register", _provider) for namespace in PROVIDERS),
)
