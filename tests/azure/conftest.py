"""One embedded cloud for all tests of this folder, reset before each; a transport and tokens to speak to it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from azjobs.core.context import Account, AccountType, ContextValue, Environment, Subscription, Tenant
from azjobs.core.signin import SignIn
from azjobs.simulator.control import ControlClient
from azjobs.simulator.launch import ensure_simulator, stop_simulator


@dataclass(frozen=True)
class AzureCloud:
    """The embedded cloud as its users see it, and its control."""

    endpoint: dict[str, Any]
    control: ControlClient
    context: ContextValue
    sign_in: SignIn
    secrets: dict[str, str]

    def write_paths(self) -> list[str]:
        """Every write that reached it, as "METHOD path"."""
        found = self.control.requests()
        return [f"{r['method']} {r['path']}" for r in found if r["method"] != "GET" and "/oauth2/" not in r["path"]]

    def token_requests(self) -> int:
        """How many tokens were asked for."""
        return len(self.control.requests(method="POST", path_regex="/oauth2/"))


@pytest.fixture(scope="session")
def running_cloud(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("cloud") / "simulator"
    shutil.copytree(certificates, folder)
    folder.chmod(0o700)
    yield ensure_simulator(folder)
    stop_simulator(folder)


@pytest.fixture
def cloud(running_cloud: dict[str, Any]) -> AzureCloud:
    control = ControlClient.of(running_cloud)
    control.reset()
    control.time("at-once")
    environment = Environment(
        "AzureSimulator",
        running_cloud["url"],
        running_cloud["authority_url"],
        ca_file=running_cloud["ca_file"],
        settle_s=running_cloud["settle_s"],
        is_simulator=True,
    )
    context = ContextValue(
        "Rehearsal",
        Account(running_cloud["client_id"], AccountType.SERVICE_PRINCIPAL, "azjobs-demo"),
        Tenant(running_cloud["tenant_id"], "Contoso"),
        environment,
        Subscription(running_cloud["subscription_id"], "Rehearsal"),
    )
    arguments = {"tenant_id": running_cloud["tenant_id"], "client_id": running_cloud["client_id"]}
    sign_in = SignIn(context.sign_in_key, "ClientSecretCredential", environment, arguments, ("client_secret",))
    secrets = {"client_secret": running_cloud["client_secret"]}
    return AzureCloud(running_cloud, control, context, sign_in, secrets)
