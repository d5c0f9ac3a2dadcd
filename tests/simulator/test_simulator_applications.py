"""Applications and managed identities that sign in: azure-identity's credentials as clients of the authority."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import time

import azure.identity.aio
import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    AzurePipelinesCredential,
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.mgmt.resource.subscriptions import SubscriptionClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from entra_clients import options

from azjobs.simulator.certificates import make_identity
from azjobs.simulator.control import ControlClient, ControlRefused
from azjobs.simulator.threaded import SimulatorThread

TENANT, CLOSED = "30000000-0000-4000-8000-000000000001", "30000000-0000-4000-8000-000000000002"
APP = "40000000-0000-4000-8000-000000000001"
ASSIGNED = "40000000-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    # With the real clock: the clients write and compare times of their own.
    with SimulatorThread(tmp_path_factory.mktemp("applications"), identity=make_identity()) as simulator:
        yield simulator.endpoint


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "AZURE_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")


@pytest.fixture
def control(running):
    client = ControlClient.of(running)
    client.reset()
    client.directory(tenants=[{"id": TENANT, "name": "Apps"}, {"id": CLOSED, "name": "Closed", "blocked": True}])
    return client


@pytest.fixture
def endpoint(running, control):
    return running


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def certificate(key):
    return make_certificate(key)


def make_certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - dt.timedelta(days=1))
    return builder.not_valid_after(now + dt.timedelta(days=1)).sign(key, hashes.SHA256())


def public_pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def whole_pem(key, certificate):
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + public_pem(certificate).encode()


def scope_of(endpoint):
    return f"{endpoint['url']}/.default"


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def trust(control, name="kubernetes", **changed):
    """Register the application with a federated credential of an issuer."""
    issuer = control.issuer(name)
    credential = {"issuer": issuer["issuer"], "subject": issuer["subject"]} | changed
    control.directory(principals=[{"tenant_id": TENANT, "client_id": APP, "federated": [credential]}])
    return issuer


@pytest.mark.slow
def test_a_certificate_signs_an_application_in(endpoint, control, key, certificate):
    """CertificateCredential, sync and async, gets a token that says it was proved by an assertion."""
    control.directory(principals=[{"tenant_id": TENANT, "client_id": APP, "certificates": [public_pem(certificate)]}])
    given = {"certificate_data": whole_pem(key, certificate), **options(endpoint)}
    with CertificateCredential(TENANT, APP, **given) as credential:
        claims = claims_of(credential.get_token(scope_of(endpoint)).token)

    async def ask():
        async with azure.identity.aio.CertificateCredential(TENANT, APP, **given) as again:
            return claims_of((await again.get_token(scope_of(endpoint))).token)

    assert asyncio.run(ask())["appid"] == APP
    assert (claims["appid"], claims["appidacr"], claims["tid"]) == (APP, "2", TENANT)


def test_a_certificate_that_is_not_registered_is_refused(endpoint, control, key, certificate):
    """AADSTS700027, also when the certificate is registered and another key signed."""
    control.directory(principals=[{"tenant_id": TENANT, "client_id": APP, "secret": "s"}])
    given = {"certificate_data": whole_pem(key, certificate), **options(endpoint)}
    with (
        CertificateCredential(TENANT, APP, **given) as credential,
        pytest.raises(ClientAuthenticationError, match=r"AADSTS700027.*not registered"),
    ):
        credential.get_token(scope_of(endpoint))


def test_an_assertion_of_a_certificate_is_for_this_endpoint_and_for_now(endpoint, control, key, certificate):
    """Another audience, another subject, another key and a time that is over each have a number."""
    control.directory(principals=[{"tenant_id": TENANT, "client_id": APP, "certificates": [public_pem(certificate)]}])
    now = int(time.time())
    good = {"iss": APP, "sub": APP, "aud": f"{endpoint['url']}/{TENANT}/oauth2/v2.0/token", "exp": now + 60}
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = [
        token_error(endpoint, key, certificate, good | {"aud": "https://elsewhere.example"}),
        token_error(endpoint, key, certificate, good | {"sub": ASSIGNED}),
        token_error(endpoint, key, certificate, good | {"exp": now - 1}),
        token_error(endpoint, other, certificate, good),
        token_error(endpoint, key, certificate, good),
    ]
    assert numbers == [[700023], [700021], [700024], [700027], None]


def token_error(endpoint, key, certificate, claims):
    """Show an assertion made by hand; return the numbers of the refusal, None when it was taken."""
    thumbprint = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).decode().rstrip("=")
    assertion = jwt.encode(claims, key, algorithm="PS256", headers={"x5t#S256": thumbprint})
    form = {
        "grant_type": "client_credentials",
        "client_id": APP,
        "scope": scope_of(endpoint),
        "client_assertion": assertion,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    url = f"{endpoint['url']}/{TENANT}/oauth2/v2.0/token"
    return requests.post(url, form, verify=endpoint["ca_file"], timeout=20).json().get("error_codes")


@pytest.mark.slow
def test_a_federated_assertion_signs_an_application_in(endpoint, control):
    """ClientAssertionCredential and WorkloadIdentityCredential exchange what a trusted issuer says."""
    trust(control)
    with ClientAssertionCredential(TENANT, APP, control.assertion, **options(endpoint)) as credential:
        assert claims_of(credential.get_token(scope_of(endpoint)).token)["appid"] == APP


def test_a_workload_reads_its_assertion_from_a_file(endpoint, control, tmp_path):
    """WorkloadIdentityCredential shows what stands in its file."""
    trust(control)
    file = tmp_path / "token"
    file.write_text(control.assertion())
    with WorkloadIdentityCredential(
        tenant_id=TENANT, client_id=APP, token_file_path=str(file), **options(endpoint)
    ) as credential:
        assert claims_of(credential.get_token(scope_of(endpoint)).token)["tid"] == TENANT


@pytest.mark.parametrize(
    ("trusted", "asserted", "number"),
    [
        pytest.param({}, {"lifetime_s": 0}, 700024, id="expired"),
        pytest.param({}, {"subject": "somebody:else"}, 700213, id="subject"),
        pytest.param({}, {"audience": "api://other"}, 700212, id="audience"),
        pytest.param({}, {"issuer": "github"}, 700211, id="issuer"),
        pytest.param({"issuer": "https://issuer.example"}, {}, 700211, id="other-issuer"),
    ],
)
def test_an_assertion_that_does_not_fit_has_its_number(endpoint, control, trusted, asserted, number):
    """Time, subject, audience and issuer are compared with the federated credential."""
    trust(control, **trusted)
    with (
        ClientAssertionCredential(
            TENANT, APP, lambda: control.assertion(**asserted), **options(endpoint)
        ) as credential,
        pytest.raises(ClientAuthenticationError, match=f"AADSTS{number}"),
    ):
        credential.get_token(scope_of(endpoint))


def test_a_forged_assertion_is_refused(endpoint, control, key):
    """The right words under another signature are not taken."""
    issuer = trust(control)
    claims = {"iss": issuer["issuer"], "sub": issuer["subject"], "aud": issuer["audience"], "exp": time.time() + 60}
    forged = jwt.encode(claims, key, algorithm="RS256")
    with (
        ClientAssertionCredential(TENANT, APP, lambda: forged, **options(endpoint)) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000272"),
    ):
        credential.get_token(scope_of(endpoint))


@pytest.mark.slow
def test_azure_pipelines_gives_assertions_to_its_runs(endpoint, control, monkeypatch):
    """AzurePipelinesCredential asks the issuer with its run's token, and the journal shows the ask."""
    issuer = trust(control, "azure-pipelines")
    monkeypatch.setenv("SYSTEM_OIDCREQUESTURI", issuer["request_url"])
    given = {"tenant_id": TENANT, "client_id": APP, "service_connection_id": "connection", **options(endpoint)}
    with AzurePipelinesCredential(system_access_token=issuer["request_token"], **given) as credential:
        assert claims_of(credential.get_token(scope_of(endpoint)).token)["appid"] == APP
    asked = control.requests(path_regex="^/oidc/azure-pipelines/request$")
    assert [(one["method"], one["status"], one["grant"]) for one in asked] == [("POST", 200, "azure-pipelines")]
    with (
        AzurePipelinesCredential(system_access_token="wrong", **given) as credential,
        pytest.raises(ClientAuthenticationError),
    ):
        credential.get_token(scope_of(endpoint))


