"""The authority, clause by clause."""

from __future__ import annotations

import base64
import json

import pytest


def claims_of(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_discovery_names_endpoints_of_the_tenant_on_the_same_host(wire, endpoint):
    """OpenID discovery leads to the token endpoint and the key set of that tenant."""
    answer = wire.raw("GET", f"/{endpoint['tenant_id']}/v2.0/.well-known/openid-configuration")
    base = f"{endpoint['url']}/{endpoint['tenant_id']}"
    assert answer.status == 200
    assert answer.body["token_endpoint"] == f"{base}/oauth2/v2.0/token"
    assert answer.body["issuer"] == f"{base}/v2.0"
    keys = wire.raw("GET", answer.body["jwks_uri"].removeprefix(endpoint["url"])).body["keys"]
    assert [key["kty"] for key in keys] == ["RSA"]


def test_a_tenant_is_found_by_its_domain_too(wire, endpoint):
    """The domain name leads to the same tenant id."""
    answer = wire.raw("GET", "/contoso.example/v2.0/.well-known/openid-configuration")
    assert endpoint["tenant_id"] in answer.body["token_endpoint"]


def test_a_secret_is_exchanged_for_a_token_with_the_claims_clients_read(wire, endpoint, clock):
    """The token carries tenant, application, audience, issuer and expiry, and is verified by the published key."""
    answer = wire.sign_in()
    claims = claims_of(answer.body["access_token"])
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store, no-cache"
    assert (claims["tid"], claims["appid"]) == (endpoint["tenant_id"], endpoint["client_id"])
    assert claims["aud"] == endpoint["url"]
    assert claims["iss"] == f"{endpoint['url']}/{endpoint['tenant_id']}/v2.0"
    assert claims["idtyp"] == "app"
    assert claims["exp"] == int(clock.wall()) + answer.body["expires_in"]


def test_the_published_key_verifies_a_token(wire, endpoint):
    """PyJWT, a stranger to the simulator, accepts the signature with the key of the key set."""
    import jwt  # noqa: PLC0415 - the independent reader, only here

    keys = wire.raw("GET", f"/{endpoint['tenant_id']}/discovery/v2.0/keys").body
    token = wire.sign_in().body["access_token"]
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    timeless = {"verify_iat": False, "verify_nbf": False}  # the clock here is not the reader's
    claims = jwt.decode(token, key, algorithms=["RS256"], audience=endpoint["url"], options=timeless)
    assert claims["idtyp"] == "app"


@pytest.mark.parametrize(
    ("changed", "status", "error", "number"),
    [
        pytest.param({"client_secret": "not-the-one"}, 401, "invalid_client", 7000215, id="wrong-secret"),
        pytest.param({"client_secret": None}, 401, "invalid_client", 7000218, id="no-secret"),
        pytest.param({"client_id": "nobody"}, 400, "unauthorized_client", 700016, id="unknown-app"),
        pytest.param({"tenant": "nowhere.example"}, 400, "invalid_request", 90002, id="unknown-tenant"),
        pytest.param({"grant_type": "implicit"}, 400, "unsupported_grant_type", 70003, id="other-grant"),
        pytest.param({"grant_type": None}, 400, "invalid_request", 900144, id="no-grant"),
        pytest.param({"scope": None}, 400, "invalid_request", 900144, id="no-scope"),
        pytest.param(
            {"scope": "https://elsewhere.example/.default"}, 400, "invalid_resource", 500011, id="other-scope"
        ),
        pytest.param({"scope": "https://elsewhere.example/read"}, 400, "invalid_scope", 1002012, id="no-default"),
    ],
)
def test_a_refusal_has_entras_form_and_number(wire, changed, status, error, number):
    """A refused sign-in says why with an AADSTS number, and never repeats the secret."""
    answer = wire.sign_in(**changed)
    assert answer.status == status
    assert answer.body["error"] == error
    assert answer.body["error_codes"] == [number]
    assert answer.body["error_description"].startswith(f"AADSTS{number}: ")
    for secret in (wire.endpoint["client_secret"], changed.get("client_secret")):
        assert secret is None or secret not in json.dumps(answer.body)


def test_a_body_that_is_no_form_is_refused(wire, endpoint):
    """A token request that cannot be parsed is a 400 of Entra's form."""
    answer = wire.raw("POST", f"/{endpoint['tenant_id']}/oauth2/v2.0/token", b"{}")
    assert (answer.status, answer.body["error_codes"]) == (400, [900144])


def test_what_the_authority_does_not_simulate_it_refuses_by_name(wire, endpoint):
    """An endpoint of Entra that is not simulated is named in the refusal."""
    answer = wire.raw("POST", f"/{endpoint['tenant_id']}/oauth2/v2.0/logout")
    assert answer.status == 404
    assert "oauth2/v2.0/logout" in answer.body["error_description"]


def test_a_throttled_authority_answers_429_in_its_own_form(wire, control):
    """A planted 429 on the token endpoint reaches the client as Entra words it."""
    control.fault("/oauth2/v2.0/token$", {"status": 429, "retry_after": 3}, method="POST")
    answer = wire.sign_in()
    assert (answer.status, answer.headers["retry-after"]) == (429, "3")
    assert answer.body["error"] == "temporarily_unavailable"
    assert wire.sign_in().status == 200


def test_the_life_of_tokens_can_be_set(wire, control):
    """A token given out after the order has the ordered life."""
    control.token_lifetime(7)
    answer = wire.sign_in()
    claims = claims_of(answer.body["access_token"])
    assert answer.body["expires_in"] == 7
    assert claims["exp"] - claims["iat"] == 7


def test_a_principal_of_another_tenant_is_unknown_in_this_one(wire, control):
    """An application signs in where it was added, and nowhere else."""
    control.directory(
        tenants=[{"id": "2f000000-0000-4000-8000-000000000002", "name": "Fabrikam"}],
        principals=[{"tenant_id": "2f000000-0000-4000-8000-000000000002", "client_id": "app2", "secret": "s2"}],
    )
    assert wire.sign_in(tenant="fabrikam.example", client_id="app2", client_secret="s2").status == 200
    assert wire.sign_in(client_id="app2", client_secret="s2").body["error_codes"] == [700016]
