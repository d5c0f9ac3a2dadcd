"""The issuers' endpoints: discovery and keys for whoever verifies, and the requests of pipelines."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from azjobs.simulator.cloud import Cloud, Reply
from azjobs.simulator.issuers import AUDIENCE, AZURE_PIPELINES, GITHUB, Issuer
from azjobs.simulator.journal import Request

PREFIX = "/oidc/"
DISCOVERY, KEYS, REQUEST = ".well-known/openid-configuration", "jwks", "request"


@dataclass(frozen=True, slots=True)
class IssuerAsk:
    """One request of an issuer."""

    cloud: Cloud
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    entry: Request


def answer(ask: IssuerAsk) -> Reply:
    """Return the reply of an issuer."""
    name, _, rest = ask.path.removeprefix(PREFIX).partition("/")
    issuer = ask.cloud.issuers.find(name)
    if issuer is None:
        return _refusal(404, f"No issuer here is named '{name}'.")
    url = ask.cloud.issuers.url(name)
    match ask.method, name, rest:
        case "GET", _, "jwks":
            return Reply(200, ask.cloud.issuers.signer.to_jwks())
        case "GET", _, ".well-known/openid-configuration":
            body = {
                "issuer": url,
                "jwks_uri": f"{url}/{KEYS}",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
            return Reply(200, body)
        case ("GET", "github", "request") | ("POST", "azure-pipelines", "request"):
            return _give(ask, issuer)
        case _:
            return _refusal(404, f"The simulator does not simulate {ask.method} {ask.path}.")


def request_url(cloud: Cloud, name: str) -> str:
    """Return what a pipeline finds in its environment: GitHub's has a query already, as the real one has."""
    query = "?api-version=2.0" if name == GITHUB else ""
    return f"{cloud.issuers.url(name)}/{REQUEST}{query}"


def _give(ask: IssuerAsk, issuer: Issuer) -> Reply:
    scheme, _, shown = ask.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(shown.encode(), issuer.request_token.encode()):
        return _refusal(401, "The request token is not the one of this run.")
    if issuer.name == AZURE_PIPELINES:
        if not ask.query.get("serviceConnectionId"):
            return _refusal(400, "The query lacks 'serviceConnectionId'.")
        if not ask.query.get("api-version"):
            return _refusal(400, "The query lacks 'api-version'.")
    ask.entry.grant = issuer.name
    is_github = issuer.name == GITHUB
    audience = ask.query.get("audience", "https://github.com/contoso") if is_github else AUDIENCE
    assertion = ask.cloud.issuers.sign(
        issuer, subject=issuer.subject, audience=audience, lifetime_s=issuer.lifetime_s, now=ask.cloud.wall()
    )
    return Reply(200, {"value" if is_github else "oidcToken": assertion})


def _refusal(status: int, text: str) -> Reply:
    return Reply(status, {"message": text})
