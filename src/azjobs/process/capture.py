"""Turn what Python code says into the records of its streams, in one true order.

print is information; logging and warnings go to the stream of their level. In a
script file, as in a command, standard output is output and standard error is error.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

from azjobs.core.errors import Fault
from azjobs.core.job import ProcessKind
from azjobs.core.journal import Content, Debug, Error, Information, Output, Progress, Record, Verbose
from azjobs.core.journal import Warning as WarningRecord
from azjobs.process.journal import JournalWriter
from azjobs.process.pieces import LineCutter, chunk_of, line_of

_BEGUN_CAP = 1024  # guess: bytes; more is no prompt
_OWN_FOLDER = os.path.dirname(__file__)  # noqa: PTH120 - compared with co_filename, which is text


class JobStreams:
    """The seven streams of this job process. May be used from several threads."""

    def __init__(self, writer: JournalWriter, kind: ProcessKind) -> None:
        self.writer = writer
        self._kind = kind
        self.lock = threading.RLock()
        self._sinks = (_LineSink(self, self._print_out, 1), _LineSink(self, self._print_err, 2))

    def install(self) -> None:
        """Take over sys.stdout, sys.stderr, logging, warnings and the exceptions of threads."""
        os.register_at_fork(after_in_child=self._renew_lock)
        out, err = self._sinks
        sys.stdout = io.TextIOWrapper(out, "utf-8", "backslashreplace", write_through=True)
        sys.stderr = io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True)
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]  # nothing may write past the journal
        handler = _StreamHandler(self)
        logging.getLogger().addHandler(handler)
        logging.basicConfig = _basic_config_for(handler)
        logging.captureWarnings(capture=False)
        warnings.showwarning = self._show_warning
        threading.excepthook = self._show_thread_error

    def output(self, content: Content, *, is_kept: bool = False) -> None:
        """One returned or yielded value. `is_kept`, here and below: whatever the cap of the output says."""
        self.write(lambda: Output(self.writer.stamp(), content), is_kept=is_kept)

    def error(self, exception: BaseException, *, is_kept: bool = False) -> Fault:
        """Write an exception; return it as data."""
        name, message = type_name(exception), _message_of(exception)
        found = getattr(exception, "fault", None)
        fault = found if isinstance(found, Fault) else None
        text = format_traceback(exception)
        self.write(lambda: Error(self.writer.stamp(), name, message, text, fault), is_kept=is_kept)
        return fault or Fault(name, message)

    def error_text(self, text: str, *, type_: str = "", trace: str = "") -> None:
        """Write an error that is no exception of the job."""
        self.write(lambda: Error(self.writer.stamp(), type_, text, trace))

    def information(self, text: str) -> None:
        """Write a line of information."""
        self.write(lambda: Information(self.writer.stamp(), text))

    def warning(self, text: str, category: str = "") -> None:
        """Write a warning."""
        self.write(lambda: WarningRecord(self.writer.stamp(), text, category))

    def verbose(self, text: str) -> None:
        """Write detail for whoever asks for it."""
        self.write(lambda: Verbose(self.writer.stamp(), text))

    def debug(self, text: str) -> None:
        """Write detail for programmers."""
        self.write(lambda: Debug(self.writer.stamp(), text))

    def progress(self, activity: str, status: str, percent: float | None, parent: str, *, completed: bool) -> None:
        """Write how far an activity is."""
        self.write(lambda: Progress(self.writer.stamp(), activity, status, percent, parent, completed))

    def write(self, make: Callable[[], Record], *, is_kept: bool = False) -> None:
        """Write one record after the unfinished lines that were printed before it.

        A forked child has no journal; what it says is shown as text, in the raw error output.
        """
        if not self.writer.is_open:
            os.write(2, _plain_text(make()).encode("utf-8", "backslashreplace"))
            return
        with self.lock:
            self.flush()
            self.writer.write(make(), is_kept=is_kept)

    def flush(self, *, final: bool = False) -> None:
        """Write the unfinished lines; `final`: and an unfinished character, whose rest will not come."""
        with self.lock:
            for sink in self._sinks:
                sink.write_pending(final=final)

    def take_unfinished(self) -> str:
        """Return the line that was begun on standard output, else on standard error, and keep it out of the streams.

        What of it was flushed is in them already.
        """
        with self.lock:
            return next((line for sink in self._sinks if (line := sink.take_line())), "")

    def _print_out(self, piece: bytes) -> None:
        if self._kind is ProcessKind.FILE:
            self.writer.write(Output(self.writer.stamp(), chunk_of(piece)))
        else:
            self.writer.write(Information(self.writer.stamp(), *line_of(piece)))

    def _print_err(self, piece: bytes) -> None:
        text, partial, data = line_of(piece)
        if self._kind is ProcessKind.FILE:
            self.writer.write(Error(self.writer.stamp(), "", text, partial=partial, data=data))
        else:
            self.writer.write(Information(self.writer.stamp(), text, partial, data))

    def _show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is not None:
            file.write(warnings.formatwarning(message, category, filename, lineno, line))
        else:
            self.warning(str(message), category.__name__)

    def _show_thread_error(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self.error(args.exc_value)

    def _renew_lock(self) -> None:
        """Another thread may hold it at the moment of a fork, and does not exist in the child."""
        self.lock = threading.RLock()


class _LineSink(io.RawIOBase):
    """Collects bytes to whole lines, a line that is too long to pieces.

    In a forked child, and after the end, they go to the raw file instead.
    """

    def __init__(self, streams: JobStreams, emit: Callable[[bytes], None], raw_fd: int) -> None:
        super().__init__()
        self._streams = streams
        self._emit = emit
        self._raw_fd = raw_fd
        self._cutter = LineCutter()
        self._begun = b""  # what was written of the unfinished line

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        if not self._streams.writer.is_open:
            return os.write(self._raw_fd, view)
        with self._streams.lock:
            for piece in self._cutter.feed(view):
                self._write(piece)
        return len(view)

    def flush(self) -> None:
        self.write_pending(final=False)

    def write_pending(self, *, final: bool) -> None:
        if self._cutter.holds_something and self._streams.writer.is_open:
            with self._streams.lock:
                for piece in self._cutter.flush(final=final):
                    self._write(piece)

    def take_line(self) -> str:
        """Return the unfinished line, and forget it."""
        line, self._begun = self._begun + self._cutter.take(), b""
        return line.decode("utf-8", "backslashreplace")

    def _write(self, piece: bytes) -> None:
        self._begun = (self._begun + piece).rpartition(b"\n")[2][-_BEGUN_CAP:]
        self._emit(piece)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """The raw file: who asks for a descriptor writes past Python, and keeps its place in the order."""
        return self._raw_fd


class _StreamHandler(logging.Handler):
    """Sends a logged record to the stream of its level."""

    def __init__(self, streams: JobStreams) -> None:
        super().__init__()
        self._streams = streams

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - logging's own rule: a faulty call must not end the program
            self.handleError(record)
            return
        if record.levelno >= logging.ERROR:
            self._streams.error_text(text, type_=record.name)
        elif record.levelno >= logging.WARNING:
            self._streams.warning(text, record.name)
        elif record.levelno >= logging.INFO:
            self._streams.information(text)
        else:
            self._streams.debug(text)


def _basic_config_for(handler: logging.Handler) -> Callable[..., None]:
    """Return a logging.basicConfig that works in a job.

    The original does nothing when the root logger has a handler, so that the
    level a script asks for would be ignored without a word. Asked for a level or
    a format, ours sets it; asked for a file or handlers, the original adds them.
    """
    original = logging.basicConfig

    def basic_config(**options: Any) -> None:
        root = logging.getLogger()
        if options.pop("force", False):
            root.handlers[:] = [handler]
        if root.handlers != [handler]:
            return
        if any(options.get(name) is not None for name in ("filename", "stream", "handlers")):
            root.removeHandler(handler)
            original(**options)
            root.addHandler(handler)
            return
        if options.get("level") is not None:
            root.setLevel(options["level"])
        if options.get("format") is not None:
            style = options.get("style", "%")
            handler.setFormatter(logging.Formatter(options["format"], options.get("datefmt"), style))

    return basic_config


def format_traceback(exception: BaseException) -> str:
    """Format a traceback as Python does, without our own frames at its top and without local variables."""
    start: TracebackType | None = exception.__traceback__
    while start is not None and os.path.dirname(start.tb_frame.f_code.co_filename) == _OWN_FOLDER:  # noqa: PTH120 - as above
        start = start.tb_next
    lines = traceback.TracebackException(type(exception), exception, start, capture_locals=False, compact=True).format()
    return "".join(lines)


def type_name(exception: BaseException) -> str:
    """Name a class as tracebacks do; our own errors by the name that users know."""
    kind = type(exception)
    is_plain = kind.__module__.partition(".")[0] in {"builtins", "__main__", "azjobs"}
    return kind.__qualname__ if is_plain else f"{kind.__module__}.{kind.__qualname__}"


def _plain_text(record: Record) -> str:
    match record:
        case Error():
            return f"{record.traceback or record.message}\n"
        case Information() | WarningRecord() | Verbose() | Debug():
            return f"{record.text}\n"
        case Progress():
            return f"{record.activity}: {record.status}\n"
        case _:
            return ""


def _message_of(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception:  # noqa: BLE001 - code of the user's class
        return f"<{type(exception).__qualname__} without a readable message>"
