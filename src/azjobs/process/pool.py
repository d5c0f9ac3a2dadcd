"""Keep warm parents: one a key, few, fresh.

Asyncio. At most three; the least recently used goes first, one that nobody used
for a while goes too, and one whose packages have changed on disk since it
imported them. A retired parent stays until its last child has ended, so that
the child's exit status is not lost.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from azjobs.process.exits import watch_exit
from azjobs.process.frames import ExitedReport, FromParent, RefusedReport, RetireRequest, StartedReport, StartRequest
from azjobs.process.spawn import LaunchFailed, Spawned, WarmKey, spawn

_MODULE = "azjobs._main.warm_parent"


class ParentLost(Exception):
    """The warm parent ended before it said whether the job was started."""


class ParentLink:
    """A warm parent, the starts it was asked for, and the children it has."""

    def __init__(self, spawned: Spawned, on_exited: Callable[[ExitedReport | StartedReport, int | None], None]) -> None:
        self._spawned = spawned
        self._on_exited = on_exited
        self._asked: dict[str, asyncio.Future[StartedReport]] = {}
        self._children: dict[int, StartedReport] = {}
        self._libraries = _modified_at(spawned.ready.library_folders)
        self.is_retired = False
        self.used_at = asyncio.get_running_loop().time()
        spawned.on_report = self._report
        spawned.on_gone = self._gone

    @property
    def pid(self) -> int:
        """The parent's own pid."""
        return self._spawned.process.pid

    @property
    def is_usable(self) -> bool:
        """Whether it may start another job: it is there, and has imported what is installed now."""
        is_there = not self._spawned.is_gone and not self.is_retired
        return is_there and self._libraries == _modified_at(self._spawned.ready.library_folders)

    async def start(self, request: StartRequest, fds: Sequence[int]) -> asyncio.Future[StartedReport]:
        """Ask for a process; the files may be closed when this returns. The future tells of the process.

        Raises:
            ParentLost: the parent ended before it was asked.
        """
        loop = asyncio.get_running_loop()
        self.used_at = loop.time()
        try:
            await self._spawned.send(request, fds)
        except OSError as error:
            raise ParentLost from error
        answer: asyncio.Future[StartedReport] = loop.create_future()
        self._asked[request.job_id] = answer
        return answer

    async def retire(self) -> None:
        """Let it start no more, and end when its last child has ended."""
        if not self.is_retired:
            self.is_retired = True
            try:
                await self._spawned.send(RetireRequest())
            except OSError:  # gone already
                return

    async def close(self) -> None:
        """Let it end now, and wait for that. Its children go on."""
        self._spawned.on_gone = lambda: None
        self._spawned.close()
        await self._spawned.wait()

    def _report(self, report: FromParent) -> None:
        match report:
            case StartedReport():
                self._children[report.pid] = report
                answer = self._asked.pop(report.job_id, None)
                if answer is not None and not answer.done():
                    answer.set_result(report)
            case RefusedReport():
                answer = self._asked.pop(report.job_id, None)
                if answer is not None and not answer.done():
                    answer.set_exception(LaunchFailed(f"The job cannot be started: {report.reason}."))
            case ExitedReport():
                self._children.pop(report.pid, None)
                self._on_exited(report, os.waitstatus_to_exitcode(report.status))
            case _:
                pass

    def _gone(self) -> None:
        """Children are watched from here now; how they end is told to whoever adopted them, not to us."""
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            if not answer.done():
                answer.set_exception(ParentLost())
        children, self._children = self._children, {}
        for child in children.values():
            watch_exit(child.pid, child.start_time, lambda child=child: self._on_exited(child, None))  # type: ignore[misc]
        watch_exit(self.pid, None, self._reap)

    def _reap(self) -> None:
        self._spawned.process.wait()  # at once: it has ended


class WarmPool:
    """The warm parents of one daemon."""

    def __init__(
        self,
        on_exited: Callable[[ExitedReport | StartedReport, int | None], None],
        *,
        max_parents: int,
        idle_s: float,
    ) -> None:
        self._on_exited = on_exited
        self._max_parents = max_parents
        self._idle_s = idle_s
        self._parents: dict[WarmKey, asyncio.Task[ParentLink]] = {}
        self._retired: set[ParentLink] = set()
        self._retiring: set[asyncio.Task[None]] = set()

    async def get(self, key: WarmKey) -> ParentLink:
        """Return a usable parent; callers that come while it starts wait for the same one.

        Raises:
            LaunchFailed: it cannot be executed.
        """
        task = self._parents.get(key)
        if task is not None and task.done() and not _is_usable(task):
            self._drop(key)
            task = None
        if task is None:
            self._make_room()
            task = asyncio.get_running_loop().create_task(self._spawn(key))
            self._parents[key] = task
        try:
            return await asyncio.shield(task)
        except LaunchFailed:
            if self._parents.get(key) is task:
                del self._parents[key]
            raise

    async def close(self) -> None:
        """End all parents; their children go on."""
        tasks = list(self._parents.values())
        self._parents.clear()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, ParentLink):
                self._retired.add(outcome)
        await asyncio.gather(*self._retiring)
        await asyncio.gather(*(link.close() for link in self._retired))
        self._retired.clear()

    async def _spawn(self, key: WarmKey) -> ParentLink:
        link = ParentLink(await spawn(key, _MODULE), self._on_exited)
        loop = asyncio.get_running_loop()
        loop.call_later(self._idle_s, self._drop_when_idle, key, link)
        return link

    def _make_room(self) -> None:
        """Drop the least recently used of those that are there; one that is just starting is in use."""
        links = {key: task.result() for key, task in self._parents.items() if _is_settled(task)}
        if len(self._parents) >= self._max_parents and links:
            self._drop(min(links, key=lambda key: links[key].used_at))

    def _drop_when_idle(self, key: WarmKey, link: ParentLink) -> None:
        loop = asyncio.get_running_loop()
        task = self._parents.get(key)
        if task is None or not _is_settled(task) or task.result() is not link:
            return
        due_at = link.used_at + self._idle_s
        if loop.time() >= due_at:
            self._drop(key)
        else:
            loop.call_at(due_at, self._drop_when_idle, key, link)

    def _drop(self, key: WarmKey) -> None:
        task = self._parents.pop(key)
        if not _is_settled(task):
            return
        link = task.result()
        self._retired.add(link)
        retiring = asyncio.get_running_loop().create_task(link.retire())
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)


def _is_settled(task: asyncio.Task[ParentLink]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _is_usable(task: asyncio.Task[ParentLink]) -> bool:
    return _is_settled(task) and task.result().is_usable


def _modified_at(folders: Sequence[str]) -> tuple[int, ...]:
    """When something was last installed or removed there, in ns; a folder that is not there counts as 0."""
    times = []
    for folder in folders:
        try:
            times.append(os.stat(folder).st_mtime_ns)  # noqa: PTH116 - asked for every job
        except OSError:
            times.append(0)
    return tuple(times)
