"""The shell's faces of receiving what jobs said, and of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Unpack

from azjobs.cli.job_choice import Which, present
from azjobs.cli.job_records import Replay
from azjobs.cli.shell import Shell
from azjobs.cli.value_json import value_json
from azjobs.cli.value_tables import value_table
from azjobs.commands.parameters import JobId
from azjobs.core.errors import WaitTimedOut
from azjobs.core.spelling import spell_out
from azjobs.core.states import FINISHED, JobState
from azjobs.session.job_list import view_of
from azjobs.session.jobs import Job
from azjobs.session.local import local
from azjobs.session.looking import load_view, not_found
from azjobs.session.streams import receive_entries
from azjobs.session.values import failure_of


@spell_out
def receive_job(
    shell: Shell,
    id: Sequence[JobId] = (),
    *,
    wait: bool = False,
    keep: bool = False,
    timeout: float | None = None,
    error_action: Literal["Continue", "Stop"] = "Continue",
    **which: Unpack[Which],
) -> int:
    """Give what is new in the output of jobs: output to stdout, everything else to stderr.

    Each record is given once, whoever asks first. A job that failed is no error
    of this command.

    Args:
        shell: the invocation.
        id: Ids, names or patterns of jobs.
        wait: Go on until the jobs have ended.
        keep: Leave the records for whoever asks next.
        timeout: With --wait: how long, in seconds.
        error_action: Stop: a job that has failed is an error of this command too.
    """
    here = local()
    views, missing = present(here, id, which)
    for view in views:
        replay = Replay(shell, view)
        receive_entries(here, view, replay.deliver, wait=wait, keep=keep, timeout_s=timeout)
        replay.close()
        after = load_view(here.layout, view.uuid)
        if error_action == "Stop" and after.state is JobState.FAILED:
            raise failure_of(after)
        if wait and after.state not in FINISHED:
            raise WaitTimedOut(f"{after.name} is not finished; it goes on.")
    if missing:
        raise not_found(missing)
    return 0


def result_of_job(shell: Shell, id: JobId, *, timeout: float | None = None) -> int:
    """Print the value of a job, again and again; waits until there is one.

    Args:
        shell: the invocation.
        id: The job's id or name.
        timeout: How long to wait, in seconds.
    """
    here = local()
    view = view_of(here, int(id) if id.isdecimal() else id)
    value = Job[object](view.uuid, here).result(timeout)
    has_wish = shell.wishes.output is not None or shell.wishes.query is not None
    if isinstance(value, str) and not has_wish:
        shell.write(value if value.endswith("\n") or not value else f"{value}\n")
    elif isinstance(value, bytes) and not has_wish:
        shell.stdout.flush()
        shell.stdout.buffer.write(value)
    elif value is not None or has_wish:
        shell.show(value_json(value), lambda shown: value_table(shown, width=shell.width))
    return 0
