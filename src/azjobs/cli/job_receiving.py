"""The shell's faces of receiving what jobs said, and of their values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal, Unpack

from azjobs.cli.job_choice import Which, present, view_json
from azjobs.cli.job_records import Replay
from azjobs.cli.job_tables import job_table
from azjobs.cli.live_progress import LiveProgress, can_move
from azjobs.cli.shell import Shell
from azjobs.cli.value_json import value_json
from azjobs.cli.value_tables import value_table
from azjobs.commands.names import option_name
from azjobs.commands.parameters import JobId, Seconds
from azjobs.core.errors import WaitTimedOut
from azjobs.core.job_json import time_json
from azjobs.core.spelling import spell_out
from azjobs.core.states import FINISHED, JobState, ended_at_of
from azjobs.session.jobs.job import Job
from azjobs.session.jobs.job_list import view_of
from azjobs.session.jobs.looking import not_found
from azjobs.session.jobs.receiving import Manner, receive_all, remove_ended
from azjobs.session.jobs.values import failure_of
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import local


@spell_out
def receive_job(  # noqa: PLR0913 - PowerShell's parameters; all but two by name
    shell: Shell,
    id: Sequence[JobId] = (),
    *,
    wait: bool = False,
    keep: bool = False,
    timeout: Seconds | None = None,
    error_action: Literal["Continue", "Stop"] = "Continue",
    auto_remove_job: bool = False,
    write_events: bool = False,
    write_job_in_results: bool = False,
    no_recurse: bool = False,
    **which: Unpack[Which],
) -> int:
    """Give what is new in the output of jobs: output to stdout, everything else to stderr.

    Each record is given once, whoever asks first. With --wait on a terminal it
    shows how far the job is, as the job tells. A job that failed is no error
    of this command. Of a batch it is the output of its children, in the order of
    their targets. With --wait on a terminal you are asked what jobs ask.

    Args:
        shell: the invocation.
        id: Ids, names or patterns of jobs.
        wait: Go on until the jobs have ended.
        keep: Leave the records for whoever asks next.
        timeout: With --wait: how long in all, in seconds.
        error_action: Stop: a job that has failed is an error of this command too.
        auto_remove_job: With --wait: remove each of these jobs that has ended and of which nothing is left to receive.
        write_events: With --wait: tell of the end of each job, on stderr, after its output.
        write_job_in_results: With --wait: show the jobs, on stderr, before all output.
        no_recurse: Of a batch nothing of its children.
    """
    manner = Manner(wait, keep, auto_remove_job, write_events, write_job_in_results, no_recurse)
    manner.check(option_name)
    here = local()
    views, missing = present(here, id, which)
    if write_job_in_results:
        shell.stderr.write(job_table([view_json(view) for view in views], time.time()))
    replay = _Replaying(shell, manner, is_strict=error_action == "Stop")
    try:
        whole = receive_all(here, views, manner, replay, timeout_s=timeout)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted. The jobs go on.") from None
    finally:  # what was taken off is shown, whatever follows
        replay.close()
    remove_ended(here, whole, manner)
    if missing:
        raise not_found(missing)
    return 0


class _Replaying(Replay):
    """Tells of the ends of jobs too."""

    def __init__(self, shell: Shell, manner: Manner, *, is_strict: bool) -> None:
        super().__init__(shell)
        self._live = LiveProgress(shell) if manner.wait and can_move(shell) else None
        self._manner = manner
        self._is_strict = is_strict

    def end(self, before: JobView, after: JobView) -> None:
        """Say how a job ended.

        Raises:
            JobFailed: it failed, and that is an error.
            WaitTimedOut: it was waited for, and has not ended.
        """
        is_over = after.state in FINISHED
        if self._manner.write_events and is_over:
            was = f"{before.state} -> " if before.state not in FINISHED else ""
            self._shell.say(f"{time_json(ended_at_of(after.row.state))} {after.name}: {was}{after.state}")
        if self._is_strict and after.state is JobState.FAILED:
            raise failure_of(after)
        if self._manner.wait and not is_over:
            raise WaitTimedOut(f"{after.name} is not finished; it goes on.")


def result_of_job(shell: Shell, id: JobId, *, timeout: Seconds | None = None) -> int:
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
