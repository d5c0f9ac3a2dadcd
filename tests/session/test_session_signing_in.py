"""Signing in and out against the embedded cloud, and what becomes current, saved and refused by it."""

from __future__ import annotations

import json
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.context import Environment, SignInKey
from azjobs.core.secret import SecureString
from azjobs.core.signin import SignIn
from azjobs.core.wire import DropSignIn, Ok, PutSignIn, SignedIn
from azjobs.session.accounts import ways
from azjobs.session.accounts.asked import Asked
from azjobs.session.accounts.looking_around import Visit
from azjobs.session.link import local as local_module
from terminal import DEADLINE_S, Home, Python

STAGING = "22222222-2222-4222-8222-222222222222"


def saved(home: Home) -> dict[str, Any]:
    file = home.folder / "contexts.json"
    return json.loads(file.read_text()) if file.exists() else {}


def another_session() -> None:
    """From here on this process is as one that was just started."""
    local_module.close_all()
    local_module._memories.clear()


@pytest.fixture
def secret(live: Home) -> az.Credential:
    az.connect_az_account(environment="AzureSimulator")  # starts it
    return az.Credential(live.endpoint["client_id"], az.SecureString(live.endpoint["client_secret"]))


def test_the_embedded_cloud_is_started_and_signed_in_to(live: Home) -> None:
    """The context says who, where, and that it is the embedded cloud."""
    context = az.connect_az_account(environment="azuresimulator")
    assert repr(context) == (
        "<Context 'Rehearsal' account=azjobs-demo tenant=Contoso subscription=Rehearsal environment=AzureSimulator>"
    )
    assert context.environment.is_simulator
    assert az.get_az_context() == context
    assert saved(live)["default"] == "Rehearsal"


def test_what_is_saved_holds_no_secret(live: Home, secret: az.Credential) -> None:
    """No file of the home has the secret, but the embedded cloud's own."""
    az.connect_az_account(
        environment="AzureSimulator", service_principal=True, tenant=live.endpoint["tenant_id"], credential=secret
    )
    needle = secret.password.reveal().encode()
    holding = {
        path.relative_to(live.folder).parts[0]
        for path in live.folder.rglob("*")
        if path.is_file() and needle in path.read_bytes()
    }
    assert holding <= {"simulator"}


def test_a_new_session_has_the_saved_default(live: Home) -> None:
    """What one session saved is there for the next."""
    context = az.connect_az_account(environment="AzureSimulator")
    another_session()
    assert az.get_az_context() == context


def test_a_wrong_secret_saves_nothing(live: Home, secret: az.Credential) -> None:
    """SignInFailed, one sentence, and the sign-in that was there goes on giving tokens."""
    before = saved(live)
    wrong = az.Credential(secret.username, az.SecureString("wrong-secret"))
    with pytest.raises(az.SignInFailed) as caught:
        az.connect_az_account(
            environment="AzureSimulator", service_principal=True, tenant=live.endpoint["tenant_id"], credential=wrong
        )
    assert "wrong-secret" not in str(caught.value)
    assert saved(live) == before
    context = az.get_az_context()
    assert context is not None
    assert context.credential.get_token().token


def test_a_subscription_that_is_not_there_is_named_with_those_that_are(live: Home) -> None:
    """The account was right, the subscription was not; what was current stays."""
    az.connect_az_account(environment="AzureSimulator")
    with pytest.raises(az.ContextNotFound, match=r"azjobs-demo sees no subscription Nowhere\. It sees: .*Rehearsal"):
        az.connect_az_account(environment="AzureSimulator", subscription="Nowhere")
    context = az.get_az_context()
    assert context is not None
    assert context.name == "Rehearsal"


@pytest.mark.parametrize("wanted", ["Staging", "staging", STAGING])
def test_a_subscription_is_chosen_by_name_or_id_for_this_session_only(live: Home, wanted: str) -> None:
    """The saved default stays where it is."""
    az.connect_az_account(environment="AzureSimulator")
    live.add_subscriptions(Staging=STAGING)
    context = az.connect_az_account(environment="AzureSimulator", subscription=wanted)
    assert (context.name, az.get_az_context()) == ("Staging", context)
    another_session()
    current = az.get_az_context()
    assert current is not None
    assert current.name == "Rehearsal"


