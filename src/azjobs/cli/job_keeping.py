"""The shell's faces of removing jobs by age and number, and of the policy that does it."""

from __future__ import annotations

from typing import Any

from azjobs.cli.shell import Shell
from azjobs.cli.tables import Column, layout
from azjobs.core.policy import Policy
from azjobs.session.jobs import keeping as keeping_jobs

MOST_NAMED = 20  # guess: what still reads as one line


def prune_jobs(shell: Shell, *, older_than: str | None = None, keep: int | None = None, what_if: bool = False) -> int:
    """Remove jobs that have ended, with all their output, received or not.

    Unfinished jobs are never removed. Without age and number: what the policy does
    not keep ('azjobs job-policy set').

    Args:
        shell: the invocation.
        older_than: Those that ended longer ago than this, such as 30d, 12h or 90m.
        keep: All but so many, the ones that ended last.
        what_if: Remove nothing, and say what would be removed.
    """
    ids = keeping_jobs.prune_jobs(older_than=older_than, keep=keep, what_if=what_if)
    if shell.wishes.output is not None or shell.wishes.is_quiet:
        shell.show([{"id": id} for id in ids])
    shell.say(said(ids, is_rehearsal=what_if))
    return 0


def get_job_policy(shell: Shell) -> int:
    """Say how long finished jobs are kept, and how much of their output.

    Args:
        shell: the invocation.
    """
    shell.show(policy_json(keeping_jobs.get_job_policy()), policy_table)
    return 0


def set_job_policy(
    shell: Shell,
    *,
    keep_days: float | None = None,
    keep_jobs: int | None = None,
    output_cap_bytes: int | None = None,
    clear: bool = False,
) -> int:
    """Say how long finished jobs are kept, and how much of their output.

    What is not kept is removed at once, and later whenever a job ends or becomes too
    old. Nothing is removed before a policy is set.

    Args:
        shell: the invocation.
        keep_days: How many days a finished job is kept.
        keep_jobs: How many finished jobs are kept, those that ended last.
        output_cap_bytes: How much output is kept of a job that is started from now on without a cap of its own.
        clear: Forget the limits of before; without a new one nothing is removed any more.
    """
    policy = keeping_jobs.set_job_policy(
        keep_days=keep_days, keep_jobs=keep_jobs, output_cap_bytes=output_cap_bytes, clear=clear
    )
    shell.show(policy_json(policy), policy_table)
    return 0


def said(ids: list[int], *, is_rehearsal: bool) -> str:
    """Return what was removed, or would be, as a sentence."""
    verb = "Would remove" if is_rehearsal else "Removed"
    if not ids:
        return f"{verb} no job."
    named = ", ".join(map(str, ids[:MOST_NAMED]))
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return f"{verb} {len(ids)} {'job' if len(ids) == 1 else 'jobs'}: {named}{more}."


def policy_json(policy: Policy) -> dict[str, Any]:
    """Return a policy as data; null where there is no limit."""
    return {
        "keepDays": policy.keep_days,
        "keepJobs": policy.keep_jobs,
        "outputCapBytes": policy.output_cap_bytes,
    }


def policy_table(value: Any) -> str:
    """Return a policy as a table."""
    titles = {"keepDays": "Days", "keepJobs": "Finished jobs", "outputCapBytes": "Bytes of output a job"}
    cells = [[title, "no limit" if value[key] is None else f"{value[key]:g}"] for key, title in titles.items()]
    return layout([Column("Kept"), Column("Limit", is_right=True)], cells)
