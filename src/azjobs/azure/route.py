"""Find the way to a host: by which proxy, and trusting which certificate authority.

Whoever signed in leaves their network in a way of its own, and the daemon
connects in their place. So the variables of the daemon's own process count for
nothing here; what a sign-in says is used for its tokens and for its requests.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from azjobs.azure.answers import hear
from azjobs.core.signin import SignIn

PROXY = "proxy"  # the secret with the address of a proxy that asks for a password


# A pipeline of azure-core waits 300 s for either [azure-core, pipeline/transport/_base.py, ConnectionConfiguration].
CONNECT_TIMEOUT_S = 20.0  # guess: three lost packets in a row, each sent again later than the one before
READ_TIMEOUT_S = 30.0  # guess: Entra answers in well under a second


class Route(msgspec.Struct, frozen=True):
    """The way to one host. `proxy` is an address, "" for none; `ca_file` a path, "" for the usual authorities."""

    proxy: str = ""
    ca_file: str = ""

    def __repr__(self) -> str:
        """Show no proxy: a password may be in its address."""
        return f"<Route {'by a proxy' if self.proxy else 'direct'}>"


def route_to(url: str, sign_in: SignIn, secrets: Mapping[str, str]) -> Route:
    """Return the way to the host of `url` for what a sign-in does; the embedded cloud is never behind a proxy."""
    ca_file = sign_in.environment.ca_file or sign_in.ca_file
    proxy = secrets.get(PROXY, "") or sign_in.proxy
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_direct = sign_in.environment.is_simulator or is_exempt(host, parts.port or 443, sign_in.no_proxy)
    return Route("" if is_direct else proxy, ca_file)


def is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Whether `no_proxy` names a host: exactly, as a suffix at a dot, as a network, with its port, or by `*`.

    The rules are those of curl [curl.se/docs/manpage.html, --noproxy]: loopback is
    behind the proxy too, if it is not named.
    """
    host = host.lower().rstrip(".")
    entries = (entry.strip().lower() for entry in no_proxy.replace(" ", ",").split(","))
    return any(_is_named(host, port, entry) for entry in entries if entry)


def network_options(url: str, sign_in: SignIn, secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return what makes a pipeline of azure-core go that way; our own retries, no variables of this process.

    A path given as `connection_verify` wins over REQUESTS_CA_BUNDLE.
    """
    route = route_to(url, sign_in, secrets)
    options: dict[str, Any] = {
        "retry_total": 0,
        "use_env_settings": False,
        "raw_response_hook": hear,
        "connection_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
    }
    if route.ca_file:
        options["connection_verify"] = route.ca_file
    if route.proxy:
        options["proxies"] = {"https": route.proxy, "http": route.proxy}
    return options


def _is_named(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    name, _, named_port = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
    if named_port and named_port != str(port):
        return False
    if "/" in name:
        return _is_in_network(host, name)
    name = name.strip("[]").removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
