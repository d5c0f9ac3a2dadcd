"""Open what a job returned or yielded, and say why it has no value."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import msgspec

from azjobs.core.errors import (
    AzJobsError,
    Fault,
    HomeUnusable,
    JobFailed,
    JobNotFound,
    JobStopped,
    OutputIncomplete,
    format_fault,
)
from azjobs.core.job import PlanWork, ProcessKind, ProcessWork
from azjobs.core.journal import Content, DataChunk, Error, JsonValue, ObjectFormat, Output, StoredObject, TextChunk
from azjobs.core.states import JobState
from azjobs.process.cap import load_frozen
from azjobs.process.journal import load_end
from azjobs.process.objects import load_object
from azjobs.process.reader import JournalReader
from azjobs.session.jobs.shapes import Shape, shape_of
from azjobs.session.jobs.views import JobView


class Unopened(msgspec.Struct, frozen=True):
    """A value that cannot be opened here: what it was, how it was shown, and why it stays closed."""

    type_name: str
    text: str
    reason: str

    def __repr__(self) -> str:
        return f"<Unopened {self.type_name}: {self.text}>"


def result_of(view: JobView, *, is_shaped: bool = True) -> Any:
    """Return the value of a finished job; it consumes nothing and can be asked again and again.

    A function that yields has a list, a command or script its standard output.
    An Azure job's value has its type, unless `is_shaped` is False: then it is JSON.

    Raises:
        JobFailed: it failed; `.fault` says why, `.output` has what it gave until then.
        JobStopped: it was stopped.
    """
    if view.state is JobState.COMPLETED:
        return _value(view, is_shaped=is_shaped)
    if view.state is JobState.STOPPED:
        raise JobStopped(f"{view.name} was stopped before it had a result.")
    raise failure_of(view)


def failure_of(view: JobView) -> JobFailed:
    """Return the error of a failed job; where the job's own code raised it, its traceback there is a note of it."""
    fault = view.fault or _last_fault(view)
    output: list[Any] = []
    trace = ""
    for record in _records(view):
        if isinstance(record, Output):
            output.append(open_value(view, record.content))
        elif record.traceback and _is_told_by(fault, record):
            trace = record.traceback.rstrip()
    failure = JobFailed(f"{view.name} failed: {format_fault(fault)}", fault=fault, output=output)
    if trace:
        failure.add_note(f"In the job:\n{trace}")
    return failure


def contents(view: JobView) -> list[Content]:
    """Return everything a job gave as output so far."""
    return [record.content for record in _records(view) if isinstance(record, Output)]


def _records(view: JobView) -> Iterator[Output | Error]:
    """Yield what a job gave and what went wrong in it so far."""
    try:
        reader = JournalReader(view.journal)
    except FileNotFoundError:
        return
    with reader:
        for entry in reader.read(final=True):
            if isinstance(entry.record, Output | Error):
                yield entry.record


def _is_told_by(fault: Fault, error: Error) -> bool:
    return error.fault == fault if error.fault else (error.type, error.message) == (fault.code, fault.message)


def open_value(view: JobView, content: Content, *, is_shaped: bool = True) -> Any:
    """Return one output as the Python value it was; an `Unopened` where that is not possible here."""
    match content:
        case JsonValue(value):
            return _shape(view)(value) if is_shaped else value
        case TextChunk(text):
            return text
        case DataChunk(data):
            return data
        case StoredObject():
            return _open_stored(view, content)


def _value(view: JobView, *, is_shaped: bool) -> Any:
    found = contents(view)
    work = view.row.work
    if isinstance(work, ProcessWork) and work.kind is not ProcessKind.FUNCTION:
        _tell_if_capped(view)
        return _joined(found)
    values = [open_value(view, content, is_shaped=is_shaped) for content in found]
    unopened = next((value for value in values if isinstance(value, Unopened)), None)
    if unopened is not None:
        raise AzJobsError(f"The value of {view.name} cannot be opened here: {unopened.reason} It is {unopened.text}")
    if isinstance(work, ProcessWork) and work.yields:
        _tell_if_capped(view)
        return values
    if not values and isinstance(work, PlanWork):
        raise JobNotFound(f"The output of {view.name} is gone.")
    return values[0] if len(values) == 1 else (values or None)


def _tell_if_capped(view: JobView) -> None:
    if load_frozen(view.journal) is not None:
        text = f"The output of {view.name} has reached its cap: this value is not all of it."
        warnings.warn(OutputIncomplete(text), stacklevel=4)


def _joined(found: list[Content]) -> str | bytes:
    """Standard output exactly as it came: text, or bytes where a part of it is no text."""
    pieces = [
        content.text.encode() if isinstance(content, TextChunk) else content.data
        for content in found
        if isinstance(content, TextChunk | DataChunk)
    ]
    whole = b"".join(pieces)
    try:
        return whole.decode()
    except UnicodeDecodeError:
        return whole


def _shape(view: JobView) -> Shape:
    work = view.row.work
    return shape_of(work.plan if isinstance(work, PlanWork) else "")


def _open_stored(view: JobView, stored: StoredObject) -> Any:
    reason = _foreign(view) if stored.format is ObjectFormat.PICKLE else ""
    if not reason:
        try:
            return load_object(view.journal, stored)
        except HomeUnusable:
            raise
        except Exception as error:  # noqa: BLE001 - any class may be in a pickle, and may be gone by now
            reason = f"{type(error).__name__}: {error}"
    return Unopened(stored.type_name, stored.text, f"{reason.rstrip('.')}.")


def _foreign(view: JobView) -> str:
    """Say why a pickle must stay closed: code of another Python version may crash this one."""
    work = view.row.work
    prefix = work.interpreter.get("prefix") if isinstance(work, ProcessWork) else None
    if prefix is None or prefix == sys.prefix:
        return ""
    return f"it was written by another Python ({prefix})"


def _last_fault(view: JobView) -> Fault:
    """Why a job failed of whose end no daemon has taken note yet."""
    end = load_end(view.journal)
    if end is not None and end.error is not None:
        return end.error
    return Fault("ProcessDied", "The job's process ended without saying how.")
