"""A home folder short enough for a socket, with everything that runs in it ended afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from keeper_site import Site


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a home of its own in which keepers are started."""
    home = tmp_path_factory.mktemp("h")
    home.chmod(0o700)
    site = Site(home)
    for name in list(site.environment):
        if name.startswith(("AZURE_", "AZJOBS_")):
            del site.environment[name]
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only the names
    yield site
    site.end()
    assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208 - only the names
