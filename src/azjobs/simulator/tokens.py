"""Access tokens: JSON Web Tokens signed with RS256, and what makes the resource manager refuse one.

What they claim is written in `token_replies`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

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
        self.public_key = key.public_key()
        numbers = self.public_key.public_numbers()
        self._modulus = encode_part(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big"))
        self._exponent = encode_part(numbers.e.to_bytes(3, "big"))
        self.key_id = encode_part(hashlib.sha256(self._modulus.encode()).digest())[:27]
        header = {"typ": "JWT", "alg": "RS256", "x5t": self.key_id, "kid": self.key_id}
        self._header = encode_part(msgspec.json.encode(header))
        self._verified: dict[str, Claims] = {}

    def to_jwks(self) -> dict[str, Any]:
        """Return the key set: {"keys": [one RSA key]}."""
        key = {"kty": "RSA", "use": "sig", "kid": self.key_id, "x5t": self.key_id}
        return {"keys": [key | {"n": self._modulus, "e": self._exponent}]}

    def sign(self, claims: dict[str, Any], *, now: float, lifetime_s: int) -> str:
        """Return a token that says `claims` and is good for `lifetime_s` from `now` (epoch seconds)."""
        times = {"iat": int(now), "nbf": int(now), "exp": int(now) + lifetime_s}
        signed = f"{self._header}.{encode_part(msgspec.json.encode({**claims, **times}))}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{encode_part(signature)}"

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
            if msgspec.json.decode(decode_part(header)).get("alg") != "RS256":
                raise _invalid_token()
            self.public_key.verify(decode_part(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            return msgspec.json.decode(decode_part(claims), type=Claims)
        except (ValueError, AttributeError, msgspec.MsgspecError, InvalidSignature) as error:
            raise _invalid_token() from error


def _invalid_token() -> ArmError:
    return ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.")


def encode_part(data: bytes) -> str:
    """Return bytes as they stand in a token: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_part(text: str) -> bytes:
    """Return the bytes of a part of a token; ValueError when it is none."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
