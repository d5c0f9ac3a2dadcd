"""Every kind of credential that can be described can be built again; the others are refused by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import azure.identity as az
import azure.identity.aio as az_aio
import msgspec
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from msgspec.structs import replace

from azjobs.azure.credentials import build
from azjobs.azure.describe import describe
from azjobs.core.context import AZURE_CLOUD, SignInKey
from azjobs.core.errors import InvalidInput, SignInFailed
from azjobs.core.signin import SignIn

TENANT, CLIENT = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


def sign_in_of(credential: object) -> tuple[SignIn, dict[str, str]]:
    kind, arguments, secrets = describe(credential)
    key = SignInKey("azurecloud", CLIENT, TENANT)
    described = SignIn(key, kind, AZURE_CLOUD, arguments, tuple(secrets))
    stored = msgspec.json.encode(described)
    assert not any(secret.encode() in stored for secret in secrets.values()), "a secret is in the description"
    return msgspec.json.decode(stored, type=SignIn), secrets


def again(credential: object) -> Any:
    built = build(*sign_in_of(credential))
    assert type(built).__name__ == describe(credential)[0]
    return built


def test_a_client_secret_credential_comes_back_with_its_secret_apart() -> None:
    """The description is storable, the secret is not in it."""
    built = again(az.ClientSecretCredential(TENANT, CLIENT, "s3cret-s3cret", additionally_allowed_tenants=["*"]))
    assert (built._tenant_id, built._client_id, built._client_credential) == (TENANT, CLIENT, "s3cret-s3cret")
    assert built._additionally_allowed_tenants == ["*"]


def test_a_certificate_credential_comes_back_with_its_key_apart(tmp_path: Path) -> None:
    """The private key travels as a secret, whether it was read from a file or given."""
    pem = tmp_path / "app.pem"
    leaf = trustme.CA().issue_cert("app", key_type=trustme.KeyType.RSA)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(pem))
    original = az.CertificateCredential(TENANT, CLIENT, str(pem), send_certificate_chain=True)
    built = again(original)
    assert built._client_credential == original._client_credential


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(az.AzureCliCredential(process_timeout=30), id="azure-cli"),
        pytest.param(az.AzureCliCredential(tenant_id=TENANT, subscription="Production"), id="azure-cli-of-a-tenant"),
        pytest.param(az.AzurePowerShellCredential(), id="azure-powershell"),
        pytest.param(az.AzureDeveloperCliCredential(), id="azure-developer-cli"),
    ],
)
def test_a_credential_of_a_tool_comes_back(credential: Any) -> None:
    """Tenant, subscription and timeout are kept; without a tenant it is the sign-in's."""
    built = again(credential)
    assert built._process_timeout == credential._process_timeout
    assert built.tenant_id == TENANT
    assert getattr(built, "subscription", None) == getattr(credential, "subscription", None)


@pytest.mark.parametrize("arguments", [{}, {"client_id": CLIENT}, {"identity_config": {"object_id": CLIENT}}])
def test_a_managed_identity_comes_back(arguments: dict[str, Any]) -> None:
    """System-assigned or user-assigned, by any of its ids."""
    built = again(az.ManagedIdentityCredential(**arguments))
    config = arguments.get("identity_config", {})
    assert built._credential._settings == {"client_id": arguments.get("client_id"), "identity_config": config}


def test_a_managed_identity_of_environment_variables_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon has other variables: it cannot stand in for App Service."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token")
    monkeypatch.setenv("IDENTITY_HEADER", "h")
    with pytest.raises(InvalidInput, match="App Service"):
        describe(az.ManagedIdentityCredential())


def test_a_workload_identity_comes_back(tmp_path: Path) -> None:
    """Tenant, client and the absolute path of the token file are kept; the file is read anew each time."""
    file = tmp_path / "token"
    file.write_text("jwt")
    credential = az.WorkloadIdentityCredential(tenant_id=TENANT, client_id=CLIENT, token_file_path=str(file))
    built = again(credential)
    assert (built._token_file_path, built._client._client_id) == (str(file), CLIENT)


