"""Tell a job when its time is over.

While a daemon lives its own clock, which nobody sets, tells how long a job has
run. Of a process that ran on while none did the machine tells its age. Only of
an Azure job the wall clock tells how long it was unwatched.
"""

from __future__ import annotations

import asyncio

from azjobs.core.events import TimedOut
from azjobs.core.job import Job, ProcessWork
from azjobs.core.states import NotStarted, is_finished, started_at_of
from azjobs.daemon.jobs.runner import Runner
from azjobs.process.identity import age_s, boot_id


class TimeLimits:
    """One timer for each job under way that has a limit."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._timers: dict[str, asyncio.TimerHandle] = {}
        runner.on_moved.append(self._moved)

    def recover(self, job: Job) -> None:
        """Take up the limit of a job that an earlier daemon began."""
        started_at = started_at_of(job.state)
        if job.time_limit_s is None or started_at is None or is_finished(job.state):
            return
        work, gone_s = job.work, self._runner.now() - (job.resumed_at or started_at)
        if isinstance(work, ProcessWork) and work.pid and work.boot_id == boot_id():
            gone_s = age_s(work.start_time)
        self._arm(job.uuid, max(0.0, job.time_limit_s - max(0.0, gone_s)))

    def _moved(self, _before: Job, after: Job) -> None:
        if after.time_limit_s is None or isinstance(after.state, NotStarted):
            return
        if is_finished(after.state):  # not before: a stop that has Azure cancel may take as long as it likes
            timer = self._timers.pop(after.uuid, None)
            if timer is not None:
                timer.cancel()
        elif after.uuid not in self._timers:
            self._arm(after.uuid, after.time_limit_s)

    def _arm(self, uuid: str, delay_s: float) -> None:
        self._timers[uuid] = asyncio.get_running_loop().call_later(delay_s, self._over, uuid)

    def _over(self, uuid: str) -> None:
        self._timers.pop(uuid, None)
        self._runner.apply(uuid, TimedOut(self._runner.now()))
