"""Hold the jobs that are not finished and carry each event through `core.machine`.

The runner decides nothing: it applies the event, records the new value, and
hands each effect to whoever performs it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Protocol

from msgspec.structs import replace

from azjobs.core.errors import JobNotFound
from azjobs.core.events import (
    ChildChanged,
    Effect,
    Event,
    ProcessStarted,
    ReadUrl,
    SendRequest,
    StartProcess,
    StopAsked,
    StopChildren,
    StopProcess,
    TimedOut,
    WriteError,
    WriteOutput,
    WriteProgress,
)
from azjobs.core.job import Job, PlanWork, ProcessWork
from azjobs.core.machine import step
from azjobs.core.progress import under_way
from azjobs.core.states import NotStarted, is_finished
from azjobs.daemon.jobs.ledger import FULL_RETRY_S, Ledger

log = logging.getLogger(__name__)


class Requests(Protocol):
    """Performs what goes to Azure."""

    def schedule(self, uuid: str, effect: SendRequest | ReadUrl) -> None:
        """Perform the effect after its delay and feed the outcome back."""
        ...

    def recall(self, uuid: str) -> tuple[str, ...]:
        """Take back what was scheduled to be sent for a job and has not gone out; returns the keys of the calls."""
        ...


class Processes(Protocol):
    """Performs what concerns the processes of jobs."""

    def start(self, job: Job) -> None:
        """Start the job's process and feed back what came of it."""
        ...

    def stop(self, job: Job) -> None:
        """End the job's process and all that it started."""
        ...


class Records(Protocol):
    """Writes what an Azure job has to say into its journal."""

    def write(self, job: Job, effect: WriteOutput | WriteError | WriteProgress) -> bool:
        """Append one record; False when the disk has no room for it, and then nothing of it is there."""
        ...