def test_set_az_context_finds_a_subscription_that_is_new(live: Home) -> None:
    """The account is asked again what it sees; an unknown one is an error."""
    az.connect_az_account(environment="AzureSimulator")
    ident = "44444444-4444-4444-8444-444444444444"
    live.add_subscriptions(Tomorrow=ident)
    assert az.set_az_context(subscription="tomorrow").subscription == az.get_az_context("Tomorrow").subscription
    assert az.set_az_context(subscription=ident, name="blue").name == "blue"
    assert az.get_az_context("BLUE").name == "blue"
    with pytest.raises(az.ContextNotFound, match="sees no subscription Nowhere"):
        az.set_az_context(subscription="Nowhere")


def test_a_credential_object_makes_a_context_of_this_program_only(live: Home, secret: az.Credential) -> None:
    """It is described, not pickled, and saved nowhere; its tokens come from the daemon all the same."""
    from azure.identity import ClientSecretCredential  # noqa: PLC0415 - heavy

    before = saved(live)
    credential = ClientSecretCredential(
        live.endpoint["tenant_id"],
        secret.username,
        secret.password.reveal(),
        authority=live.endpoint["url"],
        disable_instance_discovery=True,
        connection_verify=live.endpoint["ca_file"],
    )
    with credential:
        context = az.connect_az_account(credential=credential, environment="AzureSimulator", subscription="Rehearsal")
    assert context.value.scope.startswith("py:")
    assert context.account.id == secret.username
    assert saved(live) == before
    assert context.credential.get_token().token


def test_with_autosave_off_nothing_of_a_sign_in_is_saved(live: Home) -> None:
    """The context is this session's own, and another session does not see it."""
    az.disable_az_context_autosave(scope="Process")
    before = saved(live)
    context = az.connect_az_account(environment="AzureSimulator")
    assert context.value.scope.startswith("py:")
    assert saved(live) == before
    assert not az.get_az_context_autosave_setting().is_on
    another_session()
    assert az.get_az_context_autosave_setting().is_on
    assert context not in az.get_az_context(list_available=True)


def test_signing_out_forgets_contexts_and_sign_in(live: Home) -> None:
    """Nothing is current after that, and the context that is still in the hand gives no token."""
    context = az.connect_az_account(environment="AzureSimulator")
    assert az.disconnect_az_account().display == "azjobs-demo"
    assert az.get_az_context() is None
    assert "contexts" not in saved(live)
    with pytest.raises(az.NotSignedIn, match="Type: azjobs account connect"):
        context.credential.get_token()
    with pytest.raises(az.NotSignedIn, match=r"^Not signed in\. Type: azjobs account connect$"):
        az.disconnect_az_account()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "Say how to sign in"),
        ({"environment": "AzureMoon"}, "There is no environment AzureMoon. Known are AzureCloud,"),
        ({"service_principal": True}, "A service principal needs credential="),
        ({"credential": az.Credential("u", az.SecureString("p"))}, "A user's password is not taken"),
        ({"service_principal": True, "credential": az.Credential("u", az.SecureString("p"))}, "give tenant="),
        ({"service_principal": True, "tenant": "t", "credential": az.Credential("u")}, "has an empty secret"),
        ({"credential": object()}, "A object is no credential"),
        ({"scope": "Machine"}, "The scope is Process or CurrentUser, not Machine"),
    ],
)
def test_what_is_missing_for_a_sign_in_is_said(quiet_home: Path, arguments: dict[str, Any], sentence: str) -> None:
    """One sentence, and nothing was started."""
    with pytest.raises(az.InvalidInput) as caught:
        az.connect_az_account(**arguments)
    assert sentence in str(caught.value)
    assert not (quiet_home / "run").exists()


def test_a_credential_object_that_gives_no_token_is_told_with_its_reason(quiet_home: Path) -> None:
    """Other people's code fails in its own words."""

    class Broken:
        def get_token(self, *_: str, **__: Any) -> Any:
            raise RuntimeError("no network today\nand more")

    with pytest.raises(az.SignInFailed, match=r"The Broken gives no token: no network today\. Nothing was saved\."):
        az.connect_az_account(credential=Broken())


