"""Let the jobs of a queue begin one after another, in the order in which they came.

A queue is only a name that jobs have in common; what is known of it is known
from its unfinished jobs, so that a new daemon finds it as it was. A job that has
its turn keeps it until it has ended, but gives it up while it waits for other
jobs of its queue: else they would wait for each other for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from azjobs.core.events import Begun
from azjobs.core.job import Job
from azjobs.core.states import NotStarted, is_finished
from azjobs.daemon.jobs.runner import Runner

DEFAULT_LIMIT = (
    5  # Start-ThreadJob's and ForEach-Object -Parallel's [learn.microsoft.com, Start-ThreadJob, -ThrottleLimit]
)


@dataclass(slots=True)
class _Queue:
    """Jobs by their uuid, in the order of their coming."""

    limit: int = DEFAULT_LIMIT
    waiting: dict[str, None] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)


class Queues:
    """The queues of this home."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._queues: dict[str, _Queue] = {}
        self._waits: dict[object, tuple[str, frozenset[str]]] = {}
        self._due: set[str] = set()
        self._is_admitting = False
        runner.on_moved.append(self._moved)

    def enter(self, job: Job) -> bool:
        """A job comes; returns whether it may begin at once. A new limit holds for all jobs of its queue."""
        if self._runner.find(job.uuid) is None:  # it has ended already: stopped, or its batch has failed fast
            return False
        if job.queue is None:
            return True
        queue = self._queues.setdefault(job.queue.name, _Queue())
        queue.limit = job.queue.limit or queue.limit
        queue.waiting[job.uuid] = None
        if not self._has_room(queue) or next(iter(queue.waiting)) != job.uuid:
            self.admit([job.queue.name])  # a higher limit lets earlier ones begin
            return False
        self._start(queue, job.uuid)
        return True

    def recover(self, jobs: Iterable[Job]) -> None:
        """Find the queues as they were; `admit` lets begin what may."""
        queued = [job for job in jobs if job.queue is not None]
        for job in sorted(queued, key=lambda job: (job.id is None, job.id or 0, job.submitted_at)):
            assert job.queue is not None
            queue = self._queues.setdefault(job.queue.name, _Queue())
            queue.limit = job.queue.limit or queue.limit
            if isinstance(job.state, NotStarted):
                queue.waiting[job.uuid] = None
            else:
                queue.running.add(job.uuid)

    def admit(self, names: Iterable[str] | None = None) -> None:
        """Let begin whose turn it is, in these queues or in all."""
        self._due.update(self._queues if names is None else names)
        if self._is_admitting:  # a job that ended at once made room: whoever is at it goes on with it
            return
        self._is_admitting = True
        try:
            while self._due:
                name = self._due.pop()
                queue = self._queues.get(name)
                while queue is not None and queue.waiting and self._has_room(queue):
                    uuid = next(iter(queue.waiting))
                    self._start(queue, uuid)
                    self._runner.apply(uuid, Begun(self._runner.now()))
        finally:
            self._is_admitting = False

    def follows(self, follower: object, job: Job, followed: Iterable[str]) -> None:
        """The process of a job waits for others, by a connection `follower`."""
        _, known = self._waits.get(follower, ("", frozenset()))
        self._waits[follower] = (job.uuid, known | set(followed))
        if job.queue is not None:
            self.admit([job.queue.name])

    def leaves(self, follower: object) -> None:
        """The connection is closed."""
        self._waits.pop(follower, None)

    def _start(self, queue: _Queue, uuid: str) -> None:
        del queue.waiting[uuid]
        queue.running.add(uuid)

    def _has_room(self, queue: _Queue) -> bool:
        if len(queue.running) < queue.limit:
            return True
        pausing = {
            uuid
            for uuid, followed in self._waits.values()
            if uuid in queue.running and any(one in queue.running or one in queue.waiting for one in followed)
        }
        return len(queue.running) - len(pausing) < queue.limit

    def _moved(self, before: Job, after: Job) -> None:
        """A job has ended: the next one has its turn. One that is resumed had its own, and takes it up again."""
        if after.queue is None:
            return
        if is_finished(before.state):
            self._queues.setdefault(after.queue.name, _Queue()).running.add(after.uuid)
        if is_finished(after.state):
            self.leave(after)

    def leave(self, job: Job) -> None:
        """A job has ended, or is forgotten: the next one has its turn."""
        queue = self._queues.get(job.queue.name) if job.queue is not None else None
        if job.queue is None or queue is None:
            return
        queue.waiting.pop(job.uuid, None)
        queue.running.discard(job.uuid)
        if queue.waiting:
            self.admit([job.queue.name])
        elif not queue.running:
            del self._queues[job.queue.name]
