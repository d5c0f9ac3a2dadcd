"""What somebody signs in with, in whatever way, appears nowhere but in memory and in the one file that is for it."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from applications import add_application, make_certificate, trusted
from persons import add_person
from terminal import Home, Shell, wait_until

SIMULATOR = "--environment AzureSimulator"
CLIENT_SECRET = "canary~client~secret~6617"
FILE_PASSWORD = "Canary-of-the-file-2093"
OBJECT_SECRET = "canary~object~secret~4482"
PROXY_PASSWORD = "canary-proxy-password-9034"

#: A program with a credential of its own; it stays signed in until its stdin is closed.
OWN = """
import os, sys, traceback
import azjobs as az
secret, end_url, ca_file, tenant, client = sys.stdin.readline().split()

class Own:
    def __init__(self):
        self.secret = secret
    def get_token(self, *scopes, **_):
        from azure.identity import ClientSecretCredential
        with ClientSecretCredential(
            tenant, client, self.secret, authority=end_url, connection_verify=ca_file, disable_instance_discovery=True
        ) as inner:
            return inner.get_token(*scopes)

context = az.connect_az_account(environment="AzureSimulator", credential=Own(), scope="Process")
print(context.credential.get_token().token[:3], flush=True)
az.start_job(lambda: __import__("time").sleep(600), az_context=context)
try:
    raise ValueError(f"{context!r} {context.credential!r}")