def sign_in_of(home: Home) -> SignIn:
    end = home.endpoint
    cloud = Environment("Elsewhere", end["url"], end["authority_url"], ca_file=end["ca_file"])
    ids = {"tenant_id": end["tenant_id"], "client_id": end["client_id"]}
    key = SignInKey("elsewhere", end["client_id"], end["tenant_id"])
    return SignIn(key, "ClientSecretCredential", cloud, ids, ("client_secret",))


def test_a_wrong_secret_is_refused_while_the_right_one_is_being_tried(live: Home, secret: az.Credential) -> None:
    """Each of several sign-ins of one account is tried with its own secret, never answered with another's token."""
    sign_in, client = sign_in_of(live), local_module.local().client

    def put(text: str) -> bool:
        try:
            client.ask(PutSignIn(0, sign_in, {"client_secret": SecureString(text)}, "user"), SignedIn)
        except az.SignInFailed:
            return False
        return True

    secrets = [secret.password.reveal(), *(f"wrong-{n}" for n in range(7))]
    with ThreadPoolExecutor(len(secrets)) as pool:
        assert list(pool.map(put, secrets)) == [True, *[False] * 7]
    client.ask(DropSignIn(0, sign_in.key), Ok)


def test_an_attempt_that_fails_leaves_the_sign_in_that_another_process_has_made_meanwhile(
    live: Home, secret: az.Credential
) -> None:
    """What is undone is what nobody uses: the other process has saved its contexts in between."""
    here = local_module.local()
    az.disconnect_az_account()
    failing = Visit(here, "user", is_saved=True)
    asked = Asked(environment="AzureSimulator")
    failing.put(ways.find(here, asked))
    context = az.connect_az_account(environment="AzureSimulator")
    failing.undo()
    assert context.credential.get_token().token


#: A person who presses Ctrl-C; the fault that holds them up is planted before.
INTERRUPTED = """
az.connect_az_account(environment="AzureSimulator")
"""


@pytest.mark.parametrize("where", ["oauth2/v2.0/token", "^/tenants"])
def test_who_is_interrupted_while_signing_in_leaves_no_sign_in(home: Home, python: Python, where: str) -> None:
    """Ctrl-C comes while the daemon tries it, or has kept it already: it is forgotten all the same."""
    gone = az.connect_az_account(environment="AzureSimulator")
    az.disconnect_az_account()
    cloud, method = home.cloud, "POST" if "token" in where else "GET"
    before = max(one["seq"] for one in cloud.requests())
    cloud.fault(where, {"delay_s": 2.0}, method=method)
    program = subprocess.Popen(
        [*python.command[:-1], python.command[-1] + INTERRUPTED], env=python.environment, stderr=subprocess.PIPE
    )
    cloud.wait_for_requests(method=method, path_regex=where, since=before, timeout_s=DEADLINE_S)
    program.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in program.communicate(timeout=DEADLINE_S)[1]
    cloud.wait_for_requests(method=method, path_regex=where, since=before, answered=True)
    about = home.add_principal("another", subscriptions=1)
    credential = az.Credential(about["client"], az.SecureString(about["secret"]))
    az.connect_az_account(  # the daemon has heard of the answer by then
        environment="AzureSimulator", service_principal=True, tenant=about["tenant"], credential=credential
    )
    with pytest.raises(az.NotSignedIn):
        gone.credential.get_token()


#: Runs in every interpreter that starts with it on its path; only the daemon has the module that it changes.
FAILING = """
import os, sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

class Failing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "azjobs.daemon.vault":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            drop = module.Vault.drop_sign_in
            async def drop_sign_in(vault, scope, key):
                if os.path.exists({flag!r}):
                    raise OSError("as if the keeper were stuck")
                await drop(vault, scope, key)
            module.Vault.drop_sign_in = drop_sign_in
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Failing())
"""


def test_signing_out_that_does_not_succeed_can_be_asked_for_again(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the daemon fails at it, the contexts are still there, and so the account can still be named."""
    flag, folder = tmp_path / "fails", tmp_path / "patch"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FAILING.format(flag=str(flag)))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    context = az.connect_az_account(environment="AzureSimulator")
    flag.touch()
    with pytest.raises(az.DaemonUnavailable, match="The daemon failed on DropSignIn"):
        az.disconnect_az_account()
    flag.unlink()
    assert az.disconnect_az_account().id == context.account.id
    assert az.get_az_context() is None
    with pytest.raises(az.NotSignedIn):
        context.credential.get_token()
