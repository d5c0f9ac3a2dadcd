"""Tell a job's true state from its stored row and the evidence at hand, daemon or not.

The stored state is what the last daemon knew. While none runs, a process job
may have ended, and nobody watches an Azure job. Pure: the evidence is gathered
by the caller.
"""

from __future__ import annotations

import msgspec

from azjobs.core.job import Job, ProcessWork
from azjobs.core.states import JobState, NotStarted, Stopping, is_finished, is_process_waiting


class Evidence(msgspec.Struct, frozen=True):
    """What can be seen from outside.

    `is_daemon_alive`: its lock is held. `is_alive`: the lock of the job's
    journal is held, so its process lives. `outcome`: the word of the journal's
    final record, "" without one. `has_begun`: the journal has a first record.
    """

    is_daemon_alive: bool
    is_alive: bool = False
    has_begun: bool = False
    outcome: str = ""


def observe(job: Job, evidence: Evidence) -> JobState:
    """Return the state to show."""
    stored = job.state_name
    if is_finished(job.state) or evidence.is_daemon_alive:
        return stored
    if not isinstance(job.work, ProcessWork):
        return JobState.DISCONNECTED if stored is JobState.RUNNING else stored
    if isinstance(job.state, NotStarted) or (stored is JobState.BLOCKED and not is_process_waiting(job.state)):
        return stored
    if evidence.is_alive:
        return stored
    over = job.state.fault if isinstance(job.state, Stopping) else None
    if over is None and (isinstance(job.state, Stopping) or evidence.outcome == "stopped"):
        return JobState.STOPPED
    if evidence.outcome == "completed":
        return JobState.COMPLETED
    if over is not None:
        return JobState.FAILED
    if not evidence.has_begun:
        return JobState.NOT_STARTED
    return JobState.FAILED
