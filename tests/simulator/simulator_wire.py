"""A clock that stands still, a bare wire to a simulator, and builders of the usual resources."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any

API_VERSION = "2024-11-01"
PASSWORD = "Correct-Horse-Battery-1"
COMPUTE, NETWORK = "Microsoft.Compute", "Microsoft.Network"


class Clock:
    """A clock that stands still until it is moved; instants begin at the real present, so that tokens are good."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._moved: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.begin_at = time.time()

    def steady(self) -> float:
        """Return the seconds it was moved by."""
        return self.now_s

    def wall(self) -> float:
        """Return its present, in epoch seconds."""
        return self.begin_at + self.now_s

    def move(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now_s += seconds
        for loop, moved in self._moved:
            loop.call_soon_threadsafe(moved.set)

    async def sleep(self, seconds: float) -> None:
        """Wait until it was moved by so many seconds."""
        until_s = self.now_s + seconds
        mine = (asyncio.get_running_loop(), asyncio.Event())
        self._moved.append(mine)
        while self.now_s < until_s:
            await mine[1].wait()
            mine[1].clear()
        self._moved.remove(mine)


@dataclass(frozen=True)
class Answer:
    """One reply: the body is decoded JSON, None when it was empty."""

    status: int
    headers: http.client.HTTPMessage
    body: Any

    @property
    def code(self) -> str:
        """The code of ARM's error."""
        return self.body["error"]["code"]

    @property
    def message(self) -> str:
        """The message of ARM's error."""
        return self.body["error"]["message"]

    @property
    def state(self) -> str:
        """The provisioningState of the resource."""
        return self.body["properties"]["provisioningState"]


KEPT_ALIVE_S = 30.0  # less than the server's own 75 s


class Wire:
    """A bare HTTPS connection to a simulator: no pipeline, no retry, so every reply is seen as it was sent."""

    def __init__(self, endpoint: dict[str, Any]) -> None:
        self.endpoint = endpoint
        self.host = endpoint["url"].removeprefix("https://")
        self._connection = http.client.HTTPSConnection(
            self.host, context=ssl.create_default_context(cafile=endpoint["ca_file"]), timeout=20
        )
        self._token: str | None = None
        self._used_at = time.monotonic()

    @property
    def sub(self) -> str:
        """The path of the subscription."""
        return f"/subscriptions/{self.endpoint['subscription_id']}"

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def raw(self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Send exactly this."""
        if time.monotonic() - self._used_at > KEPT_ALIVE_S:  # other tests came between: the server has closed it
            self._connection.close()
        self._used_at = time.monotonic()
        try:
            self._connection.request(method, target, body, headers or {})
            response = self._connection.getresponse()
            content = response.read()
        except BaseException:
            self._connection.close()
            raise
        return Answer(response.status, response.headers, json.loads(content) if content else None)

    def sign_in(self, **changed: Any) -> Answer:
        """Ask for a token as the endpoint's principal, with any part of the form changed; None leaves it out."""
        tenant = changed.pop("tenant", self.endpoint["tenant_id"])
        form = {
            "grant_type": "client_credentials",
            "client_id": self.endpoint["client_id"],
            "client_secret": self.endpoint["client_secret"],
            "scope": f"{self.endpoint['url']}/.default",
        } | changed
        content = urllib.parse.urlencode({name: value for name, value in form.items() if value is not None})
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.raw("POST", f"/{tenant}/oauth2/v2.0/token", content.encode(), headers)

    def sign_out(self) -> None:
        """Forget the token."""
        self._token = None

    @property
    def token(self) -> str:
        """A token of the endpoint's principal, asked for once."""
        if self._token is None:
            self._token = self.sign_in().body["access_token"]
        return self._token

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = None,
        api_version: str | None = API_VERSION,
    ) -> Answer:
        """Send a request of the resource manager; `path` is absolute, or a URL of a reply with its own query."""
        target = path.removeprefix(self.endpoint["url"])
        if api_version is not None and "api-version=" not in target:
            target += f"{'&' if '?' in target else '?'}api-version={api_version}"
        own = {"authorization": f"Bearer {token or self.token}"}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            own["content-type"] = "application/json"
        return self.raw(method, target, content, own | (headers or {}))

    def get(self, path: str, **options: Any) -> Answer:
        """Send a GET."""
        return self.send("GET", path, **options)

    def put(self, path: str, body: Any, **options: Any) -> Answer:
        """Send a PUT."""
        return self.send("PUT", path, body, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        """Send a POST."""
        return self.send("POST", path, body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        """Send a DELETE."""
        return self.send("DELETE", path, **options)


class World:
    """Builders of the usual things; every path is absolute, in group `g` unless another is named."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def path(self, kind: str, name: str, group: str = "g") -> str:
        """Return where a resource is."""
        provider = COMPUTE if kind in ("virtualMachines", "disks") else NETWORK
        return f"{self.wire.sub}/resourceGroups/{group}/providers/{provider}/{kind}/{name}"

    def group(self, name: str = "g", location: str = "eastus") -> str:
        """Make a group and return its path."""
        path = f"{self.wire.sub}/resourceGroups/{name}"
        assert self.wire.put(path, {"location": location}).status in (200, 201)
        return path

    def vnet_body(self, *subnets: tuple[str, str], space: str = "10.0.0.0/16", **extra: Any) -> dict[str, Any]:
        """Return the body of a network with (name, prefix) subnets."""
        inline = [{"name": name, "properties": {"addressPrefix": prefix}} for name, prefix in subnets]
        properties = {"addressSpace": {"addressPrefixes": [space]}, "subnets": inline}
        return {"location": "eastus", "properties": properties} | extra

    def vnet(self, name: str = "v", prefix: str = "10.0.0.0/24") -> str:
        """Make a network with subnet `s` and return its path."""
        path = self.path("virtualNetworks", name)
        assert self.wire.put(path, self.vnet_body(("s", prefix))).status == 201
        return path

    def nic_body(self, subnet: str, location: str = "eastus", **more: Any) -> dict[str, Any]:
        """Return the body of an interface in a subnet."""
        configuration = {"name": "c", "properties": {"subnet": {"id": subnet}} | more}
        return {"location": location, "properties": {"ipConfigurations": [configuration]}}

    def nic(self, name: str = "n", vnet: str | None = None) -> str:
        """Make an interface in subnet `s` and return its path."""
        vnet = vnet or self.path("virtualNetworks", "v")
        path = self.path("networkInterfaces", name)
        answer = self.wire.put(path, self.nic_body(f"{vnet}/subnets/s"))
        assert answer.status == 201, answer.body
        return path

    def machine_body(self, *nics: str, size: str = "Standard_D2s_v3", **os_profile: Any) -> dict[str, Any]:
        """Return the body of a machine; a part of the OS profile that is None is left out."""
        profile = {"computerName": "m", "adminUsername": "vmadmin", "adminPassword": PASSWORD} | os_profile
        image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
        return {
            "location": "eastus",
            "properties": {
                "hardwareProfile": {"vmSize": size},
                "storageProfile": {"imageReference": image},
                "osProfile": {name: value for name, value in profile.items() if value is not None},
                "networkProfile": {"networkInterfaces": [{"id": nic} for nic in nics]},
            },
        }

    def machine(self, name: str = "m") -> str:
        """Make a group, a network, an interface and a machine on it; return the machine's path."""
        self.group()
        self.vnet()
        nic = self.nic(f"{name}-nic")
        path = self.path("virtualMachines", name)
        answer = self.wire.put(path, self.machine_body(nic))
        assert answer.status == 201, answer.body
        return path

    def power(self, machine: str) -> str:
        """Return the power state of a machine, without the prefix."""
        statuses = self.wire.get(f"{machine}/instanceView").body["statuses"]
        return next(one["code"].partition("/")[2] for one in statuses if one["code"].startswith("PowerState/"))
