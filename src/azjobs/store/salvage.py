"""Find out at the daemon's start whether the store is damaged, and if it is save what can be read of it.

The damaged file is set aside under another name, and a new store takes its place
with every job that could be read. Journals are kept, whatever became of their
jobs. What was lost is said in one sentence (`store.losses`). A daemon that is
killed in the midst is followed by one that finishes the work.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from azjobs.core.errors import StoreDamaged
from azjobs.core.job import Job, parse_job
from azjobs.core.layout import Layout
from azjobs.core.states import is_finished
from azjobs.store.database import check, open_for_reading, open_for_writing, told
from azjobs.store.losses import note_loss
from azjobs.store.queries import query
from azjobs.store.sqlite import row_of
from azjobs.store.whole_file import sync_folder

CHECKED_BYTES = 16 * 1024 * 1024  # measured: a check takes 10 ms for each MB; a bigger store is checked beside the work
_LEAST_ROW_BYTES = 100  # guess: a job takes several times as much
_MOST_NAMED = 3  # guess: what still reads as one sentence


def mend(layout: Layout[Path]) -> None:
    """Make the store usable, if it is damaged; a foreign or newer one is left as it is, and its opening says why.

    Raises:
        HomeUnusable: the folder cannot be written.
    """
    file, suspect = layout.store_file, suspect_of(layout.store_file)
    with told(file):
        _finish(file)
        if not file.exists():
            return
        is_small = file.stat().st_size <= CHECKED_BYTES
        why = fault_of(layout) if is_small or suspect.exists() else ""
        if why:
            _replace(layout, why)
        elif file.stat().st_size:
            _set_rows_aside(layout)
        suspect.unlink(missing_ok=True)


def suspect_of(file: Path) -> Path:
    """Return the file that tells the next daemon to check the store, however big it is."""
    return Path(f"{file}.suspect")


def fault_of(layout: Layout[Path]) -> str:
    """Return what is wrong with the store as a file; "" when it is sound, or none of ours."""
    file = layout.store_file
    if not file.stat().st_size:
        return "it is empty" if _journals(layout) else ""
    try:
        with told(file), contextlib.closing(open_for_reading(file)) as db:
            check(db, file)
            (said,) = db.execute(query("quick_check")).fetchone()
    except StoreDamaged as error:
        return error.why
    return "" if said == "ok" else " ".join(str(said).split())


def _replace(layout: Layout[Path], why: str) -> None:
    file = layout.store_file
    aside = file.with_name(f"{file.name}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
    draft = Path(f"{file}.draft")
    for old in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
        old.unlink(missing_ok=True)
    for suffix in ("", "-wal"):
        _keep(Path(f"{file}{suffix}"), Path(f"{aside}{suffix}"))
    jobs = _copy(file, draft, journals=len(_journals(layout)))
    lost = sorted(_journals(layout) - jobs.keys())
    note_loss(layout, _report(file, aside, why, jobs.values(), lost))
    draft.replace(f"{file}.mended")
    _finish(file)


def _finish(file: Path) -> None:
    """Put a new store in the place of a damaged one, whose log must not be taken for its own."""
    mended = Path(f"{file}.mended")
    if mended.exists():
        for suffix in ("-wal", "-shm"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        mended.replace(file)
        sync_folder(file.parent)


def _keep(file: Path, aside: Path) -> None:
    """Give a file a second name; where the file system has no such thing, copy it."""
    if file.exists() and not aside.exists():
        try:
            os.link(file, aside)
        except OSError:
            shutil.copy2(file, aside)


def _report(file: Path, aside: Path, why: str, saved: Collection[Job], lost: list[str]) -> str:
    named = ", ".join(lost[:_MOST_NAMED]) + (f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else "")
    what = (
        f"the jobs {named} were lost, and their output is kept in journals" if lost else "no job with output was lost"
    )
    alone = sum(bool(job.lost_parent) for job in saved)
    what += f"; {alone} of those saved stand alone, for their batch was lost" if alone else ""
    return (
        f"The job store {file} was damaged ({why}) and is kept as {aside.name}: {len(saved)} jobs were saved, {what}."
    )


def _journals(layout: Layout[Path]) -> set[str]:
    """The uuids of jobs that have a journal."""
    return {journal.stem for journal in layout.journals_folder.glob("*.journal") if not journal.name.startswith(".")}


def _copy(source: Path, target: Path, *, journals: int) -> dict[str, Job]:
    """Make a new store of all that can be read of a damaged one; returns its jobs."""
    with contextlib.closing(open_for_writing(target)) as new, contextlib.ExitStack() as stack:
        new.execute(query("begin"))
        old = _opened(source, stack)
        jobs = {job.uuid: job for job in _parsed(document for _, document in _rows(old, "salvage_jobs"))}
        jobs |= {uuid: job.on_its_own for uuid, job in jobs.items() if job.parent and job.parent not in jobs}
        new.executemany(query("save_job"), map(row_of, _with_own_ids(jobs)))
        unfinished = {uuid for uuid, job in jobs.items() if not is_finished(job.state)}
        payloads = (row for _, *row in _rows(old, "salvage_payloads") if row[0] in unfinished)
        new.executemany(query("save_payload"), payloads)
        new.executemany(query("save_sign_in"), _rows_in_order(old, "salvage_sign_ins"))
        highest = max((job.id or 0 for job in jobs.values()), default=0)
        # Without its head: each lost job that has a journal may have had an id beyond those that are known.
        epoch, last_id = next(_rows_in_order(old, "salvage_head"), (0, highest + journals))
        new.execute(query("salvaged_head"), {"epoch": epoch, "last_id": max(last_id, highest)})
        new.execute(query("commit"))
    return jobs


def _parsed(documents: Iterable[str]) -> Iterator[Job]:
    for document in documents:
        with contextlib.suppress(msgspec.DecodeError, UnicodeError):
            yield parse_job(document)


def _with_own_ids(jobs: dict[str, Job]) -> Iterator[Job]:
    """Of two jobs with one id, which only damage can make, the second one has none."""
    seen: set[int] = set()
    for job in jobs.values():
        yield msgspec.structs.replace(job, id=None) if job.id in seen else job
        if job.id is not None:
            seen.add(job.id)


def _opened(file: Path, stack: contextlib.ExitStack) -> sqlite3.Connection | None:
    with contextlib.suppress(sqlite3.Error):
        return stack.enter_context(contextlib.closing(open_for_reading(file)))
    return None


def _rows_in_order(db: sqlite3.Connection | None, name: str) -> Iterator[Any]:
    """Yield rows up to the first that cannot be read."""
    if db is not None:
        with contextlib.suppress(sqlite3.Error):
            yield from db.execute(query(name))


def _rows(db: sqlite3.Connection | None, name: str) -> Iterator[Any]:
    """Yield every row that can be read of a table with numbered rows: what cannot is halved down to single rows."""
    if db is None:
        return
    ranges = [(0, _highest_row(db) + 1)]
    while ranges:
        low, high = ranges.pop()
        try:
            rows = db.execute(query(name), {"low": low, "high": high}).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return
            rows = None
        except sqlite3.Error:
            rows = None
        if rows is not None:
            yield from rows
        elif high - low > 1:
            middle = (low + high) // 2
            ranges += [(middle, high), (low, middle)]


def _highest_row(db: sqlite3.Connection) -> int:
    """Return the number beyond which there is no row: rows are numbered in the order of their coming, as jobs are."""
    (pages,) = next(_rows_in_order(db, "page_count"), (0,))
    (_, last_id) = next(_rows_in_order(db, "salvage_head"), (0, 0))
    return max(pages * 4096 // _LEAST_ROW_BYTES, 2 * last_id)


def _set_rows_aside(layout: Layout[Path]) -> None:
    """Move unfinished jobs that cannot be read out of the way: a daemon would be started for them again and again."""
    file = layout.store_file
    with contextlib.closing(open_for_reading(file)) as db:
        check(db, file)
        if db.execute(query("count_tables")).fetchone() == (0,):
            return
        rows = db.execute(query("find_unfinished_jobs")).fetchall()
    bad = [(uuid, id, why) for uuid, id, document in rows if (why := _fault_of_row(document))]
    if not bad:
        return
    with contextlib.closing(open_for_writing(file)) as db:
        for uuid, id, why in bad:
            db.execute(query("begin"))
            db.execute(query("set_aside"), (uuid,))
            db.execute(query("remove_job"), (uuid,))
            children = list(_parsed(child for (child,) in db.execute(query("load_children"), (uuid,)).fetchall()))
            db.executemany(query("save_job"), (row_of(child.on_its_own) for child in children))
            db.execute(query("commit"))
            kept = f"its children ({len(children)}) stand alone, and its output" if children else "its output"
            note_loss(
                layout, f"Job {id or uuid} in {file} could not be read ({why}) and was set aside; {kept} is kept."
            )


def _fault_of_row(document: str) -> str:
    try:
        parse_job(document)
    except (msgspec.DecodeError, UnicodeError) as error:
        return str(error)
    return ""
