"""Issuers of assertions: what a pipeline's host, or a cluster, says about the program that runs there.

Three are simulated. `github` and `azure-pipelines` answer requests that show their request token, as GitHub Actions
(ACTIONS_ID_TOKEN_REQUEST_URL) and Azure Pipelines (SYSTEM_OIDCREQUESTURI) do; `kubernetes` only signs what the control
asks for, as for a file of a workload. All sign with one key, which is not the authority's.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa

from azjobs.simulator.tokens import TokenSigner

GITHUB, AZURE_PIPELINES, KUBERNETES = "github", "azure-pipelines", "kubernetes"
AUDIENCE = "api://AzureADTokenExchange"
LIFETIME_S = 600  # guess: GitHub's live about ten minutes
_SUBJECTS = {
    GITHUB: "repo:contoso/rehearsal:ref:refs/heads/main",
    AZURE_PIPELINES: "sc://contoso/rehearsal/production",
    KUBERNETES: "system:serviceaccount:default:workload",
}


@dataclass(slots=True)
class Issuer:
    """One issuer as the control left it."""

    name: str
    subject: str
    lifetime_s: int = LIFETIME_S
    request_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


class Issuers:
    """All issuers, and the key they sign with; the key is made when it is first needed."""

    def __init__(self) -> None:
        """Begin with the three, as they are usually."""
        self._named = {name: Issuer(name, subject) for name, subject in _SUBJECTS.items()}
        self._signer: TokenSigner | None = None
        self._urls: dict[str, str] = {}

    def reset(self) -> None:
        """Return to the usual subjects and lives; key and request tokens stay."""
        for name, issuer in self._named.items():
            issuer.subject, issuer.lifetime_s = _SUBJECTS[name], LIFETIME_S

    def find(self, name: str) -> Issuer | None:
        """Return the issuer of that name."""
        return self._named.get(name)

    def names(self) -> list[str]:
        """Return the names of all."""
        return list(self._named)

    @property
    def signer(self) -> TokenSigner:
        """The key of all issuers."""
        if self._signer is None:
            self._signer = TokenSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        return self._signer

    def listen_at(self, base_url: str) -> None:
        """Say where the issuers are reached, which is part of what they sign."""
        self._urls = {name: f"{base_url}/oidc/{name}" for name in self._named}

    def url(self, name: str) -> str:
        """Return the url of an issuer: the `iss` of its assertions."""
        return self._urls[name]

    def public_key(self, url: str) -> rsa.RSAPublicKey | None:
        """Return the key of the issuer with that url, None of a stranger."""
        return self.signer.public_key if url.rstrip("/") in self._urls.values() else None

    def sign(self, issuer: Issuer, *, subject: str, audience: str, lifetime_s: int, now: float) -> str:
        """Return an assertion that `subject` runs there, for `audience`."""
        claims = {"iss": self.url(issuer.name), "sub": subject, "aud": audience, "jti": str(uuid.uuid4())}
        return self.signer.sign(claims, now=now, lifetime_s=lifetime_s)
