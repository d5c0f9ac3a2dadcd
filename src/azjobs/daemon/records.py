"""Write what an Azure job has to say into its journal: result, error, progress, end.

A file is opened for each record and closed again: thousands of jobs may be
under way, and each writes a handful of records in its life.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

from azjobs.core.events import WriteError, WriteOutput, WriteProgress
from azjobs.core.job import Job
from azjobs.core.journal import End, Error, JsonValue, Outcome, Output, Progress, Record
from azjobs.core.layout import Layout
from azjobs.core.states import Completed, Failed, is_finished
from azjobs.process.journal import JournalWriter

log = logging.getLogger(__name__)


class JournalRecords:
    """Appends to the journals of Azure jobs."""

    def __init__(self, layout: Layout[Path]) -> None:
        self._layout = layout

    def write(self, job: Job, effect: WriteOutput | WriteError | WriteProgress) -> None:
        """Append one record, and the final one after a result or an error that ends the job."""
        fd = os.open(self._layout.journal_file(job.uuid), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        writer = JournalWriter(fd, wait=_no_room)
        try:
            writer.write(_record(writer, effect))
            if is_finished(job.state):
                writer.write(_end(writer, job))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            log.error("The disk is full: a record of job %s is lost.", job.id or job.uuid)  # noqa: TRY400 - no news in a traceback
        finally:
            writer.close()


def _record(writer: JournalWriter, effect: WriteOutput | WriteError | WriteProgress) -> Record:
    match effect:
        case WriteOutput(value):
            return Output(writer.stamp(), JsonValue(value))
        case WriteError(fault):
            return Error(writer.stamp(), fault.code, fault.message, fault=fault)
        case WriteProgress(activity, status, percent):
            return Progress(writer.stamp(), activity, status, percent)


def _end(writer: JournalWriter, job: Job) -> End:
    if isinstance(job.state, Completed):
        return End(writer.stamp(), Outcome.COMPLETED)
    if isinstance(job.state, Failed):
        return End(writer.stamp(), Outcome.FAILED, error=job.state.fault)
    return End(writer.stamp(), Outcome.STOPPED)


def _no_room(_: float) -> None:
    """The daemon must not stand still because the disk is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
