"""Device codes: a program shows a short code, someone approves it elsewhere, and the program asks until then.

Who approves is said to the control (`approve-device`), or every code is approved at once by the one whom
`device-codes` names. The page to type the code on is there too: whoever sits at the browser approves.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping

from azjobs.simulator.browser import let_in, sitting
from azjobs.simulator.cloud import Cloud, Reply
from azjobs.simulator.entra_ask import Ask, resource_of
from azjobs.simulator.entra_errors import EntraError
from azjobs.simulator.sign_in_state import DeviceCode, Grant

VERIFICATION = "devicelogin"
_ALPHABET = "BCDFGHJKLMNPQRSTVWXYZ23456789"  # nothing that reads like another letter


def answer(ask: Ask) -> Reply:
    """Give out a device code and the short code to type."""
    form = ask.form("client_id", "scope")
    ask.require_public_client(form["client_id"])
    resource_of(ask.cloud, ask.tenant_name, form["scope"])
    state, now = ask.cloud.sign_in, ask.cloud.wall()
    device_code = secrets.token_urlsafe(48)
    code = DeviceCode(
        user_code="".join(secrets.choice(_ALPHABET) for _ in range(9)),
        client_id=form["client_id"],
        tenant_name=ask.tenant_name,
        scope=form["scope"],
        expires_at=now + state.device_lifetime_s,
        interval_s=state.device_interval_s,
    )
    state.device_codes[device_code] = code
    if state.device_approver is not None:
        approve(ask.cloud, code, state.device_approver, mfa=True)
    page = f"{ask.cloud.base_url}/{VERIFICATION}"
    return Reply(
        200,
        {
            "user_code": code.user_code,
            "device_code": device_code,
            "verification_uri": page,
            "expires_in": state.device_lifetime_s,
            "interval": code.interval_s,
            "message": f"To sign in, use a web browser to open the page {page} and enter the code {code.user_code} "
            "to authenticate.",
        },
    )


def approve(cloud: Cloud, code: DeviceCode, username: str, *, mfa: bool) -> None:
    """Let the program in as a user; ValueError says why that user may not approve."""
    tenant = cloud.directory.find_tenant(code.tenant_name)
    try:
        code.grant = let_in(cloud, username, tenant, code.client_id, code.scope, mfa=mfa)
    except EntraError as error:
        raise ValueError(str(error)) from error


def find_pending(cloud: Cloud, user_code: str) -> DeviceCode:
    """Return the code that someone typed; ValueError when nobody was given it, or it is decided."""
    for code in cloud.sign_in.device_codes.values():
        if code.user_code == user_code.upper().replace("-", "") and code.grant is None and not code.is_declined:
            return code
    raise ValueError(f"no device waits for the code {user_code}")


def page(ask: Ask) -> Reply:
    """Show the page that asks for a code; with a `user_code`, let its program in as who sits at the browser."""
    user_code, cloud = ask.query.get("user_code", ""), ask.cloud
    if not user_code:
        form = (
            f'<form action="/{VERIFICATION}"><label>Code <input name="user_code"></label><button>Next</button></form>'
        )
        return _page(200, form)
    try:
        code = find_pending(cloud, user_code)
        if cloud.sign_in.browser.accepts:
            approve(cloud, code, sitting(cloud, ""), mfa=cloud.sign_in.browser.mfa)
        else:
            code.is_declined = True
    except ValueError as error:
        return _page(400, f"<p>{html.escape(str(error))}</p>")
    said = "You are signed in" if code.grant else "You declined"
    return _page(200, f"<p>{said}. You can close this window.</p>")


def _page(status: int, body: str) -> Reply:
    return Reply(status, html=f"<!doctype html><title>Sign in</title>{body}")


def redeem(ask: Ask, form: Mapping[str, str]) -> Grant:
    """Return what was approved; a refusal while nobody did, when somebody declined, and when time is over."""
    ask.require_public_client(form["client_id"])
    code = ask.cloud.sign_in.device_codes.get(form.get("device_code", ""))
    if code is None or code.client_id.lower() != form["client_id"].lower() or code.is_used:
        raise _refused("bad_verification_code", 70018, "The provided value for 'device_code' is not valid.")
    now, polled_at = ask.cloud.wall(), code.polled_at
    code.polled_at = now
    if code.is_declined:
        raise _refused("authorization_declined", 70017, "The end-user denied the authorization request.")  # a guess
    if code.expires_at <= now:
        raise _refused("expired_token", 70020, "The provided value for 'device_code' is not valid. It has expired.")
    if ask.cloud.sign_in.is_interval_enforced and polled_at is not None and now - polled_at < code.interval_s:
        code.interval_s += 5  # RFC 8628, 3.5
        raise _refused("slow_down", 70016, "The device polls too often. Wait longer between two requests.")
    if code.grant is None:
        raise _refused(
            "authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        )
    code.is_used = True
    return code.grant


def _refused(error: str, number: int, text: str) -> EntraError:
    return EntraError(400, error, number, text)
