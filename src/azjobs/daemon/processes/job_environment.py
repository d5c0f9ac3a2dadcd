"""Make the environment of a job's process: the submitter's, and in it the identity of the job's context.

What is kept of an environment stays as it was submitted; this is done at each
start. Everything that would lead `DefaultAzureCredential` to another identity is
taken out [azure-identity, EnvironmentVariables].
"""

from __future__ import annotations

from collections.abc import Mapping

from azjobs.core.context import ContextValue
from azjobs.keeper.handover import IDENTITY_PATH

ENDPOINT, HEADER = "IDENTITY_ENDPOINT", "IDENTITY_HEADER"
CREDENTIALS, TENANT, SUBSCRIPTION = "AZURE_TOKEN_CREDENTIALS", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID"
#: `DefaultAzureCredential` tries this one and no other [azure-identity 1.24 and later].
MANAGED_IDENTITY = "ManagedIdentityCredential"
OURS = frozenset({ENDPOINT, HEADER, CREDENTIALS, TENANT, SUBSCRIPTION})
ELSEWHERE = OURS | frozenset(
    {
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
        "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_USERNAME",
        "AZURE_PASSWORD",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        "DEFAULT_IDENTITY_CLIENT_ID",
        "IDENTITY_SERVER_THUMBPRINT",
        "IMDS_ENDPOINT",
        "MSI_ENDPOINT",
        "MSI_SECRET",
    }
)
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def job_environment(
    environment: Mapping[str, str], context: ContextValue | None, *, endpoint: str, key: str
) -> dict[str, str]:
    """Return the environment of the process of a job that acts in `context`.

    `endpoint`: the address of the identity endpoint, "" where there is none. `key`: the job's own.
    """
    if environment.get(ENDPOINT, "").endswith(IDENTITY_PATH):  # submitted by a job: what is its own stays its own
        environment = {name: value for name, value in environment.items() if name not in OURS}
    if context is None or not endpoint:
        return dict(environment)
    own = {
        ENDPOINT: endpoint,
        HEADER: key,
        CREDENTIALS: MANAGED_IDENTITY,
        TENANT: context.tenant.id,
        **({SUBSCRIPTION: context.subscription.id} if context.subscription is not None else {}),
        **_past_proxies(environment),
    }
    return {name: value for name, value in environment.items() if name not in ELSEWHERE} | own


def _past_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """The key is for this machine only: no proxy is to see it."""
    if not any(environment.get(name) for name in _PROXIES):
        return {}
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [host for host in listed.split(",") if host]
    past = ",".join(dict.fromkeys([*hosts, "127.0.0.1"])) if "*" not in hosts else listed
    return {"no_proxy": past, "NO_PROXY": past}
