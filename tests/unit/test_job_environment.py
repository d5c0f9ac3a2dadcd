"""The environment of a job's process: the submitter's, with one identity in it and no way to another."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from azjobs.core.context import AZURE_CLOUD, Account, AccountType, ContextValue, Subscription, Tenant
from azjobs.daemon.processes.job_environment import ELSEWHERE, OURS, job_environment
from azjobs.keeper.start import JOB_VARIABLE, daemon_environment
from azjobs.session.link.environment import sendable_environment

URL = "http://127.0.0.1:4711/azjobs/msi/token"
CONTEXT = ContextValue(
    "prod", Account("a", AccountType.USER), Tenant("t-1", "Contoso"), AZURE_CLOUD, Subscription("s-1", "Prod")
)
HOME = Path("/home/ana/azjobs")
OWN = {
    "IDENTITY_ENDPOINT": URL,
    "IDENTITY_HEADER": "k",
    "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
    "AZURE_TENANT_ID": "t-1",
    "AZURE_SUBSCRIPTION_ID": "s-1",
}


def test_a_job_with_a_context_has_its_identity_and_no_other():
    """Every variable that leads elsewhere is replaced or gone; the rest stays, and so does what was given."""
    given = {"PATH": "/bin", **dict.fromkeys(ELSEWHERE, "elsewhere")}
    assert job_environment(given, CONTEXT, endpoint=URL, key="k") == {"PATH": "/bin", **OWN}
    assert set(given.values()) == {"/bin", "elsewhere"}


def test_what_a_job_submits_does_not_bear_its_mark(monkeypatch: pytest.MonkeyPatch):
    """It would be ended with it: another job, a credential's process, a daemon that the job was the first to ask."""
    monkeypatch.setenv(JOB_VARIABLE, "u1")
    monkeypatch.setenv("OTHER", "stays")
    assert JOB_VARIABLE not in sendable_environment()
    assert sendable_environment()["OTHER"] == "stays"
    assert JOB_VARIABLE not in daemon_environment({JOB_VARIABLE: "u1"}, HOME)


def test_a_context_without_a_subscription_leaves_none_to_act_in():
    """Not the submitter's either."""
    bare = replace(CONTEXT, subscription=None)
    found = job_environment({"AZURE_SUBSCRIPTION_ID": "other"}, bare, endpoint=URL, key="k")
    assert "AZURE_SUBSCRIPTION_ID" not in found


@pytest.mark.parametrize(("context", "endpoint"), [(None, URL), (CONTEXT, "")])
def test_without_a_context_or_a_port_nothing_is_changed(context: ContextValue | None, endpoint: str):
    """It is as it was submitted."""
    given = {"AZURE_CLIENT_ID": "mine", "IDENTITY_ENDPOINT": "http://localhost:42356/msi/token"}
    assert job_environment(given, context, endpoint=endpoint, key="k") == given


def test_what_is_one_jobs_own_does_not_go_on_to_the_jobs_it_submits():
    """Nor to a daemon that is started from within it."""
    given = {"PATH": "/bin", **OWN}
    assert job_environment(given, None, endpoint=URL, key="k2") == {"PATH": "/bin"}
    assert job_environment(given, CONTEXT, endpoint=URL, key="k2")["IDENTITY_HEADER"] == "k2"
    names = {"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"}
    assert not names & daemon_environment(given, HOME).keys()
    assert OWN.keys() <= OURS


@pytest.mark.parametrize(
    ("given", "past"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://p:1"}, "127.0.0.1"),
        ({"http_proxy": "http://p:1", "no_proxy": "a.example,b.example"}, "a.example,b.example,127.0.0.1"),
        ({"ALL_PROXY": "socks5://p:1", "NO_PROXY": "a.example"}, "a.example,127.0.0.1"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, "*"),
    ],
)
def test_no_proxy_sees_the_key(given: dict[str, str], past: str | None):
    """The endpoint is asked directly, and what was excepted stays so."""
    found = job_environment(given, CONTEXT, endpoint=URL, key="k")
    assert (found.get("no_proxy"), found.get("NO_PROXY")) == (past, past)
