"""Let many items wait for one and the same thing behind one task, so that waiting costs an entry in a list each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class Gates(Generic[Key, Item]):
    """Gates of one kind, by key; one at which nobody waits does not exist.

    `let_pass` is awaited with those who wait, and sends them on; who comes meanwhile waits for the next time.
    """

    def __init__(self, let_pass: Callable[[Key, list[Item]], Awaitable[None]]) -> None:
        self._let_pass = let_pass
        self._waiting: dict[Key, list[Item]] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    def join(self, key: Key, item: Item) -> None:
        """Wait at a gate."""
        self._waiting.setdefault(key, []).append(item)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._serve(key), name=f"gate of {key}")

    async def close(self) -> None:
        """Let nobody pass any more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, key: Key) -> None:
        try:
            while items := self._waiting.pop(key, []):
                try:
                    await self._let_pass(key, items)
                except Exception:  # a fault of ours: these stand still until the next daemon, the others go on
                    log.exception("What waited for %s could not go on", key)
        finally:
            del self._tasks[key]