def test_an_environment_credential_is_what_its_variables_stood_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has other variables, so their meaning travels, not their names."""
    with pytest.raises(InvalidInput, match="no sign-in"):
        describe(az.EnvironmentCredential())
    for name, value in (("TENANT_ID", TENANT), ("CLIENT_ID", CLIENT), ("CLIENT_SECRET", "of-the-environment")):
        monkeypatch.setenv(f"AZURE_{name}", value)
    for credential in (az.EnvironmentCredential(), az.DefaultAzureCredential()):
        kind, _, secrets = describe(credential)
        assert (kind, secrets) == ("ClientSecretCredential", {"client_secret": "of-the-environment"})


def test_a_default_credential_comes_back_with_what_it_leaves_out() -> None:
    """The chain in the daemon asks the same tools, and never the daemon's own variables."""
    original = az.DefaultAzureCredential(
        exclude_powershell_credential=True,
        exclude_developer_cli_credential=True,
        managed_identity_client_id=CLIENT,
    )
    built = again(original)
    left_out = {"EnvironmentCredential", "WorkloadIdentityCredential", "FailedDACCredential"}
    expected = [n for n in (type(c).__name__ for c in original.credentials) if n not in left_out]
    assert [type(c).__name__ for c in built.credentials] == expected
    managed = next(c for c in built.credentials if type(c).__name__ == "ManagedIdentityCredential")
    assert managed._credential._settings["client_id"] == CLIENT


def test_a_default_credential_of_a_workload_is_that_workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cluster says who the process is, that is what travels."""
    file = tmp_path / "token"
    file.write_text("jwt")
    for name, value in (("TENANT_ID", TENANT), ("CLIENT_ID", CLIENT), ("FEDERATED_TOKEN_FILE", str(file))):
        monkeypatch.setenv(f"AZURE_{name}", value)
    assert describe(az.DefaultAzureCredential())[0] == "WorkloadIdentityCredential"


def test_a_chain_that_has_given_a_token_is_the_one_that_gave_it() -> None:
    """Before that nobody knows which it will be: it is refused with what to do."""
    cli = az.AzureCliCredential()
    chain = az.ChainedTokenCredential(cli, az.AzurePowerShellCredential())
    with pytest.raises(InvalidInput, match="get_token first"):
        describe(chain)
    chain._successful_credential = cli
    assert describe(chain)[0] == "AzureCliCredential"


@pytest.mark.parametrize("kind", [az.InteractiveBrowserCredential, az.DeviceCodeCredential])
def test_a_persons_sign_in_travels_only_by_a_cache_on_disk(kind: Any) -> None:
    """With a record and a cache it comes back silent; else the sentence says what to use."""
    with pytest.raises(InvalidInput, match="az login"):
        describe(kind())
    record = az.AuthenticationRecord(TENANT, CLIENT, "login.microsoftonline.com", "home", "ada@contoso.com")
    cache = az.TokenCachePersistenceOptions(name="azjobs-test", allow_unencrypted_storage=True)
    built = again(kind(authentication_record=record, cache_persistence_options=cache))
    assert built._auth_record.username == "ada@contoso.com"
    assert built._cache_options.name == "azjobs-test"
    assert built._disable_automatic_authentication is True


class OwnCredential:
    """A user's own way to tokens."""


class Subclass(az.AzureCliCredential):
    """A known class, changed by somebody."""


@pytest.mark.parametrize(
    ("credential", "words"),
    [
        pytest.param(OwnCredential(), "OwnCredential come later", id="own-class"),
        pytest.param(Subclass(), "Subclass come later", id="subclass"),
        pytest.param(object(), "object come later", id="no-credential"),
        pytest.param(
            az.ClientAssertionCredential(TENANT, CLIENT, func=lambda: ""), "come later", id="a-function-inside"
        ),
        pytest.param(az_aio.AzureCliCredential(), "asynchronous", id="asynchronous"),
    ],
)
def test_other_credentials_are_refused_with_what_to_use_instead(credential: Any, words: str) -> None:
    """Nothing is guessed about a class that is not known."""
    with pytest.raises(InvalidInput, match=words):
        describe(credential)


