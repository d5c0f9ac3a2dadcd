"""Find out how somebody wants to sign in: as what, where, with which description and secrets.

Nothing is kept here. What must be asked of somebody (a person, a credential
object, another tool) is asked here; everything else is tried by the daemon.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from azjobs.core.claims import account_of, parse_claims, tenant_of
from azjobs.core.context import Account, AccountType, Environment
from azjobs.core.errors import InvalidInput, SignInFailed
from azjobs.core.secret import Credential, SecureString
from azjobs.session.accounts import clouds
from azjobs.session.accounts.asked import Asked, Way
from azjobs.session.link.local import Local
from azjobs.session.link.named_secret import NamedSecret

HOW = (
    "Say how to sign in: credential= with a credential of azure-identity, service_principal= with a Credential and "
    "a tenant, or identity=True. To try things out: environment='AzureSimulator'."
)
WORKLOAD_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # in pods with a workload identity [azure-workload-identity]
_ONE_TENANT = "An application signs in to one tenant: give tenant=, its id or a domain of it."


def find(here: Local, asked: Asked) -> Way:
    """Return the way that was asked for, but for those that another tool has (`session.accounts.adopting`).

    Raises:
        InvalidInput: it was not said, or does not fit together.
        SignInFailed: the credential object gives no token, or the person was refused.
    """
    _check(asked)
    is_simulator = clouds.is_embedded(asked.environment)
    if not is_simulator:
        cloud, endpoint = clouds.require_environment(asked.environment, here.profile.load().environments), {}
    else:
        endpoint = clouds.start_simulator(here.layout)
        cloud = clouds.simulator_environment(endpoint)
    if isinstance(asked.credential, Credential):
        return _application(cloud, asked.credential, asked.tenant or str(endpoint.get("tenant_id", "")))
    if asked.certificate_path:
        return _certificate(cloud, asked)
    if asked.federated_token is not None or asked.federated_token_file or asked.federated_from:
        from azjobs.session.accounts import federated_sources  # noqa: PLC0415 - few sign in so

        return federated_sources.find(cloud, asked)
    if asked.access_token is not None:
        return _access_token(cloud, asked, asked.access_token)
    if asked.identity and os.environ.get(WORKLOAD_FILE):
        from azjobs.session.accounts import federated_sources  # noqa: PLC0415 - as above

        workload = {"federated_token_file": os.environ[WORKLOAD_FILE], "application_id": asked.account_id}
        return federated_sources.find(cloud, replace(asked, **workload))
    if asked.identity or asked.credential is not None:
        from azjobs.session.accounts import credential_objects  # noqa: PLC0415 - few sign in so

        if asked.credential is None:
            return credential_objects.managed_identity(cloud, asked.account_id, asked.tenant)
        return credential_objects.way_of(cloud, asked.credential, asked.tenant)
    if is_simulator and not (asked.account_id or asked.use_device_authentication or asked.claims_challenge):
        return _demo(here, cloud, endpoint)
    from azjobs.session.accounts import interactive  # noqa: PLC0415 - MSAL is heavy

    return interactive.ask_person(cloud, asked)


def _check(asked: Asked) -> None:
    """Refuse what does not fit together, before anything is started."""
    if isinstance(asked.credential, Credential) and not asked.service_principal:
        raise InvalidInput(f"{HOW} A user's password is not taken: Azure asks for a second factor.")
    has_source = asked.federated_token is not None or asked.federated_token_file or asked.federated_from
    if asked.service_principal and not (
        isinstance(asked.credential, Credential) or asked.certificate_path or has_source
    ):
        raise InvalidInput("A service principal needs credential= with its application id and secret, and tenant=.")
    ways = {
        "credential": asked.credential is not None,
        "certificate_path": bool(asked.certificate_path),
        "federated_token": asked.federated_token is not None,
        "federated_token_file": bool(asked.federated_token_file),
        "federated_from": bool(asked.federated_from),
        "identity": asked.identity,
        "access_token": asked.access_token is not None,
        "use_device_authentication": asked.use_device_authentication,
    }
    given = [name for name, is_given in ways.items() if is_given]
    if len(given) > 1:
        raise InvalidInput(f"Sign in in one way: give {given[0]} or {given[1]}, not both.")
    is_application = asked.certificate_path or has_source
    if asked.application_id and not is_application:
        raise InvalidInput(
            "application_id= goes with certificate_path= or a federated token; a secret with credential=."
        )
    if asked.certificate_password is not None and not asked.certificate_path:
        raise InvalidInput("certificate_password= goes with certificate_path=.")


def _application(cloud: Environment, credential: Credential, tenant: str) -> Way:
    if isinstance(credential.password, NamedSecret):
        raise InvalidInput("A named credential is for machines; give a service principal's secret itself.")
    secret = credential.password
    if not tenant:
        raise InvalidInput("A service principal signs in to one tenant: give tenant=, its id or a domain of it.")
    if not len(secret):
        raise InvalidInput(f"The application {credential.username} has an empty secret.")
    arguments = {"tenant_id": tenant, "client_id": credential.username}
    account = Account(credential.username, AccountType.SERVICE_PRINCIPAL)
    return Way("ClientSecretCredential", cloud, account, tenant, arguments, {"client_secret": secret})


def _certificate(cloud: Environment, asked: Asked) -> Way:
    """The file itself is read by the daemon, each time: here it is only seen that there is one."""
    if not asked.application_id:
        raise InvalidInput("A certificate signs in an application: give application_id=.")
    if not asked.tenant:
        raise InvalidInput(_ONE_TENANT)
    path = Path(asked.certificate_path).expanduser().absolute()
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise InvalidInput(f"The certificate {path} cannot be read: {error.strerror}. Nothing was saved.") from None
    arguments: dict[str, Any] = {
        "tenant_id": asked.tenant,
        "client_id": asked.application_id,
        "certificate_path": str(path),
    }
    if asked.send_certificate_chain:
        arguments["send_certificate_chain"] = True
    secrets = {} if asked.certificate_password is None else {"password": asked.certificate_password}
    account = Account(asked.application_id, AccountType.SERVICE_PRINCIPAL)
    return Way("CertificateCredential", cloud, account, asked.tenant, arguments, secrets)


def _access_token(cloud: Environment, asked: Asked, token: SecureString) -> Way:
    """Whose it is stands in it; `account_id` is for tokens that do not tell."""
    claims = parse_claims(token.reveal())
    expires_at = claims.get("exp")
    if isinstance(expires_at, int | float) and expires_at <= time.time():
        raise SignInFailed("The access token has expired. Get a new one; nothing was saved.")
    told = account_of(claims)
    name = asked.account_id or (told.id if told is not None else "")
    if not name:
        raise InvalidInput("The access token does not tell whose it is: give account_id=.")
    tenant = tenant_of(claims) or asked.tenant
    if not tenant:
        raise InvalidInput("The access token does not tell its tenant: give tenant=.")
    account = Account(name, AccountType.ACCESS_TOKEN)
    return Way("StaticTokenCredential", cloud, account, tenant, {}, {"access_token": token})


def _demo(here: Local, cloud: Environment, endpoint: Mapping[str, Any]) -> Way:
    """The account of the embedded cloud: the daemon reads its published secret where the cloud itself wrote it."""
    account = Account(endpoint["client_id"], AccountType.SERVICE_PRINCIPAL, endpoint["account"])
    arguments = {"endpoint_file": str(here.layout.simulator_folder / clouds.ENDPOINT_NAME)}
    return Way("SimulatorCredential", cloud, account, endpoint["tenant_id"], arguments, {})
