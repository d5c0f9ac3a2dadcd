"""Read who a token is for. Pure.

The claims of an access token are read, not verified: whoever fetched it is
trusted, and nothing is allowed because of them. Opaque tokens say nothing.
Claims: learn.microsoft.com, access-token-claims-reference.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from typing import Any

import msgspec

from azjobs.core.context import Account, AccountType


def parse_claims(token: str) -> dict[str, Any]:
    """Return the claims of a JSON web token; {} when it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    body = parts[1]
    try:
        claims = msgspec.json.decode(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return {}
    return claims if isinstance(claims, dict) else {}


def account_of(claims: dict[str, Any]) -> Account | None:
    """Return the account a token was given to; None when it does not tell."""
    for name in ("upn", "preferred_username", "unique_name"):
        if text := _text(claims, name):
            return Account(text, AccountType.USER)
    application = _text(claims, "appid") or _text(claims, "azp")
    if application:
        is_managed = "xms_mirid" in claims  # the resource that the identity belongs to
        return Account(application, AccountType.MANAGED_SERVICE if is_managed else AccountType.SERVICE_PRINCIPAL)
    return None


def tenant_of(claims: dict[str, Any]) -> str:
    """Return the id of the tenant that gave a token, or ""."""
    return _text(claims, "tid")


def object_id_of(claims: dict[str, Any]) -> str:
    """Return the account's object id in the tenant that gave a token, or ""."""
    return _text(claims, "oid")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
