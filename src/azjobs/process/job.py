"""Be a job process: from the moment it is forked or executed to its final record.

The order is the promise: the lock on the journal came with the descriptor; the
first record says who writes; the value is in the journal before threads are
awaited and exit handlers run; the final record is the last thing the process does.
Nothing of it needs the daemon after the start message has come.
"""

from __future__ import annotations

import contextlib
import faulthandler
import inspect
import os
import signal
import socket
import sys
import time
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from azjobs.core.errors import Fault
from azjobs.core.job import ProcessKind
from azjobs.core.journal import Begin, End, Outcome
from azjobs.process.asking import replace_input
from azjobs.process.cap import OutputCap
from azjobs.process.capture import JobStreams
from azjobs.process.clib import flush_c_output, name_process
from azjobs.process.command import run_command
from azjobs.process.ending import set_ending
from azjobs.process.frames import (
    START_LOST,
    StartMessage,
    StartRequest,
    format_frame,
    parse_start_message,
    read_body,
)
from azjobs.process.identity import boot_id, pid_namespace, start_time
from azjobs.process.journal import JournalWriter
from azjobs.process.killing import kill_own_descendants
from azjobs.process.package import Package, open_stdin, unpack
from azjobs.process.payload import dump, load
from azjobs.process.progress import set_progress_stream
from azjobs.process.runtime import BareRuntime, JobRuntime, prepare_runtime
from azjobs.process.script import run_first_file, run_script
from azjobs.process.values import ObjectWriter

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # writes fail with an exception instead
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequested(KeyboardInterrupt):
    """The job was asked to stop. A KeyboardInterrupt, so that libraries clean up as they do for Ctrl-C."""


class StopGuard:
    """Turns a signal into `StopRequested`, but only inside the user's code; elsewhere it is remembered."""

    def __init__(self) -> None:
        self.is_requested = False
        self._is_open = False

    def install(self) -> None:
        """Take over the signals that ask a process to stop."""
        for number in _STOP_SIGNALS:
            signal.signal(number, self._handle)

    def __enter__(self) -> None:
        """The user's code begins."""
        self._is_open = True
        if self.is_requested:
            raise StopRequested

    def __exit__(self, *_: object) -> None:
        """The user's code is over."""
        self._is_open = False

    def _handle(self, _number: int, _frame: types.FrameType | None) -> None:
        is_first, self.is_requested = not self.is_requested, True
        if self._is_open and is_first:  # to be asked again, as by the next daemon, must not interrupt cleaning up
            raise StopRequested


@cache
def handled_signals() -> tuple[int, ...]:
    """Return the signals that are ignored or have a handler here; asked once, before anything is forked."""
    candidates = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, *_IGNORED_BY_PYTHON}
    return tuple(int(n) for n in candidates if signal.getsignal(n) not in {signal.SIG_DFL, None})


def detach() -> None:
    """Leave the session, the signal handlers and the main module of whoever forked or executed this process."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    signal.set_wakeup_fd(-1)
    for number in handled_signals():
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    name_process(b"azjobs-job")
    sys.argv[:] = [""]
    sys.modules["__main__"] = types.ModuleType("__main__")


def keep_only(fds: list[int]) -> None:
    """Close every descriptor but the standard ones and these."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names are numbers; a limit of descriptors may be 2**63
        if int(name) > 2 and int(name) not in fds:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(int(name))


def rehearse() -> None:
    """Go once through what every job does, so that its memory pages are this process's own before a job waits for them.

    Measured: a job in a rehearsed spare has its result 1 ms earlier.
    """
    fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    writer = JournalWriter(fd, raw_fds=(fd, fd))
    writer.write(Begin(writer.stamp(), os.getpid(), start_time(os.getpid()) or 0, boot_id(), pid_namespace()))
    streams = JobStreams(writer, ProcessKind.FUNCTION)
    function, args, kwargs = load(dump(lambda: None), BareRuntime().resolve)
    message = StartMessage(
        journal=os.devnull, kind=ProcessKind.FUNCTION, environ=dict(os.environb), folder=b"/", umask=0o077
    )
    parse_start_message(format_frame(message)[4:])
    values = ObjectWriter(Path(os.devnull), BareRuntime().persistent)
    streams.output(values.content_of(_deliver(function(*args, **kwargs), print)))
    writer.end(End(writer.stamp(), Outcome.COMPLETED))
    os.close(fd)


def run_job(request: StartRequest, fds: list[int]) -> None:
    """Run a job; returns when the process is to end. `fds`: journal, channel, and for Python work out, err."""
    journal_fd, channel_fd, *raw = fds
    raw_fds = (raw[0], raw[1]) if raw else None
    _take_standard_streams(raw_fds)
    writer = JournalWriter(journal_fd, raw_fds=raw_fds)
    set_ending(_end_with(writer, Fault("Internal", "The job process failed; its error says how.")))
    guard = StopGuard()
    guard.install()
    pid = os.getpid()
    writer.write(Begin(writer.stamp(), pid, start_time(pid) or 0, boot_id(), pid_namespace(), request.kind))
    with socket.socket(fileno=channel_fd) as channel:
        body = read_body(channel)
    if body is None:
        set_ending(_end_with(writer, Fault(START_LOST, "The job was not handed its work.")))
        return
    streams = JobStreams(writer, request.kind)
    try:
        message = parse_start_message(body)
        if message.output_cap_bytes is not None:
            writer.cap_at(OutputCap(Path(message.journal), message.output_cap_bytes, os.fstat(journal_fd).st_size))
        if request.kind is ProcessKind.COMMAND:
            run_command(message, streams, prepare=lambda: _prepare(message), was_stopped=lambda: guard.is_requested)
        else:
            _run_python(message, streams, guard)
    except Exception as error:  # noqa: BLE001 - a fault of ours: it must be seen, and the job must end
        streams.error(error, is_kept=True)


