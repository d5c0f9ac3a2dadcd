"""The authorize endpoint: one GET that answers at once as the one who sits at the browser would have.

Only codes (`response_type=code`) with PKCE (S256), and only addresses of loopback to return to. The answer is a
redirect (`response_mode=query`), or a page whose form posts itself (`form_post`).
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from azjobs.simulator.browser import let_in, sitting
from azjobs.simulator.cloud import Reply
from azjobs.simulator.entra_ask import Ask, resource_of
from azjobs.simulator.entra_errors import EntraError, bad_request, not_simulated
from azjobs.simulator.sign_in_state import CODE_LIFETIME_S, Code

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")


def answer(ask: Ask) -> Reply:
    """Send the browser back with a code, or with the reason why there is none."""
    query = ask.query
    ask.require_public_client(query.get("client_id", ""))
    redirect_uri = _check_redirect(query.get("redirect_uri", ""))
    mode = query.get("response_mode", "query")
    if mode not in ("query", "form_post"):
        raise not_simulated(f"response_mode={mode}", number=900144, status=400)
    try:
        outcome = {"code": _make_code(ask, redirect_uri)}
    except EntraError as error:
        outcome = {"error": error.error, "error_description": str(error)}
        if error.suberror:
            outcome["error_subcode"] = error.suberror
    if query.get("state"):
        outcome["state"] = query["state"]
    return _send_back(redirect_uri, mode, outcome)


def _check_redirect(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise bad_request(
            50011,
            f"The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for "
            "the application: only http on loopback is.",
        )
    return uri


def _make_code(ask: Ask, redirect_uri: str) -> str:
    query, cloud = ask.query, ask.cloud
    if query.get("response_type") != "code":
        raise EntraError(
            400, "unsupported_response_type", 700054, f"response_type '{query.get('response_type')}' is not simulated."
        )
    challenge = _check_challenge(query)
    scope = query.get("scope", "")
    resource_of(cloud, ask.tenant_name, scope)
    browser = cloud.sign_in.browser
    if query.get("prompt") == "none":
        raise EntraError(400, "login_required", 50058, "Session information is not sufficient for single-sign-on.")
    if not browser.accepts:
        raise EntraError(400, "access_denied", 65004, "User declined to consent to access the app.")
    username = sitting(cloud, query.get("login_hint", ""))
    grant = let_in(cloud, username, ask.tenant, query["client_id"], scope, mfa=browser.mfa, nonce=query.get("nonce"))
    ask.entry.tenant_id = grant.tenant_id
    code = f"1.{secrets.token_urlsafe(48)}"
    cloud.sign_in.codes[code] = Code(grant, redirect_uri, challenge, cloud.wall() + CODE_LIFETIME_S)
    return code


def _check_challenge(query: Mapping[str, str]) -> str:
    challenge = query.get("code_challenge")
    if not challenge:
        raise bad_request(
            9002325, "Proof Key for Code Exchange is required for cross-origin authorization code redemption."
        )
    if query.get("code_challenge_method") != "S256":
        raise bad_request(501491, "The code_challenge_method is not simulated; only S256 is.")
    return challenge


def _send_back(redirect_uri: str, mode: str, outcome: Mapping[str, str]) -> Reply:
    if mode == "query":
        separator = "&" if "?" in redirect_uri else "?"
        return Reply(302, headers={"location": f"{redirect_uri}{separator}{urlencode(outcome)}"})
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}" />' for name, value in outcome.items()
    )
    page = (
        "<!doctype html><html><head><title>Working...</title></head><body>"
        f'<form method="POST" name="hiddenform" action="{html.escape(redirect_uri)}">{fields}'
        '<noscript><input type="submit" value="Continue" /></noscript></form>'
        "<script>document.forms[0].submit();</script></body></html>"
    )
    return Reply(200, html=page)
