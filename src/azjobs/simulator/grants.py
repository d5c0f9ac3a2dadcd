"""The token endpoint: which grant was asked for, and the user's grants that need no module of their own.

client_credentials, authorization_code, refresh_token, device_code and password are simulated.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Callable, Mapping

from azjobs.simulator import device_codes
from azjobs.simulator.app_sign_in import identify
from azjobs.simulator.cloud import Json, Reply
from azjobs.simulator.entra_ask import Ask, check_blocked, check_policy, check_resource, find_member, resource_of
from azjobs.simulator.entra_errors import EntraError, disabled_account, invalid_grant, missing_parameter, moment_text
from azjobs.simulator.sign_in_state import Grant, Loss, RefreshToken
from azjobs.simulator.token_replies import application_reply, user_reply
from azjobs.simulator.tokens import encode_part

_DEFAULT = ".default"
Form = Mapping[str, str]


def answer(ask: Ask) -> Reply:
    """Exchange a grant for tokens."""
    form = ask.form("grant_type", "client_id")
    kind = form["grant_type"]
    ask.entry.client_id, ask.entry.grant = form["client_id"], kind
    exchange = GRANTS.get(kind)
    if exchange is None:
        raise EntraError(
            400,
            "unsupported_grant_type",
            70003,
            f"The app requested an unsupported grant type '{kind}' (not simulated).",
        )
    return Reply(200, exchange(ask, form))


def _client_credentials(ask: Ask, form: Form) -> Json:
    if not form.get("scope"):
        raise missing_parameter("scope")
    tenant = ask.require_tenant()
    application, proof = identify(ask, tenant, form)
    ask.entry.object_id = application.object_id
    if application.is_disabled:
        raise disabled_account(application.label)
    check_blocked(ask.cloud, application)
    scope = form["scope"]
    if not scope.endswith(f"/{_DEFAULT}"):
        raise EntraError(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier (application ID URI).",
        )
    resource = check_resource(ask.cloud, tenant.name, scope.removesuffix(_DEFAULT).removesuffix("/"))
    return application_reply(ask.cloud, application, resource=resource, proof=proof)


def _authorization_code(ask: Ask, form: Form) -> Json:
    ask.require_public_client(form["client_id"])
    code = ask.cloud.sign_in.codes.get(form.get("code", ""))
    if code is None or code.grant.client_id.lower() != form["client_id"].lower():
        raise invalid_grant(70000, "The provided value for the 'code' parameter is not valid.")
    if code.is_used:
        raise invalid_grant(
            54005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an "
            "existing refresh token.",
        )
    if code.expires_at <= ask.cloud.wall():
        raise invalid_grant(70008, "The provided authorization code or refresh token has expired due to inactivity.")
    if form.get("redirect_uri") != code.redirect_uri:
        raise invalid_grant(
            500112, "The reply address does not match the reply address provided when requesting Authorization code."
        )
    if code.challenge is not None and _challenge(form.get("code_verifier", "")) != code.challenge:
        raise invalid_grant(
            501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request."
        )
    code.is_used = True
    return give(ask, code.grant, form.get("scope") or code.grant.scope)


def _device_code(ask: Ask, form: Form) -> Json:
    grant = device_codes.redeem(ask, form)
    return give(ask, grant, grant.scope)


def _password(ask: Ask, form: Form) -> Json:
    ask.require_public_client(form["client_id"])
    for name in ("username", "password", "scope"):
        if not form.get(name):
            raise missing_parameter(name)
    member = find_member(ask, form["username"])
    user = ask.cloud.directory.users[member.username.lower()]
    if not user.password or not hmac.compare_digest(form["password"].encode(), user.password.encode()):
        raise invalid_grant(50126, "Error validating credentials due to invalid username or password.")
    return give(ask, Grant(user.username, form["client_id"], member.tenant_id, form["scope"]), form["scope"])


def _refresh_token(ask: Ask, form: Form) -> Json:
    ask.require_public_client(form["client_id"])
    token = ask.cloud.sign_in.refresh_tokens.get(form.get("refresh_token", ""))
    if token is None:
        raise invalid_grant(9002313, "Invalid request. The provided value for 'refresh_token' is malformed or unknown.")
    if token.grant.client_id.lower() != form["client_id"].lower():
        raise invalid_grant(
            70000, "Provided grant is invalid: it was issued for another client.", suberror="client_mismatch"
        )
    _check_refresh_token(ask, token)
    # Where the user is looked up decides the tenant, so that one token serves every tenant of the user.
    reply = give(ask, dataclasses.replace(token.grant, nonce=None), form.get("scope") or token.grant.scope)
    token.is_used = True
    return reply


def _check_refresh_token(ask: Ask, token: RefreshToken) -> None:
    now = ask.cloud.wall()
    if token.loss is Loss.REVOKED:
        raise invalid_grant(
            50173,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user "
            "might have changed or reset their password.",
            suberror="bad_token",
        )
    if token.loss is Loss.SIGN_IN_FREQUENCY:
        raise invalid_grant(
            70043,
            "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
            suberror="bad_token",
        )
    if token.loss is Loss.INACTIVE or token.expires_at <= now:
        raise invalid_grant(
            700082,
            "The refresh token has expired due to inactivity. The token was good until "
            f"{moment_text(token.expires_at)}.",
            suberror="bad_token",
        )
    if token.is_used and ask.cloud.sign_in.is_rotation_strict:
        raise invalid_grant(
            70000, "Provided grant is invalid: another refresh token took its place.", suberror="bad_token"
        )


def give(ask: Ask, grant: Grant, scope: str) -> Json:
    """Return the tokens of a user whose `grant` was proved; a refusal where a rule of the tenant forbids it."""
    member = find_member(ask, grant.username)
    user = ask.cloud.directory.users[grant.username.lower()]
    tenant = ask.cloud.directory.tenants[member.tenant_id.lower()]
    resource = resource_of(ask.cloud, tenant.name, scope)
    check_policy(ask.cloud, member, grant.mfa_tenants, resource)
    return user_reply(ask.cloud, user, member, grant, resource=resource, scope=scope)


def _challenge(verifier: str) -> str:
    return encode_part(hashlib.sha256(verifier.encode()).digest())


GRANTS: dict[str, Callable[[Ask, Form], Json]] = {
    "client_credentials": _client_credentials,
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
    "urn:ietf:params:oauth:grant-type:device_code": _device_code,
    "device_code": _device_code,
    "password": _password,
}
