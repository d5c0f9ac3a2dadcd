"""Pipelines sign in by assertions that are asked for each time; what was brought along is used as it is."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from azure.core.exceptions import ClientAuthenticationError
from azure_servers import AssertionAuthority, Source, serving
from msgspec.structs import replace

from azjobs.azure.broker import TokenBroker
from azjobs.azure.credentials import build
from azjobs.azure.federated import azure_pipelines, github_actions
from azjobs.azure.refusals import SignInUnavailable
from azjobs.azure.static_token import StaticTokenCredential
from azjobs.core.claims import parse_claims
from azjobs.core.context import AZURE_CLOUD, SignInKey
from azjobs.core.errors import SignInFailed
from azjobs.core.signin import SignIn

KEY = SignInKey("azurecloud", "app", "t-1")
IDS = {"tenant_id": "11111111-1111-1111-1111-111111111111", "client_id": "22222222-2222-2222-2222-222222222222"}


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Source]:
    with serving(Source(tmp_path)) as server:
        yield server


def github(source: Source, **more: str) -> tuple[SignIn, dict[str, str]]:
    arguments = {**IDS, "request_url": f"{source.url}/token?api-version=2.0", **more}
    sign_in = SignIn(KEY, "GitHubActionsCredential", AZURE_CLOUD, arguments, ("request_token",), ca_file=source.ca_file)
    return sign_in, {"request_token": "gh-request"}


def pipelines(source: Source) -> tuple[SignIn, dict[str, str]]:
    arguments = {**IDS, "service_connection_id": "c 1", "request_url": f"{source.url}/oidctoken/"}
    names = ("system_access_token",)
    sign_in = SignIn(KEY, "AzurePipelinesCredential", AZURE_CLOUD, arguments, names, ca_file=source.ca_file)
    return sign_in, {"system_access_token": "ado-token"}


def ask(way: tuple[SignIn, dict[str, str]]) -> str:
    sign_in, secrets = way
    maker = github_actions if sign_in.kind.startswith("GitHub") else azure_pipelines
    return maker(sign_in, {**sign_in.arguments, **secrets}, secrets)()


def test_github_is_asked_for_an_assertion_each_time(source: Source) -> None:
    """By GET, with the audience that Entra expects, and the job's own request token."""
    numbers = iter(("one", "two"))
    source.body = lambda: {"value": next(numbers)}
    assert [ask(github(source)), ask(github(source, audience="api://mine"))] == ["one", "two"]
    (method, path, headers), (_, other, _) = source.requests
    assert (method, path) == ("GET", "/token?api-version=2.0&audience=api%3A//AzureADTokenExchange")
    assert headers["authorization"] == "bearer gh-request"
    assert other.endswith("&audience=api%3A//mine")


def test_azure_pipelines_is_asked_as_azure_identity_does(source: Source) -> None:
    """By POST, for one service connection, with the pipeline's access token."""
    source.body = {"oidcToken": "assertion"}
    assert ask(pipelines(source)) == "assertion"
    ((method, path, headers),) = source.requests
    assert (method, path) == ("POST", "/oidctoken?api-version=7.1&serviceConnectionId=c%201")
    assert (headers["authorization"], headers["x-tfs-fedauthredirect"]) == ("Bearer ado-token", "Suppress")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (github, r"GitHub Actions gives no federated token \(HTTP 401\): .* `id-token: write`"),
        (pipelines, r"Azure Pipelines gives no federated token \(HTTP 401\): the pipeline's run is over"),
    ],
)
def test_a_run_that_is_over_is_said(source: Source, way: Any, words: str) -> None:
    """Asking again does not help: the sentence says what may be missing, and shows no token."""
    source.status, source.body = 401, {"message": "gh-request ado-token"}
    with pytest.raises(SignInFailed, match=words) as caught:
        ask(way(source))
    assert "gh-request" not in str(caught.value)
    assert "ado-token" not in str(caught.value)


@pytest.mark.parametrize("body", [{}, [], {"value": 7}, "text"])
def test_an_answer_without_an_assertion_is_none(source: Source, body: Any) -> None:
    """Whatever else it holds."""
    source.body = body
    with pytest.raises(SignInFailed, match="gives no federated token"):
        ask(github(source))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_source_that_is_busy_can_be_asked_again(source: Source, status: int) -> None:
    """It is no refusal."""
    source.status = status
    with pytest.raises(SignInUnavailable, match=f"just now .HTTP {status}."):
        ask(github(source))


