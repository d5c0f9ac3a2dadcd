"""A sign-in that is refused for good blocks the jobs that need it, and signing in again lets them go on."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import azjobs as az
from azjobs.core.wire import DaemonStatus, Status
from azjobs.session.link.local import local
from azjobs.session.submitting.plans import read_plan
from terminal import Home, wait_until

LIMIT_S = 30.0
EXPIRED = r"^The client secret of .* is wrong: .* \(AADSTS7000215\) Type: azjobs account connect$"
ASKING = """
import pickle, sys
from pathlib import Path
from azjobs.core.layout import Layout
from azjobs.core.wire import GetToken, Token
from azjobs.session.link.client import Client
context, home, key = pickle.loads(sys.stdin.buffer.read())
Client(Layout(Path(home)), None, key).ask(GetToken(0, context.value), Token)
"""


class Application:
    """A service principal of the embedded cloud, whose secret can be made to expire."""

    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.about = home.add_principal(name, subscriptions=1)
        self.name = name
        self.context = self.sign_in()

    def sign_in(self) -> az.Context:
        """Sign in with the secret that is good now."""
        credential = az.Credential(self.about["client"], az.SecureString(self.about["secret"]))
        return az.connect_az_account(
            environment="AzureSimulator", service_principal=True, tenant=self.about["tenant"], credential=credential
        )

    def expire(self) -> None:
        """Another secret is the good one now, and no token of the old one is kept."""
        self.about["secret"] = f"secret~{uuid4()}"
        (subscription,) = self.about["subscriptions"]
        self.home.cloud.directory(
            principals=[
                {
                    "tenant_id": self.about["tenant"],
                    "client_id": self.about["client"],
                    "secret": self.about["secret"],
                    "name": self.name,
                    "rights": {f"/subscriptions/{subscription}": "Owner"},
                }
            ]
        )
        os.kill(local().client.ask(Status(0), DaemonStatus).pid, signal.SIGKILL)

    @property
    def group(self) -> dict[str, str]:
        """The arguments of a plan that makes a group."""
        return {"subscription_id": self.about["subscriptions"][0], "name": f"group-{self.name}", "location": "eastus"}


@pytest.fixture
def application(signed_in: Home) -> Application:
    """Signed in as an application of its own tenant."""
    return Application(signed_in, f"app-{uuid4()}")


def blocked(job: az.Job[Any]) -> str:
    """Wait until a job is blocked; returns what it says."""
    wait_until(lambda: job.state is az.JobState.BLOCKED, what=f"the job is blocked: {job.view.row}")
    question = job.view.question
    assert question is not None
    return question.text


def hold(path: str) -> int:
    """Wait for a file, then ask for a token past what is kept; returns its length."""
    import pathlib  # noqa: PLC0415 - in the job
    import time  # noqa: PLC0415 - in the job

    while not pathlib.Path(path).exists():
        time.sleep(0.01)
    context = az.get_az_context()
    assert context is not None
    return len(context.credential.get_token().token)


@pytest.fixture
def holding(application: Application, tmp_path: Path) -> Iterator[tuple[az.Job[int], Path]]:
    """A job that asks for a token when its file is there; its sign-in is refused by then."""
    go = tmp_path / "go"
    job = az.start_job(hold, argument_list=[str(go)])
    wait_until(lambda: job.view.row.work.pid, what="the process is known")
    application.expire()
    yield job, go
    go.touch()


def test_an_azure_job_whose_sign_in_is_refused_asks_and_goes_on_once_signed_in(application: Application) -> None:
    """Its sentence ends with what to type; nothing is sent in the meantime, and each thing is done once."""
    application.expire()
    job = az.new_az_resource_group(name="after", location="eastus", as_job=True)
    assert re.match(EXPIRED, blocked(job))
    assert application.sign_in() == application.context
    assert job.result(LIMIT_S).name == "after"
    puts = application.home.cloud.requests(method="PUT", path_regex=f"{application.about['subscriptions'][0]}.*/after")
    assert len(puts) == 1


def test_only_jobs_that_lack_the_sign_in_that_was_added_go_on(application: Application, signed_in: Home) -> None:
    """The others stay as they are."""
    other = Application(signed_in, f"app-{uuid4()}")
    application.expire()
    other.expire()
    jobs = [
        az.new_az_resource_group(name=one.name, location="eastus", as_job=True, az_context=one.context)
        for one in (application, other)
    ]
    for job in jobs:
        blocked(job)
    before = max(one["seq"] for one in signed_in.cloud.requests())
    application.sign_in()
    assert jobs[0].result(LIMIT_S).name == application.name
    assert jobs[1].state is az.JobState.BLOCKED
    assert not [one for one in signed_in.cloud.requests(since=before) if other.about["tenant"] in str(one)]
    other.sign_in()
    assert jobs[1].result(LIMIT_S).name == other.name


def test_a_sign_in_that_is_refused_as_well_releases_nothing(application: Application) -> None:
    """The job goes on asking, and does not try by itself."""
    application.expire()
    job = az.new_az_resource_group(name="never", location="eastus", as_job=True)
    blocked(job)
    good, application.about["secret"] = application.about["secret"], "still wrong"
    with pytest.raises(az.SignInFailed):
        application.sign_in()
    assert job.state is az.JobState.BLOCKED
    application.about["secret"] = good
    application.sign_in()
    assert job.result(LIMIT_S).name == "never"


def test_a_call_that_waits_is_told_and_what_only_reads_is_refused(application: Application) -> None:
    """JobBlocked with the sentence, and a job that shows itself; a read raises what the sign-in service said."""
    application.expire()
    with pytest.raises(az.SignInFailed, match=EXPIRED):
        read_plan("get-az-resource-group@1", {"subscription_id": application.about["subscriptions"][0]})
    with pytest.raises(az.JobBlocked, match="AADSTS7000215"):
        az.new_az_resource_group(name="attached", location="eastus")
    (job,) = [job for job in az.get_job() if job.state is az.JobState.BLOCKED and "attached" in job.name]
    application.sign_in()
    assert job.result(LIMIT_S).name == "attached"


def test_a_process_that_asks_for_a_token_waits_until_somebody_signs_in(
    holding: tuple[az.Job[int], Path], application: Application
) -> None:
    """Its job is Blocked with the sentence, then Running again, and its process was started once."""
    job, go = holding
    pid = job.view.row.work.pid
    go.touch()
    assert re.match(EXPIRED, blocked(job))
    application.sign_in()
    assert job.result(LIMIT_S) > 100
    assert job.view.row.work.pid == pid
    assert job.view.question is None


def test_a_process_that_waits_for_a_token_can_be_stopped(holding: tuple[az.Job[int], Path]) -> None:
    """Its process ends."""
    job, go = holding
    go.touch()
    blocked(job)
    az.stop_job(job)
    wait_until(lambda: job.state is az.JobState.STOPPED)


def test_a_process_waits_on_when_the_daemon_is_killed(
    holding: tuple[az.Job[int], Path], application: Application
) -> None:
    """It asks the next one again, which releases it by the same sign-in."""
    job, go = holding
    go.touch()
    blocked(job)
    application.home.kill("_main.daemon")
    application.sign_in()
    assert job.result(LIMIT_S) > 100


@pytest.mark.slow
def test_a_process_that_has_waited_long_asks_the_next_daemon_too(application: Application, tmp_path: Path) -> None:
    """For longer than anybody tries to reach a daemon: that time begins when the one that held the request has gone."""
    go, patience_s = tmp_path / "go", 1.0

    def hold_impatiently(path: str, patience_s: float) -> int:
        from azjobs.session.link import client  # noqa: PLC0415 - in the job

        client.PATIENCE_S = patience_s
        return hold(path)

    job = az.start_job(hold_impatiently, argument_list=[str(go), patience_s])
    wait_until(lambda: job.view.row.work.pid, what="the process is known")
    application.expire()
    go.touch()
    blocked(job)
    over_at = time.monotonic() + 1.5 * patience_s
    wait_until(lambda: time.monotonic() > over_at, what="its patience would be over")
    application.home.kill("_main.daemon")
    application.sign_in()
    assert job.result(LIMIT_S) > 100


def test_a_process_that_no_longer_asks_is_not_shown_as_waiting(application: Application, tmp_path: Path) -> None:
    """It gave up: its job runs on, as it does."""
    go, end = tmp_path / "go", tmp_path / "end"

    def give_up(go: str, end: str) -> str:
        import pathlib  # noqa: PLC0415 - in the job
        import pickle  # noqa: PLC0415 - in the job
        import subprocess  # noqa: PLC0415 - in the job
        import sys  # noqa: PLC0415 - in the job
        import time  # noqa: PLC0415 - in the job

        from azjobs.session.link.local import local as here  # noqa: PLC0415 - in the job

        while not pathlib.Path(go).exists():
            time.sleep(0.01)
        grants = here().grants
        assert grants is not None
        asking = subprocess.Popen([sys.executable, "-c", ASKING], stdin=subprocess.PIPE)
        assert asking.stdin is not None
        asking.stdin.write(pickle.dumps((az.get_az_context(), str(here().layout.home), grants.key)))
        asking.stdin.close()
        while not pathlib.Path(end).exists():
            time.sleep(0.01)
        asking.kill()
        asking.wait()
        while pathlib.Path(end).exists():
            time.sleep(0.01)
        return "done"

    job = az.start_job(give_up, argument_list=[str(go), str(end)])
    wait_until(lambda: job.view.row.work.pid, what="the process is known")
    application.expire()
    go.touch()
    blocked(job)
    end.touch()
    wait_until(lambda: job.state is az.JobState.RUNNING, what="nobody waits any more")
    end.unlink()
    assert job.result(LIMIT_S) == "done"


def test_a_token_for_what_the_tenant_does_not_know_is_refused_to_the_job(application: Application) -> None:
    """Signing in again would not help, so nobody is asked to."""

    def ask() -> str:
        context = az.get_az_context()
        assert context is not None
        try:
            context.credential.get_token("https://nobody.example/.default")
        except az.SignInFailed as error:
            return str(error)
        return "a token"

    assert "AADSTS500011" in az.start_job(ask).result(LIMIT_S)


def test_a_token_of_another_tenant_is_refused(application: Application) -> None:
    """A context is for one tenant."""
    with pytest.raises(az.WrongTarget, match="not for tenant elsewhere"):
        application.context.credential.get_token(tenant_id="elsewhere")
    own = application.about["tenant"].upper()
    assert application.context.credential.get_token(tenant_id=own).token


def test_signing_out_and_in_again_lets_waiting_threads_go_on(application: Application, tmp_path: Path) -> None:
    """A sign-in that is gone is as one that is refused; several requests of one job wait side by side."""
    go = tmp_path / "go"

    def many(path: str) -> list[int]:
        import concurrent.futures  # noqa: PLC0415 - in the job

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return [f.result() for f in [pool.submit(hold, path) for _ in range(4)]]

    job = az.start_job(many, argument_list=[str(go)])
    wait_until(lambda: job.view.row.work.pid, what="the process is known")
    az.disconnect_az_account(application.about["client"])
    go.touch()
    assert blocked(job).endswith("is gone. Type: azjobs account connect")
    application.sign_in()
    assert min(job.result(LIMIT_S)) > 100
