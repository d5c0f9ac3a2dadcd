"""What a command that waits for jobs gives as its exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from azjobs.core.states import FINISHED, JobState

DONE, FAILED, TIMED_OUT, SOME_FAILED = 0, 1, 5, 6


def exit_code(states: Iterable[JobState], *, is_any: bool = False) -> int:
    """Return what the states of jobs mean after waiting; with `is_any` only those that ended count."""
    seen = list(states)
    ended = [state for state in seen if state in FINISHED]
    if (len(ended) < len(seen) and not is_any) or (is_any and seen and not ended):
        return TIMED_OUT
    failed = sum(state is not JobState.COMPLETED for state in ended)
    if not failed:
        return DONE
    return FAILED if failed == len(ended) else SOME_FAILED
