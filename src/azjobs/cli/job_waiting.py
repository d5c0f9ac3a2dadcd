"""The shell's face of waiting for jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from azjobs.cli.exit_codes import exit_code
from azjobs.cli.job_choice import Which, chosen, show_jobs
from azjobs.cli.live_progress import showing_progress
from azjobs.cli.shell import Shell
from azjobs.commands.parameters import JobId, Seconds
from azjobs.core.job import JobType
from azjobs.core.spelling import spell_out
from azjobs.core.states import FINISHED, JobState
from azjobs.session.jobs.job_list import wait_until_over
from azjobs.session.jobs.looking import load_views
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import local


@spell_out
def wait_job(
    shell: Shell,
    id: Sequence[JobId] = (),
    *,
    timeout: Seconds | None = None,
    any: bool = False,
    **which: Unpack[Which],
) -> int:
    """Wait until jobs have ended; on a terminal it shows how far they are, as they tell.

    The exit code is 0 when all ended well, 1 when they failed, 6 when some did,
    5 when the time was over before; the jobs go on then, as they do after Ctrl-C.

    Args:
        shell: the invocation.
        id: Ids, names or patterns of jobs.
        timeout: How long to wait, in seconds; without end when not given.
        any: Until one of them has ended.
    """
    here = local()
    views = chosen(here, id, which)
    uuids = [view.uuid for view in views]
    try:
        with showing_progress(shell, views):
            wait_until_over(here, uuids, timeout_s=timeout, is_any=any)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted. The jobs go on.") from None
    after = load_views(here.layout, uuids=uuids)
    show_jobs(shell, after, is_one=len(id) == 1)
    return exit_code((state for view in after for state in _states(shell, view)), is_any=any)


def _states(shell: Shell, view: JobView) -> list[JobState]:
    """Return the states that count: of an ended batch those of its targets, and say which failed and why."""
    if view.type is not JobType.BATCH or view.state not in FINISHED:
        return [view.state]
    from azjobs.cli.batch_telling import say_failures  # noqa: PLC0415 - few jobs are batches

    return say_failures(shell, view)
