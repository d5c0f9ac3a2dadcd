"""A credential that is this program's own code serves jobs, too, and is gone with its sign-in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.identity import ClientSecretCredential

import azjobs as az
from terminal import DEADLINE_S, Home


class HomeMade:
    """Gives tokens of the embedded cloud; the secret is in a variable of the program."""

    def __init__(self, end: dict[str, Any]) -> None:
        self.ids = (end["tenant_id"], end["client_id"])
        network = {"authority": end["authority_url"], "connection_verify": end["ca_file"]}
        self.network = {**network, "disable_instance_discovery": True}

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Return a token."""
        with ClientSecretCredential(*self.ids, os.environ["OWN_SECRET"], **self.network) as inner:
            return inner.get_token(*scopes)


def processes(home: Home) -> list[int]:
    """The credential processes of this home: those that its daemon started."""
    daemon = home.process("_main.daemon")
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if b"azjobs._main.credential" in line and parent == daemon:
            found.append(int(entry.name))
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_at = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline_at
        time.sleep(0.01)


@pytest.fixture
def context(home: Home, monkeypatch: pytest.MonkeyPatch) -> az.Context:
    """Signed in by a home-made credential."""
    home.start_cloud()
    home.cloud.time("at-once")
    home.cloud.retry_after(0)
    monkeypatch.setenv("OWN_SECRET", home.endpoint["client_secret"])
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return az.connect_az_account(environment="AzureSimulator", credential=HomeMade(home.endpoint))


def test_a_home_made_credential_serves_commands_and_jobs(home: Home, context: az.Context) -> None:
    """Its process is the daemon's child; no file of the home has anything of it."""
    with context:
        az.new_az_resource_group("own", "westeurope", as_job=True).result(DEADLINE_S)
        assert [group.name for group in az.get_az_resource_group()] == ["own"]
    assert len(processes(home)) == 1
    secret = home.endpoint["client_secret"].encode()
    holding = [f for f in home.folder.rglob("*") if f.is_file() and secret in f.read_bytes()]
    assert {f.relative_to(home.folder).parts[0] for f in holding} == {"simulator"}
    assert not [f for f in home.folder.rglob("*") if f.is_file() and b"HomeMade" in f.read_bytes()]


def test_the_keeper_has_it_for_the_next_daemon(home: Home, context: az.Context) -> None:
    """The daemon was killed: its successor starts another process."""
    assert context.credential.get_token().token
    (before,) = processes(home)
    home.kill("_main.daemon")
    wait_until(lambda: not Path(f"/proc/{before}").exists())
    with context:
        az.new_az_resource_group("again", "westeurope")
    assert len(processes(home)) == 1


def test_signing_out_ends_its_process(home: Home, context: az.Context) -> None:
    """And its tokens are not to be had any more."""
    assert context.credential.get_token().token
    assert processes(home)
    with context:
        az.disconnect_az_account()
    wait_until(lambda: not processes(home))
    with pytest.raises(az.NotSignedIn):
        context.credential.get_token()
