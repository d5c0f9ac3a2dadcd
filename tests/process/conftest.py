"""Launchers that many tests share: starting an interpreter costs more than most tests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from process_site import LoopThread, Site

from azjobs.process.launcher import Exited, ForkLauncher, StandbyLauncher


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    """Give an event loop in a thread."""
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture(scope="session")
def ends() -> dict[str, Future[Exited]]:
    """Give what the launchers tell about ended processes, by job."""
    return {}


@pytest.fixture(scope="session")
def fork_launcher(loop_thread: LoopThread, ends: dict[str, Future[Exited]]) -> Iterator[ForkLauncher]:
    """Give a launcher that forks from warm parents."""
    launcher = loop_thread.run(_make(ForkLauncher, ends))
    yield launcher
    loop_thread.run(launcher.close())


@pytest.fixture(scope="session")
def standby_launcher(loop_thread: LoopThread, ends: dict[str, Future[Exited]]) -> Iterator[StandbyLauncher]:
    """Give a launcher that executes an interpreter for each job."""
    launcher = loop_thread.run(_make(StandbyLauncher, ends))
    yield launcher
    loop_thread.run(launcher.close())


@pytest.fixture
def site(tmp_path: Path, loop_thread: LoopThread, fork_launcher: ForkLauncher, ends: dict) -> Iterator[Site]:
    """Give a place to start jobs by fork."""
    site = Site(tmp_path, loop_thread, fork_launcher, ends)
    yield site
    site.end_all()


@pytest.fixture(params=["fork", "standby"])
def any_site(request: pytest.FixtureRequest, tmp_path: Path, loop_thread: LoopThread, ends: dict) -> Iterator[Site]:
    """Give a place to start jobs, by each means."""
    site = Site(tmp_path, loop_thread, request.getfixturevalue(f"{request.param}_launcher"), ends)
    yield site
    site.end_all()


async def _make(kind: type, ends: dict[str, Future[Exited]]):
    return kind(lambda exited: ends[exited.job_id].set_result(exited))
