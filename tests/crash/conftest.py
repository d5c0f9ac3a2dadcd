"""What the crash suite shares: an embedded cloud for all rounds of one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from crash_round import Site


@pytest.fixture(scope="session")
def sites() -> Iterator[list[Site]]:
    """The embedded clouds of this process: one, made when it is first needed."""
    made: list[Site] = []
    yield made
    for site in made:
        site.close()


@pytest.fixture
def site(sites: list[Site], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """An embedded cloud that all rounds of this process share."""
    if not sites:
        sites.append(Site(tmp_path_factory.mktemp("crash")))
    return sites[0]
