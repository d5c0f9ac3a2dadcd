"""Tasks that nobody awaits: kept to their end, told of when they fail, cut off when the daemon leaves."""

from __future__ import annotations

import asyncio
import gc

import pytest

from azjobs.daemon.background import Background


def test_a_task_that_nobody_awaits_is_kept_to_its_end():
    """Also when nothing else refers to it."""

    async def use() -> bool:
        background, ended = Background(), asyncio.Event()

        async def work() -> None:
            await asyncio.sleep(0)
            gc.collect()
            ended.set()

        background.spawn(work())
        return await asyncio.wait_for(ended.wait(), 10)

    assert asyncio.run(use())


def test_a_failure_is_logged_and_takes_nothing_along(caplog: pytest.LogCaptureFixture):
    """By the name of what failed, with its traceback."""

    async def breaks() -> None:
        raise ValueError("broken")

    async def use() -> None:
        background = Background()
        background.spawn(breaks())
        background.spawn(asyncio.sleep(60))
        await asyncio.sleep(0)
        await background.cancel()
        await background.cancel()

    asyncio.run(use())
    (record,) = caplog.records
    assert "breaks" in record.getMessage()
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "broken"