def _run_python(message: StartMessage, streams: JobStreams, guard: StopGuard) -> None:
    """The outcome is settled here, the final record written when threads and exit handlers are through."""
    faulthandler.enable(2)
    streams.install()
    set_progress_stream(streams)
    ending = _Ending(streams, guard)
    set_ending(ending.write)
    try:
        package = unpack(message.payload)
        if package.stdin is not None:
            _take_input(package.stdin)
        runtime = _prepare(message)
        replace_input(runtime, streams, has_stdin=package.stdin is not None)
        with guard, runtime.scope():
            call = _Calls(message, streams, runtime)
            known = _run_first(package, call)
            if message.kind is ProcessKind.FILE:
                run_script(message.argv, known)
            else:
                call(package.call)
    except SystemExit as leaving:
        ending.leave(leaving.code)
    except KeyboardInterrupt:
        guard.is_requested = True
    except BaseException as error:  # noqa: BLE001 - whatever the user's code raises is the job's error
        ending.fail(streams.error(error, is_kept=True))
    streams.flush()


class _Ending:
    """How it will have ended, until a later signal says otherwise."""

    def __init__(self, streams: JobStreams, guard: StopGuard) -> None:
        self._streams = streams
        self._guard = guard
        self._fault: Fault | None = None
        self._exit_status: int | None = None

    def fail(self, fault: Fault) -> None:
        self._fault = fault

    def leave(self, code: object) -> None:
        """SystemExit: none or 0 is an end like any other, a text is shown as Python shows it."""
        if code is None or code == 0:
            return
        self._exit_status = code if isinstance(code, int) else 1
        text = f"exit status {code}" if isinstance(code, int) else str(code)
        self._streams.error_text(text, type_="SystemExit")
        self._fault = Fault("SystemExit", text)

    def write(self) -> int:
        import logging  # noqa: PLC0415 - loaded long ago; named here because its own exit handler comes after ours

        logging.shutdown()
        self._streams.flush(final=True)
        flush_c_output()
        writer = self._streams.writer
        if self._guard.is_requested:
            kill_own_descendants()
            outcome, status = Outcome.STOPPED, 128 + signal.SIGTERM
        elif self._fault is not None:
            outcome, status = Outcome.FAILED, self._exit_status or 1
        else:
            outcome, status = Outcome.COMPLETED, 0
        fault = self._fault if outcome is Outcome.FAILED else None
        writer.end(End(writer.stamp(), outcome, self._exit_status, fault))
        return status & 0xFF


def _prepare(message: StartMessage) -> JobRuntime:
    """Take over the submitter's environment, folder, import path and file mode mask; then call the hook."""
    for name in [name for name in os.environb if name not in message.environ]:
        del os.environb[name]
    os.environb.update(message.environ)
    time.tzset()
    os.umask(message.umask)
    os.chdir(message.folder)
    sys.path[:] = message.sys_path or sys.path
    return prepare_runtime(message.prepare, message.runtime)


class _Calls:
    """Calls functions that were dumped; what they give is output."""

    def __init__(self, message: StartMessage, streams: JobStreams, runtime: JobRuntime) -> None:
        self._streams = streams
        self._resolve = runtime.resolve
        self._values = ObjectWriter(Path(message.journal), runtime.persistent)

    def __call__(self, dumped: bytes, *, has_result: bool = True) -> None:
        function, args, kwargs = load(dumped, self._resolve)
        result = _deliver(function(*args, **kwargs), self._give)
        if result is not None and has_result:
            self._streams.output(self._values.content_of(result), is_kept=True)

    def _give(self, value: object) -> None:
        content = self._values.content_if(value, self._streams.writer.has_room_beside)
        if content is not None:
            self._streams.output(content)


def _run_first(package: Package, call: _Calls) -> dict[str, Any]:
    """Run what is to run before the work, and return what a file defined; one that leaves with 0 has done its part."""
    try:
        if package.first:
            call(package.first, has_result=False)
        return run_first_file(package.first_file) if package.first_file else {}
    except SystemExit as leaving:
        if leaving.code:
            raise
        return {}


def _deliver(result: Any, give: Callable[[object], None]) -> object:
    """Run what was returned to its end when it is a generator or a coroutine; return the value it has at last."""
    if inspect.isgenerator(result):
        while True:
            try:
                value = next(result)
            except StopIteration as end:
                return end.value
            give(value)
    if inspect.iscoroutine(result) or inspect.isasyncgen(result):
        import asyncio  # noqa: PLC0415 - 35 ms and 3 MB that most jobs do not need

        return asyncio.run(_give_all(result, give) if inspect.isasyncgen(result) else result)
    return result


async def _give_all(generator: Any, give: Callable[[object], None]) -> None:
    async for value in generator:
        give(value)


def _end_with(writer: JournalWriter, fault: Fault) -> Callable[[], int]:
    def write() -> int:
        writer.end(End(writer.stamp(), Outcome.FAILED, None, fault))
        return 1

    return write


def _take_standard_streams(raw_fds: tuple[int, int] | None) -> None:
    """Nothing comes in; what bypasses Python goes to the raw files, of a command's shim to nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    out, err = raw_fds or (null, null)
    for fd, source in enumerate((null, out, err)):
        os.dup2(source, fd)
    if null > 2:
        os.close(null)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open as long as the process


def _take_input(data: bytes) -> None:
    fd = open_stdin(data)
    os.dup2(fd, 0)
    os.close(fd)
