"""Say on stderr what became of the targets of a batch."""

from __future__ import annotations

from azjobs.cli.failures import fault_details
from azjobs.cli.shell import Shell
from azjobs.core.states import JobState
from azjobs.session.jobs.batch_report import report_of, why
from azjobs.session.jobs.views import JobView


def say_failures(shell: Shell, batch: JobView) -> list[JobState]:
    """Say which targets of a batch failed and why, how many, and how to do them again; returns the states of all."""
    report = report_of(batch, has_values=False)
    failed = [one for one in report if one.state is JobState.FAILED and one.error is not None]
    for one in failed:
        shell.say(f"{one.target} failed: {why(one)}")
        if one.error is not None and (details := fault_details(one.error)):
            shell.say(f"Details: {details}")
    if failed:
        shell.say(f"{len(failed)} of {len(report)} failed. To do those again, type: azjobs job retry {batch.id}")
    return [one.state for one in report]
