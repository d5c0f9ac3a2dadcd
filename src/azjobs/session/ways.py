"""Find out how somebody wants to sign in: as what, where, with which description and secrets.

A credential of azure-identity is described, never pickled; it is asked for one
token here, which tells whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import msgspec
from msgspec.structs import replace

from azjobs.core.claims import account_of, parse_claims, tenant_of
from azjobs.core.context import (
    BUILT_IN_ENVIRONMENTS,
    SIMULATOR_NAME,
    Account,
    AccountType,
    Environment,
)
from azjobs.core.errors import DaemonUnavailable, InvalidInput, SignInFailed
from azjobs.core.layout import Layout
from azjobs.core.secret import Credential, SecureString
from azjobs.session.named_secret import NamedSecret

HOW = (
    "Say how to sign in: credential= with a credential of azure-identity, service_principal= with a Credential and "
    "a tenant, or identity=True. To try things out: environment='AzureSimulator'."
)


class TokenCredential(Protocol):
    """Anything that gives access tokens, as azure-core defines it."""

    def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        """Return an access token."""
        ...


ENDPOINT_NAME = "endpoint.json"  # where the embedded cloud says how to reach it


class Way(msgspec.Struct, frozen=True):
    """A way to sign in. `secrets` are kept out of everything that is printed or stored.

    `is_object`: it came as a credential object, so it is this program's own.
    """

    kind: str
    environment: Environment
    account: Account
    tenant: str
    arguments: Mapping[str, Any] = {}
    secrets: Mapping[str, SecureString] = {}
    is_object: bool = False

    @property
    def has_tenant_id(self) -> bool:
        """Whether the tenant is given by its id, not by a domain."""
        try:
            UUID(self.tenant)
        except ValueError:
            return False
        return True

    def in_tenant(self, tenant_id: str) -> Way:
        """Return the same way, with the tenant's id."""
        arguments = {**self.arguments, "tenant_id": tenant_id} if "tenant_id" in self.arguments else self.arguments
        return replace(self, tenant=tenant_id, arguments=arguments)

    def __repr__(self) -> str:
        return f"<Way {self.kind} of {self.account.id}>"


def find(
    layout: Layout[Path],
    *,
    environment: str,
    tenant: str,
    credential: Credential | TokenCredential | None,
    is_service_principal: bool,
    is_managed_identity: bool,
    account_id: str,
) -> Way:
    """Return the way that was asked for.

    Raises:
        InvalidInput: it was not said, or does not fit together.
        SignInFailed: the credential object gives no token.
    """
    is_simulator = environment.lower() == SIMULATOR_NAME.lower()
    endpoint = _start_simulator(layout) if is_simulator else {}
    cloud = _simulator_environment(endpoint) if is_simulator else _built_in(environment)
    if isinstance(credential, Credential):
        if not is_service_principal:
            raise InvalidInput(f"{HOW} A user's password is not taken: Azure asks for a second factor.")
        return _application(cloud, credential, tenant or str(endpoint.get("tenant_id", "")))
    if is_service_principal:
        raise InvalidInput("A service principal needs credential= with its application id and secret, and tenant=.")
    if is_managed_identity:
        return _managed_identity(cloud, account_id, tenant)
    if credential is not None:
        return _object(cloud, credential, tenant)
    if is_simulator:
        return _demo(layout, cloud, endpoint)
    raise InvalidInput(HOW)


def _application(cloud: Environment, credential: Credential, tenant: str) -> Way:
    if isinstance(credential.password, NamedSecret):
        raise InvalidInput("A named credential is for machines; give a service principal's secret itself.")
    secret = credential.password
    if not tenant:
        raise InvalidInput("A service principal signs in to one tenant: give tenant=, its id or a domain of it.")
    if not len(secret):
        raise InvalidInput(f"The application {credential.username} has an empty secret.")
    account = Account(credential.username, AccountType.SERVICE_PRINCIPAL)
    arguments = {"tenant_id": tenant, "client_id": credential.username}
    return Way("ClientSecretCredential", cloud, account, tenant, arguments, {"client_secret": secret})


def _managed_identity(cloud: Environment, client_id: str, tenant: str) -> Way:
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - heavy, and rarely wanted

    with ManagedIdentityCredential(client_id=client_id or None) as credential:
        return replace(_object(cloud, credential, tenant), is_object=False)


def _object(cloud: Environment, credential: TokenCredential, tenant: str) -> Way:
    """One token is fetched here: it proves the credential, and tells whose it is."""
    if not callable(getattr(credential, "get_token", None)):
        raise InvalidInput(f"A {type(credential).__name__} is no credential. {HOW}")
    try:
        token = credential.get_token(cloud.scope, **({"tenant_id": tenant} if tenant else {}))
    except Exception as error:  # noqa: BLE001 - a credential is other people's code
        text = str(getattr(error, "message", error)).strip().partition("\n")[0]
        raise SignInFailed(
            f"The {type(credential).__name__} gives no token: {text.rstrip('.')}. Nothing was saved."
        ) from None
    kind, arguments, secrets = _described(credential)
    claims = parse_claims(token.token)
    account = account_of(claims) or Account(str(arguments.get("client_id") or kind), AccountType.ACCESS_TOKEN)
    found = tenant_of(claims) or tenant or str(arguments.get("tenant_id", ""))
    if not found:
        raise InvalidInput(f"The token of the {kind} does not tell its tenant: give tenant=.")
    return Way(kind, cloud, account, found, arguments, secrets, is_object=True)


def _described(credential: TokenCredential) -> tuple[str, dict[str, Any], dict[str, SecureString]]:
    """Describe a credential, its secrets covered at once: no frame of a traceback is to show them."""
    from azjobs.azure.describe import describe  # noqa: PLC0415 - sign-ins by object are rare

    kind, arguments, secrets = describe(credential)
    return kind, arguments, {name: SecureString(text) for name, text in secrets.items()}


def _demo(layout: Layout[Path], cloud: Environment, endpoint: Mapping[str, Any]) -> Way:
    """The account of the embedded cloud: the daemon reads its published secret where the cloud itself wrote it."""
    account = Account(endpoint["client_id"], AccountType.SERVICE_PRINCIPAL, endpoint["account"])
    arguments = {"endpoint_file": str(layout.simulator_folder / ENDPOINT_NAME)}
    return Way("SimulatorCredential", cloud, account, endpoint["tenant_id"], arguments, {})


def _start_simulator(layout: Layout[Path]) -> dict[str, Any]:
    from azjobs.simulator.launch import SimulatorNotStarted, ensure_simulator  # noqa: PLC0415 - only where it is wanted

    try:
        return ensure_simulator(layout.simulator_folder)
    except (SimulatorNotStarted, OSError) as error:
        raise DaemonUnavailable(f"The embedded cloud cannot be started: {error}") from error


def _simulator_environment(endpoint: Mapping[str, Any]) -> Environment:
    return Environment(
        SIMULATOR_NAME,
        endpoint["url"],
        endpoint["authority_url"],
        ca_file=endpoint["ca_file"],
        settle_s=float(endpoint["settle_s"]),
        is_simulator=True,
    )


def _built_in(name: str) -> Environment:
    found = next((cloud for cloud in BUILT_IN_ENVIRONMENTS if cloud.name.lower() == name.lower()), None)
    if found is None:
        known = ", ".join([*(cloud.name for cloud in BUILT_IN_ENVIRONMENTS), SIMULATOR_NAME])
        raise InvalidInput(f"There is no environment {name}. Known are {known}.")
    return found