def test_github_gives_assertions_that_a_stranger_can_verify(endpoint, control):
    """The request url, the subject and the life are GitHub's; PyJWT verifies by the issuer's own discovery."""
    issuer = control.issuer("github", subject="repo:me/mine:environment:prod", lifetime_s=5)
    url, token = issuer["request_url"] + "&audience=api://X", issuer["request_token"]
    asked = {"verify": endpoint["ca_file"], "timeout": 20}
    assert requests.get(url, headers={"authorization": "bearer no"}, **asked).status_code == 401
    value = requests.get(url, headers={"authorization": f"bearer {token}"}, **asked).json()["value"]
    discovery = requests.get(f"{issuer['issuer']}/.well-known/openid-configuration", **asked).json()
    keys = jwt.PyJWKSet.from_dict(requests.get(discovery["jwks_uri"], **asked).json())
    found = keys[jwt.get_unverified_header(value)["kid"]]
    claims = jwt.decode(value, found, algorithms=["RS256"], audience="api://X", issuer=issuer["issuer"])
    assert claims["sub"] == "repo:me/mine:environment:prod"
    assert claims["exp"] - claims["iat"] == 5


def test_no_issuer_is_made_up(control):
    """The control names the issuers there are."""
    with pytest.raises(ControlRefused, match="github, azure-pipelines, kubernetes"):
        control.issuer("gitlab")


