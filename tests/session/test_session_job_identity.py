"""What knows managed identities acts in the context of its job, with no set-up, and nowhere else."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

import azjobs as az
from azjobs.core.claims import object_id_of, parse_claims
from azjobs.core.wire import DaemonStatus, Status
from azjobs.session.link.local import local
from terminal import Home, wait_until

LIMIT_S = 40.0
SECOND = "99999999-9999-4999-8999-999999999999"
#: A plain script: it knows nothing of azjobs.
GROUPS = """
import os, pathlib, sys, time
from azure.identity import DefaultAzureCredential
from azure.mgmt.resource.resources import ResourceManagementClient
url, ca_file, name, folder = sys.argv[1:]
for word in ("before", "after"):
    client = ResourceManagementClient(
        DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"], base_url=url,
        credential_scopes=[url + "/.default"], connection_verify=ca_file,
    )
    made = client.resource_groups.create_or_update(name + "-" + word, {"location": "eastus"})
    print(made.id, flush=True)
    if folder and word == "before":
        pathlib.Path(folder, "made").touch()
        while not pathlib.Path(folder, "go").exists():
            time.sleep(0.01)
"""
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "plain.py"
    path.write_text(GROUPS)
    return str(path)


@pytest.fixture
def second(signed_in: Home) -> az.Context:
    """A context that is not the current one."""
    signed_in.add_subscriptions(Second=SECOND)
    first = az.get_az_context()
    assert first is not None
    context = az.set_az_context(subscription="Second")
    az.select_az_context(first)
    return context


def words(home: Home, name: str, folder: str = "") -> list[str]:
    return [home.endpoint["url"], home.endpoint["ca_file"], name, folder]


def ask(url: str, key: str = "", *, method: str = "GET", headers: dict[str, str] | None = None, **query: str) -> Any:
    """Ask the endpoint; returns the status and the JSON."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=LIMIT_S)
    given = {"api-version": "2019-08-01", "resource": "https://management.azure.com", **query}
    try:
        connection.request(
            method,
            f"{parts.path}?{urlencode({k: v for k, v in given.items() if v})}",
            headers={**({"X-IDENTITY-HEADER": key} if key else {}), **(headers or {})},
        )
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["command", "script"])
def test_a_plain_script_acts_in_the_context_of_its_job(
    second: az.Context, signed_in: Home, script: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DefaultAzureCredential and an SDK client, whatever the environment would have led them to."""
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID", "MSI_SECRET"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    name = f"plain-{kind}"
    arguments = words(signed_in, name)
    if kind == "script":
        job = az.start_job(file_path=script, argument_list=arguments, az_context=second)
    else:
        job = az.start_job(command=[sys.executable, script, *arguments], az_context=second)
    made = job.result(LIMIT_S).splitlines()
    assert made == [f"/subscriptions/{SECOND}/resourceGroups/{name}-{word}" for word in ("before", "after")]


@pytest.mark.slow
def test_a_plain_script_goes_on_when_the_daemon_is_killed(signed_in: Home, script: str, tmp_path: Path) -> None:
    """The port stays, and the next daemon knows the key."""
    job = az.start_job(command=[sys.executable, script, *words(signed_in, "kill", str(tmp_path))])
    wait_until((tmp_path / "made").exists, what=f"the first group: {job.view.row}")
    os.kill(local().client.ask(Status(0), DaemonStatus).pid, signal.SIGKILL)
    (tmp_path / "go").touch()
    made = job.result(LIMIT_S).splitlines()
    assert [line.rpartition("/")[2] for line in made] == ["kill-before", "kill-after"]


@pytest.mark.slow
def test_a_plain_script_waits_for_a_sign_in_over_a_daemons_death(signed_in: Home, script: str, tmp_path: Path) -> None:
    """Its SDK asks the next daemon again; the job is Blocked until somebody signs in."""
    job = az.start_job(command=[sys.executable, script, *words(signed_in, "wait", str(tmp_path))])
    wait_until((tmp_path / "made").exists, what=f"the first group: {job.view.row}")
    az.disconnect_az_account()
    (tmp_path / "go").touch()
    wait_until(lambda: job.state is az.JobState.BLOCKED, what="the job waits")
    os.kill(local().client.ask(Status(0), DaemonStatus).pid, signal.SIGKILL)
    az.connect_az_account(environment="AzureSimulator")
    made = job.result(LIMIT_S).splitlines()
    assert [line.rpartition("/")[2] for line in made] == ["wait-before", "wait-after"]


def test_a_function_acts_in_the_jobs_context_by_default_credentials_too(second: az.Context) -> None:
    """Code that it calls may know nothing of azjobs."""

    def who(scope: str) -> tuple[str, str]:
        import os  # noqa: PLC0415 - in the job

        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - in the job

        with DefaultAzureCredential() as credential:
            return credential.get_token(scope).token, os.environ["AZURE_SUBSCRIPTION_ID"]

    token, subscription = az.start_job(who, argument_list=[second.environment.scope], az_context=second).result(LIMIT_S)
    own = parse_claims(second.credential.get_token().token)
    assert object_id_of(parse_claims(token)) == object_id_of(own) != ""
    assert subscription == SECOND


def test_without_a_context_a_job_has_the_environment_it_was_submitted_with(
    signed_in: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is put in and nothing taken out."""
    monkeypatch.setenv("AZURE_CLIENT_ID", "mine")
    az.disable_az_context_autosave(scope="Process")
    found = json.loads(az.start_job(command=[sys.executable, "-c", SHOW]).result(LIMIT_S))
    assert found["AZURE_CLIENT_ID"] == "mine"
    assert not {"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"} & found.keys()


@pytest.fixture
def held(signed_in: Home, tmp_path: Path) -> Any:
    """The endpoint and the key of a job that runs until its file is there."""
    code = """
        import json, os, pathlib, sys, time
        folder = pathlib.Path(sys.argv[1])
        (folder / "new").write_text(json.dumps(dict(os.environ)))
        (folder / "new").rename(folder / "environment")
        while not (folder / "end").exists():
            time.sleep(0.01)
    """
    job = az.start_job(command=[sys.executable, "-c", textwrap.dedent(code), str(tmp_path)])
    wait_until((tmp_path / "environment").exists, what="the job runs")
    environment = json.loads((tmp_path / "environment").read_text())
    yield job, environment, tmp_path / "end"
    (tmp_path / "end").touch()


def test_the_key_of_a_job_gives_tokens_as_app_service_does_until_the_job_ends(held: Any) -> None:
    """Four members, a time as text; and nothing once the job has ended."""
    job, environment, end = held
    url, key = environment["IDENTITY_ENDPOINT"], environment["IDENTITY_HEADER"]
    context = az.get_az_context()
    assert context is not None
    resource = context.environment.scope.removesuffix("/.default")
    status, reply = ask(url, key, resource=resource)
    assert (status, reply.keys()) == (200, {"access_token", "expires_on", "resource", "token_type"})
    assert (reply["resource"], reply["token_type"]) == (resource, "Bearer")
    own = context.credential.get_token()
    assert int(reply["expires_on"]) == own.expires_on
    assert reply["access_token"] == own.token
    assert ask(url, key, resource=resource, client_id=context.account.id)[0] == 200
    end.touch()
    job.result(LIMIT_S)
    assert ask(url, key, resource=resource)[0] == 401


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (401, {"key": ""}),
        (401, {"key": "wrong"}),
        (401, {"key": "\xe4"}),
        (403, {"headers": {"Origin": "https://evil.example"}}),
        (403, {"headers": {"Referer": "https://evil.example/page"}}),
        (403, {"headers": {"Host": "evil.example"}}),
        (403, {"headers": {"X-Forwarded-For": "10.0.0.1"}}),
        (400, {"headers": {"Content-Length": "5"}}),
        (400, {"api-version": "2017-09-01"}),
        (400, {"resource": ""}),
        (400, {"resource": "https://a https://b"}),
        (400, {"resource": "https://nobody.example"}),
        (400, {"client_id": "someone-else"}),
        (400, {"mi_res_id": "/subscriptions/x"}),
        (405, {"method": "POST"}),
        (405, {"method": "DELETE"}),
        (431, {"resource": "x" * 20_000}),
    ],
)
def test_whatever_is_not_a_jobs_own_request_is_refused(held: Any, status: int, how: dict[str, Any]) -> None:
    """By an HTTP status and a sentence, in App Service's form; the key is in none of them."""
    _, environment, _ = held
    how = {"key": environment["IDENTITY_HEADER"], **how}
    if how["key"] == "\xe4":
        how["headers"] = {"X-IDENTITY-HEADER": how.pop("key")}
        status = 400
    found, reply = ask(environment["IDENTITY_ENDPOINT"], **how)
    assert found == status == reply["statusCode"]
    assert reply.keys() == {"statusCode", "message"}
    assert environment["IDENTITY_HEADER"] not in reply["message"]
    assert reply["message"].endswith((".", "connect"))


