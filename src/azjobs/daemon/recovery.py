"""What becomes of each unfinished job when a daemon starts: one rule a state.

Azure job                      goes on: `core.calls.recovered`, one rule a phase
process job, still alive       is watched again; what it had asked for it asks again
process job, ended             ends as its own final record says, else as its
parent or the keeper saw, else Failed
process job, never begun       is started: nothing of it has run
process job, other boot        Failed, Interrupted: never run again unasked
job that waits in a queue      waits there again
batch                          its children are counted, and tell it the rest
job nobody waits for any more  gets an id and shows itself
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from azjobs.core.errors import Fault
from azjobs.core.events import ProcessEnded
from azjobs.core.job import BatchWork, Job, PlanWork
from azjobs.core.journal import Begin, End
from azjobs.core.states import Blocked, NotStarted, Running, Stopping, is_process_waiting
from azjobs.process.identity import boot_id
from azjobs.process.journal import is_alive, load_begin, load_end


class Fate(Enum):
    """What is to be done about a job."""

    RESUME = "resume"  # tell the machine that it was recovered
    WATCH = "watch"  # its process lives
    SETTLE = "settle"  # its process has ended
    START = "start"  # nothing of it has run
    COUNT = "count"  # a batch: its children are counted anew
    AWAIT_TURN = "await turn"  # it waits in its queue


NOT_BEGUN = "NotStarted"
INTERRUPTED = Fault(
    "Interrupted",
    "The machine was restarted while the job ran. Its output so far is kept; start it again if it may run twice.",
)


def fate_of(job: Job, journal: Path) -> Fate:
    """Return the rule that applies."""
    if isinstance(job.work, BatchWork):
        return Fate.COUNT
    if job.queue is not None and isinstance(job.state, NotStarted):
        return Fate.AWAIT_TURN
    if isinstance(job.work, PlanWork):
        return Fate.RESUME
    if not isinstance(job.state, Running | Stopping) and not is_process_waiting(job.state):
        return Fate.START if isinstance(job.state, Blocked) else Fate.RESUME
    if is_alive(journal):
        return Fate.WATCH
    return Fate.SETTLE if load_begin(journal) is not None else Fate.START


def end_of(journal: Path, at: float, exit_code: int | None = None) -> ProcessEnded:
    """Return how a process job ended: by its own final record, else by its exit code as its parent saw it.

    `exit_code` is as of `os.waitstatus_to_exitcode`, or None when nobody saw it.
    """
    end = load_end(journal)
    if end is not None:
        return _by_record(end, at)
    begin = load_begin(journal)
    if begin is not None and begin.boot_id != boot_id():
        return ProcessEnded(at, "failed", INTERRUPTED)
    return ProcessEnded(at, "failed", _by_exit_code(begin, exit_code))


def _by_record(end: End, at: float) -> ProcessEnded:
    fault = end.error
    if fault is None and end.exit_status:
        fault = Fault("ExitStatus", f"It ended with exit status {end.exit_status}.")
    return ProcessEnded(at, end.outcome.value, fault)


def _by_exit_code(begin: Begin | None, exit_code: int | None) -> Fault:
    if begin is None:
        return Fault(NOT_BEGUN, "The job's process ended before the job began.")
    if exit_code is None:
        return Fault("ProcessDied", "The job's process ended without saying how; its exit status is unknown.")
    if exit_code < 0:
        return Fault("ProcessDied", f"The job's process was ended by signal {-exit_code}.")
    return Fault("ProcessDied", f"The job's process ended with exit status {exit_code} without saying why.")
