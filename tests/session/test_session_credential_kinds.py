"""Kinds of sign-in beside a secret: tokens, sources, any object with get_token; and what is refused of them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from terminal import Home

SIMULATOR = "AzureSimulator"
T = "00000000-0000-4000-8000-00000000000a"


class Lent:
    """A credential of the user's own: it hands out the token it was lent."""

    def __init__(self, token: str) -> None:
        self.token = token

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        """Return the token."""
        from azure.core.credentials import AccessToken  # noqa: PLC0415 - in the credential's process, too

        return AccessToken(self.token, int(time.time()) + 3600)


class LentLater(Lent):
    """The same, asynchronous."""

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return the token."""
        return super().get_token(*scopes, **options)


class Locked(Lent):
    """The same, but with something that no other process can have."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.lock = threading.Lock()


@pytest.fixture
def token(live: Home) -> str:
    """A real token of the embedded cloud's demo account."""
    az.connect_az_account(environment=SIMULATOR)
    return az.get_az_context().credential.get_token().token


@pytest.mark.parametrize("kind", [Lent, LentLater])
def test_any_object_that_gives_tokens_signs_in_this_program(live: Home, token: str, kind: type[Lent]) -> None:
    """It runs in a process of its own, asynchronous ones too; nothing of it is saved."""
    before = (live.folder / "contexts.json").read_bytes()
    context = az.connect_az_account(environment=SIMULATOR, credential=kind(token))
    assert context.value.scope.startswith("py:")
    assert context.subscription.name == "Rehearsal"
    assert context.credential.get_token().token == token
    assert (live.folder / "contexts.json").read_bytes() == before


def test_a_function_that_makes_a_credential_signs_in_where_the_object_itself_cannot_travel(
    live: Home, token: str
) -> None:
    """The refusal of the object says so."""
    with pytest.raises(az.CannotSend, match=r"As: credential=lambda: Locked\(…\)"):
        az.connect_az_account(environment=SIMULATOR, credential=Locked(token))
    context = az.connect_az_account(environment=SIMULATOR, credential=lambda: Locked(token))
    assert context.credential.get_token().token == token


def test_an_access_token_signs_in_until_it_expires(live: Home, token: str) -> None:
    """Whose it is stands in it, and `account_id` names it otherwise; it lies in no file."""
    context = az.connect_az_account(environment=SIMULATOR, access_token=az.SecureString(token), account_id="lent")
    assert (context.account.id, context.account.type.value) == ("lent", "AccessToken")
    assert context.credential.get_token().token == token
    holding = [p for p in live.folder.rglob("*") if p.is_file() and token.encode() in p.read_bytes()]
    assert holding == []


def test_a_name_that_another_context_has_is_refused_unless_forced(live: Home, token: str) -> None:
    """Nothing was saved by the refusal; forced, the name is the new context's."""
    first = az.connect_az_account(environment=SIMULATOR, context_name="mine")
    lent = {"environment": SIMULATOR, "access_token": az.SecureString(token), "account_id": "lent"}
    with pytest.raises(az.InvalidInput, match="Another context is called mine"):
        az.connect_az_account(**lent, context_name="Mine")
    assert [one for one in az.get_az_context(list_available=True) if one.account.id == "lent"] == []
    second = az.connect_az_account(**lent, context_name="mine", force=True)
    assert az.get_az_context("mine") == second
    assert first.value.key not in [one.value.key for one in az.get_az_context(list_available=True)]


def test_signing_out_by_context_application_or_object_names_the_account(live: Home, token: str) -> None:
    """Nothing else becomes the default; who is not signed in is told."""
    demo = az.connect_az_account(environment=SIMULATOR)
    lent = az.connect_az_account(environment=SIMULATOR, access_token=az.SecureString(token), account_id="lent")
    assert az.disconnect_az_account(context_name=lent.name).id == "lent"
    assert az.get_az_context(list_available=True) != []
    with pytest.raises(az.InvalidInput, match="An application signs out of one tenant"):
        az.disconnect_az_account(application_id=demo.account.id)
    with pytest.raises(az.NotSignedIn, match="No account nobody is signed in here"):
        az.disconnect_az_account("nobody")
    with pytest.raises(az.InvalidInput, match="in one way"):
        az.disconnect_az_account("x", context_name="y")
    assert az.disconnect_az_account(application_id=demo.account.id, tenant=demo.tenant.id) == demo.account
    assert az.get_az_context(list_available=True) == []
    with pytest.raises(az.NotSignedIn):
        az.disconnect_az_account(input_object=demo)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"federated_token": "eyJ0"}, "A federated token itself is not taken, since it expires in minutes"),
        ({"federated_token": lambda: "x"}, "A federated token signs in an application: give application_id="),
        ({"federated_token_file": "/x", "application_id": "a"}, "signs in to one tenant: give tenant="),
        (
            {"federated_token_file": "/nonexistent/t", "application_id": "a", "tenant": T},
            "/nonexistent/t cannot be read: No such file or directory. Nothing was saved.",
        ),
        (
            {"federated_from": "GitHubActions", "application_id": "a", "tenant": T},
            "There is no ACTIONS_ID_TOKEN_REQUEST_URL in the environment",
        ),
        (
            {"federated_from": "AzurePipelines", "application_id": "a", "tenant": T},
            "give service_connection_id=",
        ),
        (
            {
                "federated_from": "AzurePipelines",
                "application_id": "a",
                "tenant": T,
                "service_connection_id": "c",
            },
            "There is no SYSTEM_OIDCREQUESTURI in the environment",
        ),
        ({"federated_from": "Jenkins", "application_id": "a", "tenant": T}, "GitHubActions or AzurePipelines, not"),
        ({"certificate_path": "/nonexistent/c.pem"}, "A certificate signs in an application: give application_id="),
        (
            {"certificate_path": "/nonexistent/c.pem", "application_id": "a", "tenant": T},
            "The certificate /nonexistent/c.pem cannot be read",
        ),
        ({"certificate_password": az.SecureString("p")}, "certificate_password= goes with certificate_path="),
        ({"application_id": "a"}, "application_id= goes with"),
        ({"access_token": az.SecureString("opaque")}, "does not tell whose it is: give account_id="),
        ({"access_token": az.SecureString("opaque"), "account_id": "ana"}, "does not tell its tenant: give tenant="),
        ({"identity": True, "use_device_authentication": True}, "give identity or use_device_authentication, not both"),
        ({"source": "aws"}, "source= is az or pwsh, not aws."),
        ({"max_context_population": -2}, "max_context_population is a number of contexts, or -1 for all."),
        ({"claims_challenge": "%%"}, "claims_challenge= is JSON, or base64 of it"),
    ],
)
def test_what_does_not_fit_together_is_one_sentence(quiet_home: Path, arguments: dict[str, Any], sentence: str) -> None:
    """It says what to give; nothing was started."""
    with pytest.raises(az.InvalidInput) as caught:
        az.connect_az_account(**arguments)
    assert sentence in str(caught.value)
    assert not (quiet_home / "run").exists()
