"""What ended jobs had with the keeper is forgotten a moment later, for many of them by one message."""

from __future__ import annotations

import asyncio
import functools

import pytest
from core_samples import make_process_job
from test_leisure import VirtualLoop

from azjobs.core.job import Job
from azjobs.daemon.jobs.forgetting import Forgetting


class Keeper:
    """What the keeper was told, and when."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.told: list[tuple[float, list[Job]]] = []
        self.forgetting = Forgetting(self._forget)

    async def _forget(self, ended: list[Job]) -> None:
        self.told.append((self.loop.time(), ended))

    def run(self) -> None:
        """Let everything happen."""
        self.loop.run_forever()
        self.loop.close()


def test_jobs_that_end_in_a_row_are_forgotten_together() -> None:
    """One message for a hundred ends within its delay; what ends later has another one."""
    keeper, jobs = Keeper(), [make_process_job(uuid=str(n)) for n in range(101)]
    for n, job in enumerate(jobs[:100]):
        keeper.loop.call_at(n * 0.0001, keeper.forgetting.add, job)
    keeper.loop.call_at(7.0, keeper.forgetting.add, jobs[100])
    keeper.run()
    assert keeper.told == [(0.05, jobs[:100]), (7.05, jobs[100:])]


def test_secrets_are_forgotten_at_once() -> None:
    """With what has ended a moment ago; a job that is resumed a moment later asks for them again."""
    keeper, jobs = Keeper(), [make_process_job(uuid=str(n)) for n in range(3)]
    keeper.loop.call_at(1.0, keeper.forgetting.add, jobs[0])
    keeper.loop.call_at(1.01, functools.partial(keeper.forgetting.add, jobs[1], has_secrets=True))
    keeper.loop.call_at(1.02, keeper.forgetting.add, jobs[2])
    keeper.run()
    assert keeper.told == [(1.01, jobs[:2]), (pytest.approx(1.07), jobs[2:])]


def test_nothing_stays_with_the_keeper_when_the_daemon_leaves() -> None:
    """What ended a moment ago is told at once; nothing is told where nothing has ended."""
    keeper, job = Keeper(), make_process_job(uuid="1")

    async def leave() -> None:
        keeper.forgetting.add(job)
        await keeper.forgetting.close()
        assert [ended for _, ended in keeper.told] == [[job]]
        await Forgetting(keeper._forget).close()
        assert len(keeper.told) == 1

    keeper.loop.run_until_complete(leave())
    keeper.loop.close()
    asyncio.set_event_loop(None)
