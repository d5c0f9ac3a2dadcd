"""What the daemon needs of a store, whatever keeps it.

One daemon writes. A change is seen at once by the store that made it, is
durable against the death of the process once `commit` has returned, and
against a power loss once a later `sync` has. Instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from azjobs.core.context import SignInKey
from azjobs.core.errors import AzJobsError, StoreFull
from azjobs.core.job import Job
from azjobs.core.signin import SignIn

__all__ = ["Fenced", "JobStore", "StoreFull"]


class Fenced(AzJobsError):
    """A newer daemon has taken over this home; this one must leave without doing anything more."""


class JobStore(Protocol):
    """Jobs, their payloads and the descriptions of saved sign-ins.

    Used by one thread, except for `sync`. All changes since the last `commit`
    are one transaction. When `commit` fails, they stay pending and the next
    `commit` tries them again, so a full disk loses nothing.
    """

    @property
    def epoch(self) -> int:
        """The number of this opening of the store, one higher than that of the opening before."""
        ...

    def add(self, job: Job, payload: bytes = b"", *, is_attached: bool) -> Job:
        """Record a new job and return it as it was recorded.

        It gets the next id, which was never given before; an attached one has
        none. A uuid that is known changes nothing: the known job is returned.
        """
        ...

    def give_id(self, uuid: str) -> Job:
        """Give an attached job its id, so that it shows itself; one that has an id is returned as it is.

        Raises:
            JobNotFound: there is no such job.
        """
        ...

    def save(self, jobs: Iterable[Job]) -> None:
        """Record how these jobs are now; one that was removed meanwhile stays removed."""
        ...

    def remove(self, uuids: Iterable[str]) -> None:
        """Forget these jobs and their payloads; unknown ones are passed over. Their ids are never given again.

        That their files are to be removed is recorded with it, until `drop_removed`.
        """
        ...

    def load_removed(self) -> list[str]:
        """Return the uuids of removed jobs whose files may still be there, in order."""
        ...

    def drop_removed(self, uuids: Iterable[str]) -> None:
        """The files of these removed jobs are gone."""
        ...

    def find_ended(self, *, before: float | None = None, beyond: int | None = None) -> list[str]:
        """Return the uuids of jobs that ended before an instant, or are not among the `beyond` that ended last.

        As of the last commit, those that ended first first; only jobs that show
        themselves (they have an id) and belong to no batch.
        """
        ...

    def oldest_end(self) -> float | None:
        """Return when the first of those jobs ended; None when there is none."""
        ...

    def load(self, uuid: str) -> Job | None:
        """Return the job, None when there is none."""
        ...

    def load_unfinished(self) -> list[Job]:
        """Return all jobs that have not ended, attached ones too, in the order of submission."""
        ...

    def load_attached(self) -> list[Job]:
        """Return all jobs without an id, ended or not, in the order of submission."""
        ...

    def load_notices_due(self) -> list[Job]:
        """Return all jobs that have ended and whose notice was not given, oldest submission first."""
        ...

    def load_all(self) -> list[Job]:
        """Return all jobs, attached ones too, in the order of submission."""
        ...

    def load_children(self, uuid: str) -> list[Job]:
        """Return the children of a batch, in the order in which they were added."""
        ...

    def payload(self, uuid: str) -> bytes:
        """Return the payload that came with the job; empty when there is none or it was dropped."""
        ...

    def drop_payload(self, uuids: Iterable[str]) -> None:
        """Forget the payloads of these jobs."""
        ...

    def save_sign_in(self, scope: str, sign_in: SignIn) -> None:
        """Record how to sign in again, in place of what the scope had under the same key."""
        ...

    def drop_sign_in(self, scope: str, key: SignInKey) -> None:
        """Forget a sign-in; an unknown one is passed over."""
        ...

    def load_sign_ins(self) -> list[tuple[str, SignIn]]:
        """Return all sign-ins with their scopes, ordered by scope and key."""
        ...

    def commit(self) -> None:
        """Make all changes so far one transaction and ring the bell; does nothing when there are none.

        Raises:
            Fenced: a newer daemon has opened the store; nothing was written and nothing ever will be.
            StoreFull: the disk is full; the changes are still pending.
            HomeUnusable: the store cannot be written; the changes are still pending.
        """
        ...

    def sync(self) -> None:
        """Block until all commits so far would survive a power loss; may be called in any thread.

        Raises:
            HomeUnusable: the disk reports an error.
        """
        ...

    def close(self) -> None:
        """Let go of the store; changes that were not committed are given up."""
        ...
