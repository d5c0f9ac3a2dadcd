"""Remove jobs that have ended by age or number, and say once and for all how long they are kept."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from azjobs.core.errors import InvalidInput, Refused
from azjobs.core.policy import FORMAT, REMEDY, Policy, check_policy, parse_age_s
from azjobs.core.wire import Prune, Pruned
from azjobs.session.link.local import Local, local
from azjobs.session.link.presence import is_daemon_alive
from azjobs.store.whole_file import WholeFile

WHICH = (
    "Say which jobs: older than an age (30d), or all but so many (100); or set a policy. Type: azjobs job prune --help"
)


def prune_jobs(
    *, older_than: timedelta | str | None = None, keep: int | None = None, what_if: bool = False
) -> list[int]:
    """Remove jobs that have ended, with all their output, received or not; return their ids.

    Unfinished jobs are never removed. A batch goes with its children, and counts
    as one. Without age and number: what the policy does not keep (`set_job_policy`).

    Args:
        older_than: those that ended longer ago than this: a timedelta, or text such as 30d, 12h or 90m.
        keep: of those that ended all but so many, the ones that ended last.
        what_if: remove nothing, and return the ids of the jobs that would be removed.

    Raises:
        InvalidInput: it is not said which, and there is no policy.
    """
    here = local()
    age_s = _age_s(older_than)
    if keep is not None and keep < 0:
        raise InvalidInput(f"The number of jobs to keep is 0 or more, not {keep}.")
    if age_s is None and keep is None:
        policy = policy_of(here)
        if not policy.removes:
            raise InvalidInput(WHICH)
        days, keep = policy.keep_days, policy.keep_jobs
        age_s = None if days is None else timedelta(days=days).total_seconds()
    return list(here.client.ask(Prune(0, age_s, keep, what_if), Pruned).ids)


def get_job_policy() -> Policy:
    """Return how long finished jobs are kept, and how much of their output; without a policy all of it, for ever."""
    return policy_of(local())


def policy_of(here: Local) -> Policy:
    """Return the policy of a home."""
    return _file(here).load()


def set_job_policy(
    *,
    keep_days: float | None = None,
    keep_jobs: int | None = None,
    output_cap_bytes: int | None = None,
    clear: bool = False,
) -> Policy:
    """Say how long finished jobs are kept, and how much of their output; return the policy as it is then.

    It holds from now on for all jobs of this home: what it does not keep is
    removed at once, and later whenever a job ends or becomes too old.

    Args:
        keep_days: how many days a finished job is kept.
        keep_jobs: how many finished jobs are kept, those that ended last.
        output_cap_bytes: how much output is kept of a job that is started from now on without a cap of its own.
        clear: forget the limits of before; without a new one nothing is removed any more.

    Raises:
        InvalidInput: nothing is said, or a limit is below zero; nothing was changed.
    """
    here = local()
    if here.is_job:
        raise Refused("A job cannot change how long jobs are kept.")
    given = {"keep_days": keep_days, "keep_jobs": keep_jobs, "output_cap_bytes": output_cap_bytes}
    changes = {name: limit for name, limit in given.items() if limit is not None}
    if not changes and not clear:
        raise InvalidInput("Say what is kept: keep_days, keep_jobs or output_cap_bytes; or clear.")
    policy = _file(here).change(lambda old: check_policy(replace(Policy() if clear else old, **changes)))
    if policy.removes and is_daemon_alive(here.layout):  # the next daemon applies it at its start
        here.client.ask(Prune(0), Pruned)
    return policy


def _age_s(age: timedelta | str | None) -> float | None:
    if age is None:
        return None
    age_s = parse_age_s(age) if isinstance(age, str) else age.total_seconds()
    if age_s < 0:
        raise InvalidInput(f"An age is a time such as 30d, 12h or 90m, not {age}.")
    return age_s


def _file(here: Local) -> WholeFile[Policy]:
    return WholeFile(here.layout.policy_file, Policy, Policy(), newest_format=FORMAT, remedy=REMEDY)
