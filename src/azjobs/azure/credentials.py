"""Build the credentials of azure-identity from descriptions.

For the daemon: azure-identity is imported at the top, so that an upgrade under a
running daemon cannot mix two versions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
from azure.core.credentials import AccessToken
from azure.identity import (
    AuthenticationRecord,
    AzureCliCredential,
    AzureDeveloperCliCredential,
    AzurePowerShellCredential,
    CertificateCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    DeviceCodeCredential,
    InteractiveBrowserCredential,
    ManagedIdentityCredential,
    TokenCachePersistenceOptions,
    WorkloadIdentityCredential,
)

from azjobs.core.context import BUILT_IN_ENVIRONMENTS
from azjobs.core.errors import SignInFailed
from azjobs.core.signin import SignIn


class Credential(Protocol):
    """Anything that gives access tokens, as azure-core defines it."""

    def get_token(self, *scopes: str, claims: str | None = None, **kwargs: Any) -> AccessToken:
        """Return an access token for `scopes`."""


def build(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
    """Return the credential that a description stands for; nothing is asked of the network yet.

    Raises:
        SignInFailed: the kind is unknown, a secret is missing, or azure-identity does not take the arguments.
    """
    maker = _MAKERS.get(sign_in.kind)
    if maker is None:
        raise SignInFailed(f"Credentials of the kind {sign_in.kind} come later.")
    missing = [name for name in sign_in.secret_names if name not in secrets]
    if missing:
        raise SignInFailed(f"The sign-in of {sign_in.key.account} needs {', '.join(missing)} again.")
    arguments = {**sign_in.arguments, **{name: secrets[name] for name in sign_in.secret_names}}
    try:
        return maker(sign_in, arguments)
    except (TypeError, ValueError) as problem:
        # From `None`: what azure-identity was given may be in the traceback of its own exception.
        text = str(problem) if not any(value and value in str(problem) for value in secrets.values()) else "not taken"
        raise SignInFailed(f"The {sign_in.kind} of {sign_in.key.account} cannot be built: {text}.") from None


def _with_authority(kind: Callable[..., Credential]) -> Callable[[SignIn, dict[str, Any]], Credential]:
    """For kinds that speak to Entra themselves."""

    def make(sign_in: SignIn, arguments: dict[str, Any]) -> Credential:
        environment = sign_in.environment
        known = {e.authority_url for e in BUILT_IN_ENVIRONMENTS}
        return kind(
            **arguments,
            authority=environment.authority_url,
            # Else it would ask login.microsoftonline.com whether the authority is one it knows.
            disable_instance_discovery=environment.authority_url not in known,
            **_network(sign_in),
        )

    return make


def _network(sign_in: SignIn) -> dict[str, Any]:
    """How azure-core's pipeline is to speak: our own retries, our own authority.

    A path given as `connection_verify` wins over REQUESTS_CA_BUNDLE; for the
    embedded cloud no proxy of the environment is taken either, it is on loopback.
    """
    environment = sign_in.environment
    network: dict[str, Any] = {"retry_total": 0, "use_env_settings": not environment.is_simulator}
    if environment.ca_file:
        network["connection_verify"] = environment.ca_file
    return network


def _tool(kind: Callable[..., Credential]) -> Callable[[SignIn, dict[str, Any]], Credential]:
    """For kinds that ask a command-line tool, which knows its own authority."""

    def make(sign_in: SignIn, arguments: dict[str, Any]) -> Credential:
        tenant = {"tenant_id": sign_in.key.tenant} if sign_in.key.tenant else {}
        return kind(**{**tenant, **arguments})

    return make


def _certificate(sign_in: SignIn, arguments: dict[str, Any]) -> Credential:
    data = arguments.pop("certificate_data").encode()
    return _with_authority(CertificateCredential)(sign_in, {**arguments, "certificate_data": data})


def _default(sign_in: SignIn, arguments: dict[str, Any]) -> Credential:
    """A chain: the managed identity in it needs the retries that azure-identity gives it, so they are left to it."""
    environment = sign_in.environment
    network = {name: value for name, value in _network(sign_in).items() if name != "retry_total"}
    return DefaultAzureCredential(**arguments, authority=environment.authority_url, **network)


def _managed_identity(_sign_in: SignIn, arguments: dict[str, Any]) -> Credential:
    return ManagedIdentityCredential(**arguments)


def _interactive(kind: Callable[..., Credential]) -> Callable[[SignIn, dict[str, Any]], Credential]:
    """For users who signed in elsewhere, with a cache on disk: silent, since a daemon has nobody to ask."""

    def make(sign_in: SignIn, arguments: dict[str, Any]) -> Credential:
        cache = TokenCachePersistenceOptions(
            name=arguments["cache_name"], allow_unencrypted_storage=arguments["allow_unencrypted_storage"]
        )
        # The record brings its own authority: giving it twice is an error.
        return kind(
            authentication_record=AuthenticationRecord.deserialize(arguments["authentication_record"]),
            cache_persistence_options=cache,
            disable_automatic_authentication=True,
            **_network(sign_in),
        )

    return make


def _simulator(sign_in: SignIn, arguments: dict[str, Any]) -> Credential:
    """The demo account of the embedded cloud: its secret is no secret, it is read where the cloud wrote it."""
    try:
        endpoint = msgspec.json.decode(Path(arguments["endpoint_file"]).read_bytes(), type=dict[str, Any])
        known = {name: endpoint[name] for name in ("tenant_id", "client_id", "client_secret")}
    except (OSError, KeyError, msgspec.DecodeError) as problem:
        raise SignInFailed("The embedded cloud of this sign-in is gone. Type: azjobs account connect") from problem
    return _with_authority(ClientSecretCredential)(sign_in, known)


_MAKERS: dict[str, Callable[[SignIn, dict[str, Any]], Credential]] = {
    "AzureCliCredential": _tool(AzureCliCredential),
    "AzureDeveloperCliCredential": _tool(AzureDeveloperCliCredential),
    "AzurePowerShellCredential": _tool(AzurePowerShellCredential),
    "CertificateCredential": _certificate,
    "ClientSecretCredential": _with_authority(ClientSecretCredential),
    "DefaultAzureCredential": _default,
    "DeviceCodeCredential": _interactive(DeviceCodeCredential),
    "InteractiveBrowserCredential": _interactive(InteractiveBrowserCredential),
    "ManagedIdentityCredential": _managed_identity,
    "SimulatorCredential": _simulator,
    "WorkloadIdentityCredential": _with_authority(WorkloadIdentityCredential),
}
