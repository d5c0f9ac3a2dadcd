"""Say on stderr what became of the targets of a batch."""

from __future__ import annotations

from azjobs.cli.failures import fault_details
from azjobs.cli.shell import Shell
from azjobs.core.states import JobState
from azjobs.session.jobs.batch_report import report_of, why
from azjobs.session.jobs.views import JobView


def say_failures(shell: Shell, batch: JobView) -> list[JobState]:
    """Say which targets of a batch failed and why; returns the states of all of them."""
    report = report_of(batch, has_values=False)
    for one in report:
        if one.error is not None:
            shell.say(f"{one.target}: failed: {why(one)}")
            if details := fault_details(one.error):
                shell.say(f"Details: {details}")
    return [one.state for one in report]
