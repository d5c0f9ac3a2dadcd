"""Start job processes: the role, and its two means.

Asyncio, daemon side. `ForkLauncher` has the job forked by a warm parent of the
caller's own interpreter. `StandbyLauncher` keeps an executed interpreter ready
for each key and uses it up: for systems where a fork without exec is not safe
(macOS). Neither touches the store; both create the journal, locked, and hand
everything else to the job process on a channel of its own.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from azjobs.process.exits import watch_exit
from azjobs.process.frames import ExitedReport, StartedReport
from azjobs.process.identity import start_time
from azjobs.process.journal import is_alive, remove_files
from azjobs.process.offer import Offer, Started, StartProcess
from azjobs.process.pool import ParentLost, WarmPool
from azjobs.process.spawn import Killed, LaunchFailed, Spawned, WarmKey, spawn

PARENT_TRIES = 5  # guess: nobody kills that many by accident
_STANDBY = "azjobs._main.standby"


class Exited(NamedTuple):
    """The end of a job process. `exit_code` as of `os.waitstatus_to_exitcode`; None when nobody was told it."""

    job_id: str
    pid: int
    start_time: int
    exit_code: int | None


OnExited = Callable[[Exited], None]


class Launcher(Protocol):
    """Starts job processes, and tells how they ended."""

    async def start(self, start: StartProcess) -> Started:
        """Create the journal and start the process.

        Raises:
            LaunchFailed: nothing of it runs, and no journal is left.
            FileExistsError: the job has a journal: it was started before.
        """

    async def close(self) -> None:
        """Start no more; the processes that run go on, and nobody tells how they end."""


class ForkLauncher:
    """Jobs are forked by warm parents.

    Args:
        on_exited: called for each process that was started, after its `start` has returned.
        max_parents: how many warm parents there are at most.
        idle_s: after how long without a job a warm parent ends.
    """

    def __init__(self, on_exited: OnExited, *, max_parents: int = 3, idle_s: float = 600.0) -> None:
        self._exits = _Exits(on_exited)
        self._pool = WarmPool(self._report_exit, max_parents=max_parents, idle_s=idle_s)

    async def warm(self, key: WarmKey) -> int:
        """Have a warm parent ready for `key`; return its pid.

        Raises:
            LaunchFailed: it cannot be executed.
        """
        return (await self._pool.get(key)).pid

    async def start(self, start: StartProcess) -> Started:
        """Create the journal and start the process.

        Raises:
            LaunchFailed: nothing of it runs, and no journal is left.
            FileExistsError: the job has a journal: it was started before.
        """
        with self._exits.held_back(start.job_id):
            for _ in range(PARENT_TRIES):
                try:
                    return await self._start(start)
                except (ParentLost, Killed):  # nothing was started; a new parent gets the job
                    continue
            raise LaunchFailed(f"the warm parent was killed {PARENT_TRIES} times.")

    async def close(self) -> None:
        """Start no more, end the warm parents. The processes that run go on, and nobody tells how they end."""
        self._exits.close()
        await self._pool.close()

    async def _start(self, start: StartProcess) -> Started:
        parent = await self._pool.get(start.key)
        with Offer(start) as offer:
            try:
                answer = await parent.start(offer.request, offer.fds)
                offer.close_files()
                await offer.hand_over()
                report = await answer
            except ParentLost:
                began = await offer.look()
                if began is None:
                    remove_files(start.journal)
                    raise
                exited = Exited(start.job_id, *began, None)  # its parent never told of it, and will not tell of its end
                watch_exit(*began, lambda: self._exits.tell(exited))
                return began
            except BaseException:
                offer.close_files()
                if not is_alive(start.journal):
                    remove_files(start.journal)
                raise
        return Started(report.pid, report.start_time)

    def _report_exit(self, report: ExitedReport | StartedReport, exit_code: int | None) -> None:
        self._exits.tell(Exited(report.job_id, report.pid, report.start_time, exit_code))


class StandbyLauncher:
    """Jobs are run by interpreters that were executed ahead, one for each; one is kept ready for each key."""

    def __init__(self, on_exited: OnExited) -> None:
        self._exits = _Exits(on_exited)
        self._ready: dict[WarmKey, asyncio.Task[Spawned]] = {}
        self._running: dict[int, Spawned] = {}

    async def warm(self, key: WarmKey) -> int:
        """Have an interpreter ready for `key`; return its pid.

        Raises:
            LaunchFailed: it cannot be executed.
        """
        self._make_ready(key)
        return (await asyncio.shield(self._ready[key])).process.pid

    async def start(self, start: StartProcess) -> Started:
        """Create the journal and start the process; the next interpreter is made ready after it.

        Raises:
            LaunchFailed: nothing of it runs, and no journal is left.
            FileExistsError: the job has a journal: it was started before.
        """
        with self._exits.held_back(start.job_id):
            spawned = await self._take(start.key)
            try:
                began = await self._hand_over(start, spawned)
            except BaseException:
                spawned.close()  # so it ends, and nothing of the job has run
                await spawned.wait()
                raise
        self._make_ready(start.key)
        return began

    async def close(self) -> None:
        """Start no more, end the interpreters that wait. Processes that run go on, and nobody tells how they end."""
        self._exits.close()
        for outcome in await asyncio.gather(*self._ready.values(), return_exceptions=True):
            if isinstance(outcome, Spawned):
                outcome.close()
                await outcome.wait()
        self._ready.clear()
        for spawned in self._running.values():
            spawned.close()
            spawned.release()
        self._running.clear()

    async def _hand_over(self, start: StartProcess, spawned: Spawned) -> Started:
        pid = spawned.process.pid
        with Offer(start) as offer:
            try:
                await spawned.send(offer.request, offer.fds)
            except OSError as error:
                remove_files(start.journal)
                raise LaunchFailed("The interpreter that was to run the job has ended.") from error
            offer.close_files()
            began = Started(pid, start_time(pid) or 0)
            self._running[pid] = spawned
            watch_exit(pid, None, lambda: self._ended(start.job_id, began))
            await offer.hand_over()
        return began

    async def _take(self, key: WarmKey) -> Spawned:
        while True:
            task = self._ready.pop(key, None) or self._spawn(key)
            spawned = await task
            if not spawned.is_gone:
                return spawned
            await spawned.wait()

    def _make_ready(self, key: WarmKey) -> None:
        if key not in self._ready:
            self._ready[key] = self._spawn(key)

    def _spawn(self, key: WarmKey) -> asyncio.Task[Spawned]:
        return asyncio.get_running_loop().create_task(spawn(key, _STANDBY))

    def _ended(self, job_id: str, began: Started) -> None:
        spawned = self._running.pop(began.pid, None)
        if spawned is not None:  # else the launcher was closed
            spawned.close()
            self._exits.tell(Exited(job_id, *began, spawned.process.wait()))


def default_launcher(on_exited: OnExited) -> Launcher:
    """Return the means that is safe on this system."""
    return StandbyLauncher(on_exited) if sys.platform == "darwin" else ForkLauncher(on_exited)


class _Exits:
    """Tells of exits, but not before the start of the same process has returned."""

    def __init__(self, on_exited: OnExited) -> None:
        self._on_exited: OnExited | None = on_exited
        self._held: dict[str, list[Exited]] = {}

    @contextmanager
    def held_back(self, job_id: str) -> Iterator[None]:
        self._held[job_id] = []
        try:
            yield
        finally:
            for exited in self._held.pop(job_id):
                asyncio.get_running_loop().call_soon(self.tell, exited)

    def tell(self, exited: Exited) -> None:
        if exited.job_id in self._held:
            self._held[exited.job_id].append(exited)
        elif self._on_exited is not None:
            self._on_exited(exited)

    def close(self) -> None:
        self._on_exited = None


__all__ = [
    "Exited",
    "ForkLauncher",
    "LaunchFailed",
    "Launcher",
    "StandbyLauncher",
    "StartProcess",
    "Started",
    "default_launcher",
]
