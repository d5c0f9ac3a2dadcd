"""Read the store from outside: open it read-only, fetch all at once, close it; with a daemon or without.

Nothing stays open between two calls, so no reader can hold up the daemon or be
carried across a fork. A store that does not exist yet has no jobs.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from azjobs.core.job import Job
from azjobs.store.database import check, connect, open_for_reading, parse_stored_job, told
from azjobs.store.queries import query


def read_jobs(file: Path, *, ids: Iterable[int] | None = None, uuids: Iterable[str] | None = None) -> list[Job]:
    """Return jobs, ordered by id.

    Without `ids` and `uuids`: all that show themselves (they have an id). With
    them: those that exist, an attached job asked for by its uuid among them.

    Raises:
        StoreTooNew: a newer version of azjobs wrote the store.
        HomeUnusable: it cannot be read; the message names it.
    """
    if ids is None and uuids is None:
        rows = _fetch(file, "read_visible_jobs")
    else:
        rows = _fetch(file, "read_jobs_by_id", _as_json(ids)) if ids is not None else []
        rows += _fetch(file, "read_jobs_by_uuid", _as_json(uuids)) if uuids is not None else []
    jobs = {job.uuid: job for job in (parse_stored_job(document, file) for (document,) in rows)}
    return sorted(jobs.values(), key=lambda job: (job.id is None, job.id or 0, job.submitted_at, job.uuid))


def read_job(file: Path, *, id: int | None = None, uuid: str | None = None) -> Job | None:
    """Return one job by its id or its uuid, None when there is none; raises as `read_jobs`."""
    jobs = read_jobs(file, ids=None if id is None else [id], uuids=None if uuid is None else [uuid])
    return jobs[0] if jobs else None


def has_unfinished(file: Path) -> bool:
    """Whether any job, attached ones too, has not ended: then a daemon is needed. Raises as `read_jobs`."""
    return any(bool(has) for (has,) in _fetch(file, "has_unfinished_jobs"))


def _as_json(values: Iterable[int] | Iterable[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _fetch(file: Path, name: str, *parameters: str) -> list[Any]:
    if not file.exists():
        return []
    with told(file), _reading(file) as db:
        check(db, file)
        if db.execute(query("schema_version")).fetchone() == (0,):
            return []
        return db.execute(query(name), parameters).fetchall()


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the store, also in a folder that may not be written.

    SQLite needs to make its shared memory beside the file. Where it may not,
    nobody else writes either: without a log the file alone is everything, with
    one both are copied to where it may.
    """
    if os.access(file.parent, os.W_OK):
        with contextlib.closing(open_for_reading(file)) as db:
            yield db
        return
    wal_file = Path(f"{file}-wal")
    if not wal_file.exists() or not wal_file.stat().st_size:
        with contextlib.closing(connect(file, "ro", "&immutable=1")) as db:
            yield db
        return
    import shutil  # noqa: PLC0415 - both cost more than a listing, and are hardly ever needed
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="azjobs-") as folder:
        copy = Path(folder) / file.name
        shutil.copyfile(file, copy)
        shutil.copyfile(wal_file, f"{copy}-wal")
        with contextlib.closing(connect(copy, "rw")) as db:
            yield db
