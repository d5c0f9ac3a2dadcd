"""An embedded cloud filled for measuring, and official clients on it."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any

API = {"Microsoft.Network": "2024-05-01", "Microsoft.Compute": "2024-07-01"}
PASSWORD = "Pa55-word-long"


def sdk_client(context: Any) -> Any:
    """An azure-mgmt-resource client bound to a context."""
    from azure.mgmt.resource.resources import ResourceManagementClient  # noqa: PLC0415 - heavy

    return context.client(ResourceManagementClient)


class Filled:
    """One group with a network and a card for each machine that will be made."""

    def __init__(self, endpoint: dict[str, Any], machines: int) -> None:
        self.endpoint = endpoint
        self.group = f"/subscriptions/{endpoint['subscription_id']}/resourceGroups/bench"
        self._tls = ssl.create_default_context(cafile=endpoint["ca_file"])
        self._token = self._fetch_token()
        self.put(self.group, {"location": "eastus"}, "2022-09-01")
        network = f"{self.group}/providers/Microsoft.Network"
        prefix = {"addressPrefix": "10.0.0.0/16"}
        self.put(
            f"{network}/virtualNetworks/net",
            {
                "location": "eastus",
                "properties": {
                    "addressSpace": {"addressPrefixes": ["10.0.0.0/8"]},
                    "subnets": [{"name": "s", "properties": prefix}],
                },
            },
        )
        subnet = {"id": f"{network}/virtualNetworks/net/subnets/s"}
        for n in range(machines):
            card = {"ipConfigurations": [{"name": "c", "properties": {"subnet": subnet}}]}
            self.put(f"{network}/networkInterfaces/card{n}", {"location": "eastus", "properties": card})

    def machine_body(self, n: int) -> dict[str, Any]:
        """What a PUT of machine n says."""
        card = f"{self.group}/providers/Microsoft.Network/networkInterfaces/card{n}"
        image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
        return {
            "location": "eastus",
            "properties": {
                "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
                "storageProfile": {"imageReference": image, "osDisk": {"createOption": "FromImage"}},
                "osProfile": {"computerName": f"m{n}", "adminUsername": "vmadmin", "adminPassword": PASSWORD},
                "networkProfile": {"networkInterfaces": [{"id": card}]},
            },
        }

    def put(self, path: str, body: dict[str, Any], api: str = API["Microsoft.Network"]) -> None:
        """PUT and take the answer as it is: time passes at once here."""
        self._send("PUT", f"{self.endpoint['url']}{path}?api-version={api}", body)

    def control(self, name: str, body: dict[str, Any]) -> None:
        """Tell the embedded cloud something."""
        self._send("POST", f"{self.endpoint['url']}/_simulator/{name}", body)

    def _fetch_token(self) -> str:
        form = (
            f"grant_type=client_credentials&client_id={self.endpoint['client_id']}"
            f"&client_secret={self.endpoint['client_secret']}&scope={self.endpoint['url']}/.default"
        )
        url = f"{self.endpoint['url']}/{self.endpoint['tenant_id']}/oauth2/v2.0/token"
        request = urllib.request.Request(url, form.encode(), method="POST")
        with urllib.request.urlopen(request, context=self._tls) as reply:
            token: str = json.load(reply)["access_token"]
        return token

    def _send(self, method: str, url: str, body: dict[str, Any]) -> None:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, context=self._tls) as reply:
            reply.read()


def endpoint_of(home: Path) -> dict[str, Any]:
    """What the embedded cloud of a home says of itself."""
    found: dict[str, Any] = json.loads((home / "simulator" / "endpoint.json").read_text())
    return found
