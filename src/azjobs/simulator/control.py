"""A small synchronous client of the simulator's control, for tests, benchmarks and the demonstration.

Standard library only; one connection a call, so nothing is left open and any thread may use it.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

Json = dict[str, Any]


class ControlRefused(ValueError):
    """The control did not take an order; the text says what is wrong with it."""


class ControlClient:
    """Talks to one simulator. Resource ids, kinds and styles are those of `docs/reference/simulated-operations.md`."""

    def __init__(self, url: str, ca_file: str | Path, *, timeout_s: float = 30.0) -> None:
        """Use the simulator at `url`, whose certificate is signed by the authority in `ca_file`."""
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),  # loopback is never behind a proxy
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(ca_file))),
        )

    @classmethod
    def of(cls, endpoint: Mapping[str, Any]) -> ControlClient:
        """Return a client for what `ensure_simulator` returned."""
        return cls(endpoint["url"], endpoint["ca_file"])

    def requests(self, *, since: int = 0, method: str = "*", path_regex: str = "") -> list[Json]:
        """Return the journal of ARM and Entra requests whose number is above `since`, oldest first."""
        return self._list("requests", since=since, method=method, path_regex=path_regex)

    def wait_for_requests(
        self,
        *,
        method: str = "*",
        path_regex: str = "",
        count: int = 1,
        since: int = 0,
        timeout_s: float = 10.0,
        answered: bool = False,
    ) -> list[Json]:
        """Return the matching requests as soon as there are `count`; with `answered` only those that had a reply.

        Raises:
            TimeoutError: there were fewer after `timeout_s`.
        """
        query = {"method": method, "path_regex": path_regex, "count": count, "since": since, "wait_s": timeout_s}
        found = self._list("requests", **query, answered="true" if answered else "false")
        if len(found) < count:
            raise TimeoutError(f"{len(found)} of {count} requests {method} {path_regex} within {timeout_s:g} s")
        return found

    def effects(self, *, since: int = 0) -> list[Json]:
        """Return every change that a request really made: seq, at, resource_id, effect, operation_id, outcome."""
        return self._list("effects", since=since)

    def wait_for_effects(self, count: int, *, timeout_s: float = 10.0) -> list[Json]:
        """Return all effects as soon as there are `count`.

        Raises:
            TimeoutError: there were fewer after `timeout_s`.
        """
        found = self._list("effects", count=count, wait_s=timeout_s)
        if len(found) < count:
            raise TimeoutError(f"{len(found)} of {count} effects within {timeout_s:g} s")
        return found

    def resources(self) -> Json:
        """Return {"groups", "resources"}: all there is, in every subscription."""
        return self._send("GET", "resources")

    def operations(self) -> list[Json]:
        """Return every operation whose record is kept: id, kind, style, resource_id, status, started_at, ended_at."""
        return self._list("operations")

    def reset(self) -> None:
        """Return to the state at the start. Tokens stay good."""
        self._send("POST", "reset", {})

    def time(
        self,
        mode: str | None = None,
        *,
        reads: int | None = None,
        seconds: float | None = None,
        scale: float | None = None,
        kinds: Mapping[str, Mapping[str, Any]] | None = None,
        keep_s: float | None = None,
    ) -> None:
        """Say how time passes for operations that begin from now on.

        Args:
            mode: "at-once", "reads", "seconds", "scaled" or "held"; None leaves it.
            reads: for "reads": how many looks say that it is not done.
            seconds: for "seconds".
            scale: for "scaled": what the nominal duration is multiplied by.
            kinds: rules of single kinds, {"vm-create": {"mode": "held"}}.
            keep_s: how long the record of an ended operation can be read.
        """
        fields = {"mode": mode, "reads": reads, "seconds": seconds, "scale": scale}
        rule = {name: value for name, value in fields.items() if value is not None}
        order = {"rule": rule or None, "kinds": dict(kinds or {}), "keep_s": keep_s}
        self._send("POST", "time", {name: value for name, value in order.items() if value is not None})

    def retry_after(self, seconds: int | None) -> None:
        """Say what Retry-After the replies of operations under way carry; None: none."""
        self._send("POST", "retry-after", {"seconds": seconds})

    def style(
        self,
        style: str | None = None,
        *,
        kind: str | None = None,
        resource_type: str | None = None,
        percent_complete: bool | None = None,
        page_size: int | None = None,
    ) -> None:
        """Force "async-operation", "location", "provisioning-state" or "sync" on a kind, a type, or everything."""
        order = {
            "style": style,
            "kind": kind,
            "type": resource_type,
            "percent_complete": percent_complete,
            "page_size": page_size,
        }
        self._send("POST", "style", {name: value for name, value in order.items() if value is not None})

    def limits(self, *, enforced: bool = True, **buckets: tuple[float, float]) -> None:
        """Switch the token buckets on or off; `reads=(capacity, refill_per_s)` and so on replace published numbers."""
        sizes = {name: {"capacity": one[0], "refill_per_s": one[1]} for name, one in buckets.items()}
        self._send("POST", "limits", {"enforced": enforced, **sizes})

    def quota(self, cores: int, *, family: str = "*", location: str = "*") -> None:
        """Approve so many cores for a family ("Standard_D") in a region; "*": for every other."""
        self._send("POST", "quota", {"cores": cores, "family": family, "location": location})

    def fault(self, path_regex: str, action: str | Mapping[str, Any], *, method: str = "*", times: int = 1) -> None:
        """Plant one fault: see `azjobs.simulator.faults` for the actions."""
        self.faults([{"path_regex": path_regex, "action": action, "method": method, "times": times}])

    def faults(self, faults: Iterable[Mapping[str, Any]]) -> None:
        """Plant several faults, struck in this order."""
        self._send("POST", "faults", {"faults": list(faults)})

    def clear_faults(self) -> None:
        """Take every planted fault away."""
        self._send("POST", "faults", {"clear": True})

    def directory(
        self,
        *,
        tenants: Iterable[Mapping[str, Any]] = (),
        subscriptions: Iterable[Mapping[str, Any]] = (),
        principals: Iterable[Mapping[str, Any]] = (),
        users: Iterable[Mapping[str, Any]] = (),
        identities: Iterable[Mapping[str, Any]] = (),
        public_clients: Iterable[Mapping[str, Any]] = (),
        resources: Iterable[str] = (),
    ) -> None:
        """Add to the directory; what has the same id is replaced. Names with ? may be left out.

        Args:
            tenants: {id, name, domain?, needs_mfa?, blocked?}; blocked: closed by conditional access.
            subscriptions: {id, name, tenant_id, state?}.
            principals: service principals, {tenant_id, client_id, secret?, secrets? [{value, expires_at?}],
                certificates? [PEM], federated? [{issuer, subject, audience?}], name?, rights?, disabled?, blocked?};
                `rights` map a scope such as "/subscriptions/…" to "Owner", "Contributor" or "Reader"; `expires_at` is
                in epoch seconds.
            users: {username, tenant_id (the home), password?, name?, rights?, guest_of?, disabled?, blocked?,
                needs_mfa?}; `guest_of` lists tenant ids, or {tenant_id, disabled?, blocked?, needs_mfa?}.
            identities: managed identities of the identity endpoint, {tenant_id, client_id, name, rights?,
                resource_id?, system_assigned?}.
            public_clients: {client_id, name?}; those of Azure CLI and Azure PowerShell are known.
            resources: other resources that tokens are given out for, such as "https://vault.azure.net".
        """
        order = {
            "tenants": list(tenants),
            "subscriptions": list(subscriptions),
            "principals": list(principals),
            "users": list(users),
            "identities": list(identities),
            "public_clients": list(public_clients),
            "resources": list(resources),
        }
        self._send("POST", "directory", order)

    def browser(self, username: str | None = None, action: str = "accept", *, mfa: bool = True) -> None:
        """Say who answers the authorize page (None: the login hint, else the first user), and how.

        `action` is "accept" or "decline"; without `mfa` a tenant that needs a second factor lets nobody in.
        """
        self._send("POST", "browser", {"username": username, "action": action, "mfa": mfa})

    def approve_device(self, user_code: str, username: str, *, mfa: bool = True) -> None:
        """Type a device's code and sign in as `username`."""
        self._send("POST", "approve-device", {"user_code": user_code, "username": username, "mfa": mfa})

    def decline_device(self, user_code: str) -> None:
        """Type a device's code and decline."""
        self._send("POST", "decline-device", {"user_code": user_code})

    def device_codes(
        self,
        *,
        interval_s: int | None = None,
        expires_in_s: int | None = None,
        enforce_interval: bool | None = None,
        approve_as: str | None = None,
    ) -> None:
        """Say how device codes are from now on; None leaves a setting.

        `approve_as` names who approves each at once, "" nobody; with `enforce_interval` polls that come too early get
        slow_down.
        """
        order = {
            "interval_s": interval_s,
            "expires_in_s": expires_in_s,
            "enforce_interval": enforce_interval,
            "approve_as": approve_as,
        }
        self._send("POST", "device-codes", order)

    def refresh_lifetime(self, seconds: int) -> None:
        """Say how long refresh tokens that are given out from now on are good."""
        self._send("POST", "refresh-tokens", {"lifetime_s": seconds})

    def strict_rotation(self, on: bool = True) -> None:  # noqa: FBT001, FBT002 - a switch, read as a sentence
        """Let each refresh token be good once; Entra's own are good until they expire."""
        self._send("POST", "refresh-tokens", {"strict_rotation": on})

    def revoke(self, username: str | None = None, *, reason: str = "revoked") -> None:
        """End every refresh token of a user (None: of everyone): "revoked", "inactive" or "sign-in-frequency"."""
        self._send("POST", "revoke", {"username": username, "reason": reason})

    def issuer(self, name: str, *, subject: str | None = None, lifetime_s: int | None = None) -> Json:
        """Set what "github", "azure-pipelines" or "kubernetes" asserts and for how long; None leaves it.

        Returns {name, issuer, subject, audience, lifetime_s, request_url, request_token}.
        """
        return self._send("POST", "issuer", {"name": name, "subject": subject, "lifetime_s": lifetime_s})

    def assertion(
        self,
        issuer: str = "kubernetes",
        *,
        subject: str | None = None,
        audience: str = "api://AzureADTokenExchange",
        lifetime_s: int | None = None,
    ) -> str:
        """Return an assertion signed by an issuer; what is None is as the issuer usually says it."""
        order = {"issuer": issuer, "subject": subject, "audience": audience, "lifetime_s": lifetime_s}
        return str(self._send("POST", "assertion", order)["assertion"])

    def token_lifetime(self, seconds: int) -> None:
        """Say how long tokens that are given out from now on are good."""
        self._send("POST", "token-lifetime", {"seconds": seconds})

    def finish(
        self,
        resource_id: str | None = None,
        *,
        status: str = "Succeeded",
        code: str = "OperationFailed",
        message: str = "The operation was told to end so.",
    ) -> None:
        """End the operation under way on a resource (None: every one), as it is fated or "Failed" or "Canceled"."""
        order = {"resource_id": resource_id, "status": status, "code": code, "message": message}
        self._send("POST", "finish", order)

    def _list(self, word: str, **query: object) -> list[Json]:
        found: list[Json] = self._send("GET", f"{word}?{urlencode(query)}")[word]
        return found

    def _send(self, method: str, word: str, order: Mapping[str, Any] | None = None) -> Json:
        data = None if order is None else json.dumps(order).encode()
        request = urllib.request.Request(  # noqa: S310 - https, to loopback, by the endpoint's own url
            f"{self._url}/_simulator/{word}", data, {"content-type": "application/json"}, method=method
        )
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                answer: Json = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlRefused(json.load(error)["error"]["message"]) from None
        return answer
