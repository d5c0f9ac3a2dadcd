"""Get tokens for a person who signed in before: silently, from one cache for all of their tenants.

The cache is MSAL's. A refresh token is good for every tenant of its person, and
Entra may give another one in place of it at any use; so one cache is shared, one
fetch uses it at a time, and whoever owns it is told that it has changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import msal
import msgspec
import requests
from azure.core.credentials import AccessToken

from azjobs.azure.refusals import CONNECT, SignInUnavailable, explain, retry_after_s
from azjobs.azure.route import Route, route_to
from azjobs.core.context import BUILT_IN_ENVIRONMENTS
from azjobs.core.errors import SignInFailed
from azjobs.core.signin import SignIn

TIMEOUT_S = 30.0  # guess: Entra answers in well under a second


_Content = dict[str, dict[str, dict[str, Any]]]  # by kind (RefreshToken, Account, ...) and a key of MSAL's


class UserCache:
    """The tokens of one person in one cloud: MSAL's cache, and the lock of whoever uses it.

    A person's name may be that of two accounts, a personal one and one of work: both are in it.
    """

    def __init__(self, text: str) -> None:
        """`text` is the cache as MSAL serialises it.

        Raises:
            SignInFailed: it is none.
        """
        self.lock = threading.Lock()
        self.msal = msal.SerializableTokenCache()
        try:
            msgspec.json.decode(text, type=dict[str, dict[str, Any]])
            self.msal.deserialize(text)
        except (ValueError, msgspec.MsgspecError):
            raise SignInFailed(f"The tokens of this sign-in cannot be read. {CONNECT}") from None

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "<UserCache>"

    @property
    def has_changed(self) -> bool:
        """Whether it is not as when it was last taken."""
        return bool(self.msal.has_state_changed)

    @property
    def accounts(self) -> set[str]:
        """The home accounts that it has something of."""
        entries = (one for kind in self._content().values() for one in kind.values())
        return {one["home_account_id"] for one in entries if "home_account_id" in one}

    def take(self) -> str:
        """Return the whole cache as text, which holds refresh tokens; from here on it counts as unchanged.

        MSAL has a lock of its own for that: nobody waits here for a fetch that is under way.
        """
        return str(self.msal.serialize())

    def take_over(self, other: UserCache, accounts: Iterable[str]) -> None:
        """Hold what another cache has of these home accounts, too; waits for a fetch that uses that one."""
        with other.lock:
            self._put(self._content(), _of_accounts(other._content(), set(accounts)))

    def keep_only(self, accounts: Iterable[str]) -> None:
        """Forget every home account but these; waits for a fetch that is under way."""
        with self.lock:
            self._put(_of_accounts(self._content(), set(accounts)))

    def _content(self) -> _Content:
        has_changed = self.has_changed
        text = self.take()
        if has_changed:
            self.mark_changed()
        return msgspec.json.decode(text, type=_Content)

    def _put(self, *parts: _Content) -> None:
        kinds = {kind for part in parts for kind in part}
        content = {kind: {k: one for part in parts for k, one in part.get(kind, {}).items()} for kind in kinds}
        self.msal.deserialize(msgspec.json.encode(content).decode())
        self.mark_changed()

    def mark_changed(self) -> None:
        """What was taken could not be kept."""
        self.msal.has_state_changed = True


class UserCredential:
    """A person's credential for one tenant."""

    def __init__(
        self, sign_in: SignIn, secrets: Mapping[str, str], cache: UserCache, *, is_refused: bool = False
    ) -> None:
        """Nothing is asked of the network yet; `cache` is shared with the person's other tenants.

        `is_refused`: Azure did not take the token that the cache still has.
        """
        self._is_refused = is_refused
        self._sign_in = sign_in
        self._cache = cache
        self._authority = f"{sign_in.environment.authority_url.rstrip('/')}/{sign_in.key.tenant}"
        self._session = web_session(route_to(self._authority, sign_in, secrets))
        self._session.hooks["response"].append(self._heard)
        self._client: msal.PublicClientApplication | None = None
        self._status, self._delay_s = 0, 0.0  # of the last answer

    def get_token(self, *scopes: str, claims: str | None = None, **_options: Any) -> AccessToken:
        """Return an access token without asking the person.

        Raises:
            SignInFailed: Entra wants the person, or nothing of them is kept.
            SignInUnavailable: it cannot be reached, or is overloaded.
        """
        with self._cache.lock:
            self._status, self._delay_s = 0, 0.0
            try:
                found = self._ask(list(scopes), claims)
            except requests.HTTPError as problem:
                raise self._explained(type(problem).__name__) from None
            except requests.RequestException as problem:
                why = type(problem).__name__  # its text has addresses, and may have a proxy's password
                raise SignInUnavailable(f"The sign-in service cannot be reached ({why}).") from None
            except ValueError as problem:  # from MSAL, about the authority
                raise self._explained(str(problem)) from None
        if "access_token" not in found:
            raise self._explained(f"{found.get('error_description') or found.get('error') or 'no token was given'}")
        return AccessToken(found["access_token"], int(time.time()) + int(found["expires_in"]))

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()

    def _ask(self, scopes: list[str], claims: str | None) -> dict[str, Any]:
        if self._client is None:
            self._client = self._make_client()
        wanted = self._sign_in.arguments["home_account_id"]
        account = next((one for one in self._client.get_accounts() if one["home_account_id"] == wanted), None)
        if account is None:
            raise SignInFailed(f"No token of {self._sign_in.arguments.get('username', '')} is kept. {CONNECT}")
        found = self._client.acquire_token_silent_with_error(
            scopes, account, force_refresh=self._is_refused, claims_challenge=claims
        )
        self._is_refused = self._is_refused and "access_token" not in (found or {})
        return found or {}

    def _make_client(self) -> msal.PublicClientApplication:
        known = {cloud.authority_url for cloud in BUILT_IN_ENVIRONMENTS}
        is_known = self._sign_in.environment.authority_url in known
        return msal.PublicClientApplication(
            self._sign_in.arguments["client_id"],
            authority=self._authority,
            token_cache=self._cache.msal,
            # Else it would ask login.microsoftonline.com whether the authority is one it knows.
            instance_discovery=None if is_known else False,
            http_client=self._session,
        )

    def _explained(self, text: str) -> SignInFailed | SignInUnavailable:
        key = self._sign_in.key
        account = self._sign_in.arguments.get("username") or key.account
        return explain(text, account=account, tenant=key.tenant, status=self._status, delay_s=self._delay_s)

    def _heard(self, response: requests.Response, *_: Any, **__: Any) -> None:
        """MSAL keeps to itself how it was answered."""
        self._status, self._delay_s = response.status_code, retry_after_s(response.headers)


def _of_accounts(content: _Content, accounts: set[str]) -> _Content:
    """Return what is of these home accounts, or of no account."""
    return {
        kind: {key: one for key, one in entries.items() if one.get("home_account_id") in {*accounts, None}}
        for kind, entries in content.items()
    }


def web_session(route: Route) -> requests.Session:
    """Return a session of requests that goes that way, and waits for no answer for ever."""
    session = requests.Session()
    session.trust_env = False
    session.verify = route.ca_file or True
    if route.proxy:
        session.proxies = {"https": route.proxy}
    session.request = partial(session.request, timeout=TIMEOUT_S)  # type: ignore[method-assign]  # requests has no other default
    return session
