"""What becomes of each unfinished job when a daemon starts: one rule a kind and state, each a method here.

job that waits in a queue      waits there again
batch                          its children are counted, and tell it the rest
Azure job                      goes on: `core.calls.recovered`, one rule a phase
process job, never begun       is started: nothing of it has run; one that was to stop is stopped
process job, asks before that  tries again: the answer may be there by now
process job, process lives     is watched again; what it had asked for it asks again
process job, process ended     ends as its own final record says, else as its parent or the keeper saw, else Failed
the same, machine restarted    Failed, Interrupted: never run again unasked (`daemon.processes.ends`)
call nobody waits for          gets an id and shows itself

Nothing is read but the store, the journals and the keeper; nothing of the daemon
before is needed.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from azjobs.core.events import Counted, ProcessEnded, Recovered, Released
from azjobs.core.job import BatchWork, Job, PlanWork, ProcessWork
from azjobs.core.layout import Layout
from azjobs.core.states import Blocked, NotStarted, Stopping, is_process_waiting
from azjobs.daemon.jobs.time_limits import TimeLimits
from azjobs.daemon.processes.notices import Notices
from azjobs.daemon.serving.callers import Callers
from azjobs.daemon.serving.parts import Parts
from azjobs.process.identity import is_running
from azjobs.process.journal import is_alive, load_begin, remove_drafts

log = logging.getLogger(__name__)


class Recovery:
    """Takes up what a daemon before has left."""

    def __init__(
        self, parts: Parts, layout: Layout[Path], *, notices: Notices, time_limits: TimeLimits, callers: Callers
    ) -> None:
        self._store = parts.store
        self._runner = parts.runner
        self._vault = parts.vault
        self._held = parts.held
        self._processes = parts.processes
        self._queues = parts.queues
        self._layout = layout
        self._notices = notices
        self._time_limits = time_limits
        self._callers = callers

    async def run(self) -> None:
        """Take up everything: batches first, for their children tell them what becomes of them."""
        remove_drafts(self._layout.journals_folder)
        self._notices.recover()
        self._held.recovered()
        jobs = self._store.load_unfinished()
        for job in jobs:
            self._runner.take(job)
            self._claim(job)
        await self._vault.tidy({job.secrets_owner for job in jobs})
        self._queues.recover(jobs)
        for job in sorted(jobs, key=lambda job: not isinstance(job.work, BatchWork)):
            self._time_limits.recover(job)
            try:
                await self._take_up(job)
            except OSError:  # of its own files: the others go on
                log.exception("Job %s could not be taken up", job.id or job.uuid)
        self._queues.admit()
        for job in self._store.load_attached():
            if not job.parent:
                self._callers.adopt(job)

    def _claim(self, job: Job) -> None:
        """Say which environments in the keeper are still needed."""
        if isinstance(job.work, ProcessWork):
            self._vault.claim_environment(job.work.environment)
        if job.notice is not None:
            self._vault.claim_environment(job.notice.environment)

    async def _take_up(self, job: Job) -> None:
        match job.work, job.state:
            case BatchWork(), _:
                self._count(job)
            case _, NotStarted() if job.queue is not None:
                pass  # `Queues` has it
            case (PlanWork(), _) | (ProcessWork(), NotStarted()):
                self._resume(job)
            case ProcessWork(), Blocked() if not is_process_waiting(job.state):
                self._try_again(job)
            case _:
                await self._look_for_process(job)

    def _count(self, job: Job) -> None:
        states = Counter(child.state_name for child in self._store.load_children(job.uuid))
        self._runner.apply(job.uuid, Counted(self._runner.now(), states))
        self._resume(job)

    def _resume(self, job: Job) -> None:
        self._runner.apply(job.uuid, Recovered(self._runner.now()))

    def _try_again(self, job: Job) -> None:
        self._runner.apply(job.uuid, Released(self._runner.now()))

    async def _look_for_process(self, job: Job) -> None:
        """The lock of its journal tells whether the process lives; without a first record there never was one."""
        journal = self._layout.journal_file(job.uuid)
        try:
            is_living, has_begun = is_alive(journal), load_begin(journal) is not None
        except OSError as error:  # its fault is this job's, and no other's
            log.error("%s cannot be read: %s", journal, error.strerror)  # noqa: TRY400 - said whole
            assert isinstance(job.work, ProcessWork)
            is_living, has_begun = is_running(job.work.pid, job.work.start_time), True
        if is_living:
            self._processes.watch(job)
            if is_process_waiting(job.state):
                self._held.expect(job.uuid)
        elif has_begun:
            await self._processes.settle(job)
        elif isinstance(job.state, Stopping):
            self._runner.apply(job.uuid, ProcessEnded(self._runner.now(), "stopped"))
        elif isinstance(job.state, Blocked):
            self._try_again(job)
        else:
            self._resume(job)
