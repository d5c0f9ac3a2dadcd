"""Who sits at the browser: what the pages of a sign-in come to, without any page.

The session of a browser remembers where its user has shown the second factor, until the user's tokens are revoked.
"""

from __future__ import annotations

from azjobs.simulator.cloud import Cloud
from azjobs.simulator.directory import Tenant
from azjobs.simulator.entra_ask import check_blocked, needs_mfa
from azjobs.simulator.entra_errors import EntraError, disabled_account, stranger, unknown_user
from azjobs.simulator.sign_in_state import Grant


def let_in(
    cloud: Cloud,
    username: str,
    tenant: Tenant | None,
    client_id: str,
    scope: str,
    *,
    mfa: bool,
    nonce: str | None = None,
) -> Grant:
    """Return the grant of a user who signs in interactively; `tenant` None is the user's own.

    Raises:
        EntraError: the user is unknown, disabled, no member, kept out, or has no second factor (`mfa` False) where
            one is needed.
    """
    user = cloud.directory.find_user(username)
    if user is None:
        raise unknown_user(username)
    tenant = tenant or cloud.directory.tenants[user.home_tenant_id.lower()]
    member = user.in_tenant(tenant.id)
    if member is None:
        raise stranger(username, tenant.name)
    if user.is_disabled or member.is_disabled:
        raise disabled_account(username)
    check_blocked(cloud, member)
    key, place = user.username.lower(), tenant.id.lower()
    shown = cloud.sign_in.mfa_tenants.get(key, frozenset())
    if needs_mfa(cloud, member) and place not in shown:
        if not mfa:
            raise EntraError(
                400, "access_denied", 500121, "Authentication failed during strong authentication request."
            )
        shown |= {place}
        cloud.sign_in.mfa_tenants[key] = shown
    return Grant(user.username, client_id, tenant.id, scope, shown, nonce)


def sitting(cloud: Cloud, login_hint: str) -> str:
    """Return who answers the pages: the one the control set, else whom the hint names, else the first user."""
    if cloud.sign_in.browser.username is not None:
        return cloud.sign_in.browser.username
    return login_hint or next(iter(cloud.directory.users.values())).username
