"""Assertions: signed statements that an application shows in place of a secret.

One it signs itself with the key of a certificate that it registered, or one of an issuer that it trusts (a federated
credential). The clocks of both sides may differ by `SKEW_S` at the beginning of an assertion's life, not at its end.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from azjobs.simulator.entra_errors import EntraError, bad_request, invalid_client
from azjobs.simulator.principals import Application, FederatedCredential
from azjobs.simulator.tokens import decode_part

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SKEW_S = 300  # what Entra allows between two clocks
_SCHEMES = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH),
}


@dataclass(frozen=True, slots=True)
class Assertion:
    """A token as it was shown, not verified yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    @property
    def issuer(self) -> str:
        """Who made it."""
        return str(self.claims.get("iss", ""))

    def is_signed_by(self, key: rsa.RSAPublicKey) -> bool:
        """Return whether the signature is that of `key`."""
        scheme = _SCHEMES.get(self.header.get("alg", ""))
        if scheme is None:
            return False
        try:
            key.verify(self.signature, self.signed, scheme, hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def check_times(self, now: float) -> None:
        """Refuse an assertion whose time is over, or has not come."""
        expires_at, begins_at = self.claims.get("exp"), self.claims.get("nbf", 0)
        if not isinstance(expires_at, int | float) or not isinstance(begins_at, int | float):
            raise invalid_client(700023, "Client assertion has no valid 'exp' or 'nbf'.")  # a guess
        if expires_at <= now or begins_at > now + SKEW_S:
            raise invalid_client(
                700024,
                f"Client assertion is not within its valid time range. Current time: {now:.0f}, assertion valid from "
                f"{begins_at:.0f}, expiry time of assertion {expires_at:.0f}.",
            )


def parse(text: str) -> Assertion:
    """Return an assertion out of its text; a refusal when it is no token."""
    signed, _, signature = text.rpartition(".")
    header, _, claims = signed.partition(".")
    try:
        return Assertion(
            msgspec.json.decode(decode_part(header), type=dict[str, Any]),
            msgspec.json.decode(decode_part(claims), type=dict[str, Any]),
            signed.encode(),
            decode_part(signature),
        )
    except (ValueError, msgspec.MsgspecError):
        raise bad_request(50027, "JWT token is invalid or malformed.") from None


def check_certificate(application: Application, assertion: Assertion, *, audiences: set[str], now: float) -> None:
    """Refuse an assertion that no registered certificate of the application made for this endpoint."""
    client_id = application.client_id
    certificate = next((one for one in _certificates(application) if _is_named(one, assertion.header)), None)
    if certificate is None:
        raise invalid_client(
            700027,
            "The certificate with identifier used to sign the client assertion is not registered on "
            f"application '{client_id}'. [Reason - The key was not found.]",
        )
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or not assertion.is_signed_by(key):
        raise invalid_client(700027, "Client assertion failed signature validation.")
    if str(assertion.claims.get("sub", "")).lower() != client_id.lower():
        raise invalid_client(700021, "Client assertion application identifier does not match 'client_id' parameter.")
    if assertion.claims.get("aud") not in audiences:
        raise invalid_client(700023, "Client assertion audience claim does not match Realm issuer.")
    assertion.check_times(now)
    if certificate.not_valid_after_utc.timestamp() <= now:
        raise invalid_client(700027, "The certificate used to sign the client assertion has expired.")


def _certificates(application: Application) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(one.encode()) for one in application.certificates]


def _is_named(certificate: x509.Certificate, header: dict[str, Any]) -> bool:
    der = certificate.public_bytes(Encoding.DER)
    prints = {"x5t": hashlib.sha1(der).digest(), "x5t#S256": hashlib.sha256(der).digest()}  # noqa: S324 - RFC 7515
    return any(_decode(header.get(name)) == digest for name, digest in prints.items())


def _decode(text: object) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(f"{text}==") if isinstance(text, str) else None
    except ValueError:
        return None


def check_federated(
    application: Application,
    assertion: Assertion,
    *,
    key_of: Callable[[str], rsa.RSAPublicKey | None],
    now: float,
) -> None:
    """Refuse an assertion that no federated credential of the application is about, or that its issuer did not make.

    `key_of` returns the public key of an issuer, None of one that is not simulated.
    """
    credentials = [one for one in application.federated if one.issuer.rstrip("/") == assertion.issuer.rstrip("/")]
    if not credentials:
        raise _no_match(700211, "issuer", assertion.issuer)
    key = key_of(assertion.issuer)
    if key is None:
        raise invalid_client(
            90061, f"Request to External OIDC endpoint failed: the issuer '{assertion.issuer}' is not simulated."
        )
    if not assertion.is_signed_by(key):
        raise invalid_client(7000272, "The signature of the presented assertion is not that of its issuer.")  # a guess
    _match_claims(credentials, assertion)
    assertion.check_times(now)


def _match_claims(credentials: list[FederatedCredential], assertion: Assertion) -> None:
    subject, audience = assertion.claims.get("sub"), assertion.claims.get("aud")
    of_subject = [one for one in credentials if one.subject == subject]
    if not of_subject:
        raise _no_match(700213, "subject", str(subject))
    if not any(one.audience == audience for one in of_subject):
        raise _no_match(700212, "audience", str(audience))


def _no_match(number: int, what: str, value: str) -> EntraError:
    return invalid_client(
        number,
        f"No matching federated identity record found for presented assertion {what} '{value}'. Check your federated "
        "identity credential Subject, Audience and Issuer against the presented assertion.",
    )