def test_a_source_that_is_not_there_or_not_trusted_is_unavailable(source: Source) -> None:
    """The kind of problem is said, no address and no token."""
    sign_in, secrets = github(source)
    with pytest.raises(SignInUnavailable, match=r"cannot be asked for a federated token \(SSLError\)"):
        ask((replace(sign_in, ca_file=""), secrets))


def test_request_tokens_go_over_https_only(source: Source) -> None:
    """Anything else could be read on the way."""
    sign_in, secrets = github(source, request_url="http://localhost/token")
    with pytest.raises(SignInFailed, match="must begin with https"):
        build(sign_in, secrets)


@pytest.mark.parametrize("tokens_s", [8, 400])
def test_a_source_whose_assertions_live_five_seconds_keeps_a_long_job_going(
    source: Source, tmp_path: Path, tokens_s: float
) -> None:
    """A minute, or an hour, asking each two seconds of scaled time: no assertion is shown twice, or late."""
    offset_s = 0.0

    def clock() -> float:
        return time.time() + offset_s

    numbers = count(1)
    source.body = lambda: {"value": f"assertion-{next(numbers)}-until-{clock() + 5}"}
    folder = tmp_path / "authority"
    folder.mkdir()
    with serving(AssertionAuthority(folder, clock, tokens_s=tokens_s)) as authority:
        sign_in, secrets = github(source)
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(Path(source.ca_file).read_bytes() + Path(authority.ca_file).read_bytes())
        cloud = replace(AZURE_CLOUD, name="Scaled", authority_url=authority.url)
        sign_in = replace(sign_in, environment=cloud, ca_file=str(bundle))

        async def given() -> dict[str, str]:
            return secrets

        async def work() -> list[float]:
            nonlocal offset_s
            broker = TokenBroker(clock=clock)
            lives = []
            for _ in range(30):
                token = await broker.fetch(sign_in, cloud.scope, secrets=given)
                lives.append(token.expires_at - clock())
                offset_s += 2 * tokens_s / 8
            await broker.close()
            return lives

        lives = asyncio.run(work())
    assert min(lives) > 0
    assert authority.refused == []
    assert 60 / 8 <= len(authority.taken) < 30


def jwt(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b"=").decode()
    return f"e30.{body}.sig"


def test_an_access_token_is_given_out_until_it_expires() -> None:
    """Then for good: nothing can renew it, and the sentence says when it ended."""
    now = 1_000.0
    credential = StaticTokenCredential(jwt(exp=2_000, aud="https://management.azure.com"), clock=lambda: now)
    assert credential.get_token("https://management.azure.com/.default").expires_on == 2_000
    now = 2_000.0
    with pytest.raises(SignInFailed, match=r"has expired at 1970-01-01 00:33 UTC, and a token .* cannot be renewed"):
        credential.get_token("https://management.azure.com/.default")


def test_an_access_token_is_given_out_for_its_own_service_only() -> None:
    """Resource Manager has two names; an id of an application says nothing."""
    arm = "https://management.azure.com/.default"
    for audience in ("https://management.core.windows.net/", "797f4846-ba00-4fd7-ba43-dac1f8f63013"):
        assert StaticTokenCredential(jwt(exp=2_000, aud=audience), clock=lambda: 0).get_token(arm).token
    with pytest.raises(SignInFailed, match=r"is for https://vault\.azure\.net, not for https://management") as caught:
        StaticTokenCredential(jwt(exp=2_000, aud="https://vault.azure.net"), clock=lambda: 0).get_token(arm)
    assert caught.value.is_of_scope


@pytest.mark.parametrize(
    ("token", "claims", "words"),
    [("opaque", "", "no JSON Web Token"), (jwt(exp=2_000), "{}", "claims challenge")],
)
def test_an_access_token_that_cannot_do_is_refused(token: str, claims: str, words: str) -> None:
    """One that does not tell its end, and one that is asked for more than it says."""
    with pytest.raises(SignInFailed, match=words):
        StaticTokenCredential(token, clock=lambda: 0).get_token("s", claims=claims or None)


