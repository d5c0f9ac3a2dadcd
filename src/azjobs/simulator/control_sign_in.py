"""The orders of the control that concern the authority: browser, device codes, refresh tokens, issuers."""

from __future__ import annotations

from typing import Any

from azjobs.simulator import device_codes
from azjobs.simulator.cloud import Cloud
from azjobs.simulator.control_directory import DirectoryOrder, Order, fill_directory
from azjobs.simulator.issuer_routes import request_url
from azjobs.simulator.issuers import AUDIENCE, Issuer
from azjobs.simulator.sign_in_state import Browser, Loss


class BrowserOrder(Order):
    """Who sits at the browser, and whether "accept" or "decline"."""

    username: str | None = None
    action: str = "accept"
    mfa: bool = True


class DeviceOrder(Order):
    """What to do with one device code."""

    user_code: str
    username: str = ""
    mfa: bool = True


class DeviceCodesOrder(Order):
    """How device codes are from now on; None leaves a setting, `approve_as` "" ends the approval at once."""

    interval_s: int | None = None
    expires_in_s: int | None = None
    enforce_interval: bool | None = None
    approve_as: str | None = None


class RefreshTokensOrder(Order):
    """How refresh tokens are from now on; None leaves a setting."""

    lifetime_s: int | None = None
    strict_rotation: bool | None = None


class RevokeOrder(Order):
    """Whose refresh tokens end (None: everyone's), and why."""

    username: str | None = None
    reason: Loss = Loss.REVOKED


class IssuerOrder(Order):
    """How an issuer's assertions are from now on; None leaves a setting."""

    name: str
    subject: str | None = None
    lifetime_s: int | None = None


class AssertionOrder(Order):
    """An assertion to sign; None is what the issuer usually says."""

    issuer: str
    subject: str | None = None
    audience: str = AUDIENCE
    lifetime_s: int | None = None


def _require_user(cloud: Cloud, username: str) -> None:
    if cloud.directory.find_user(username) is None:
        raise ValueError(f"no user {username}")


def set_browser(cloud: Cloud, order: BrowserOrder) -> None:
    """Say who sits at the browser: `username`, `action` (accept or decline), `mfa`."""
    if order.action not in ("accept", "decline"):
        raise ValueError(f"no one at a browser can {order.action}; accept or decline")
    if order.username is not None:
        _require_user(cloud, order.username)
    cloud.sign_in.browser = Browser(order.username, order.action == "accept", order.mfa)


def approve_device(cloud: Cloud, order: DeviceOrder) -> None:
    """Approve the device that shows `user_code`, as `username`, with or without `mfa`."""
    device_codes.approve(cloud, device_codes.find_pending(cloud, order.user_code), order.username, mfa=order.mfa)


def decline_device(cloud: Cloud, order: DeviceOrder) -> None:
    """Decline the device that shows `user_code`."""
    device_codes.find_pending(cloud, order.user_code).is_declined = True


def set_device_codes(cloud: Cloud, order: DeviceCodesOrder) -> None:
    """Set `interval_s`, `expires_in_s`, `enforce_interval` (slow_down), `approve_as` (a user, at once)."""
    state = cloud.sign_in
    if order.interval_s is not None:
        state.device_interval_s = order.interval_s
    if order.expires_in_s is not None:
        state.device_lifetime_s = order.expires_in_s
    if order.enforce_interval is not None:
        state.is_interval_enforced = order.enforce_interval
    if order.approve_as:
        _require_user(cloud, order.approve_as)
    if order.approve_as is not None:
        state.device_approver = order.approve_as or None


def set_refresh_tokens(cloud: Cloud, order: RefreshTokensOrder) -> None:
    """Set the `lifetime_s` of refresh tokens given out from now on; `strict_rotation`: each is good once."""
    if order.lifetime_s is not None:
        cloud.sign_in.refresh_lifetime_s = order.lifetime_s
    if order.strict_rotation is not None:
        cloud.sign_in.is_rotation_strict = order.strict_rotation


def revoke(cloud: Cloud, order: RevokeOrder) -> None:
    """End the refresh tokens of `username` (all without it); `reason`: revoked, inactive, sign-in-frequency."""
    if order.username is not None:
        _require_user(cloud, order.username)
    wanted = order.username.lower() if order.username else None
    for token in cloud.sign_in.refresh_tokens.values():
        if wanted in (None, token.grant.username.lower()):
            token.loss = order.reason
    for username in list(cloud.sign_in.mfa_tenants):
        if wanted in (None, username):
            del cloud.sign_in.mfa_tenants[username]


def set_issuer(cloud: Cloud, order: IssuerOrder) -> dict[str, Any]:
    """Set the `subject` and `lifetime_s` of an issuer; answers its name, issuer, request_url and request_token."""
    issuer = _require_issuer(cloud, order.name)
    if order.subject is not None:
        issuer.subject = order.subject
    if order.lifetime_s is not None:
        issuer.lifetime_s = order.lifetime_s
    said = {"name": issuer.name, "issuer": cloud.issuers.url(issuer.name), "subject": issuer.subject}
    said |= {"request_url": request_url(cloud, issuer.name), "request_token": issuer.request_token}
    return {**said, "audience": AUDIENCE, "lifetime_s": issuer.lifetime_s}


def sign_assertion(cloud: Cloud, order: AssertionOrder) -> dict[str, Any]:
    """Answer an `assertion` of an issuer, with any `subject`, `audience` and `lifetime_s`."""
    issuer = _require_issuer(cloud, order.issuer)
    text = cloud.issuers.sign(
        issuer,
        subject=order.subject or issuer.subject,
        audience=order.audience,
        lifetime_s=issuer.lifetime_s if order.lifetime_s is None else order.lifetime_s,
        now=cloud.wall(),
    )
    return {"assertion": text}


def _require_issuer(cloud: Cloud, name: str) -> Issuer:
    issuer = cloud.issuers.find(name)
    if issuer is None:
        raise ValueError(f"no issuer {name}; there are {', '.join(cloud.issuers.names())}")
    return issuer


ORDERS: dict[str, tuple[type[Any], Any]] = {
    "directory": (DirectoryOrder, fill_directory),
    "browser": (BrowserOrder, set_browser),
    "approve-device": (DeviceOrder, approve_device),
    "decline-device": (DeviceOrder, decline_device),
    "device-codes": (DeviceCodesOrder, set_device_codes),
    "refresh-tokens": (RefreshTokensOrder, set_refresh_tokens),
    "revoke": (RevokeOrder, revoke),
    "issuer": (IssuerOrder, set_issuer),
    "assertion": (AssertionOrder, sign_assertion),
}
