"""Give a job's records to the shell: output to stdout, the other streams to stderr.

A command's bytes pass as they came. Values are one a line, text as it is and
the rest as JSON; a form that needs them all (`--output json`, a query) waits
until there are no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from azjobs.cli.output import Format
from azjobs.cli.shell import Shell
from azjobs.cli.value_json import value_json
from azjobs.core import journal
from azjobs.core.errors import format_fault
from azjobs.core.job import PlanWork
from azjobs.core.journal import (
    Content,
    DataChunk,
    Debug,
    End,
    Error,
    Gap,
    Information,
    Output,
    Progress,
    TextChunk,
    Verbose,
)
from azjobs.core.secret import SecureString
from azjobs.process.reader import Entry, JournalReader
from azjobs.session.jobs.answering import answer_line, prompt_in_passing
from azjobs.session.jobs.values import open_value
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import local

if TYPE_CHECKING:
    from azjobs.cli.live_progress import LiveProgress


class Replay:
    """Writes the records of jobs. `close` it when there are no more."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._values: list[Any] = []
        self._begun = ""
        wishes = shell.wishes
        self._live: LiveProgress | None = None
        self._current = shell.stdout
        self._is_collected = wishes.is_quiet or wishes.query is not None or wishes.output not in (None, Format.JSONL)

    def deliver(self, view: JobView, entries: Sequence[Entry]) -> None:
        """Write records, and flush: whoever reads them must not lose any."""
        if self._live is not None and any(not isinstance(entry.record, Progress) for entry in entries):
            self._live.hide()
        for entry in entries:
            self._write(view, entry.record)
            self._begun = _unfinished_after(self._begun, entry.record)
        self._shell.stdout.flush()
        self._shell.stderr.flush()
        if self._live is not None and not self._begun:  # else it would be drawn over the unfinished line
            self._live.show()

    def ask(self, view: JobView) -> bool:
        """Ask whoever is at the terminal for what the job waits for; False where there is nobody, or no answer."""
        if self._live is not None:
            self._live.hide()
        begun, self._begun = self._begun, ""
        prompt = prompt_in_passing(view)
        if prompt is None or not self._shell.has_somebody:
            return False
        answer = self._shell.ask_line(prompt.text.removeprefix(begun), is_hidden=prompt.is_hidden)
        if answer is None or not (answer or prompt.may_be_empty):
            return False
        answer_line(local(), view, SecureString(answer))
        return True

    def close(self) -> None:
        """Write what was collected."""
        if self._live is not None:
            self._live.hide()
        if self._is_collected:
            self._shell.show(self._values)

    def _write(self, view: JobView, record: journal.Record) -> None:
        match record:
            case Output(content=content):
                self._write_output(view, content)
            case Error(data=data) | Information(data=data) if data:
                _write_bytes(self._err, data)
            case Error(type="") as error:
                _write_utf8(self._err, error_text(view, error))
            case Error() as error:
                self._err.write(error_text(view, error))
            case Information(text=text, partial=partial):
                self._err.write(text if partial else f"{text}\n")
            case journal.Warning(text=text) | Gap(text=text):
                self._err.write(f"WARNING: {text}\n")
            case Verbose(text=text):
                self._err.write(f"VERBOSE: {text}\n")
            case Debug(text=text) if self._shell.wishes.is_debug:
                self._err.write(f"DEBUG: {text}\n")
            case Progress() if self._live is not None:
                self._live.see(view.uuid, view.name, record)
            case End() if self._live is not None:
                self._live.forget(view.uuid)
            case _:  # about the journal itself
                return

    def _write_output(self, view: JobView, content: Content) -> None:
        value = open_value(view, content)
        if self._is_collected:
            self._values.append(value_json(value))
        elif isinstance(content, DataChunk):
            _write_bytes(self._out, content.data)
        elif isinstance(content, TextChunk):
            _write_utf8(self._out, content.text)
        elif isinstance(value, str) and self._shell.wishes.output is None:
            self._out.write(f"{value}\n")
        else:
            self._out.write(msgspec.json.encode(value_json(value)).decode() + "\n")

    @property
    def _out(self) -> TextIO:
        return self._switch(self._shell.stdout, self._shell.stderr)

    @property
    def _err(self) -> TextIO:
        return self._switch(self._shell.stderr, self._shell.stdout)

    def _switch(self, to: TextIO, away: TextIO) -> TextIO:
        """Both may lead to one place (`2>&1`), where the order of the records is to be that of the job."""
        if self._current is away:
            away.flush()
        self._current = to
        return to


def _write_bytes(stream: TextIO, data: bytes) -> None:
    stream.flush()
    stream.buffer.write(data)


def _write_utf8(stream: TextIO, text: str) -> None:
    """The bytes of a command's output are the command's, whatever encoding this terminal has."""
    if (stream.encoding or "utf-8").lower() == "utf-8":  # a stream in memory has none
        stream.write(text)
    else:
        _write_bytes(stream, text.encode())


def _unfinished_after(begun: str, record: journal.Record) -> str:
    """Return what the line says so far that the cursor of a terminal is in."""
    match record:
        case Information(text=text, partial=True) | Error(message=text, partial=True):
            return begun + text
        case Output(content=TextChunk(text=text)):
            return (begun + text).rpartition("\n")[2]
        case Output(content=DataChunk(data=data)):
            return (begun + data.decode("utf-8", "replace")).rpartition("\n")[2]
        case Progress():
            return begun
    return ""


def error_text(view: JobView, error: Error) -> str:
    """Return an error as it is shown, with where to find its details; a command's standard error as it came."""
    if not error.type:
        return error.message if error.partial else f"{error.message}\n"
    if error.fault is not None and isinstance(view.row.work, PlanWork):
        text = f"{view.name} failed: {format_fault(error.fault)}"
    else:
        text = f"{error.type}: {error.message}"
    has_details = error.fault is not None or bool(error.traceback)
    return f"{text}\n" + (f"Details: azjobs job get {view.id} --debug\n" if has_details and view.id else "")


def tracebacks(view: JobView) -> list[str]:
    """Return the tracebacks that a job wrote, whether they were received or not."""
    try:
        reader = JournalReader(view.journal)
    except FileNotFoundError:
        return []
    with reader:
        records = (entry.record for entry in reader.read(final=True))
        return [record.traceback for record in records if isinstance(record, Error) and record.traceback]
