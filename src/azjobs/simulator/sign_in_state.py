"""What the authority remembers between requests: who sits at the browser, codes, device codes, refresh tokens.

A reset is a new object put in its place. Durations are seconds, instants epoch seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

CODE_LIFETIME_S = 600  # what Entra gives an authorization code
DEVICE_CODE_LIFETIME_S = 900  # what Entra says in expires_in
DEVICE_CODE_INTERVAL_S = 5  # what Entra says in interval
REFRESH_LIFETIME_S = 90 * 24 * 3600  # 90 days without use


class Loss(StrEnum):
    """Why a refresh token is no longer good."""

    REVOKED = "revoked"
    INACTIVE = "inactive"
    SIGN_IN_FREQUENCY = "sign-in-frequency"


@dataclass(slots=True)
class Browser:
    """Who answers the pages of authorize, and how; without a name the login hint, else the first user does."""

    username: str | None = None
    accepts: bool = True
    mfa: bool = True


@dataclass(slots=True)
class Grant:
    """That a user let a client in: in which tenants the second factor was shown, and how far the sign-in went."""

    username: str
    client_id: str
    tenant_id: str
    scope: str
    mfa_tenants: frozenset[str] = frozenset()
    nonce: str | None = None


@dataclass(slots=True)
class Code:
    """An authorization code: good once, for the client and address that asked."""

    grant: Grant
    redirect_uri: str
    challenge: str | None
    expires_at: float
    is_used: bool = False


@dataclass(slots=True)
class DeviceCode:
    """A device code; `grant` is there once someone approved."""

    user_code: str
    client_id: str
    tenant_name: str
    scope: str
    expires_at: float
    interval_s: int
    polled_at: float | None = None
    is_declined: bool = False
    is_used: bool = False
    grant: Grant | None = None


@dataclass(slots=True)
class RefreshToken:
    """A refresh token; `is_used` once another took its place."""

    grant: Grant
    expires_at: float
    loss: Loss | None = None
    is_used: bool = False


@dataclass(slots=True)
class SignInState:
    """All of it, and the settings of the control."""

    browser: Browser = field(default_factory=Browser)
    codes: dict[str, Code] = field(default_factory=dict)
    device_codes: dict[str, DeviceCode] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    #: In which tenants the browser's session of a user has shown the second factor.
    mfa_tenants: dict[str, frozenset[str]] = field(default_factory=dict)
    refresh_lifetime_s: int = REFRESH_LIFETIME_S
    is_rotation_strict: bool = False
    device_interval_s: int = DEVICE_CODE_INTERVAL_S
    device_lifetime_s: int = DEVICE_CODE_LIFETIME_S
    is_interval_enforced: bool = False
    #: Who approves every device code at once; None: nobody does.
    device_approver: str | None = None
