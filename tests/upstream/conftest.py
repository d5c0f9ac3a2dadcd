"""What the tests of upstream's behaviours share: a home that lives, and no job in it at the beginning."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import azjobs as az
from terminal import Home, Shell

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _fresh(fresh_session: None) -> None:
    """Each test is a new session in this process."""


@pytest.fixture(autouse=True)
def _no_jobs_left(live: Home, _fresh: None) -> Iterator[None]:
    az.remove_job(az.get_job(), force=True)  # of tests in other folders, in the same home
    yield
    az.remove_job(az.get_job(), force=True)


@pytest.fixture
def shell(live: Home) -> Shell:
    """A shell of its own session in that home."""
    return Shell(live, "upstream")


@pytest.fixture
def signed_in(live: Home) -> Home:
    """Signed in to its embedded cloud, where time passes at once and nobody is told to wait."""
    az.connect_az_account(environment="AzureSimulator")
    live.cloud.time("at-once")
    live.cloud.retry_after(0)
    return live
