"""Ask a person to sign in: where there is no browser, say what to do instead."""

from __future__ import annotations

import os
import sys
import webbrowser
from base64 import b64decode
from binascii import Error

from azjobs.core.context import Account, AccountType, Environment, SignInKey
from azjobs.core.errors import InvalidInput, SignInFailed
from azjobs.core.signin import SignIn
from azjobs.session.accounts.asked import Asked, Way
from azjobs.session.accounts.network import network_of

NO_BROWSER = (
    "Say how to sign in: no browser can be opened here. Add --use-device-authentication (in Python: "
    "use_device_authentication=True), --from az, --service-principal with --credential APP-ID and --tenant, or "
    "--identity. To try things out: --environment AzureSimulator"
)
TIMEOUT_S = 900.0  # as long as a device code lives [learn.microsoft.com, v2-oauth2-device-code, expires_in]
KIND = "UserCredential"


def ask_person(cloud: Environment, asked: Asked) -> Way:
    """Return the way by a person, who has signed in now.

    Raises:
        InvalidInput: there is no browser here.
        SignInFailed: they were refused, declined, or did not end in time.
    """
    claims = _decoded(asked.claims_challenge)
    if not asked.use_device_authentication and not has_browser():
        raise InvalidInput(NO_BROWSER)
    from azjobs.azure.interactive import CLIENT_ID, Interaction  # noqa: PLC0415 - MSAL is heavy
    from azjobs.azure.refusals import SignInUnavailable  # noqa: PLC0415 - as above

    network = network_of(cloud)
    key = SignInKey(cloud.name.lower(), "", asked.tenant)
    sign_in = SignIn(key, KIND, cloud, proxy=network.proxy, no_proxy=network.no_proxy, ca_file=network.ca_file)
    # No local variable: a traceback that shows those must not show a proxy's password.
    attempt = Interaction(
        sign_in, {name: secret.reveal() for name, secret in network.secrets.items()}, timeout_s=TIMEOUT_S
    )
    try:
        if asked.use_device_authentication:
            person = attempt.by_device_code(_say, claims=claims)
        else:
            _say("Sign in with the browser that opens now; to end this, press Ctrl-C.")
            person = attempt.by_browser(login_hint=asked.account_id, claims=claims)
    except SignInUnavailable as problem:
        raise SignInFailed(f"{problem} Nothing was saved.") from None
    arguments = {"client_id": CLIENT_ID, "home_account_id": person.home_account_id, "username": person.username}
    account = Account(person.username, AccountType.USER)
    return Way(KIND, cloud, account, person.tenant, arguments, {"token_cache": person.cache})


def has_browser() -> bool:
    """Whether a person can be shown a page: BROWSER says with what, or there is a desktop."""
    if not os.environ.get("BROWSER") and sys.platform != "darwin":
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            return False  # what is found then is a browser of text, in which nobody can sign in
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _say(sentence: str) -> None:
    """Python may have no such stream, where it was closed."""
    if sys.stderr is not None:
        sys.stderr.write(sentence + "\n")
        sys.stderr.flush()


def _decoded(claims: str) -> str:
    """Claims are in base64 as Azure's own messages show them, or JSON as they are."""
    if not claims or claims.lstrip().startswith("{"):
        return claims
    try:
        return b64decode(claims, validate=True).decode()
    except (Error, ValueError):
        raise InvalidInput("claims_challenge= is JSON, or base64 of it as in the message that asks for it.") from None
