"""Access tokens: JSON Web Tokens signed with RS256, and what makes the resource manager refuse one.

Claims are those of an app-only token of the real authority as far as clients read them:
aud, iss, iat, nbf, exp, appid, appidacr, idp, idtyp, oid, sub, tid, uti, ver.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from azjobs.simulator.directory import Principal
from azjobs.simulator.errors import ArmError

_KEPT_VERIFIED = 10_000  # guess: more tokens than any test uses at once


class Claims(msgspec.Struct, frozen=True):
    """What a token says, as far as the resource manager cares."""

    aud: str
    iss: str
    exp: int
    tid: str
    appid: str
    oid: str


class TokenSigner:
    """Signs tokens, checks them, publishes the key. Tokens that were checked once are remembered until they expire."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        """Use `key` for every token."""
        self._key = key
        self._public = key.public_key()
        numbers = self._public.public_numbers()
        self._modulus = _encode(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big"))
        self._exponent = _encode(numbers.e.to_bytes(3, "big"))
        self.key_id = _encode(hashlib.sha256(self._modulus.encode()).digest())[:27]
        header = {"typ": "JWT", "alg": "RS256", "x5t": self.key_id, "kid": self.key_id}
        self._header = _encode(msgspec.json.encode(header))
        self._verified: dict[str, Claims] = {}

    def to_jwks(self) -> dict[str, Any]:
        """Return the key set: {"keys": [one RSA key]}."""
        key = {"kty": "RSA", "use": "sig", "kid": self.key_id, "x5t": self.key_id}
        return {"keys": [key | {"n": self._modulus, "e": self._exponent}]}

    def sign(self, principal: Principal, *, audience: str, issuer: str, now: float, lifetime_s: int) -> str:
        """Return a token for `principal` that is good for `lifetime_s` from `now` (epoch seconds)."""
        claims = {
            "aud": audience,
            "iss": issuer,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + lifetime_s,
            "appid": principal.client_id,
            "appidacr": "1",  # a client secret was shown
            "idp": issuer,
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": principal.tenant_id,
            "uti": uuid.uuid4().hex[:22],
            "ver": "1.0",
        }
        signed = f"{self._header}.{_encode(msgspec.json.encode(claims))}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encode(signature)}"

    def verify(self, token: str, *, now: float) -> Claims:
        """Return what a token says; a 401 ArmError when its signature is not ours or its time is over."""
        claims = self._verified.get(token)
        if claims is None:
            claims = self._check_signature(token)
            if len(self._verified) >= _KEPT_VERIFIED:
                self._verified.clear()
            self._verified[token] = claims
        if claims.exp <= now:
            raise ArmError(401, "ExpiredAuthenticationToken", "The access token expiry time is over.")
        return claims

    def _check_signature(self, token: str) -> Claims:
        signed, _, signature = token.rpartition(".")
        header, _, claims = signed.partition(".")
        try:
            if msgspec.json.decode(_decode(header)).get("alg") != "RS256":
                raise _invalid_token()
            self._public.verify(_decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            return msgspec.json.decode(_decode(claims), type=Claims)
        except (ValueError, AttributeError, msgspec.MsgspecError, InvalidSignature) as error:
            raise _invalid_token() from error


def _invalid_token() -> ArmError:
    return ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
