"""Tell how a process job ended, from what it wrote itself and from what its parent saw."""

from __future__ import annotations

from pathlib import Path

from azjobs.core.errors import Fault
from azjobs.core.events import ProcessEnded
from azjobs.core.journal import Begin, End
from azjobs.process.identity import boot_id
from azjobs.process.journal import load_begin, load_end

NOT_BEGUN = "NotStarted"
INTERRUPTED = Fault(
    "Interrupted",
    "The machine was restarted while the job ran. Its output so far is kept; start it again if it may run twice.",
)


def end_of(journal: Path, at: float, exit_code: int | None = None) -> ProcessEnded:
    """Return how a process job ended: by its own final record, else by its exit code as its parent saw it.

    `exit_code` is as of `os.waitstatus_to_exitcode`, or None when nobody saw it.
    """
    try:
        end, begin = load_end(journal), load_begin(journal)
    except OSError as error:
        text = f"How it ended is not known: {journal} cannot be read ({error.strerror})."
        return ProcessEnded(at, "failed", Fault("JournalUnreadable", text))
    if end is not None:
        return _by_record(end, at)
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
