"""A job that waits for a sign-in never waits for ever: whoever signs in and whoever keeps it are killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from crash_edges import parse_kills
from crash_round import Round, Site

from azjobs.core.states import Blocked, JobState, QuestionKind
from azjobs.keeper.launch import run_folder, running_daemon
from terminal import wait_until

#: Arguments: tenant, client, secret, the file that a job waits for, where the own pid goes; without a file for the job
#: it signs in only.
CLIENT = """
import os, sys
import azjobs as az
tenant, client, secret, lines, victim = sys.argv[2:]
with open(victim, "w") as file:
    file.write(str(os.getpid()))
credential = az.Credential(client, az.SecureString(secret))
az.connect_az_account(environment="AzureSimulator", service_principal=True, tenant=tenant, credential=credential)
def ask(path):
    import pathlib, time
    import azjobs as az
    while not pathlib.Path(path).exists():
        time.sleep(0.01)
    return len(az.get_az_context().credential.get_token().token) > 0
if lines:
    az.start_job(ask, argument_list=[lines], name="process")
"""
PLAN = """
import sys
import azjobs as az
az.new_az_resource_group(sys.argv[2], location="eastus", as_job=True, job_name="plan")
"""
CLIENT_WORD = "crash_mix.py"  # by which the hook knows a client

AT_RECONNECTION = "client/session.link.client:Client.open/before/2"


class Waiting:
    """A round with a job of each kind that waits for the sign-in of an application."""

    def __init__(self, here: Round) -> None:
        self.here = here
        self.go = here.folder / "go"
        self.about = here.home.add_principal(here.name, subscriptions=1)
        self.victim = str(here.folder / "victim")
        self.run(CLIENT, self.about["tenant"], self.about["client"], self.about["secret"], str(self.go), self.victim)
        self._expire()
        self.run(PLAN, f"{here.name}-group")
        self.go.touch()
        wait_until(self.are_blocked, what="both jobs wait for the sign-in")

    def run(self, code: str, *arguments: str) -> int:
        """Run a client to its end; returns its exit code, negative for a signal."""
        command = [sys.executable, "-c", code, CLIENT_WORD, *arguments]
        with (self.here.folder / "client.log").open("ab") as log:
            return subprocess.run(
                command, env=self.here.environment, stdout=log, stderr=log, timeout=30, check=False
            ).returncode

    def sign_in(self) -> int:
        """Sign in again, with the secret that is good now."""
        return self.run(CLIENT, self.about["tenant"], self.about["client"], self.about["secret"], "", self.victim)

    def replace_daemon(self) -> int:
        """Kill the daemon; returns the pid of the next one."""
        former = running_daemon(run_folder(self.here.home.folder))
        assert former is not None
        os.kill(former, signal.SIGKILL)
        return int(wait_until(lambda: running_daemon(run_folder(self.here.home.folder)) not in (None, former)))

    def are_blocked(self) -> bool:
        """Whether both jobs wait for the sign-in."""
        states = [job.state for job in self.here.jobs()]
        waiting = [s for s in states if isinstance(s, Blocked) and s.question.kind is QuestionKind.SIGN_IN]
        return len(waiting) == 2

    def have_completed(self) -> bool:
        """Whether both jobs have."""
        return [job.state_name for job in self.here.jobs()] == [JobState.COMPLETED] * 2

    def _expire(self) -> None:
        """Another secret is the good one now; what is cached of the old one goes with the daemon."""
        self.about["secret"] = f"secret~{uuid4()}"
        principal: dict[str, Any] = {
            "tenant_id": self.about["tenant"],
            "client_id": self.about["client"],
            "secret": self.about["secret"],
            "rights": {f"/subscriptions/{self.about['subscriptions'][0]}": "Owner"},
        }
        self.here.site.cloud.directory(principals=[principal])
        self.replace_daemon()


@pytest.fixture
def waiting(site: Site) -> Iterator[Waiting]:
    """Two jobs that wait, in a round of their own."""
    here = site.round(())
    try:
        yield Waiting(here)
    finally:
        here.kill_all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "kill",
    [
        "daemon/daemon.vault:Vault.put_sign_in/after/1",
        "daemon/daemon.accounts.safe:Safe.put/before/1",
        "daemon/daemon.daemon:Daemon._signed_in/before/1",
    ],
)
def test_jobs_go_on_by_a_sign_in_that_was_kept_and_not_told_of(waiting: Waiting, kill: str) -> None:
    """The daemon is killed once it is kept, and whoever signs in as they turn to the next one: nobody asks again."""
    waiting.here.arm(parse_kills(f"{kill}+{AT_RECONNECTION}"))
    waiting.replace_daemon()
    wait_until(waiting.are_blocked, what="both jobs wait still")
    assert waiting.sign_in() == -signal.SIGKILL
    wait_until(waiting.have_completed, what=f"both jobs have completed: {waiting.here.jobs()}")
    assert {killed["role"] for killed in waiting.here.killed()} == {"client", "daemon"}


@pytest.mark.slow
def test_a_sign_in_that_is_lost_with_its_daemon_can_be_given_again(waiting: Waiting) -> None:
    """Killed before it keeps it: the same client asks the next daemon, which keeps it."""
    waiting.here.arm(parse_kills("daemon/daemon.vault:Vault.put_sign_in/before/1"))
    waiting.replace_daemon()
    assert waiting.sign_in() == 0
    wait_until(waiting.have_completed, what=f"both jobs have completed: {waiting.here.jobs()}")
    assert [killed["role"] for killed in waiting.here.killed()] == ["daemon"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "edge", ["daemon/daemon.vault:Vault.put_sign_in/before/1", "daemon/daemon.vault:Vault.put_sign_in/after/1"]
)
def test_a_sign_in_is_kept_whole_once_that_has_begun(waiting: Waiting, edge: str) -> None:
    """Whoever signs in is killed in the midst of it, the daemon is not: what waits for the sign-in goes on."""
    waiting.here.arm(parse_kills(edge), victim=waiting.victim)
    waiting.replace_daemon()
    wait_until(waiting.are_blocked, what="both jobs wait still")
    assert waiting.sign_in() == -signal.SIGKILL
    wait_until(waiting.have_completed, what=f"both jobs have completed: {waiting.here.jobs()}")
