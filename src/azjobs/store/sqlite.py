"""The store in SQLite: changes are gathered in memory and written as one transaction a commit.

Gathering them first means that no transaction is ever open between two calls,
that a job saved often within a tick is written once, and that a commit that
fails for want of space can be tried again as it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import sys
import threading
from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import Any

import msgspec

from azjobs.core.context import SignInKey
from azjobs.core.errors import JobNotFound
from azjobs.core.job import FORMAT, Job, format_job
from azjobs.core.signin import SignIn
from azjobs.core.states import FINISHED, ended_at_of, is_finished
from azjobs.store.bell import Bell
from azjobs.store.database import connect, open_for_writing, parse_stored_job, told
from azjobs.store.filesystem import refuse_network_folder
from azjobs.store.protocol import Fenced
from azjobs.store.queries import query
from azjobs.store.whole_file import sync_folder

CHECKPOINT_BYTES = 4 * 1024 * 1024  # SQLite's own 1000 pages [sqlite.org/wal.html], but beside the event loop

_sign_in_decoder = msgspec.json.Decoder(SignIn)


class _Changes:
    """What the next commit will write. None: the thing is to be removed."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job | None] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.anew: set[str] = set()  # removed and added again: each comes after those that stayed
        self.payloads: dict[str, bytes | None] = {}
        self.removed: dict[str, bool] = {}
        self.sign_ins: dict[tuple[str, str], SignIn | None] = {}
        self.has_new_id = False

    def put(self, job: Job) -> None:
        self.rows[job.uuid] = row_of(job)  # encoded at once: what cannot be is the caller's error, not the commit's
        self.jobs[job.uuid] = job

    def __bool__(self) -> bool:
        return bool(self.jobs or self.payloads or self.removed or self.sign_ins or self.has_new_id)


