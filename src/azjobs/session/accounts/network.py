"""Say how the network of this program is left, for the daemon that connects in its place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from azjobs.core.context import Environment
from azjobs.core.errors import InvalidInput
from azjobs.core.secret import SecureString

# Lower case first, as curl does; of the bundles the order of requests, then OpenSSL's own.
PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
EXEMPTIONS = ("no_proxy", "NO_PROXY")
BUNDLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
PROXY = "proxy"  # the name of the secret


class Network(NamedTuple):
    """A proxy's address, which hosts are reached without it, and a file of certificate authorities; each "" for none.

    A proxy that asks for a password is in `secrets` instead.
    """

    proxy: str = ""
    no_proxy: str = ""
    ca_file: str = ""
    secrets: Mapping[str, SecureString] = {}


def network_of(cloud: Environment, variables: Mapping[str, str] | None = None) -> Network:
    """Return what the environment variables say; the embedded cloud is on this machine, and needs nothing of it.

    Raises:
        InvalidInput: a variable names a file that cannot be read, or a proxy that is no address.
    """
    if cloud.is_simulator:
        return Network()
    variables = os.environ if variables is None else variables
    found = {name: variables[name] for name in (*EXEMPTIONS, *BUNDLES) if name in variables}
    name, proxy = _proxy(variables)
    del variables  # a traceback that shows local variables must not show a proxy's password
    bundle = _bundle(*_first(found, BUNDLES))
    address = proxy.reveal  # called where it is needed, and kept nowhere
    if not len(proxy):
        return Network(ca_file=bundle)
    if not _is_address(address()):
        raise InvalidInput(f"{name} is no address of a proxy, as http://host:port.")
    no_proxy = _first(found, EXEMPTIONS)[1]
    if "@" in urlsplit(address()).netloc:
        return Network("", no_proxy, bundle, {PROXY: proxy})
    return Network(address(), no_proxy, bundle)


def _proxy(variables: Mapping[str, str]) -> tuple[str, SecureString]:
    name, text = _first(variables, PROXIES)
    return name, SecureString(text if "://" in text or not text else f"http://{text}")


def _bundle(name: str, text: str) -> str:
    if not text:
        return ""
    path = Path(text).expanduser().absolute()
    try:
        with path.open("rb"):
            return str(path)
    except OSError as error:
        raise InvalidInput(f"{name} names {path}, which cannot be read: {error.strerror}.") from None


def _first(variables: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str]:
    return next(((name, variables[name].strip()) for name in names if variables.get(name, "").strip()), ("", ""))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is none
        return False
