"""Decide what a client may do: everything, unless it shows the key of a job.

Then it is that job's process. It acts in the contexts that the job was granted
when it was submitted, has the credentials that were sent with it, and changes
the jobs of its own session only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from msgspec.structs import replace

from azjobs.core.context import ContextValue
from azjobs.core.errors import Refused
from azjobs.core.job import Job
from azjobs.core.profile import granted
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.serving.server import Connection

NO_SIGN_INS = "A job cannot change sign-ins: it acts in the contexts it was granted."
NO_CREDENTIALS = "A job has the credentials that were sent with it, and no others."


class Rights:
    """What the clients of this daemon may do."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def job_of(self, connection: Connection) -> Job | None:
        """Return the job whose process a client is; None for a client that is no job's.

        Raises:
            Refused: the job has ended.
        """
        if not connection.hello.job_key:
            return None
        job = find_by_key(self._runner, connection.hello.job_key)
        if job is None:
            raise Refused("This job has ended: its key opens nothing any more.")
        return job

    def granted(self, connection: Connection, context: ContextValue) -> ContextValue:
        """Return the context to act in: for a job the copy that it was granted, whatever it sends by that key.

        Raises:
            ContextNotGranted: it was granted none.
        """
        job = self.job_of(connection)
        if job is None:
            return context
        return granted((one for one in (job.context, *job.grants) if one is not None), context)

    def as_granted(self, connection: Connection, submitted: Job) -> Job:
        """Return a job as it may be taken: one that a job submits is of its session, and has its grants.

        Raises:
            ContextNotGranted: it would have more.
        """
        job = self.job_of(connection)
        if job is None:
            return submitted
        own = None if submitted.context is None else self.granted(connection, submitted.context)
        grants = tuple(self.granted(connection, grant) for grant in submitted.grants)
        return replace(submitted, context=own, grants=grants, session=job.session)

    def check_jobs(self, connection: Connection, others: Iterable[Job]) -> None:
        """See to it that a job changes the jobs of its own session only.

        Raises:
            Refused: it would change others.
        """
        job = self.job_of(connection)
        if job is None:
            return
        for other in others:
            if other.session != job.session:
                raise Refused(f"Job {other.id or other.uuid} is of another session; a job changes those of its own.")


def find_by_key(runner: Runner, key: str) -> Job | None:
    """Return the unfinished job whose key this is; found by its hash, so that the time it takes tells nothing."""
    return runner.find_by_key(hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest())


def refuse_jobs(connection: Connection, text: str) -> None:
    """Refuse what no job may do.

    Raises:
        Refused: the client is a job's process; with `text`.
    """
    if connection.hello.job_key:
        raise Refused(text)
