"""Sign in a workload by a source of federated tokens, which is asked again each time.

A federated token lives for minutes: a copy of one would end every job that is
longer. So a source is kept: a file, a function, or the address that the CI
service gives to its jobs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from azjobs.core.context import BUILT_IN_ENVIRONMENTS, Account, AccountType, Environment
from azjobs.core.errors import InvalidInput
from azjobs.core.secret import SecureString
from azjobs.session.accounts.asked import Asked, Way
from azjobs.session.accounts.credential_objects import in_own_process

GIVE_THE_SOURCE = (
    "A federated token itself is not taken, since it expires in minutes: give its source, by federated_token_file= "
    "with a path, federated_token= with a function, or federated_from='GitHubActions' or 'AzurePipelines'."
)


def find(cloud: Environment, asked: Asked) -> Way:
    """Return the way by the source that was given.

    Raises:
        InvalidInput: the source is none, or the application or tenant is missing.
    """
    if asked.federated_token is not None and not callable(asked.federated_token):
        raise InvalidInput(GIVE_THE_SOURCE)
    asked = _with_workload(asked)
    if not asked.application_id:
        raise InvalidInput("A federated token signs in an application: give application_id=.")
    if not asked.tenant:
        raise InvalidInput("A federated token signs in to one tenant: give tenant=, its id or a domain of it.")
    if asked.federated_token is not None:
        return _of_function(cloud, asked, asked.federated_token)
    if asked.federated_from == "GitHubActions":
        return _of_github(cloud, asked)
    if asked.federated_from == "AzurePipelines":
        return _of_pipelines(cloud, asked)
    if asked.federated_from:
        raise InvalidInput(f"federated_from= is GitHubActions or AzurePipelines, not {asked.federated_from}.")
    return _of_file(cloud, asked)


def _with_workload(asked: Asked) -> Asked:
    """Fill in what a workload identity's webhook has put into the environment [azure-workload-identity]."""
    if not asked.federated_token_file:
        return asked
    application = asked.application_id or os.environ.get("AZURE_CLIENT_ID", "")
    return replace(asked, application_id=application, tenant=asked.tenant or os.environ.get("AZURE_TENANT_ID", ""))


def _of_file(cloud: Environment, asked: Asked) -> Way:
    path = Path(asked.federated_token_file).expanduser().absolute()
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        problem = error.strerror
        raise InvalidInput(f"The federated token's file {path} cannot be read: {problem}. Nothing was saved.") from None
    return _way("WorkloadIdentityCredential", cloud, asked, {"token_file_path": str(path)})


def _of_github(cloud: Environment, asked: Asked) -> Way:
    advice = "this is no job of GitHub Actions with the permission `id-token: write`"
    url = _variable("ACTIONS_ID_TOKEN_REQUEST_URL", advice)
    token = _variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", advice)
    return _way("GitHubActionsCredential", cloud, asked, {"request_url": url}, {"request_token": SecureString(token)})


def _of_pipelines(cloud: Environment, asked: Asked) -> Way:
    if not asked.service_connection_id:
        raise InvalidInput("Azure Pipelines gives tokens for a service connection: give service_connection_id=.")
    url = _variable("SYSTEM_OIDCREQUESTURI", "this is no job of Azure Pipelines")
    advice = "map it in the step's env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)"
    token = _variable("SYSTEM_ACCESSTOKEN", advice)
    arguments = {"service_connection_id": asked.service_connection_id, "request_url": url}
    return _way("AzurePipelinesCredential", cloud, asked, arguments, {"system_access_token": SecureString(token)})


def _of_function(cloud: Environment, asked: Asked, function: Callable[[], str]) -> Way:
    """The function runs in a process of its own, with this program's interpreter and environment."""
    is_known = cloud.authority_url in {known.authority_url for known in BUILT_IN_ENVIRONMENTS}
    make = partial(
        _make_assertion_credential,
        asked.tenant,
        asked.application_id,
        function,
        authority=cloud.authority_url,
        disable_instance_discovery=not is_known,
        **({"connection_verify": cloud.ca_file} if cloud.ca_file else {}),
    )
    account = Account(asked.application_id, AccountType.SERVICE_PRINCIPAL)
    return in_own_process(Way("", cloud, account, asked.tenant), make)


def _make_assertion_credential(tenant: str, client: str, function: Callable[[], str], **options: object) -> object:
    from azure.identity import ClientAssertionCredential  # noqa: PLC0415 - heavy; in the credential's process

    return ClientAssertionCredential(tenant, client, function, **options)


def _way(
    kind: str,
    cloud: Environment,
    asked: Asked,
    arguments: dict[str, str],
    secrets: dict[str, SecureString] | None = None,
) -> Way:
    account = Account(asked.application_id, AccountType.SERVICE_PRINCIPAL)
    whole = {"tenant_id": asked.tenant, "client_id": asked.application_id, **arguments}
    return Way(kind, cloud, account, asked.tenant, whole, secrets or {})


def _variable(name: str, advice: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise InvalidInput(f"There is no {name} in the environment: {advice}.")
    return value