@pytest.mark.slow
def test_the_identity_of_a_host_gets_tokens_without_a_secret(endpoint, control, monkeypatch):
    """ManagedIdentityCredential finds the endpoint in its environment; the token reaches the resource manager."""
    control.directory(identities=[{"tenant_id": TENANT, "client_id": ASSIGNED, "name": "worker"}])
    monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint["identity_endpoint"])
    monkeypatch.setenv("IDENTITY_HEADER", endpoint["identity_header"])
    with ManagedIdentityCredential() as credential:
        claims = claims_of(credential.get_token(scope_of(endpoint)).token)
        listed = {"base_url": endpoint["url"], "credential_scopes": [scope_of(endpoint)]}
        with SubscriptionClient(credential, connection_verify=endpoint["ca_file"], **listed) as client:
            assert [one.subscription_id for one in client.subscriptions.list()] == [endpoint["subscription_id"]]
    with ManagedIdentityCredential(client_id=ASSIGNED) as credential:
        assigned = claims_of(credential.get_token(scope_of(endpoint)).token)
    assert claims["xms_mirid"].endswith("/sites/host")
    assert (assigned["appid"], assigned["tid"]) == (ASSIGNED, TENANT)
    assert assigned["xms_mirid"].endswith("/userassignedidentities/worker")


def test_the_identity_endpoint_refuses_who_is_not_of_the_host(endpoint):
    """Without the header 401; an identity that is not there, another version and another path are refused by name."""
    url, header = endpoint["identity_endpoint"], {"X-IDENTITY-HEADER": endpoint["identity_header"]}
    query = {"api-version": "2019-08-01", "resource": endpoint["url"]}
    asks = [
        (url, query, {}),
        (url, query | {"client_id": "nobody"}, header),
        (url, query | {"api-version": "2017-09-01"}, header),
        (url, query | {"resource": "https://elsewhere.example"}, header),
        (url.replace("/msi/token", "/subscriptions"), query, header),
        (url.replace("/msi/token", "/_simulator/requests"), {}, header),
        (url, query, header),
    ]
    statuses = [requests.get(one, params=asked, headers=shown, timeout=20).status_code for one, asked, shown in asks]
    assert statuses == [401, 400, 400, 400, 404, 404, 200]


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        pytest.param({"secrets": [{"value": "old", "expires_at": 1.0}], "secret": "new"}, 7000222, id="expired"),
        pytest.param({"secret": "other"}, 7000215, id="wrong"),
        pytest.param({"secret": "old", "disabled": True}, 50057, id="disabled"),
        pytest.param({"secret": "old", "blocked": True}, 53003, id="blocked"),
    ],
)
def test_a_secret_that_does_not_do_has_its_number(endpoint, control, changed, number):
    """azure-identity's exception carries the number of the refusal."""
    control.directory(principals=[{"tenant_id": TENANT, "client_id": APP} | changed])
    with (
        ClientSecretCredential(TENANT, APP, "old", **options(endpoint)) as credential,
        pytest.raises(ClientAuthenticationError, match=f"AADSTS{number}:"),
    ):
        credential.get_token(scope_of(endpoint))


def test_a_new_secret_is_good_while_the_old_one_is_too(endpoint, control):
    """An application may have several secrets."""
    control.directory(principals=[{"tenant_id": TENANT, "client_id": APP, "secret": "a", "secrets": [{"value": "b"}]}])
    for secret in ("a", "b"):
        with ClientSecretCredential(TENANT, APP, secret, **options(endpoint)) as credential:
            assert credential.get_token(scope_of(endpoint)).token
