"""Describe environments beside the built-in ones: by their addresses, or by the metadata that a cloud serves.

Pure. Addresses are https and have no user in them. A built-in name always means
the built-in addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from azjobs.core.context import BUILT_IN_ENVIRONMENTS, SIMULATOR_NAME, Environment, EnvironmentType, host_of
from azjobs.core.errors import InvalidInput

METADATA_PATH = "/metadata/endpoints?api-version=2022-09-01"  # [azure-powershell, AzureEnvironment, discovery]
ADFS = "/adfs"  # of a login address: Active Directory Federation Services, as some Azure Stack Hubs have
Json = Mapping[str, Any]


def is_built_in(name: str) -> bool:
    """Whether a name is that of an environment that everybody has, the embedded cloud's among them."""
    return name.lower() in {SIMULATOR_NAME.lower(), *(cloud.name.lower() for cloud in BUILT_IN_ENVIRONMENTS)}


def refuse_built_in(name: str) -> None:
    """Refuse to change what a name everybody knows means.

    Raises:
        InvalidInput: it is such a name, or none.
    """
    if not name.strip():
        raise InvalidInput("Say what the environment is called.")
    if is_built_in(name):
        raise InvalidInput(f"{name} is built in: it can be neither changed nor removed. Choose another name.")


def address(text: str, what: str) -> str:
    """Return an https address without its last slash; `what` says in an error whose it is.

    Raises:
        InvalidInput: it is something else.
    """
    url = text.strip().rstrip("/")
    if not host_of(url):
        raise InvalidInput(f"The {what} is an https address, as https://management.contoso.example, not '{text}'.")
    if urlsplit(url).path.lower().endswith(ADFS):
        raise InvalidInput(f"The {what} {url} signs in by AD FS, which azjobs cannot do: it signs in with Entra ID.")
    return url


def metadata_url(endpoint: str) -> str:
    """Return where a Resource Manager tells of its cloud.

    Raises:
        InvalidInput: the endpoint is no https address.
    """
    return address(endpoint, "ARM endpoint") + METADATA_PATH


def environments_in(metadata: Any) -> tuple[Environment, ...]:
    """Return the environments that metadata describes: one object, or a list of them; built-in names are left out.

    Raises:
        InvalidInput: it is no such metadata.
    """
    entries = metadata if isinstance(metadata, list) else [metadata]
    found = [_described(entry, str(entry.get("name") or "")) for entry in entries if isinstance(entry, Mapping)]
    if not found:
        raise InvalidInput("The answer holds no metadata of a cloud.")
    return tuple(one for one in found if one.name and not is_built_in(one.name))


def environment_at(metadata: Any, endpoint: str, name: str) -> Environment:
    """Return the environment of an ARM endpoint under a name of the user's, from the metadata it serves.

    Raises:
        InvalidInput: the metadata tells of no cloud, or of several and none has this endpoint.
    """
    entries = [one for one in (metadata if isinstance(metadata, list) else [metadata]) if isinstance(one, Mapping)]
    own = [one for one in entries if host_of(str(one.get("resourceManager", "")).rstrip("/")) == host_of(endpoint)]
    chosen = own or (entries if len(entries) == 1 else [])
    if not chosen:
        raise InvalidInput(f"{endpoint} serves no metadata of a cloud that is reached there.")
    return _described({"resourceManager": endpoint, **chosen[0]}, name)


def _described(entry: Json, name: str) -> Environment:
    authentication = entry.get("authentication")
    if not isinstance(authentication, Mapping):
        raise InvalidInput(f"The metadata of {name or 'a cloud'} does not say how to sign in.")
    audiences = authentication.get("audiences")
    resource_manager = address(str(entry.get("resourceManager", "")), "address of Resource Manager")
    return Environment(
        name,
        resource_manager,
        address(str(authentication.get("loginEndpoint", "")), "address of the sign-in service"),
        type=EnvironmentType.DISCOVERED,
        audience=_audience(audiences if isinstance(audiences, list) else [], resource_manager),
        endpoints=tuple(_flat(entry)),
    )


def _audience(audiences: list[Any], resource_manager: str) -> str:
    """What tokens are for: Resource Manager's own address where it is among them, which is then not said again."""
    texts = [str(one).rstrip("/") for one in audiences]
    return "" if not texts or resource_manager.lower() in (one.lower() for one in texts) else texts[0]


def _flat(entry: Json, prefix: str = "") -> Iterable[tuple[str, str]]:
    """Keep what else the cloud tells of its services, `suffixes.storage` beside `portal`."""
    for key, value in sorted(entry.items()):
        if isinstance(value, Mapping) and key != "authentication":
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str) and value and (prefix or key not in ("name", "resourceManager")):
            yield f"{prefix}{key}", value
