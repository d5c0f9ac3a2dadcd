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
    ClientAssertionCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    DeviceCodeCredential,
    InteractiveBrowserCredential,
    ManagedIdentityCredential,
    TokenCachePersistenceOptions,
    WorkloadIdentityCredential,
)

from azjobs.azure.federated import AssertionSource, azure_pipelines, github_actions
from azjobs.azure.refusals import CONNECT
from azjobs.azure.route import PROXY, network_options
from azjobs.azure.static_token import StaticTokenCredential
from azjobs.core.context import BUILT_IN_ENVIRONMENTS
from azjobs.core.errors import SignInFailed
from azjobs.core.signin import SignIn


class Credential(Protocol):
    """Anything that gives access tokens, as azure-core defines it."""

    def get_token(self, *scopes: str, claims: str | None = None, **kwargs: Any) -> AccessToken:
        """Return an access token for `scopes`."""


Maker = Callable[[SignIn, Mapping[str, str]], Credential]


def build(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
    """Return the credential that a description stands for; nothing is asked of the network yet.

    Raises:
        SignInFailed: the kind is unknown, a secret is missing, or azure-identity does not take the arguments.
    """
    maker = _MAKERS.get(sign_in.kind)
    if maker is None:
        kind = sign_in.kind
        raise SignInFailed(f"This version of azjobs does not know the way to sign in that is called {kind}. {CONNECT}")
    missing = [name for name in sign_in.secret_names if name not in secrets]
    if missing:
        raise SignInFailed(f"The sign-in of {sign_in.key.account} needs {', '.join(missing)} again.")
    try:
        return maker(sign_in, secrets)
    except (TypeError, ValueError) as problem:
        # From `None`: what azure-identity was given may be in the traceback of its own exception.
        text = str(problem) if not any(value and value in str(problem) for value in secrets.values()) else "not taken"
        raise SignInFailed(f"The {sign_in.kind} of {sign_in.key.account} cannot be built: {text}.") from None
    except KeyError as problem:
        raise SignInFailed(f"The {sign_in.kind} of {sign_in.key.account} lacks its {problem.args[0]}.") from None


def _arguments(sign_in: SignIn, secrets: Mapping[str, str]) -> dict[str, Any]:
    """What the class is called with: the secrets in their places, but for the proxy's, which is not its business."""
    return {**sign_in.arguments, **{name: secrets[name] for name in sign_in.secret_names if name != PROXY}}


def _with_authority(kind: Callable[..., Credential]) -> Maker:
    """For kinds that speak to Entra themselves."""

    def make(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
        return kind(**_arguments(sign_in, secrets), **_authority(sign_in, secrets))

    return make


def _authority(sign_in: SignIn, secrets: Mapping[str, str]) -> dict[str, Any]:
    authority = sign_in.environment.authority_url
    known = {e.authority_url for e in BUILT_IN_ENVIRONMENTS}
    return {
        "authority": authority,
        # Else it would ask login.microsoftonline.com whether the authority is one it knows.
        "disable_instance_discovery": authority not in known,
        **network_options(authority, sign_in, secrets),
    }


def _tool(kind: Callable[..., Credential]) -> Maker:
    """For kinds that ask a command-line tool, which knows its own authority and network."""

    def make(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
        tenant = {"tenant_id": sign_in.key.tenant} if sign_in.key.tenant else {}
        return kind(**{**tenant, **_arguments(sign_in, secrets)})

    return make


def _certificate(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
    """Built anew when the file has changed: a certificate that was renewed is found without signing in again."""
    if "certificate_data" in sign_in.secret_names:
        return _certificate_of(sign_in, secrets, secrets["certificate_data"].encode())
    path = Path(sign_in.arguments["certificate_path"])
    return RereadCredential(path, lambda data: _certificate_of(sign_in, secrets, data))


def _certificate_of(sign_in: SignIn, secrets: Mapping[str, str], data: bytes) -> Credential:
    given = _arguments(sign_in, secrets)
    arguments = {name: value for name, value in given.items() if name not in ("certificate_path", "certificate_data")}
    return CertificateCredential(certificate_data=data, **arguments, **_authority(sign_in, secrets))


def _federated(source: Callable[[SignIn, Mapping[str, Any], Mapping[str, str]], AssertionSource]) -> Maker:
    """For workloads: the source is asked for an assertion whenever Entra wants one."""

    def make(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
        arguments = _arguments(sign_in, secrets)
        ask = source(sign_in, arguments, secrets)
        ids = (arguments["tenant_id"], arguments["client_id"])
        return ClientAssertionCredential(*ids, ask, **_authority(sign_in, secrets))

    return make


def _static_token(_sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
    return StaticTokenCredential(secrets["access_token"])


def _default(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
    """A chain: the managed identity in it needs the retries that azure-identity gives it, so they are left to it."""
    authority = sign_in.environment.authority_url
    network = {n: v for n, v in network_options(authority, sign_in, secrets).items() if n != "retry_total"}
    return DefaultAzureCredential(**_arguments(sign_in, secrets), authority=authority, **network)


def _managed_identity(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
    """Its address is this machine's own network: no proxy leads there."""
    return ManagedIdentityCredential(**_arguments(sign_in, secrets), use_env_settings=False)


def _interactive(kind: Callable[..., Credential]) -> Maker:
    """For users who signed in elsewhere, with a cache on disk: silent, since a daemon has nobody to ask."""

    def make(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
        arguments = _arguments(sign_in, secrets)
        cache = TokenCachePersistenceOptions(
            name=arguments["cache_name"], allow_unencrypted_storage=arguments["allow_unencrypted_storage"]
        )
        # The record brings its own authority: giving it twice is an error.
        return kind(
            authentication_record=AuthenticationRecord.deserialize(arguments["authentication_record"]),
            cache_persistence_options=cache,
            disable_automatic_authentication=True,
            **network_options(sign_in.environment.authority_url, sign_in, secrets),
        )

    return make


def _simulator(sign_in: SignIn, secrets: Mapping[str, str]) -> Credential:
    """The demo account of the embedded cloud: its secret is no secret, it is read where the cloud wrote it."""
    try:
        endpoint = msgspec.json.decode(Path(sign_in.arguments["endpoint_file"]).read_bytes(), type=dict[str, Any])
        known = {name: endpoint[name] for name in ("tenant_id", "client_id", "client_secret")}
    except (OSError, KeyError, msgspec.DecodeError) as problem:
        raise SignInFailed("The embedded cloud of this sign-in is gone. Type: azjobs account connect") from problem
    return ClientSecretCredential(**known, **_authority(sign_in, secrets))


class RereadCredential:
    """A credential made of a file's content, made again when that has changed."""

    def __init__(self, path: Path, make: Callable[[bytes], Credential]) -> None:
        self._path = path
        self._make = make
        self._data = self._read()
        self._inner = make(self._data)

    def get_token(self, *scopes: str, claims: str | None = None, **kwargs: Any) -> AccessToken:
        """Return an access token for `scopes`.

        Raises:
            SignInFailed: the file cannot be read, or is no certificate any more.
        """
        data = self._read()
        if data != self._data:
            try:
                inner = self._make(data)
            except ValueError:
                raise SignInFailed(f"{self._path} is no certificate with its private key any more.") from None
            self.close()
            self._data, self._inner = data, inner
        return self._inner.get_token(*scopes, claims=claims, **kwargs)

    def close(self) -> None:
        """Let the connections go."""
        close = getattr(self._inner, "close", None)
        if close is not None:
            close()

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as problem:
            raise SignInFailed(f"The certificate {self._path} cannot be read: {problem.strerror}.") from None


_MAKERS: dict[str, Maker] = {
    "AzureCliCredential": _tool(AzureCliCredential),
    "AzureDeveloperCliCredential": _tool(AzureDeveloperCliCredential),
    "AzurePipelinesCredential": _federated(azure_pipelines),
    "AzurePowerShellCredential": _tool(AzurePowerShellCredential),
    "CertificateCredential": _certificate,
    "ClientSecretCredential": _with_authority(ClientSecretCredential),
    "DefaultAzureCredential": _default,
    "DeviceCodeCredential": _interactive(DeviceCodeCredential),
    "GitHubActionsCredential": _federated(github_actions),
    "InteractiveBrowserCredential": _interactive(InteractiveBrowserCredential),
    "ManagedIdentityCredential": _managed_identity,
    "SimulatorCredential": _simulator,
    "StaticTokenCredential": _static_token,
    "WorkloadIdentityCredential": _with_authority(WorkloadIdentityCredential),
}
