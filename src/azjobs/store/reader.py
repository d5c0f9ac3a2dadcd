"""Read the store from outside: open it read-only, fetch all at once, close it; with a daemon or without.

Nothing stays open between two calls, so no reader can hold up the daemon or be
carried across a fork. A store that does not exist yet has no jobs. What is asked
for is selected by an index: a job that is not wanted is not read, however many
there are.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import msgspec

from azjobs.core.errors import HomeUnusable, JobsLost
from azjobs.core.job import Job
from azjobs.core.naming import is_wildcard, matcher
from azjobs.core.states import FINISHED, JobState, ended_at_of
from azjobs.store.database import check, connect, migrations, open_for_reading, parse_stored_job, told
from azjobs.store.queries import query

_UNNAMED = re.compile(r"job([1-9]\d{0,17})", re.IGNORECASE)  # what a job is called that was given no name
ALL = -1  # of a LIMIT: there is none [sqlite.org/lang_select.html]


class Selection(TypedDict, total=False):
    """What narrows a listing down; see `read_jobs`."""

    states: Collection[JobState] | None
    newest: int | None
    ended_before: float | None
    ended_after: float | None
    parent: str | None


class _Wanted(NamedTuple):
    """Which jobs are wanted; see `read_jobs`."""

    states: Collection[JobState] | None
    newest: int | None
    before: float | None
    after: float | None
    parent: str | None

    @property
    def ended_states(self) -> list[JobState]:
        """The states of ended jobs that are wanted."""
        return sorted(FINISHED if self.states is None else FINISHED.intersection(self.states))

    @property
    def has_unfinished(self) -> bool:
        """Whether unfinished jobs may be wanted: whoever asks when a job ended wants no other."""
        return self.before is None and self.after is None

    def select(self, jobs: Iterable[Job]) -> list[Job]:
        """Return those that are wanted."""
        own = [job for job in jobs if self.parent is None or job.parent == self.parent]
        ended = [job for job in own if self._is_ended(job)]
        if self.newest is not None:
            ended = sorted(ended, key=_when_ended, reverse=True)[: self.newest]
        unfinished = [job for job in own if ended_at_of(job.state) is None] if self.has_unfinished else []
        return unfinished + ended

    def _is_ended(self, job: Job) -> bool:
        ended_at = ended_at_of(job.state)
        return ended_at is not None and job.state_name in self.ended_states and self._is_within(ended_at)

    def _is_within(self, ended_at: float) -> bool:
        return (self.after is None or ended_at > self.after) and (self.before is None or ended_at < self.before)


def read_jobs(
    file: Path,
    *,
    ids: Iterable[int] | None = None,
    uuids: Iterable[str] | None = None,
    states: Collection[JobState] | None = None,
    newest: int | None = None,
    ended_before: float | None = None,
    ended_after: float | None = None,
    parent: str | None = None,
) -> list[Job]:
    """Return jobs, ordered by id; of a row that cannot be read a warning (JobsLost) tells.

    Without `ids` and `uuids`: all that show themselves (they have an
    id). With them: those that exist, an attached job asked for by its uuid among
    them. What else is given narrows that down.

    Args:
        file: the store.
        ids: jobs of these ids.
        uuids: jobs of these uuids.
        states: of the ended jobs those in these states. The unfinished ones come too, whatever their stored state:
            the true one may be another while no daemon runs, and is the caller's to look at.
        newest: of the ended jobs only so many, those that ended last.
        ended_before: only jobs that ended before this instant.
        ended_after: only jobs that ended after this instant.
        parent: only jobs of this batch, by its uuid; "" for those of none.

    Raises:
        StoreTooNew: a newer version of azjobs wrote the store.
        StoreDamaged: it is damaged.
        HomeUnusable: it cannot be read; the message names it.
    """
    wanted = _Wanted(states, newest, ended_before, ended_after, parent)
    with _opened(file) as db:
        if db is None:
            return []
        if ids is not None or uuids is not None:
            documents = _documents(db, "read_jobs_by_id", [_as_json(ids or ())])
            documents += _documents(db, "read_jobs_by_uuid", [_as_json(uuids or ())])
        else:
            documents = _select(db, wanted) if _is_current(db) else _documents(db, "read_visible_jobs")
    jobs = {job.uuid: job for job in _readable(documents, file)}
    return sorted(wanted.select(jobs.values()), key=_order)


def read_children(file: Path, uuid: str) -> list[Job]:
    """Return the children of a batch, in the order of its targets; raises as `read_jobs`."""
    with _opened(file) as db:
        if db is None or not _is_current(db):  # an older store has no batches
            return []
        return [parse_stored_job(document, file) for document in _documents(db, "load_children", (uuid,))]


def read_uuids_of_children(file: Path, uuid: str) -> list[str]:
    """Return the uuids of the children of a batch, in the order of its targets; raises as `read_jobs`."""
    with _opened(file) as db:
        return [] if db is None or not _is_current(db) else _documents(db, "load_uuids_of_children", (uuid,))


def count_ended(file: Path, *, states: Collection[JobState] | None = None, parent: str | None = None) -> int:
    """Return how many jobs that show themselves have ended, in these states, of this batch; raises as `read_jobs`."""
    wanted = _Wanted(states, None, None, None, parent)
    with _opened(file) as db:
        if db is None:
            return 0
        if _is_current(db):
            asked = {"states": _as_json(wanted.ended_states), "parent": parent}
            return int(db.execute(query("count_ended_jobs"), asked).fetchone()[0])
    return sum(ended_at_of(job.state) is not None for job in read_jobs(file, states=states, parent=parent))


def find_named(file: Path, names: Iterable[str]) -> list[str]:
    """Return the uuids of the jobs of these names or patterns, in any case; raises as `read_jobs`.

    A job that was given no name is called by its id, Job5.
    """
    found: list[str] = []
    with _opened(file) as db:
        if db is not None:
            for name in names:
                found += [uuid for (uuid,) in _find(db, name)]
    return list(dict.fromkeys(found))


def _find(db: sqlite3.Connection, name: str) -> sqlite3.Cursor:
    """Find jobs by a name, which SQLite compares in any case if it is ASCII, or by a pattern."""
    if is_wildcard(name) or not name.isascii() or not name:
        db.create_function("fits", 1, matcher(name), deterministic=True)
        return db.execute(query("find_named_jobs"))
    number = _UNNAMED.fullmatch(name)
    return db.execute(query("find_called_jobs"), {"name": name, "id": int(number[1]) if number else None})


def has_unfinished(file: Path) -> bool:
    """Whether any job, attached ones too, has not ended: then a daemon is needed. Raises as `read_jobs`."""
    with _opened(file) as db:
        return db is not None and bool(db.execute(query("has_unfinished_jobs")).fetchone()[0])


def _order(job: Job) -> tuple[bool, int, float, str]:
    return (job.id is None, job.id or 0, job.submitted_at, job.uuid)


def _when_ended(job: Job) -> tuple[float, int]:
    return (ended_at_of(job.state) or 0.0, job.id or 0)


def _select(db: sqlite3.Connection, wanted: _Wanted) -> list[str]:
    """Return the documents of the jobs that are wanted, and hardly any other."""
    if wanted.parent:
        return _documents(db, "read_jobs_of_parent", {"parent": wanted.parent})
    asked = {
        "parent": wanted.parent,
        "newest": ALL if wanted.newest is None else wanted.newest,
        "before": inf if wanted.before is None else wanted.before,
        "after": -inf if wanted.after is None else wanted.after,
    }
    ended: list[tuple[str, float, int]] = []
    for state in wanted.ended_states:
        ended += db.execute(query("read_ended_jobs"), {**asked, "state": state})
    if wanted.newest is not None:
        ended = sorted(ended, key=lambda row: row[1:], reverse=True)[: wanted.newest]
    unfinished = _documents(db, "read_unfinished_jobs", asked) if wanted.has_unfinished else []
    return [*unfinished, *(document for document, _, _ in ended)]


def _readable(documents: Iterable[str], file: Path) -> Iterator[Job]:
    """Yield the jobs that can be read: one that cannot is no reason to show none."""
    for document in documents:
        try:
            yield parse_stored_job(document, file)
        except HomeUnusable as error:
            warnings.warn(JobsLost(f"{error} The others are shown."), stacklevel=3)


def _documents(db: sqlite3.Connection, name: str, asked: Sequence[str] | Mapping[str, Any] = ()) -> list[str]:
    return [document for (document, *_) in db.execute(query(name), asked)]


def _as_json(values: Iterable[int] | Iterable[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute(query("schema_version")).fetchone()[0])


def _is_current(db: sqlite3.Connection) -> bool:
    """Whether the store has the columns and indexes of this version: a daemon has opened it since the update."""
    return _version(db) == len(migrations())


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection | None]:
    """Open the store as it is at one instant, whatever is committed meanwhile; None when there is none yet."""
    if not file.exists():
        yield None
        return
    with told(file), _reading(file) as db:
        db.execute(query("begin_reading"))
        check(db, file)
        yield db if _version(db) else None


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the store, also in a folder that may not be written, and on a full disk.

    SQLite needs to make its shared memory beside the file. Where it cannot,
    nobody else writes either: without a log the file alone is everything, with
    one both are copied to where it can.
    """
    if os.access(file.parent, os.W_OK):
        with contextlib.closing(open_for_reading(file)) as db:
            if _has_memory(db):
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


def _has_memory(db: sqlite3.Connection) -> bool:
    """Whether SQLite has its shared memory, or found room to make it."""
    try:
        db.execute(query("schema_version")).fetchone()
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)
    except sqlite3.DatabaseError:
        return True  # it has, and whoever reads is told what is wrong
    return True
