"""Give out one access token that somebody brought, while it is good."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from azure.core.credentials import AccessToken

from azjobs.core.claims import parse_claims
from azjobs.core.errors import SignInFailed

NO_MORE = "a token that was brought along cannot be renewed. Type: azjobs account connect"

# Resource Manager takes tokens for either of its names [azure-powershell-common, AzureEnvironmentConstants].
_SAME = {
    "https://management.core.windows.net": "https://management.azure.com",
    "https://management.core.chinacloudapi.cn": "https://management.chinacloudapi.cn",
    "https://management.core.usgovcloudapi.net": "https://management.usgovcloudapi.net",
}


class StaticTokenCredential:
    """A credential that has one token and no way to another."""

    def __init__(self, access_token: str, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives epoch seconds."""
        self._token = access_token
        self._clock = clock
        claims = parse_claims(access_token)
        expires_at = claims.get("exp")
        self._expires_at = int(expires_at) if isinstance(expires_at, int | float) else 0
        self._audience = str(claims.get("aud") or "")

    def get_token(self, *scopes: str, claims: str | None = None, **_options: Any) -> AccessToken:
        """Return the token, if it is for what is asked.

        Raises:
            SignInFailed: it has expired, is for another service, or further claims are asked for.
        """
        if not self._expires_at:
            raise SignInFailed("The access token cannot be read: it is no JSON Web Token with a time of expiry.")
        if self._clock() >= self._expires_at:
            moment = datetime.fromtimestamp(self._expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
            raise SignInFailed(f"The access token has expired at {moment}, and {NO_MORE}")
        if claims:
            raise SignInFailed(f"Azure asks for more than the access token says (a claims challenge), and {NO_MORE}")
        wanted = {_service(scope) for scope in scopes}
        is_address = "://" in self._audience  # the id of an application tells nobody what it is
        if is_address and _service(self._audience) not in wanted:
            failure = SignInFailed(f"The access token is for {self._audience}, not for {' '.join(scopes)}.")
            failure.is_of_scope = True
            raise failure
        return AccessToken(self._token, self._expires_at)


def _service(scope: str) -> str:
    name = scope.lower().removesuffix("/.default").rstrip("/")
    return _SAME.get(name, name)