def test_a_static_token_is_built_and_used_by_the_broker(cloud: Any) -> None:
    """A token of the embedded cloud, brought along, serves its Resource Manager."""

    async def run() -> str:
        broker = TokenBroker()

        async def given() -> dict[str, str]:
            return cloud.secrets

        scope = cloud.context.environment.scope
        token = (await broker.fetch(cloud.sign_in, scope, secrets=given)).token
        brought = SignIn(cloud.sign_in.key, "StaticTokenCredential", cloud.context.environment, {}, ("access_token",))

        async def own() -> dict[str, str]:
            return {"access_token": token}

        again = await broker.fetch(brought, scope, secrets=own, owner="other")
        await broker.close()
        return "same" if again.token == token else "another"

    assert asyncio.run(run()) == "same"


def application(cloud: Any) -> dict[str, str]:
    return {"tenant_id": cloud.endpoint["tenant_id"], "client_id": "33333333-3333-4333-8333-333333333333"}


@pytest.mark.parametrize("name", ["github", "azure-pipelines", "kubernetes"])
def test_workloads_of_each_kind_sign_in_to_the_embedded_cloud(cloud: Any, tmp_path: Path, name: str) -> None:
    """By the issuer's own endpoint, or by a file; and not as another subject."""
    issuer = cloud.control.issuer(name)
    trusted = {"issuer": issuer["issuer"], "subject": issuer["subject"]}
    cloud.control.directory(principals=[{**application(cloud), "federated": [trusted]}])
    file = tmp_path / "token"
    file.write_text(cloud.control.assertion(name))
    request_url, request_token = issuer.get("request_url", ""), issuer.get("request_token", "")
    kind, arguments, secrets = {
        "github": ("GitHubActionsCredential", {"request_url": request_url}, {"request_token": request_token}),
        "azure-pipelines": (
            "AzurePipelinesCredential",
            {"request_url": request_url, "service_connection_id": "c-1"},
            {"system_access_token": request_token},
        ),
        "kubernetes": ("WorkloadIdentityCredential", {"token_file_path": str(file)}, {}),
    }[name]
    arguments = {**application(cloud), **arguments}
    sign_in = SignIn(cloud.sign_in.key, kind, cloud.context.environment, arguments, tuple(secrets))
    scope = cloud.context.environment.scope
    credential: Any = build(sign_in, secrets)
    assert parse_claims(credential.get_token(scope).token)["appid"] == application(cloud)["client_id"]
    credential.close()
    cloud.control.directory(principals=[{**application(cloud), "federated": [{**trusted, "subject": "another"}]}])
    refused: Any = build(sign_in, secrets)
    with pytest.raises(ClientAuthenticationError, match="AADSTS7002"):
        refused.get_token(scope)
    refused.close()


def certificate(path: Path) -> str:
    """Put a new certificate with its key into a file; returns the certificate alone."""
    leaf = trustme.CA().issue_cert("app", key_type=trustme.KeyType.RSA)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(path))
    return leaf.cert_chain_pems[0].bytes().decode()


def test_a_certificate_that_was_renewed_is_found_in_its_file(cloud: Any, tmp_path: Path) -> None:
    """The file is read again; what is no certificate any more is said, and the one before is not used instead."""
    file, scope = tmp_path / "app.pem", cloud.context.environment.scope
    known = certificate(file)
    cloud.control.directory(principals=[{**application(cloud), "certificates": [known]}])
    arguments = {**application(cloud), "certificate_path": str(file)}
    sign_in = SignIn(cloud.sign_in.key, "CertificateCredential", cloud.context.environment, arguments)
    credential: Any = build(sign_in, {})
    assert credential.get_token(scope).token
    renewed = certificate(file)
    with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):  # it is shown, and not known yet
        credential.get_token(scope)
    cloud.control.directory(principals=[{**application(cloud), "certificates": [renewed]}])
    assert credential.get_token(scope).token
    file.write_text("nothing")
    with pytest.raises(SignInFailed, match="is no certificate with its private key any more"):
        credential.get_token(scope)
    file.unlink()
    with pytest.raises(SignInFailed, match="cannot be read: No such file"):
        credential.get_token(scope)
    credential.close()


@pytest.mark.parametrize(
    ("kind", "words"),
    [("GitHubActionsCredential", "lacks its request_url"), ("CertificateCredential", "lacks its certificate_path")],
)
def test_a_description_with_something_left_out_is_said(kind: str, words: str) -> None:
    """By the name of what it lacks."""
    with pytest.raises(SignInFailed, match=words):
        build(SignIn(KEY, kind, AZURE_CLOUD, dict(IDS)), {})


def test_parse_claims_is_what_these_tests_rely_on() -> None:
    """The token made here is read as one."""
    assert parse_claims(jwt(exp=1)) == {"exp": 1}