def test_a_credential_kept_differently_by_another_version_is_refused() -> None:
    """A private attribute that is gone is a sentence, not a crash."""
    credential = az.ClientSecretCredential(TENANT, CLIENT, "s3cret-s3cret")
    del credential._client_credential
    with pytest.raises(InvalidInput, match="keeps it differently"):
        describe(credential)


def test_what_cannot_be_built_is_refused_without_its_secret() -> None:
    """Unknown kinds, missing secrets and arguments that azure-identity refuses are sentences."""
    described, _ = sign_in_of(az.ClientSecretCredential(TENANT, CLIENT, "s3cret-s3cret"))
    with pytest.raises(SignInFailed, match="does not know the way to sign in"):
        build(replace(described, kind="QuantumCredential"), {})
    with pytest.raises(SignInFailed, match="needs client_secret again"):
        build(described, {})
    with pytest.raises(SignInFailed, match="cannot be built") as caught:
        build(
            replace(described, arguments={**described.arguments, "tenant_id": "not a tenant!"}),
            {"client_secret": "x1y2"},
        )
    assert "x1y2" not in str(caught.value)
    with pytest.raises(SignInFailed, match="not taken") as caught:
        build(replace(described, secret_names=("tenant_id", "client_secret")), {"tenant_id": " ", "client_secret": " "})


def test_a_certificate_with_a_password_comes_back(tmp_path: Path) -> None:
    """A protected key stays protected; its password is a secret beside it."""
    leaf = trustme.CA().issue_cert("app", key_type=trustme.KeyType.RSA)
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    protection = serialization.BestAvailableEncryption(b"p4ss-w0rd")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    chain = b"".join(one.bytes() for one in leaf.cert_chain_pems)
    original = az.CertificateCredential(TENANT, CLIENT, certificate_data=pem + chain, password="p4ss-w0rd")
    assert describe(original)[2]["password"] == "p4ss-w0rd"
    assert again(original)._client_credential == original._client_credential


def test_a_managed_identity_of_a_cluster_is_its_workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pod the managed identity is the workload's."""
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com")
    for name, value in (("TENANT_ID", TENANT), ("CLIENT_ID", CLIENT), ("FEDERATED_TOKEN_FILE", str(tmp_path / "t"))):
        monkeypatch.setenv(f"AZURE_{name}", value)
    assert describe(az.ManagedIdentityCredential())[0] == "WorkloadIdentityCredential"


def test_a_default_credential_that_has_given_a_token_is_the_one_that_gave_it() -> None:
    """What worked in the caller's process is what travels."""
    credential = az.DefaultAzureCredential()
    credential._successful_credential = az.AzureCliCredential()
    assert describe(credential)[0] == "AzureCliCredential"
    without = az.DefaultAzureCredential(exclude_managed_identity_credential=True)
    assert describe(without)[1]["exclude_managed_identity_credential"] is True


def test_a_secret_that_is_no_text_is_refused() -> None:
    """A client secret that another version wraps is not guessed at."""
    credential = az.ClientSecretCredential(TENANT, CLIENT, "s3cret-s3cret")
    credential._client_credential = {"wrapped": "s3cret-s3cret"}
    with pytest.raises(InvalidInput) as caught:
        describe(credential)
    assert "s3cret-s3cret" not in str(caught.value)


def test_describing_does_not_import_azure_identity() -> None:
    """A client pays for azure-identity only if it uses it itself."""
    code = "import sys, azjobs.azure.describe; sys.exit(any(m.startswith(('azure.', 'aiohttp')) for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
