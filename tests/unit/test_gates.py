"""Gates: whoever waits for the same thing waits behind one task, and passes when it is there."""

from __future__ import annotations

import asyncio

import pytest

from azjobs.daemon.sending.gates import Gates


def test_a_thousand_wait_behind_one_task_and_others_pass():
    """Who comes while the first ones wait is let pass the next time."""

    async def use() -> None:
        is_open = {"slow": asyncio.Event(), "fast": asyncio.Event()}
        passed: asyncio.Queue[tuple[str, list[int]]] = asyncio.Queue()

        async def let_pass(key: str, items: list[int]) -> None:
            await is_open[key].wait()
            passed.put_nowait((key, items))

        gates = Gates(let_pass)
        is_open["fast"].set()
        before = len(asyncio.all_tasks())
        gates.join("slow", 0)
        await asyncio.sleep(0)
        for number in range(1, 1000):
            gates.join("slow", number)
        assert len(asyncio.all_tasks()) == before + 1
        gates.join("fast", 1000)
        assert await passed.get() == ("fast", [1000])
        is_open["slow"].set()
        assert await passed.get() == ("slow", [0])
        assert await passed.get() == ("slow", list(range(1, 1000)))
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == before

    asyncio.run(asyncio.wait_for(use(), 10))


def test_a_fault_at_a_gate_is_logged_and_keeps_nobody_waiting_who_comes_later(caplog: pytest.LogCaptureFixture):
    """Those who waited stay where they are; the gate serves the next ones."""

    async def use() -> list[int]:
        passed: asyncio.Queue[list[int]] = asyncio.Queue()

        async def let_pass(_: str, items: list[int]) -> None:
            if 0 in items:
                raise ValueError("broken")
            passed.put_nowait(items)

        gates = Gates(let_pass)
        gates.join("one", 0)
        await asyncio.sleep(0)
        gates.join("one", 1)
        return await passed.get()

    assert asyncio.run(asyncio.wait_for(use(), 10)) == [1]
    assert "What waited for one could not go on" in caplog.text
    assert "ValueError: broken" in caplog.text
