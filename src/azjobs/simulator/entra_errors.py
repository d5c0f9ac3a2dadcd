"""The refusals of the authority, in Entra's words and numbers.

Numbers and texts follow Entra's list of error codes (learn.microsoft.com, reference-error-codes), shortened. Numbers
that the list does not tell apart are guesses and marked so.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime


class EntraError(Exception):
    """A refusal of the authority: an HTTP status, an OAuth error word and an AADSTS number with its text."""

    def __init__(
        self, status: int, error: str, number: int, text: str, *, suberror: str = "", claims: str = ""
    ) -> None:
        """Make a refusal; `text` never holds a secret."""
        super().__init__(f"AADSTS{number}: {text}")
        self.status = status
        self.error = error
        self.number = number
        self.suberror = suberror
        self.claims = claims


def bad_request(number: int, text: str) -> EntraError:
    """Return the refusal of a request that is not well-formed."""
    return EntraError(400, "invalid_request", number, text)


def missing_parameter(name: str) -> EntraError:
    """Return the refusal of a request that lacks a parameter."""
    return bad_request(900144, f"The request body must contain the following parameter: '{name}'.")


def invalid_grant(number: int, text: str, *, suberror: str = "") -> EntraError:
    """Return the refusal of a code, a refresh token or a password."""
    return EntraError(400, "invalid_grant", number, text, suberror=suberror)


def invalid_client(number: int, text: str) -> EntraError:
    """Return the refusal of an application that did not prove who it is."""
    return EntraError(401, "invalid_client", number, text)


def unknown_tenant(name: str) -> EntraError:
    """Return the refusal of an authority that is no tenant here."""
    return bad_request(
        90002,
        f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud.",
    )


def unknown_application(client_id: str, tenant_name: str) -> EntraError:
    """Return the refusal of an application that the tenant does not know."""
    return EntraError(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{client_id}' was not found in the directory '{tenant_name}'. This can "
        "happen if the application has not been installed by the administrator of the tenant or consented to by "
        "any user in the tenant. You may have sent your authentication request to the wrong tenant.",
    )


def unknown_user(username: str) -> EntraError:
    """Return the refusal of a user whom no tenant knows."""
    return invalid_grant(
        50034,
        f"The user account {username} does not exist in any directory. To sign into this application, the "
        "account must be added to the directory.",
    )


def stranger(username: str, tenant_name: str) -> EntraError:
    """Return the refusal of a user who is neither member nor guest of the tenant."""
    return invalid_grant(
        50020,
        f"User account '{username}' from identity provider does not exist in tenant '{tenant_name}' and cannot "
        "access the application in that tenant. The account needs to be added as an external user in the tenant first.",
    )


def disabled_account(label: str) -> EntraError:
    """Return the refusal of an account that was disabled."""
    return invalid_grant(50057, f"The user account is disabled. Account: '{label}'.")


def mfa_required(resource: str) -> EntraError:
    """Return the refusal that only an interactive sign-in in that tenant ends; carries the claims to ask with."""
    claims = {"access_token": {"acrs": {"essential": True, "value": "p1"}}}
    return EntraError(
        400,
        "interaction_required",
        50076,
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
        f"use multi-factor authentication to access '{resource}'.",
        suberror="basic_action",
        claims=json.dumps(claims),
    )


def blocked_by_policy() -> EntraError:
    """Return the refusal of conditional access."""
    return invalid_grant(
        53003,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        suberror="message_only",
    )


def unknown_resource(resource: str, tenant_name: str) -> EntraError:
    """Return the refusal of a resource that no token is given out for."""
    return EntraError(
        400,
        "invalid_resource",
        500011,
        f"The resource principal named {resource} was not found in the tenant named {tenant_name}.",
    )


def not_simulated(what: str, *, number: int = 900561, status: int = 404) -> EntraError:
    """Return the refusal of something that Entra may do and the simulator does not."""
    return EntraError(
        status, "not_found" if status == 404 else "invalid_request", number, f"The simulator does not simulate {what}."
    )


def moment_text(at: float) -> str:
    """Return an instant as error texts show it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
