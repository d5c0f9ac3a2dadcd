"""A store that lives in memory: it keeps every promise but the one to outlive its process.

`MemoryDisk` stands for the file: opening a second store on it fences the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec

from azjobs.core.context import SignInKey
from azjobs.core.errors import JobNotFound
from azjobs.core.job import Job, format_job, parse_job
from azjobs.core.signin import SignIn
from azjobs.core.states import ended_at_of, is_finished
from azjobs.store.protocol import Fenced


@dataclass(frozen=True)
class _Content:
    """All that is recorded; jobs as documents, in the order of their coming."""

    last_id: int = 0
    jobs: dict[str, bytes] = field(default_factory=dict)
    payloads: dict[str, bytes] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)
    sign_ins: dict[tuple[str, SignInKey], SignIn] = field(default_factory=dict)


@dataclass
class MemoryDisk:
    """What was committed, shared by the stores that are opened on it."""

    epoch: int = 0
    content: _Content = field(default_factory=_Content)


class MemoryStore:
    """The store in memory; see `JobStore`."""

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self._disk = disk or MemoryDisk()
        self._disk.epoch += 1
        self._epoch = self._disk.epoch
        self._now = _copy(self._disk.content)

    @property
    def epoch(self) -> int:
        """The number of this opening."""
        return self._epoch

    def add(self, job: Job, payload: bytes = b"", *, is_attached: bool) -> Job:
        """Record a new job."""
        known = self.load(job.uuid)
        if known is not None:
            return known
        job = msgspec.structs.replace(job, id=None if is_attached else self._next_id())
        self._now.jobs[job.uuid] = format_job(job)
        self._now.removed.pop(job.uuid, None)
        if payload:
            self._now.payloads[job.uuid] = payload
        return job

    def give_id(self, uuid: str) -> Job:
        """Give an attached job its id."""
        job = self.load(uuid)
        if job is None:
            raise JobNotFound(f"No job {uuid}. Type: azjobs job get")
        if job.id is None:
            job = msgspec.structs.replace(job, id=self._next_id())
            self._now.jobs[uuid] = format_job(job)
        return job

    def save(self, jobs: Iterable[Job]) -> None:
        """Record how these jobs are now."""
        self._now.jobs.update({job.uuid: format_job(job) for job in jobs if job.uuid in self._now.jobs})

    def remove(self, uuids: Iterable[str]) -> None:
        """Forget these jobs and their payloads."""
        for uuid in uuids:
            self._now.jobs.pop(uuid, None)
            self._now.payloads.pop(uuid, None)
            self._now.removed[uuid] = None

    def load_removed(self) -> list[str]:
        """Return the uuids of removed jobs whose files may still be there."""
        return sorted(self._now.removed)

    def drop_removed(self, uuids: Iterable[str]) -> None:
        """The files of these removed jobs are gone."""
        for uuid in uuids:
            self._now.removed.pop(uuid, None)

    def find_ended(self, *, before: float | None = None, beyond: int | None = None) -> list[str]:
        """Return the uuids of jobs that ended early enough, or are too many."""
        ends = self._ends()
        too_many = len(ends) if beyond is None else beyond
        return [
            uuid
            for place, (ended_at, _, uuid) in enumerate(reversed(ends))
            if (before is not None and ended_at < before) or place >= too_many
        ][::-1]

    def oldest_end(self) -> float | None:
        """Return when the first of those jobs ended."""
        return next((ended_at for ended_at, _, _ in self._ends()), None)

    def load(self, uuid: str) -> Job | None:
        """Return the job."""
        document = self._now.jobs.get(uuid)
        return None if document is None else parse_job(document)

    def load_unfinished(self) -> list[Job]:
        """Return all jobs that have not ended."""
        return [job for job in self.load_all() if not is_finished(job.state)]

    def load_attached(self) -> list[Job]:
        """Return all jobs without an id."""
        return [job for job in self.load_all() if job.id is None]

    def load_notices_due(self) -> list[Job]:
        """Return all jobs that have ended and whose notice was not given."""
        return [job for job in self.load_all() if job.is_notice_due]

    def load_all(self) -> list[Job]:
        """Return all jobs."""
        jobs = [parse_job(document) for document in self._now.jobs.values()]
        return sorted(jobs, key=lambda job: job.submitted_at)

    def load_children(self, uuid: str) -> list[Job]:
        """Return the children of a batch."""
        return [job for job in map(parse_job, self._now.jobs.values()) if job.parent == uuid]

    def payload(self, uuid: str) -> bytes:
        """Return the payload that came with the job."""
        return self._now.payloads.get(uuid, b"")

    def drop_payload(self, uuids: Iterable[str]) -> None:
        """Forget the payloads of these jobs."""
        for uuid in uuids:
            self._now.payloads.pop(uuid, None)

    def save_sign_in(self, scope: str, sign_in: SignIn) -> None:
        """Record how to sign in again."""
        self._now.sign_ins[scope, sign_in.key] = sign_in

    def drop_sign_in(self, scope: str, key: SignInKey) -> None:
        """Forget a sign-in."""
        self._now.sign_ins.pop((scope, key), None)

    def load_sign_ins(self) -> list[tuple[str, SignIn]]:
        """Return all sign-ins with their scopes."""
        ordered = sorted(self._now.sign_ins.items(), key=lambda item: (item[0][0], str(item[0][1])))
        return [(scope, sign_in) for (scope, _), sign_in in ordered]

    def commit(self) -> None:
        """Make all changes so far one transaction."""
        if self._now == self._disk.content:
            return
        if self._disk.epoch != self._epoch:
            raise Fenced
        self._disk.content = _copy(self._now)

    def sync(self) -> None:
        """Return at once: there is no power loss that memory survives."""

    def close(self) -> None:
        """Give up what was not committed."""
        self._now = _copy(self._disk.content)

    def _ends(self) -> list[tuple[float, int, str]]:
        jobs = map(parse_job, self._disk.content.jobs.values())
        shown = ((ended_at_of(job.state), job.id, job.uuid) for job in jobs if not job.parent)
        return sorted((at, id, uuid) for at, id, uuid in shown if at is not None and id is not None)

    def _next_id(self) -> int:
        self._now = replace(self._now, last_id=self._now.last_id + 1)
        return self._now.last_id


def _copy(content: _Content) -> _Content:
    return _Content(
        content.last_id, dict(content.jobs), dict(content.payloads), dict(content.removed), dict(content.sign_ins)
    )
