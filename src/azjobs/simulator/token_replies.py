"""What the token endpoint gives out: access tokens, id tokens, and the words around them.

Claims are those of the real authority as far as clients read them. An application's token has aud, iss, appid,
appidacr, idp, idtyp `app`, oid, sub, tid, uti, ver; a managed identity's has xms_mirid besides. A user's token has
idtyp `user`, amr, scp, name, upn (of a member) and unique_name instead.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import Any

import msgspec

from azjobs.simulator.cloud import Cloud, Json
from azjobs.simulator.principals import Application, Member, User
from azjobs.simulator.sign_in_state import Grant, RefreshToken
from azjobs.simulator.tokens import encode_part

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


def application_reply(cloud: Cloud, application: Application, *, resource: str, proof: str) -> Json:
    """Return a token of an application; `proof` is how it proved itself: "1" by a secret, "2" by an assertion."""
    lifetime_s = cloud.settings.token_lifetime_s
    token = application_token(cloud, application, resource=resource, proof=proof)
    return {"token_type": "Bearer", "expires_in": lifetime_s, "ext_expires_in": lifetime_s, "access_token": token}


def application_token(cloud: Cloud, application: Application, *, resource: str, proof: str) -> str:
    """Return an access token of an application or managed identity."""
    issuer = _issuer(cloud, application.tenant_id)
    claims = _common_claims(issuer, application.tenant_id, application.object_id) | {
        "aud": resource,
        "appid": application.client_id,
        "appidacr": proof,
        "idp": issuer,
        "idtyp": "app",
        "sub": application.object_id,
    }
    if application.identity_resource_id is not None:
        claims["xms_mirid"] = application.identity_resource_id
    return cloud.signer.sign(claims, now=cloud.wall(), lifetime_s=cloud.settings.token_lifetime_s)


def user_reply(cloud: Cloud, user: User, member: Member, grant: Grant, *, resource: str, scope: str) -> Json:
    """Return the tokens of a user: an access token, with `openid` an id token, with `offline_access` a refresh token.

    `client_info` names the user's home, by which MSAL knows the account again in every tenant.
    """
    lifetime_s = cloud.settings.token_lifetime_s
    words = scope.split()
    reply = {
        "token_type": "Bearer",
        "scope": " ".join(word for word in words if word != "offline_access"),
        "expires_in": lifetime_s,
        "ext_expires_in": lifetime_s,
        "access_token": _user_token(cloud, user, member, grant, resource),
        "client_info": encode_part(msgspec.json.encode({"uid": user.home.object_id, "utid": user.home_tenant_id})),
    }
    if "openid" in words:
        reply["id_token"] = _id_token(cloud, member, grant)
    if "offline_access" in words:
        reply["refresh_token"] = _refresh_token(cloud, grant)
        if grant.client_id.lower() == AZURE_CLI:
            reply["foci"] = "1"
    return reply


def _user_token(cloud: Cloud, user: User, member: Member, grant: Grant, resource: str) -> str:
    is_guest = member.tenant_id.lower() != user.home_tenant_id.lower()
    factors = ["pwd", "mfa"] if member.tenant_id.lower() in grant.mfa_tenants else ["pwd"]
    claims = _common_claims(_issuer(cloud, member.tenant_id), member.tenant_id, member.object_id) | {
        "aud": resource,
        "appid": grant.client_id,
        "appidacr": "0",
        "amr": factors,
        "idtyp": "user",
        "name": member.name,
        "scp": "user_impersonation",
        "sub": _pairwise(grant.client_id, member.object_id),
        "unique_name": member.username,
    }
    # A guest has the home tenant as identity provider; upn is the name in the own tenant, so a guest has none.
    claims |= {"idp": _issuer(cloud, user.home_tenant_id)} if is_guest else {"upn": member.username}
    return cloud.signer.sign(claims, now=cloud.wall(), lifetime_s=cloud.settings.token_lifetime_s)


def _id_token(cloud: Cloud, member: Member, grant: Grant) -> str:
    claims = _common_claims(_issuer(cloud, member.tenant_id), member.tenant_id, member.object_id) | {
        "aud": grant.client_id,
        "name": member.name,
        "preferred_username": member.username,
        "sub": _pairwise(grant.client_id, member.object_id),
        "ver": "2.0",
    }
    if grant.nonce is not None:
        claims["nonce"] = grant.nonce
    return cloud.signer.sign(claims, now=cloud.wall(), lifetime_s=cloud.settings.token_lifetime_s)


def _refresh_token(cloud: Cloud, grant: Grant) -> str:
    token = f"1.{secrets.token_urlsafe(48)}"
    expires_at = cloud.wall() + cloud.sign_in.refresh_lifetime_s
    cloud.sign_in.refresh_tokens[token] = RefreshToken(grant, expires_at)
    return token


def _common_claims(issuer: str, tenant_id: str, object_id: str) -> dict[str, Any]:
    return {"iss": issuer, "oid": object_id, "tid": tenant_id, "uti": uuid.uuid4().hex[:22], "ver": "1.0"}


def _issuer(cloud: Cloud, tenant_id: str) -> str:
    return f"{cloud.base_url}/{tenant_id}/v2.0"


def _pairwise(client_id: str, object_id: str) -> str:
    return encode_part(hashlib.sha256(f"{client_id}/{object_id}".lower().encode()).digest())
