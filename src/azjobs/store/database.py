"""Open the SQLite file of a store: check it, bring its tables up to date, say in one sentence what is wrong with it.

A file is looked at through a read-only connection first, so that one that is
newer, foreign or damaged is left as it was found.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from azjobs.core.errors import AzJobsError, HomeUnusable, StoreDamaged, StoreTooNew
from azjobs.core.job import FORMAT, Job, parse_job
from azjobs.store.protocol import StoreFull
from azjobs.store.queries import query

APPLICATION_ID = 0x617A6A62  # "azjb", so that the file of another program is told apart
BUSY_TIMEOUT_S = 5.0  # guess: far above any transaction of ours, below a user's patience
OLDEST_SQLITE = (3, 37, 0)  # STRICT tables [sqlite.org/stricttables.html]


@cache
def migrations() -> tuple[str, ...]:
    """Return the scripts that make version 1, 2, … of the tables, in this order."""
    folder = Path(__file__).with_name("migrations")
    return tuple(file.read_text(encoding="utf-8") for file in sorted(folder.glob("[0-9]*.sql")))


def open_for_writing(file: Path) -> sqlite3.Connection:
    """Open the store for its one writer, made and migrated as needed; statements begin no transactions of their own.

    Raises:
        StoreTooNew: a newer version of azjobs wrote it; nothing was changed.
        HomeUnusable: it cannot be read or written; the message names it.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise HomeUnusable(f"This Python has SQLite {sqlite3.sqlite_version}; the job store needs 3.37 or newer.")
    with told(file):
        _make_private(file)
        if file.stat().st_size:
            with contextlib.closing(open_for_reading(file)) as db:
                check(db, file)
        db = connect(file, "rw")
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA fullfsync = ON")  # macOS: else a barrier stops at the drive's cache
            db.execute("PRAGMA checkpoint_fullfsync = ON")
            _migrate(db, file)
        except BaseException:
            db.close()
            raise
        return db


def connect(file: Path, mode: str, extra: str = "") -> sqlite3.Connection:
    """Open the file as it is; `mode` is SQLite's "ro" or "rw"."""
    uri = f"{file.absolute().as_uri()}?mode={mode}{extra}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)


def open_for_reading(file: Path) -> sqlite3.Connection:
    """Open an existing store without ever changing it."""
    return connect(file, "ro")


def check(db: sqlite3.Connection, file: Path) -> None:
    """Make sure that this version can read the store.

    Raises:
        StoreTooNew: a newer version of azjobs wrote it.
        HomeUnusable: it is a database of another program, or damaged.
    """
    (version,) = db.execute(query("schema_version")).fetchone()
    (application,) = db.execute(query("application")).fetchone()
    if version == 0 and application == 0 and db.execute(query("count_tables")).fetchone() == (0,):
        return
    if application != APPLICATION_ID:
        raise HomeUnusable(f"{file} is not a job store of azjobs; nothing was changed.")
    newer = StoreTooNew(f"{file} was written by a newer version of azjobs; nothing was changed. Update azjobs.")
    if version > len(migrations()):
        raise newer
    written = db.execute(query("job_format")).fetchone()
    if written is None:
        raise _damaged(file, "its head is missing")
    if written[0] > FORMAT:
        raise newer


def parse_stored_job(document: str, file: Path) -> Job:
    """Decode a job of the store.

    Raises:
        HomeUnusable: it is not a job; the message names the file.
    """
    try:
        return parse_job(document)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise HomeUnusable(f"The job store {file} holds a job that cannot be read: {error}.") from error


@contextlib.contextmanager
def told(file: Path) -> Iterator[None]:
    """Turn an error of SQLite or the system into one sentence about the file.

    Raises:
        StoreFull: there is no space left.
        HomeUnusable: anything else.
    """
    try:
        yield
    except AzJobsError:
        raise
    except (sqlite3.DatabaseError, OSError) as error:
        raise _as_home_error(error, file) from error


def _as_home_error(error: sqlite3.DatabaseError | OSError, file: Path) -> HomeUnusable:
    if isinstance(error, OSError):
        return HomeUnusable(f"The job store {file} cannot be used: {error.strerror or error}; nothing was changed.")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(
            f"The disk of {file} is full: nothing more can be recorded. Free some space; nothing was lost."
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(file, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return HomeUnusable(f"The job store {file} is locked by another process.")
    return HomeUnusable(f"The job store {file} cannot be used: {error}.")


def _damaged(file: Path, why: str) -> StoreDamaged:
    return StoreDamaged(
        f"The job store {file} is damaged ({why}). The daemon saves what can be read of it when it starts. "
        "Type: azjobs daemon stop",
        why,
    )


def _make_private(file: Path) -> None:
    """Make the file, or narrow its mode; its companions (-wal, -shm) take their mode from it.

    An existing file is never opened here: closing it again would drop the locks
    that this process may hold on it through SQLite [sqlite.org/howtocorrupt.html, 2.2].
    """
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        mode = file.lstat().st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no file") from None
        if not os.access(file, os.R_OK | os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES)) from None
        if mode & 0o077:
            file.chmod(0o600)


def _migrate(db: sqlite3.Connection, file: Path) -> None:
    """Bring the tables to the newest version, all in one transaction."""
    db.execute(query("begin"))
    try:
        check(db, file)  # again: another process may have been quicker
        (version,) = db.execute(query("schema_version")).fetchone()
        for number, script in enumerate(migrations()[version:], version + 1):
            for statement in _statements(script):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(query("commit"))
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute(query("rollback"))
        raise


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements, each of which ends at the end of a line."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
