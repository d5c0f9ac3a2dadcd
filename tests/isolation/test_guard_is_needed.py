"""With the wrong-target guard requests stay where they belong; with any part of it taken out they go astray.

The guard is taken out of a real daemon: Python imports a module of the test at
the daemon's start, which replaces one check. Nothing in the product knows of it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from azjobs.simulator.control import ControlClient
from azjobs.simulator.launch import ensure_simulator, stop_simulator
from terminal import Ended, Home, Shell

#: Runs in every interpreter that starts with it on its path; only the daemon has the module that it changes.
PATCH = """
import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

CHECKS = {checks!r}

class WithoutChecks(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "azjobs.azure.guard":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            for check in CHECKS:
                assert callable(getattr(module, check))
                setattr(module, check, lambda *_: None)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, WithoutChecks())
"""

PATH = "/subscriptions/{}/resourceGroups/astray?api-version=2024-03-01"
Without = Callable[..., Shell]
REFUSED = 4


@pytest.fixture
def without(signed_in: Shell, tmp_path: Path) -> Without:
    """Make the shell's next daemon one that lacks some checks of the guard."""

    def patch(*checks: str) -> Shell:
        folder = tmp_path / "patch"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(PATCH.format(checks=checks))
        signed_in.environment["PYTHONPATH"] = str(folder)
        home = signed_in.home
        assert signed_in("azjobs daemon stop").code == 0
        home.kill("keeper.py")  # it would start the next daemon with the environment it has
        return signed_in

    return patch


def write(shell: Shell, url: str) -> Ended:
    return shell(f"""azjobs rest PUT '{url}' --payload '{{"location": "eastus"}}'""")


def arrived(cloud: ControlClient) -> list[dict[str, Any]]:
    """What was written, wherever it should have been."""
    return cloud.requests(method="PUT", path_regex="/astray")


@pytest.fixture
def impostor(certificates: Path, tmp_path: Path, signed_in: Shell) -> Iterator[dict[str, Any]]:
    """Another server with a certificate that the context's environment trusts."""
    assert signed_in  # its own cloud runs
    folder = tmp_path / "impostor"
    shutil.copytree(certificates, folder)
    folder.chmod(0o700)
    yield ensure_simulator(folder)
    stop_simulator(folder)


def test_without_the_check_of_the_subscription_a_write_lands_in_another_one(
    without: Without, home: Home, signed_in: Shell
) -> None:
    """One that the account may use too: with the check the same line is refused and nothing arrives."""
    other = "99999999-9999-4999-8999-999999999999"
    home.add_subscriptions(Elsewhere=other)
    assert write(signed_in, PATH.format(other)).code == REFUSED
    assert not arrived(home.cloud)
    done = write(without("check_subscription"), PATH.format(other))
    assert done.code == 0, done
    assert [r["subscription_id"] for r in arrived(home.cloud)] == [other]


def give_tokens_of(home: Home, shell: Shell, **other: str) -> None:
    """From now on the sign-in's source gives tokens of somebody else, as a tool that was signed in again would."""
    (home.folder / "simulator" / "endpoint.json").write_text(json.dumps({**home.endpoint, **other}))
    assert shell("azjobs daemon stop").code == 0


def test_without_the_checks_of_tenant_and_account_a_token_of_another_tenant_is_sent(
    without: Without, home: Home, signed_in: Shell
) -> None:
    """Each of the two is enough to stop it."""
    path = PATH.format(home.endpoint["subscription_id"])
    other = home.add_principal("Fabrikam", subscriptions=1)
    told = {"tenant_id": other["tenant"], "client_id": other["client"], "client_secret": other["secret"]}
    give_tokens_of(home, signed_in, **told)
    assert write(signed_in, path).code == REFUSED
    assert write(without("_check_account"), path).code == REFUSED
    assert not arrived(home.cloud)
    write(without("_check_account", "_check_tenant"), path)
    assert {r["tenant_id"] for r in arrived(home.cloud)} == {other["tenant"]}


def test_without_the_check_of_the_account_another_one_of_the_same_tenant_writes(
    without: Without, home: Home, signed_in: Shell
) -> None:
    """It has the right to: only the object id tells that it is not who signed in."""
    end = home.endpoint
    other = {"tenant_id": end["tenant_id"], "client_id": str(uuid4()), "secret": "another~secret"}
    home.cloud.directory(principals=[{**other, "rights": {f"/subscriptions/{end['subscription_id']}": "Owner"}}])
    give_tokens_of(home, signed_in, client_id=other["client_id"], client_secret=other["secret"])
    path = PATH.format(end["subscription_id"])
    assert write(signed_in, path).code == REFUSED
    assert not arrived(home.cloud)
    assert write(without("_check_account"), path).code == 0
    assert [r["client_id"] for r in arrived(home.cloud)] == [other["client_id"]]


def test_without_the_check_of_the_host_a_token_is_sent_to_an_impostor(
    without: Without, home: Home, signed_in: Shell, impostor: dict[str, Any]
) -> None:
    """A whole address in place of a path: with the check the impostor never sees a request."""
    url = impostor["url"] + PATH.format(home.endpoint["subscription_id"])
    cloud = ControlClient.of(impostor)
    assert write(signed_in, url).code == REFUSED
    assert not cloud.requests()
    write(without("check_host"), url)
    assert arrived(cloud)


def test_without_the_check_of_the_environment_a_moved_cloud_gets_the_token(
    without: Without, home: Home, signed_in: Shell, impostor: dict[str, Any]
) -> None:
    """The saved contexts name another address for the cloud: with the check no token is even asked for."""
    saved = home.folder / "contexts.json"
    profile = json.loads(saved.read_text())
    for context in profile["contexts"]:
        context["environment"] |= {"resource_manager_url": impostor["url"], "audience": home.endpoint["url"]}
    saved.write_text(json.dumps(profile))
    cloud, read = ControlClient.of(impostor), "azjobs resource-group get astray"
    refused = signed_in(read)
    assert (refused.code, "its sign-in is for" in refused.err) == (REFUSED, True), refused
    assert not cloud.requests()
    without("check_environment")(read)
    assert cloud.requests(path_regex="/astray")
