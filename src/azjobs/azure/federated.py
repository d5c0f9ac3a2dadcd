"""Ask a source for the assertion that says who a workload is, each time one is needed.

An assertion lives some minutes at most and is for one use: it is never kept and
never shown twice. GitHub: docs.github.com, "OpenID Connect reference". Azure
Pipelines: learn.microsoft.com, rest/api/azure/devops/distributedtask/oidctoken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from azjobs.azure.refusals import SignInUnavailable
from azjobs.azure.route import route_to
from azjobs.core.context import host_of
from azjobs.core.errors import SignInFailed
from azjobs.core.signin import SignIn

AUDIENCE = "api://AzureADTokenExchange"  # what Entra expects in an assertion [learn.microsoft.com, workload-identities]
PIPELINES_API = "7.1"  # as azure-identity's AzurePipelinesCredential asks
BROKEN = 500  # HTTP: from here on the answer is about the service, not about what was asked
TIMEOUT_S = 30.0  # guess: such a source is in the same cloud as the workload


class AssertionSource:
    """A web address that gives assertions; called by azure-identity whenever Entra wants one."""

    def __init__(
        self, request: Callable[[requests.Session], requests.Response], field: str, told: Mapping[str, str]
    ) -> None:
        """`field`: where in the JSON the assertion is; `told`: `name` of the source, `advice` when it refuses."""
        self._request = request
        self._field = field
        self._told = told

    def __call__(self) -> str:
        """Return a new assertion.

        Raises:
            SignInFailed: the source gives none any more.
            SignInUnavailable: it cannot be reached, or is overloaded.
        """
        name = self._told["name"]
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = self._request(session)
            except requests.RequestException as problem:
                why = type(problem).__name__
                raise SignInUnavailable(f"{name} cannot be asked for a federated token ({why}).") from None
            status = answer.status_code
            assertion = _field_of(answer, self._field) if status == requests.codes.ok else ""
        if status == requests.codes.too_many_requests or status >= BROKEN:
            raise SignInUnavailable(f"{name} gives no federated token just now (HTTP {status}).")
        if not assertion:
            raise SignInFailed(f"{name} gives no federated token (HTTP {status}): {self._told['advice']}")
        return assertion


def github_actions(sign_in: SignIn, arguments: Mapping[str, Any], secrets: Mapping[str, str]) -> AssertionSource:
    """Return GitHub's source for the job of a workflow.

    Raises:
        SignInFailed: its address is none.
    """
    url = _with_query(_https(arguments["request_url"]), f"audience={quote(arguments.get('audience') or AUDIENCE)}")
    headers = {"authorization": f"bearer {arguments['request_token']}", "accept": "application/json"}
    network = _network(url, sign_in, secrets)
    advice = "the workflow's run is over, or its job lacks the permission `id-token: write`."
    told = {"name": "GitHub Actions", "advice": advice}
    return AssertionSource(lambda session: session.get(url, headers=headers, **network), "value", told)


def azure_pipelines(sign_in: SignIn, arguments: Mapping[str, Any], secrets: Mapping[str, str]) -> AssertionSource:
    """Return Azure Pipelines' source for a service connection.

    Raises:
        SignInFailed: its address is none.
    """
    connection = quote(arguments["service_connection_id"], safe="")
    query = f"api-version={PIPELINES_API}&serviceConnectionId={connection}"
    url = _with_query(_https(arguments["request_url"]).rstrip("/"), query)
    # Without the last one it answers with a redirection to a page for people.
    headers = {
        "authorization": f"Bearer {arguments['system_access_token']}",
        "content-type": "application/json",
        "x-tfs-fedauthredirect": "Suppress",
    }
    network = _network(url, sign_in, secrets)
    advice = "the pipeline's run is over, or it may not use this service connection."
    told = {"name": "Azure Pipelines", "advice": advice}
    return AssertionSource(lambda session: session.post(url, headers=headers, **network), "oidcToken", told)


def _https(url: str) -> str:
    """The request's token goes there: to nobody who could read it on the way."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise SignInFailed("The address that gives federated tokens must begin with https://.")
    return url


def _with_query(url: str, query: str) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{query}"


def _network(url: str, sign_in: SignIn, secrets: Mapping[str, str]) -> dict[str, Any]:
    """The cloud's own authority vouches for its own hosts only; a source is outside, but for the embedded cloud's."""
    route, cloud = route_to(url, sign_in, secrets), sign_in.environment
    is_of_cloud = host_of(url) in {host_of(cloud.authority_url), *cloud.hosts}
    ca_file = route.ca_file if is_of_cloud else sign_in.ca_file
    network: dict[str, Any] = {"timeout": TIMEOUT_S, "allow_redirects": False, "verify": ca_file or True}
    if route.proxy:
        network["proxies"] = {"https": route.proxy}
    return network


def _field_of(answer: requests.Response, field: str) -> str:
    try:
        value = answer.json()[field]
    except (ValueError, KeyError, TypeError):
        return ""
    return value if isinstance(value, str) else ""
