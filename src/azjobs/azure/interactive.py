"""Sign a person in: by the browser, or by a code that is typed on another device.

For client processes; the person is here. The whole token cache is returned, for
the daemon: why MSAL is used directly is told in docs/adr/0010.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msal
import requests

from azjobs.azure.refusals import CONNECT, SignInUnavailable, explain
from azjobs.azure.route import route_to
from azjobs.azure.user_credential import web_session
from azjobs.core.context import BUILT_IN_ENVIRONMENTS
from azjobs.core.errors import SignInFailed
from azjobs.core.secret import SecureString
from azjobs.core.signin import SignIn

# The public client of the Azure CLI, which azure-identity uses for developers, too
# [azure-identity, _constants.py, DEVELOPER_SIGN_ON_CLIENT_ID]; every tenant knows it.
CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
ANY_TENANT = "organizations"  # whichever is the person's own [learn.microsoft.com, v2-protocols, Endpoints]


class Person(NamedTuple):
    """Who signed in, in which tenant, and the serialised token cache, which holds refresh tokens."""

    username: str
    home_account_id: str
    tenant: str
    cache: SecureString


class Interaction:
    """One attempt of a person to sign in to a tenant; "" is their own."""

    def __init__(self, sign_in: SignIn, secrets: dict[str, str], *, timeout_s: float) -> None:
        """Nothing is asked of the network yet; of `sign_in` its environment, tenant and network count."""
        self._tenant = sign_in.key.tenant or ANY_TENANT
        self._scope = sign_in.environment.scope
        self._timeout_s = timeout_s
        self._cache = msal.SerializableTokenCache()
        authority = sign_in.environment.authority_url.rstrip("/")
        self._session = web_session(route_to(authority, sign_in, secrets))
        is_known = sign_in.environment.authority_url in {cloud.authority_url for cloud in BUILT_IN_ENVIRONMENTS}
        self._make: Callable[[], Any] = lambda: msal.PublicClientApplication(
            CLIENT_ID,
            authority=f"{authority}/{self._tenant}",
            token_cache=self._cache,
            # Else it would ask login.microsoftonline.com whether the authority is one it knows.
            instance_discovery=None if is_known else False,
            http_client=self._session,
        )

    def by_browser(self, *, login_hint: str = "", claims: str = "") -> Person:
        """Open the browser and wait until the person has signed in there.

        Raises:
            SignInFailed: they were refused, or did not end in time.
            SignInUnavailable: the sign-in service cannot be reached.
        """

        def ask(client: Any) -> dict[str, Any]:
            return client.acquire_token_interactive(  # type: ignore[no-any-return]  # MSAL has no types
                [self._scope],
                prompt=None if login_hint else "select_account",
                login_hint=login_hint or None,
                claims_challenge=claims or None,
                timeout=self._timeout_s,
            )

        return self._person(ask)

    def by_device_code(self, say: Callable[[str], None], *, claims: str = "") -> Person:
        """Say which code to type where, and wait until the person has done so.

        Raises:
            SignInFailed: they were refused, or did not end in time.
            SignInUnavailable: the sign-in service cannot be reached.
        """

        def ask(client: Any) -> dict[str, Any]:
            flow = client.initiate_device_flow(scopes=[self._scope], claims_challenge=claims or None)
            if "user_code" not in flow:
                return dict(flow)
            say(flow["message"])
            flow["expires_at"] = min(flow["expires_at"], time.time() + self._timeout_s)  # documented by MSAL
            return client.acquire_token_by_device_flow(flow, claims_challenge=claims or None)  # type: ignore[no-any-return]  # as above

        return self._person(ask)

    def _person(self, ask: Callable[[Any], dict[str, Any]]) -> Person:
        with self._session:
            try:
                client = self._make()
                found = ask(client)
            except requests.RequestException as problem:
                why = type(problem).__name__  # its text has addresses, and may have a proxy's password
                raise SignInUnavailable(f"The sign-in service cannot be reached ({why}).") from None
            except ValueError as problem:  # from MSAL, about the authority
                raise explain(str(problem), account="", tenant=self._tenant) from None
            except msal.BrowserInteractionTimeoutError:
                raise self._too_late() from None
        if "access_token" not in found:
            raise self._refusal(found)
        account = client.get_accounts()[0]
        tenant = str(found.get("id_token_claims", {}).get("tid", "")) or account["home_account_id"].partition(".")[2]
        cache = SecureString(self._cache.serialize())
        return Person(account["username"], account["home_account_id"], tenant, cache)

    def _refusal(self, found: dict[str, Any]) -> Exception:
        if found.get("error") in ("authorization_pending", "expired_token"):
            return self._too_late()
        if found.get("error") in ("access_denied", "authorization_declined"):
            return SignInFailed("The sign-in was declined; nothing was saved.")
        text = f"{found.get('error_description') or found.get('error') or 'no token was given'}"
        return explain(text, account="", tenant=self._tenant)

    def _too_late(self) -> SignInFailed:
        return SignInFailed(f"Nobody signed in within {self._timeout_s:g} s; nothing was saved. {CONNECT}")