class SqliteStore:
    """The store in one SQLite file; see `JobStore`.

    Raises:
        StoreTooNew: a newer version of azjobs wrote the file; nothing was changed.
        HomeUnusable: the file cannot be used, or it is on a network file system.
    """

    def __init__(self, file: Path, bell_file: Path | None = None) -> None:
        refuse_network_folder(file.parent)
        self._file = file
        self._bell = Bell(bell_file) if bell_file else None
        self._changes = _Changes()
        self._sync_lock = threading.Lock()
        self._is_fenced = False
        self._db = open_for_writing(file)
        self._wal_fd = -1
        self._checkpointer: sqlite3.Connection | None = None
        try:
            with told(file):
                self._db.execute("PRAGMA wal_autocheckpoint = 0")  # `sync` makes the checkpoints, in its thread
                self._db.execute(f"PRAGMA journal_size_limit = {CHECKPOINT_BYTES // 4}")  # so that the log shrinks
                self._epoch, self._last_id = self._raise_epoch()
                self._wal_fd = os.open(f"{file}-wal", os.O_RDONLY | os.O_CLOEXEC)
                sync_folder(file.parent)
        except BaseException:
            self.close()
            raise

    @property
    def epoch(self) -> int:
        """The number of this opening."""
        return self._epoch

    # Jobs

    def add(self, job: Job, payload: bytes = b"", *, is_attached: bool) -> Job:
        """Record a new job."""
        known = self.load(job.uuid)
        if known is not None:
            return known
        if job.uuid in self._changes.jobs:
            del self._changes.jobs[job.uuid]
            self._changes.anew.add(job.uuid)
        self._changes.put(msgspec.structs.replace(job, id=None))
        self._changes.removed[job.uuid] = False  # its files are its own
        if payload:
            self._changes.payloads[job.uuid] = payload
        return msgspec.structs.replace(job, id=None) if is_attached else self.give_id(job.uuid)

    def give_id(self, uuid: str) -> Job:
        """Give an attached job its id."""
        job = self.load(uuid)
        if job is None:
            raise JobNotFound(f"No job {uuid}. Type: azjobs job get")
        if job.id is None:
            job = msgspec.structs.replace(job, id=self._last_id + 1)
            self._changes.put(job)
            self._changes.has_new_id = True
            self._last_id += 1
        return job

    def save(self, jobs: Iterable[Job]) -> None:
        """Record how these jobs are now."""
        for job in jobs:
            if self._has(job.uuid):
                self._changes.put(job)

    def remove(self, uuids: Iterable[str]) -> None:
        """Forget these jobs and their payloads."""
        for uuid in uuids:
            self._changes.jobs[uuid] = None
            self._changes.payloads[uuid] = None
            self._changes.removed[uuid] = True
            self._changes.rows.pop(uuid, None)

    def load_removed(self) -> list[str]:
        """Return the uuids of removed jobs whose files may still be there."""
        found = dict.fromkeys((uuid for (uuid,) in self._rows("load_removed")), True) | self._changes.removed
        return sorted(uuid for uuid, is_removed in found.items() if is_removed)

    def drop_removed(self, uuids: Iterable[str]) -> None:
        """The files of these removed jobs are gone."""
        self._changes.removed.update(dict.fromkeys(uuids, False))

    def find_ended(self, *, before: float | None = None, beyond: int | None = None) -> list[str]:
        """Return the uuids of jobs that ended early enough, or are too many."""
        until = (-inf, 0) if before is None else (before, 0)
        if beyond is not None:
            ends = [end for state in FINISHED for end in self._rows("newest_ends", state=state, count=beyond + 1)]
            until = max([until, *sorted(ends, reverse=True)[beyond : beyond + 1]])
        ended_at, id = until
        asked = {"ended_at": ended_at, "id": id}
        found = [row for state in FINISHED for row in self._rows("find_ended", state=state, **asked)]
        return [uuid for _, _, uuid in sorted(found)]

    def oldest_end(self) -> float | None:
        """Return when the first of those jobs ended."""
        return min((at for state in FINISHED for (at,) in self._rows("oldest_end", state=state)), default=None)

    def load(self, uuid: str) -> Job | None:
        """Return the job."""
        if uuid in self._changes.jobs:
            return self._changes.jobs[uuid]
        rows = self._rows("load_job", uuid)
        return parse_stored_job(rows[0][0], self._file) if rows else None

    def load_unfinished(self) -> list[Job]:
        """Return all jobs that have not ended."""
        return [job for job in self._load_all("load_unfinished_jobs") if not is_finished(job.state)]

    def load_attached(self) -> list[Job]:
        """Return all jobs without an id."""
        return [job for job in self._load_all("load_attached_jobs") if job.id is None]

    def load_notices_due(self) -> list[Job]:
        """Return all jobs that have ended and whose notice was not given."""
        return [job for job in self._load_all("load_notices_due") if job.is_notice_due]

    def load_all(self) -> list[Job]:
        """Return all jobs."""
        return self._load_all("load_jobs")

    def load_children(self, uuid: str) -> list[Job]:
        """Return the children of a batch."""
        return [job for job in self._load_with_changes("load_children", uuid) if job.parent == uuid]

    # Payloads and sign-ins

    def payload(self, uuid: str) -> bytes:
        """Return the payload that came with the job."""
        if uuid in self._changes.payloads:
            return self._changes.payloads[uuid] or b""
        rows = self._rows("load_payload", uuid)
        return bytes(rows[0][0]) if rows else b""

    def drop_payload(self, uuids: Iterable[str]) -> None:
        """Forget the payloads of these jobs."""
        self._changes.payloads.update(dict.fromkeys(uuids))

    def save_sign_in(self, scope: str, sign_in: SignIn) -> None:
        """Record how to sign in again."""
        self._changes.sign_ins[scope, str(sign_in.key)] = sign_in

    def drop_sign_in(self, scope: str, key: SignInKey) -> None:
        """Forget a sign-in."""
        self._changes.sign_ins[scope, str(key)] = None

    def load_sign_ins(self) -> list[tuple[str, SignIn]]:
        """Return all sign-ins with their scopes."""
        found: dict[tuple[str, str], SignIn | None] = {}
        for scope, document in self._rows("load_sign_ins"):
            sign_in = _sign_in_decoder.decode(document)
            found[scope, str(sign_in.key)] = sign_in
        found.update(self._changes.sign_ins)
        return [(scope, sign_in) for (scope, _), sign_in in sorted(found.items(), key=_first) if sign_in is not None]

    # Transactions

    def commit(self) -> None:
        """Make all changes so far one transaction."""
        if self._is_fenced:
            raise Fenced
        if not self._changes:
            return
        with told(self._file):
            try:
                self._write(self._changes)
            except BaseException:
                self._roll_back()
                raise
        self._changes = _Changes()
        if self._bell:
            self._bell.ring()

    def sync(self) -> None:
        """Block until all commits so far would survive a power loss."""
        with self._sync_lock, told(self._file):
            if self._wal_fd < 0:
                return
            _sync_data(self._wal_fd)
            if os.fstat(self._wal_fd).st_size >= CHECKPOINT_BYTES:
                self._checkpoint()

    def close(self) -> None:
        """Let go of the store."""
        with self._sync_lock:
            self._changes = _Changes()
            if self._checkpointer:
                self._checkpointer.close()
            self._db.close()
            if self._wal_fd >= 0:
                os.close(self._wal_fd)
            self._checkpointer, self._wal_fd = None, -1
        if self._bell:
            self._bell.close()

    # Inside

    def _raise_epoch(self) -> tuple[int, int]:
        epoch, last_id = self._db.execute(query("raise_epoch"), {"job_format": FORMAT}).fetchone()
        return epoch, last_id

    def _write(self, changes: _Changes) -> None:
        self._db.execute(query("begin"))
        fenced = self._db.execute(query("fence"), {"epoch": self._epoch, "last_id": self._last_id})
        if fenced.rowcount != 1:
            self._is_fenced = True
            raise Fenced
        removed = [(uuid,) for uuid, job in changes.jobs.items() if job is None or uuid in changes.anew]
        self._db.executemany(query("remove_job"), removed)
        self._db.executemany(query("save_job"), changes.rows.values())
        for uuid, payload in changes.payloads.items():
            if payload is None:
                self._db.execute(query("drop_payload"), (uuid,))
            else:
                self._db.execute(query("save_payload"), (uuid, payload))
        for uuid, is_removed in changes.removed.items():
            self._db.execute(query("save_removed" if is_removed else "drop_removed"), (uuid,))
        for (scope, key), sign_in in changes.sign_ins.items():
            if sign_in is None:
                self._db.execute(query("drop_sign_in"), (scope, key))
            else:
                self._db.execute(query("save_sign_in"), (scope, key, msgspec.json.encode(sign_in).decode()))
        self._db.execute(query("commit"))

    def _roll_back(self) -> None:
        # SQLite may have rolled back by itself, and a disk in trouble may refuse this too.
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute(query("rollback"))

    def _rows(self, name: str, *parameters: str, **named: object) -> list[Any]:
        with told(self._file):
            return self._db.execute(query(name), named or parameters).fetchall()

    def _has(self, uuid: str) -> bool:
        if uuid in self._changes.jobs:
            return self._changes.jobs[uuid] is not None
        return bool(self._rows("has_job", uuid))

    def _load_all(self, name: str) -> list[Job]:
        return sorted(self._load_with_changes(name), key=lambda job: job.submitted_at)

    def _load_with_changes(self, name: str, *parameters: str) -> list[Job]:
        """Return the jobs of a statement and all that changed since: the caller drops those that fit no more."""
        found: dict[str, Job | None] = {}
        for (document,) in self._rows(name, *parameters):
            job = parse_stored_job(document, self._file)
            if job.uuid not in self._changes.anew:
                found[job.uuid] = job
        found.update(self._changes.jobs)
        return [job for job in found.values() if job is not None]

    def _checkpoint(self) -> None:
        if self._checkpointer is None:
            self._checkpointer = connect(self._file, "rw")
            self._checkpointer.execute("PRAGMA checkpoint_fullfsync = ON")
        self._checkpointer.execute(query("checkpoint")).fetchall()


def row_of(job: Job) -> dict[str, Any]:
    """Return a job as the columns of its row."""
    return {
        "uuid": job.uuid,
        "id": job.id,
        "name": job.name,
        "state": str(job.state_name),
        "type": str(job.type),
        "session": job.session,
        "parent": job.parent,
        "submitted_at": job.submitted_at,
        "ended_at": ended_at_of(job.state),
        "is_notice_due": job.is_notice_due,
        "document": format_job(job).decode(),
    }


def _first(item: tuple[tuple[str, str], SignIn | None]) -> tuple[str, str]:
    return item[0]


def _sync_data(fd: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync stops at the drive's cache there [fsync(2)]
    else:
        os.fdatasync(fd)
