"""A simulator in a thread of its own, for tests and programs that have no event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from azjobs.simulator.certificates import Identity
from azjobs.simulator.server import Simulator


class SimulatorThread:
    """A simulator in a thread of its own: `with SimulatorThread(folder) as simulator`."""

    def __init__(
        self,
        folder: Path,
        *,
        identity: Identity | None = None,
        steady: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Prepare one in `folder`; the clocks and `sleep` are called from its thread."""
        self._simulator = Simulator(folder, identity=identity, steady=steady, wall=wall, sleep=sleep)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._stop = asyncio.Event()

    @property
    def endpoint(self) -> dict[str, Any]:
        """What `endpoint.json` holds."""
        return self._simulator.endpoint

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            await self._simulator.start()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits in start()
            self._failure = error
            return
        finally:
            self._started.set()
        await self._stop.wait()
        await self._simulator.stop()

    def start(self) -> Self:
        """Start it and return when it listens."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop it and return when its thread has ended."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()