def test_the_key_stands_in_no_command_line_and_in_no_file(held: Any, signed_in: Home, tmp_path: Path) -> None:
    """Only the process itself has it in its environment."""
    key = held[1]["IDENTITY_HEADER"].encode()
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in signed_in.pids()]
    assert not [line for line in lines if key in line]
    files = [path for path in signed_in.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if key in path.read_bytes()]


def test_a_plain_request_waits_while_the_sign_in_is_gone(held: Any) -> None:
    """Its job is Blocked, and goes on once somebody has signed in again; so it does when the client gives up."""
    import concurrent.futures  # noqa: PLC0415 - here only
    import socket  # noqa: PLC0415 - here only

    job, environment, _ = held
    url, key = environment["IDENTITY_ENDPOINT"], environment["IDENTITY_HEADER"]
    context = az.get_az_context()
    assert context is not None
    resource = context.environment.scope.removesuffix("/.default")
    az.disconnect_az_account()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, url, key, resource=resource)
        wait_until(lambda: job.state is az.JobState.BLOCKED, what="the job waits")
        az.connect_az_account(environment="AzureSimulator")
        assert waiting.result(LIMIT_S)[0] == 200
    wait_until(lambda: job.state is az.JobState.RUNNING, what="the job goes on")
    az.disconnect_az_account()
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as client:
        query = urlencode({"api-version": "2019-08-01", "resource": resource})
        head = f"GET {parts.path}?{query} HTTP/1.1\r\nHost: {parts.netloc}\r\nX-IDENTITY-HEADER: {key}\r\n\r\n"
        client.sendall(head.encode())
        wait_until(lambda: job.state is az.JobState.BLOCKED, what="the job waits")
    wait_until(lambda: job.state is az.JobState.RUNNING, what="nobody waits any more")
