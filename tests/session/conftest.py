"""What tests of the session layer share: this process as a fresh session, in a home of its own or in one that lives.

Where a daemon is needed it is the real one, with the real keeper and the embedded cloud.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from azjobs.core.context import Account, AccountType, ContextValue, Environment, Subscription, Tenant
from azjobs.simulator.settings import Kind
from terminal import Home

CLOUD = Environment("AzureCloud", "https://management.azure.com", "https://login.microsoftonline.com")
AT_ONCE = {kind: {"mode": "at-once"} for kind in Kind}
MakeContext = Callable[..., ContextValue]


@pytest.fixture(autouse=True)
def _fresh(fresh_session: None) -> None:
    """Each test is a new session in this process."""


@pytest.fixture
def quiet_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing runs and nothing is to be started."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("AZJOBS_HOME", str(folder))
    return folder


@pytest.fixture
def signed_in(live: Home) -> Iterator[Home]:
    """Signed in to its embedded cloud, where time passes at once and nobody is told to wait."""
    from azjobs.session.accounts.signing_in import connect_az_account  # noqa: PLC0415 - only for those who need it

    connect_az_account(environment="AzureSimulator")
    live.cloud.time("at-once", kinds=AT_ONCE)
    live.cloud.retry_after(0)
    yield live
    _end_all(live)


def _end_all(home: Home) -> None:
    """Leave nothing under way for the next test: neither in the cloud nor here."""
    import azjobs as az  # noqa: PLC0415 - as above

    home.cloud.clear_faults()
    home.cloud.time("at-once", kinds=AT_ONCE)
    home.cloud.finish()
    with contextlib.suppress(az.AzJobsError):  # a test may have left a home that no job can be removed from
        for state in ("Blocked", "NotStarted", "Running", "Stopping"):
            az.remove_job(state=state, force=True)


@pytest.fixture(scope="session")
def make_context() -> MakeContext:
    """Make contexts of a cloud that is never asked."""

    def make(name: str, *, scope: str = "user", account: str = "ana@contoso.com") -> ContextValue:
        subscription = Subscription(f"id-{name.lower()}", name)
        return ContextValue(
            name, Account(account, AccountType.USER), Tenant("t-1", "Contoso"), CLOUD, subscription, scope
        )

    return make
