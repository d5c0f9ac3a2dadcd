"""What tests of the session layer share: this process as a fresh session, in a home of its own or in one that lives.

Where a daemon is needed it is the real one, with the real keeper and the embedded cloud.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from azjobs.core.context import Account, AccountType, ContextValue, Environment, Subscription, Tenant
from azjobs.session import local as local_module
from terminal import Home

CLOUD = Environment("AzureCloud", "https://management.azure.com", "https://login.microsoftonline.com")
MakeContext = Callable[..., ContextValue]


@pytest.fixture(autouse=True)
def _fresh_session() -> Iterator[None]:
    """Each test is a new session in this process: nothing chosen, nothing connected."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    local_module.close_all()
    local_module._memories.clear()
    local_module._is_shell = False
    local_module._job = None


@pytest.fixture
def quiet_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing runs and nothing is to be started."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("AZJOBS_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def living(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[Home]:
    """A home whose daemon and embedded cloud serve many tests; each is a session of its own in it."""
    folder = tmp_path_factory.mktemp("living") / "home"
    folder.mkdir(mode=0o700)
    shutil.copytree(certificates, folder / "simulator")
    (folder / "simulator").chmod(0o700)
    home = Home(folder)
    yield home
    home.end()


@pytest.fixture
def live(living: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """That home, for this test: nobody has signed in yet."""
    (living.folder / "contexts.json").unlink(missing_ok=True)
    monkeypatch.setenv("AZJOBS_HOME", str(living.folder))
    return living


@pytest.fixture
def signed_in(live: Home) -> Home:
    """Signed in to its embedded cloud, where time passes at once and nobody is told to wait."""
    from azjobs.session.accounts.signing_in import connect_az_account  # noqa: PLC0415 - only for those who need it

    connect_az_account(environment="AzureSimulator")
    live.cloud.time("at-once")
    live.cloud.retry_after(0)
    return live


@pytest.fixture(scope="session")
def make_context() -> MakeContext:
    """Make contexts of a cloud that is never asked."""

    def make(name: str, *, scope: str = "user", account: str = "ana@contoso.com") -> ContextValue:
        subscription = Subscription(f"id-{name.lower()}", name)
        return ContextValue(
            name, Account(account, AccountType.USER), Tenant("t-1", "Contoso"), CLOUD, subscription, scope
        )

    return make
