"""Have the keeper forget what ended jobs had with it, and say how much work is left: once for many ends.

A moment after the first of them: jobs come and end in rows, and the next one
has the same environment. Secrets are forgotten at once. A daemon that is killed
before it did so is followed by one that does (`Vault.tidy`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from azjobs.core.job import Job
from azjobs.daemon.background import Background
from azjobs.keeper.errors import KeeperGone

DELAY_S = 0.05  # guess: longer than a short job after another one takes, too short for anybody to notice


class Forgetting:
    """The jobs that have ended since the keeper was told last. `forget` tells it of some, perhaps of none."""

    def __init__(self, forget: Callable[[list[Job]], Awaitable[None]]) -> None:
        self._forget = forget
        self._ended: list[Job] = []
        self._timer: asyncio.TimerHandle | None = None
        self._background = Background()

    def add(self, *ended: Job, has_secrets: bool = False) -> None:
        """Tell the keeper in a moment, or at once where there are secrets to forget."""
        self._ended += ended
        if has_secrets:
            if self._timer is not None:
                self._timer.cancel()
            self._begin()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self._begin)

    async def close(self) -> None:
        """Tell it now, if there is something to tell; a keeper that is gone has forgotten everything."""
        await self._background.cancel()
        if self._timer is not None:
            self._timer.cancel()
            with contextlib.suppress(KeeperGone):
                await self._tell()

    def _begin(self) -> None:
        self._timer = None
        self._background.spawn(self._tell())

    async def _tell(self) -> None:
        ended, self._ended = self._ended, []
        await self._forget(ended)