class Runner:
    """All unfinished jobs, and the one door through which they change."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._jobs: dict[str, Job] = {}
        self._by_key: dict[str, str] = {}  # uuids of process jobs by the hashes of their keys
        self._children: dict[str, dict[str, None]] = {}  # of a batch, those that are unfinished, in their order
        self._scopes: Counter[str] = Counter()  # by how many jobs each is needed
        self._unwritten: dict[str, list[Event]] = {}
        self._postponed: dict[str, list[Effect]] = {}
        self.now = now
        self.requests: Requests
        self.processes: Processes
        self.records: Records
        self.on_finished: list[Callable[[Job], None]] = []
        self.on_moved: list[Callable[[Job, Job], None]] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def find(self, uuid: str) -> Job | None:
        """Return an unfinished job."""
        return self._jobs.get(uuid)

    def load(self, uuid: str) -> Job | None:
        """Return a job, ended or not."""
        return self._jobs.get(uuid) or self._ledger.load(uuid)

    def require(self, uuid: str) -> Job:
        """Return a job, ended or not.

        Raises:
            JobNotFound: it is not there.
        """
        job = self.load(uuid)
        if job is None:
            raise JobNotFound(f"No job {uuid}. Type: azjobs job get")
        return job

    def find_by_key(self, key_sha256: str) -> Job | None:
        """Return the unfinished process job whose key has this hash."""
        return self._jobs.get(self._by_key.get(key_sha256, ""))

    def take(self, job: Job) -> None:
        """Take charge of a job that is in the store."""
        if job.uuid not in self._jobs:
            self._scopes.update(job.scopes)
        self._jobs[job.uuid] = job
        if isinstance(job.work, ProcessWork):
            self._by_key[job.work.key_sha256] = job.uuid
        if job.family:
            self._children.setdefault(job.family, {})[job.uuid] = None

    def drop(self, uuid: str) -> None:
        """Let go of a job that has ended or is removed."""
        self._unwritten.pop(uuid, None)
        self._postponed.pop(uuid, None)
        job = self._jobs.pop(uuid, None)
        if job is None:
            return
        for scope in job.scopes:
            self._scopes[scope] -= 1
            if not self._scopes[scope]:
                del self._scopes[scope]
        if isinstance(job.work, ProcessWork):
            self._by_key.pop(job.work.key_sha256, None)
        if job.family:
            siblings = self._children.get(job.family, {})
            siblings.pop(uuid, None)
            if not siblings:
                self._children.pop(job.family, None)

    @property
    def scopes(self) -> AbstractSet[str]:
        """Whose sign-ins the unfinished jobs need."""
        return self._scopes.keys()

    @property
    def unwritten(self) -> list[Job]:
        """The jobs that have come to their end, which the full disk cannot take yet."""
        return [self._jobs[uuid] for uuid in self._unwritten]

    def children(self, uuid: str) -> list[Job]:
        """Return the unfinished children of a batch, in the order of its targets."""
        return [self._jobs[child] for child in self._children.get(uuid, {})]

    def has_siblings(self, job: Job) -> bool:
        """Whether other children of its batch are unfinished, of one that is lost too."""
        return not self._children.get(job.family, {}).keys() <= {job.uuid}

    def replace(self, job: Job) -> None:
        """Record a value of the job that no event brought about (its id)."""
        if job.uuid in self._jobs:
            former = self._jobs[job.uuid]
            if isinstance(former.work, ProcessWork):
                self._by_key.pop(former.work.key_sha256, None)  # one that was lost with the keeper has a new key
            self.take(job)
            self._ledger.save(job)

    def apply(self, uuid: str, event: Event, *, is_postponed: bool = False) -> Job | None:
        """Carry an event through the machine; returns the job as it is now, None for one that is not unfinished.

        Effects are performed at once, or, `is_postponed`, by `perform`, unless a stop takes back what is to be sent.
        An end whose result cannot be written is no end yet: the event comes again when there is room on the disk.
        """
        job = self._jobs.get(uuid)
        if job is None:
            return None
        if isinstance(event, StopAsked | TimedOut):
            # Of one that comes again, for want of room on the disk, the first time has recalled them.
            event = replace(event, recalled=(*event.recalled, *self._recall(uuid)))
        after, effects = step(job, event)
        if not self._write(after, effects):
            self._hold(job, event)
            return job
        self._jobs[uuid] = after
        if after != job:  # a poll that tells nothing new is not worth a write
            self._ledger.save(after, is_told_elsewhere=isinstance(event, ProcessStarted))
        if is_finished(after.state):
            self.drop(uuid)
            for listener in self.on_finished:
                listener(after)
        if after.state_name is not job.state_name:
            self._moved(job, after, event.at)
        if is_postponed:
            self._postponed[uuid] = effects
        else:
            self._perform_all(after, effects)
        return after

    def _recall(self, uuid: str) -> tuple[str, ...]:
        """Take back what was to be sent for a job and has not gone out; returns the keys of the calls."""
        postponed = self._postponed.get(uuid, [])
        if postponed:
            self._postponed[uuid] = [effect for effect in postponed if not isinstance(effect, SendRequest)]
        unsent = [effect.call for effect in postponed if isinstance(effect, SendRequest)]
        return (*unsent, *self.requests.recall(uuid))

    def _write(self, job: Job, effects: list[Effect]) -> bool:
        """Write what the job has to say; False when it has to wait. Progress does not: the store has the newest."""
        said = [effect for effect in effects if isinstance(effect, WriteOutput | WriteError | WriteProgress)]
        return all(self.records.write(job, effect) or isinstance(effect, WriteProgress) for effect in said)

    def _hold(self, job: Job, event: Event) -> None:
        if not self._unwritten:
            asyncio.get_running_loop().call_later(FULL_RETRY_S, self._write_again)
        if job.uuid not in self._unwritten:
            log.error("The disk is full: the end of job %s is recorded when there is room.", job.id or job.uuid)
        self._unwritten.setdefault(job.uuid, []).append(event)

    def _write_again(self) -> None:
        """Apply what is held, a job's events in their order, up to the first that finds no room yet."""
        for uuid in list(self._unwritten):
            while events := self._unwritten.get(uuid):
                count = len(events)
                self.apply(uuid, events[0])
                if len(events) > count:  # held once more
                    events.pop()
                    break
                events.pop(0)
            if not self._unwritten.get(uuid):
                self._unwritten.pop(uuid, None)
        if self._unwritten:
            asyncio.get_running_loop().call_later(FULL_RETRY_S, self._write_again)

    def perform(self, uuid: str) -> None:
        """Perform what was postponed, unless the job has ended or gone in the meantime."""
        job = self._jobs.get(uuid)
        if job is not None:
            self._perform_all(job, self._postponed.pop(uuid, []))

    def _perform_all(self, job: Job, effects: list[Effect]) -> None:
        """Hand each effect to whoever performs it."""
        for effect in effects:
            self._perform(job, effect)

    def _moved(self, before: Job, after: Job, at: float) -> None:
        """A job went from one state to another: its batch counts it, and whoever waits for its turn may have it."""
        if after.parent:
            self.apply(after.parent, ChildChanged(at, before.state_name, after.state_name))
        for listener in self.on_moved:
            listener(before, after)

    def _stop_children(self, job: Job, *, is_only_idle: bool, cancel: bool) -> None:
        for child in self.children(job.uuid):
            if not is_only_idle or _is_idle(child):
                self.apply(child.uuid, StopAsked(self.now(), cancel))

    def _perform(self, job: Job, effect: Effect) -> None:
        match effect:
            case SendRequest() | ReadUrl():
                self.requests.schedule(job.uuid, effect)
            case StartProcess():
                self.processes.start(job)
            case StopProcess():
                self.processes.stop(job)
            case StopChildren(is_only_idle, cancel):
                self._stop_children(job, is_only_idle=is_only_idle, cancel=cancel)
            case _:  # written before the state was recorded
                return


def _is_idle(job: Job) -> bool:
    """Whether nothing that changes anything is under way for a job: stopped now, it has done nothing."""
    if isinstance(job.work, PlanWork):
        return not under_way(job.work)
    return isinstance(job.state, NotStarted)
