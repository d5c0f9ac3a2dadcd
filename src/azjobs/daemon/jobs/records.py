"""Write what an Azure job has to say into its journal: result, error, progress, end.

A file is opened for each record and closed again: thousands of jobs may be
under way, and each writes a handful of records in its life.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from azjobs.core.events import WriteError, WriteOutput, WriteProgress
from azjobs.core.job import Job
from azjobs.core.journal import End, Error, JsonValue, Outcome, Output, Progress, Record, Stamp, format_record
from azjobs.core.layout import Layout
from azjobs.core.states import Completed, Failed, is_finished
from azjobs.process.journal import FULL, load_end

log = logging.getLogger(__name__)


class JournalRecords:
    """Appends to the journals of Azure jobs."""

    def __init__(self, layout: Layout[Path]) -> None:
        self._layout = layout

    def write(self, job: Job, effect: WriteOutput | WriteError | WriteProgress) -> bool:
        """Append one record, and the final one after a result or an error that ends the job; False for a full disk.

        A daemon that was killed after it wrote the end and before that was
        recorded is followed by one that comes to the same end: it is written once.
        What a journal cannot take for another reason than a full disk is told in
        the log, and lost: nothing waits for a file that is no file any more.
        """
        journal = self._layout.journal_file(job.uuid)
        try:
            return self._write(journal, job, effect)
        except OSError as error:
            log.error("%s cannot be written: %s; a record is lost", journal, error.strerror)  # noqa: TRY400 - said whole
            return True

    def _write(self, journal: Path, job: Job, effect: WriteOutput | WriteError | WriteProgress) -> bool:
        if is_finished(job.state) and load_end(journal) is not None:
            return True
        stamp = Stamp(time.time())
        records = [_record(stamp, effect), *([_end(stamp, job)] if is_finished(job.state) else [])]
        frames = b"".join(map(format_record, records))  # by one write: the value without its end would come again
        return _append(journal, frames)


def _append(journal: Path, frames: bytes) -> bool:
    """Append to a journal, all or nothing; False when the disk has no room for it."""
    try:
        fd = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(fd).st_size
            if os.write(fd, frames) == len(frames):
                return True
            os.ftruncate(fd, size)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in FULL:
            raise
    return False


def _record(stamp: Stamp, effect: WriteOutput | WriteError | WriteProgress) -> Record:
    match effect:
        case WriteOutput(value):
            return Output(stamp, JsonValue(value))
        case WriteError(fault):
            return Error(stamp, fault.code, fault.message, fault=fault)
        case WriteProgress(activity, status, percent):
            return Progress(stamp, activity, status, percent)


def _end(stamp: Stamp, job: Job) -> End:
    if isinstance(job.state, Completed):
        return End(stamp, Outcome.COMPLETED)
    if isinstance(job.state, Failed):
        return End(stamp, Outcome.FAILED, error=job.state.fault)
    return End(stamp, Outcome.STOPPED)