except ValueError as error:
    print("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()).replace(secret, ""))
print("ready", flush=True)
sys.stdin.readline()
"""


def forms(secret: str) -> set[bytes]:
    """A secret as it might be written down."""
    raw = secret.encode()
    encoded = base64.b64encode(raw).rstrip(b"=")[:-1]
    return {raw, encoded, raw.hex().encode(), json.dumps(secret).encode()[1:-1], quote(secret, safe="").encode()}


def places(home: Home) -> Iterator[tuple[str, bytes]]:
    """Every file of the home but the cloud's own, and arguments and environment of every process of it."""
    for path in home.folder.rglob("*"):
        if path.is_file() and "simulator" not in path.relative_to(home.folder).parts:
            yield str(path.relative_to(home.folder)), path.read_bytes()
    for pid, line in processes(home).items():
        if "_main.simulator" not in line:
            for name in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    yield f"{line.split()[0]} {pid} {name}", Path(f"/proc/{pid}/{name}").read_bytes()


def processes(home: Home) -> dict[int, str]:
    """Every process that works in the home, and what these started: a credential process has nothing of the home."""
    found = home.pids()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in found:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                found.setdefault(int(entry.name), line.decode(errors="replace"))
    return found


def seen(home: Home, secrets: dict[str, str]) -> set[tuple[str, str]]:
    """Which secret is where."""
    wanted = {what: forms(secret) for what, secret in secrets.items()}
    return {
        (what, place)
        for place, data in places(home)
        for what, written in wanted.items()
        if any(form in data for form in written)
    }


def connect(shell: Shell, words: str, secret: str) -> None:
    done = shell(f"azjobs account connect {SIMULATOR} {words}", stdin=f"{secret}\n")
    assert done.code == 0, done
    assert not secret or secret not in done.out + done.err
    shell(f"azjobs job start --name {uuid4().hex} -- sleep 600 -q")


@pytest.fixture
def own(home: Home, shell: Shell) -> Iterator[subprocess.Popen[str]]:
    """The program with a credential of its own runs, and has a job."""
    home.start_cloud()
    end, account = home.endpoint, home.add_principal("Own", subscriptions=1, secret=OBJECT_SECRET)
    program = subprocess.Popen(
        [sys.executable, "-c", OWN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in shell.environment.items() if name != "AZJOBS_SESSION"},
    )
    assert program.stdin is not None
    told = (OBJECT_SECRET, end["authority_url"], end["ca_file"], account["tenant"], account["client"])
    program.stdin.write(" ".join(told) + "\n")
    program.stdin.flush()
    assert program.stdout is not None
    while (line := program.stdout.readline()) != "ready\n":
        assert line, "the program ended"
        assert OBJECT_SECRET not in line
    yield program
    program.communicate("\n", timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_secret_of_any_sign_in_is_in_a_file_an_argument_or_an_environment(
    home: Home, shell: Shell, own: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Secret, certificate, federated sources, access token, a person's tokens and somebody's own code; jobs run."""
    secrets: dict[str, str] = {"object": OBJECT_SECRET}
    by_secret = home.add_principal("Secret", subscriptions=1, secret=secrets.setdefault("client secret", CLIENT_SECRET))
    login = f"--service-principal --credential {by_secret['client']} --tenant {by_secret['tenant']} --password-stdin"
    connect(shell, login, CLIENT_SECRET)
    path = tmp_path / "app.pfx"
    app = add_application(home, certificates=[make_certificate(path, FILE_PASSWORD)])
    secrets["certificate password"] = FILE_PASSWORD
    of_app = f"--tenant {app['tenant']} --application-id {app['client']}"
    connect(shell, f"{of_app} --certificate-path {path} --certificate-password-stdin", FILE_PASSWORD)
    for service, issuer, variables in (
        ("GitHubActions", "github", ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")),
        ("AzurePipelines", "azure-pipelines", ("SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN")),
    ):
        runner, told = trusted(home, issuer)
        secrets[service] = told["request_token"]
        run = Shell(home, service)
        run.environment |= dict(zip(variables, (told["request_url"], told["request_token"]), strict=True))
        words = f"--tenant {runner['tenant']} --application-id {runner['client']} --service-connection-id {uuid4()}"
        done = run(f"azjobs account connect {SIMULATOR} {words} --federated-from {service}")
        assert done.code == 0, done
    shown = shell("azjobs access-token get --show-token --context Deployments")
    assert shown.code == 0, shown
    secrets["access token"] = shown.out.strip()
    connect(shell, "--access-token-stdin --scope Process", secrets["access token"])
    assert own.poll() is None
    wait_until(lambda: any("_main.credential" in line for line in processes(home).values()), what="its process runs")
    assert seen(home, secrets) == set()


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_persons_refresh_token_is_in_the_one_file_that_is_for_it(home: Home, shell: Shell) -> None:
    """Without a keyring, and only where sign-ins are saved; the file is its owner's alone."""
    home.start_cloud()
    ana = add_person(home, "ana", {"Fabrikam": {"subscriptions": ["Shop"]}})
    home.cloud.device_codes(approve_as=ana.username, interval_s=1)
    connect(shell, "--use-device-authentication", "")
    file = home.folder / "sign-ins.json"
    assert file.stat().st_mode & 0o077 == 0
    tokens = refresh_tokens(json.loads(file.read_text()))
    assert tokens
    found = seen(home, {f"refresh token {n}": one for n, one in enumerate(tokens)})
    assert {place for _, place in found} == {"sign-ins.json"}
    assert shell("azjobs account disconnect").code == 0
    assert seen(home, {"refresh token": tokens[0]}) == set()
    connect(shell, "--use-device-authentication --scope Process", "")
    assert not file.exists()


@pytest.mark.slow
def test_the_search_finds_what_is_there(home: Home, shell: Shell) -> None:
    """A secret in a file and in an environment: the tests above can fail."""
    assert shell(f"azjobs account connect {SIMULATOR}").code == 0
    (home.folder / "logs").mkdir(exist_ok=True)
    (home.folder / "logs" / "planted.log").write_text(base64.b64encode(PROXY_PASSWORD.encode()).decode())
    shell.environment["PLANTED"] = PROXY_PASSWORD
    planted = subprocess.Popen(["sleep", "600"], env=shell.environment)
    try:
        where = {place for _, place in seen(home, {"planted": PROXY_PASSWORD})}
        assert "logs/planted.log" in where
        assert any(place.endswith("environ") for place in where)
    finally:
        planted.kill()
        planted.wait()


def refresh_tokens(value: Any) -> list[str]:
    """Every refresh token in MSAL's caches below a value; they are JSON in JSON."""
    if isinstance(value, dict):
        own = [value["secret"]] if value.get("credential_type") == "RefreshToken" else []
        return own + [token for one in value.values() for token in refresh_tokens(one)]
    if isinstance(value, list):
        return [token for one in value for token in refresh_tokens(one)]
    if isinstance(value, str) and value.startswith("{"):
        return refresh_tokens(json.loads(value))
    return []
