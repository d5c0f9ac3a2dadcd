"""A job whose session has ended, and whose sign-in is gone or refused, goes on when its account signs in elsewhere."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

import azjobs as az
from azjobs.core.context import ContextValue
from azjobs.core.signin import SignIn
from azjobs.core.wire import GetToken, Token
from azjobs.daemon.accounts.stand_ins import is_same_account
from azjobs.session.link.local import local
from terminal import DEADLINE_S, Home, Python, wait_until

#: Signs in for this session only, waits, starts a job and leaves.
LEAVE = """
import os, pathlib, sys, time
tenant, client, secret, folder, kind = sys.argv[1:]
folder = pathlib.Path(folder)
credential = az.Credential(client, az.SecureString(secret))
context = az.connect_az_account(
    environment="AzureSimulator", service_principal=True, tenant=tenant, credential=credential, scope="Process"
)
def ask(folder):
    import pathlib, time
    import azjobs as az
    def wait(name):
        while not pathlib.Path(folder, name).exists():
            time.sleep(0.01)
    def token():
        return az.get_az_context().credential.get_token().token
    wait("go")
    first = token()
    pathlib.Path(folder, "first").touch()
    wait("again")
    return [first, token()]
if kind == "process":
    az.start_job(ask, argument_list=[str(folder)], name="left")
(folder / "signed-in").touch()
while not (folder / "go").exists():
    time.sleep(0.01)
if kind == "plan":
    az.new_az_resource_group("left", "eastus", as_job=True)
"""


class Session:
    """Another session: signed in as an application for itself only, whose secret then becomes a wrong one."""

    def __init__(self, home: Home, python: Python, folder: Path, kind: str) -> None:
        self.home, self.folder = home, folder
        home.start_cloud()
        home.cloud.time("at-once")
        home.cloud.retry_after(0)
        self.about = home.add_principal("app", subscriptions=1)
        arguments = [self.about["tenant"], self.about["client"], self.about["secret"], str(folder), kind]
        command = [*python.command[:-1], python.command[-1] + LEAVE, *arguments]
        self.process = subprocess.Popen(command, env=python.environment)
        wait_until(lambda: (folder / "signed-in").exists() or self.process.poll() is not None)
        self.expire()
        (folder / "go").touch()
        assert self.process.wait(DEADLINE_S) == 0
        self.job = wait_until(lambda: [job for job in az.get_job() if "left" in job.name])[0]
        wait_until(lambda: self.job.state is az.JobState.BLOCKED, what=f"the job waits: {self.job.view.row}")

    def expire(self) -> None:
        """Another secret is the good one now, and no token of the old one is kept."""
        expire(self.home, self.about)

    def sign_in(self, scope: str) -> az.Context:
        """Sign in here, as the same account."""
        return sign_in(self.about, scope)


def expire(home: Home, about: dict[str, Any]) -> None:
    about["secret"] = f"secret~{uuid4()}"
    (subscription,) = about["subscriptions"]
    principal = {
        "tenant_id": about["tenant"],
        "client_id": about["client"],
        "secret": about["secret"],
        "name": "app",
        "rights": {f"/subscriptions/{subscription}": "Owner"},
    }
    home.cloud.directory(principals=[principal])
    home.kill("_main.daemon")


def sign_in(about: dict[str, Any], scope: str, *, allow_unencrypted_storage: bool = False) -> az.Context:
    return az.connect_az_account(
        environment="AzureSimulator",
        service_principal=True,
        tenant=about["tenant"],
        credential=az.Credential(about["client"], az.SecureString(about["secret"])),
        scope=scope,
        allow_unencrypted_storage=allow_unencrypted_storage,
    )


@pytest.mark.parametrize("scope", ["Process", "CurrentUser"])
def test_an_azure_job_of_a_session_that_has_ended_goes_on_when_its_account_signs_in_elsewhere(
    home: Home, python: Python, tmp_path: Path, scope: str
) -> None:
    """Its own account, and no other one."""
    session = Session(home, python, tmp_path, "plan")
    az.connect_az_account(environment="AzureSimulator", scope=scope)
    assert session.job.state is az.JobState.BLOCKED
    session.sign_in(scope)
    assert session.job.result(DEADLINE_S).name == "left"


@pytest.mark.filterwarnings("ignore:There is no keyring here")
def test_a_sign_in_that_cannot_be_saved_is_said_and_lets_the_jobs_that_wait_for_it_go_on(home: Home) -> None:
    """The account was signed in before: the new sign-in is held in its place, and jobs have what they wait for."""
    home.start_cloud()
    home.cloud.time("at-once")
    about = home.add_principal("app", subscriptions=1)
    sign_in(about, "CurrentUser", allow_unencrypted_storage=True)
    expire(home, about)
    job = az.new_az_resource_group("a", "eastus", as_job=True)
    wait_until(lambda: job.state is az.JobState.BLOCKED)
    file = home.folder / "sign-ins.json"
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    with pytest.raises(az.HomeUnusable, match=r"sign-ins\.json cannot be written"):
        sign_in(about, "CurrentUser", allow_unencrypted_storage=True)
    wait_until(lambda: job.state is not az.JobState.BLOCKED)
    assert job.result(DEADLINE_S).name == "a"


def test_a_process_of_a_session_that_has_ended_goes_on_by_that_sign_in_over_daemons(
    home: Home, python: Python, tmp_path: Path
) -> None:
    """The next daemon knows what stands in for the sign-in of the job; once the job has ended nothing does."""
    session = Session(home, python, tmp_path, "process")
    context = session.sign_in("Process")
    wait_until((tmp_path / "first").exists)
    home.kill("_main.daemon")
    (tmp_path / "again").touch()
    tokens = session.job.result(DEADLINE_S)
    assert len(tokens) == 2
    ended = session.job.view.row.context
    assert ended is not None
    assert ended.scope != context.value.scope
    wait_until(lambda: not is_signed_in(ended), what="nothing stands in any more")
    assert is_signed_in(context.value)
    assert all(is_same_account(context.value, _sign_in(context), token) for token in tokens)


def is_signed_in(context: ContextValue) -> bool:
    try:
        return bool(local().client.ask(GetToken(0, context), Token).token)
    except (az.NotSignedIn, az.SignInFailed):
        return False


def _sign_in(context: az.Context, **changed: str) -> SignIn:
    value = context.value
    key = replace(value.sign_in_key, **changed)
    return SignIn(key, "ClientSecretCredential", value.environment)


def test_only_the_very_same_account_stands_in(home: Home) -> None:
    """The same environment at the same address, tenant, name and object id; an unknown object id is nobody's."""
    context = az.connect_az_account(environment="AzureSimulator")
    value, token = context.value, context.credential.get_token().token
    assert is_same_account(value, _sign_in(context), token)
    assert not is_same_account(replace(value, object_id=str(uuid4())), _sign_in(context), token)
    assert not is_same_account(replace(value, object_id=""), _sign_in(context), token)
    assert not is_same_account(value, _sign_in(context, tenant=str(uuid4())), token)
    assert not is_same_account(value, _sign_in(context, account="somebody"), token)
    moved = replace(value.environment, authority_url="https://localhost:1")
    assert not is_same_account(replace(value, environment=moved), _sign_in(context), token)
    assert not is_same_account(value, _sign_in(context), "no token")
