"""Run a command as a job: the shim stands between it and the journal.

The command has a session of its own, an empty standard input unless it was given one, and two pipes.
Its standard output is output, its standard error is error, in the order in which
the lines arrive. Its exit ends the job: what is in the pipes by then, or comes
within a moment, is kept; processes that it left behind go on, but are not waited
for, and what they print later is not kept (the journal says that there are some).
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shutil
import signal
from collections.abc import Callable, Iterable
from time import monotonic

from azjobs.core.errors import Fault
from azjobs.core.journal import CHUNK_SIZE_BYTES, End, Error, Outcome, Output
from azjobs.process.capture import JobStreams
from azjobs.process.ending import set_ending
from azjobs.process.frames import StartMessage
from azjobs.process.killing import kill_own_descendants
from azjobs.process.package import open_stdin, unpack
from azjobs.process.pieces import LineCutter, chunk_of, line_of

_QUIET_S = 0.1  # guess: an unfinished line (a prompt, a row of dots) is shown after this silence
_DRAIN_S = 0.25  # guess: how long after the command's exit its pipes are read, if others hold them open
_SIGNALS_OF_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # ignored by Python; a command must have the defaults


def run_command(
    message: StartMessage, streams: JobStreams, *, prepare: Callable[[], object], was_stopped: Callable[[], bool]
) -> None:
    """Run the command to its end; the final record is set as the ending of this process.

    `was_stopped` tells whether a request to stop came before the shim took over the signals.
    """
    shim = _Shim(streams)
    shim.is_stop_requested = shim.is_stop_requested or was_stopped()
    try:
        prepare()
    except Exception as error:  # noqa: BLE001 - a folder that is gone, a hook that fails: the job's error
        shim.fail(streams.error(error))
        return
    if shim.is_stop_requested:
        shim.settle(0)
        return
    try:
        shim.start(message.argv, unpack(message.payload).stdin)
    except (OSError, ValueError) as error:
        fault = Fault("CannotStart", _why_not(message.argv, error))
        streams.error_text(fault.message, type_=fault.code)
        shim.fail(fault)
        return
    shim.settle(shim.pump())


class _Shim:
    """One command, its two pipes, and the signals."""

    def __init__(self, streams: JobStreams) -> None:
        self._streams = streams
        self._pid = 0
        self._status: int | None = None
        self.is_stop_requested = False
        self._wake, wake_write = os.pipe()
        for fd in (self._wake, wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken

    def start(self, argv: list[bytes], stdin: bytes | None) -> None:
        """Start the command with this standard input; None for an empty one.

        Raises:
            OSError: it cannot be started.
            ValueError: its words are none that a program can be given.
        """
        if not argv or not argv[0]:
            raise ValueError("there is no word")
        self._out, out_write = os.pipe()
        self._err, err_write = os.pipe()
        in_read = os.open(os.devnull, os.O_RDONLY) if stdin is None else open_stdin(stdin)
        actions = [
            (os.POSIX_SPAWN_DUP2, in_read, 0),
            (os.POSIX_SPAWN_DUP2, out_write, 1),
            (os.POSIX_SPAWN_DUP2, err_write, 2),
        ]
        self._pid = os.posix_spawnp(
            argv[0], argv, os.environb, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_SIGNALS_OF_PYTHON
        )
        for fd in (in_read, out_write, err_write):
            os.close(fd)
        if self.is_stop_requested:  # the signal came before there was a pid to hand it on to
            self._stop()

    def pump(self) -> int:
        """Journal what comes until the command has ended; return its exit status, negative for a signal."""
        cutters = {self._out: LineCutter(), self._err: LineCutter()}
        poll = select.poll()
        for fd in (self._wake, *cutters):
            poll.register(fd, select.POLLIN)
        open_fds = set(cutters)
        until = None
        while True:
            self._reap()
            if self._status is not None and not open_fds:
                break
            if self._status is not None and until is None:
                until = monotonic() + _DRAIN_S
            left_s = None if until is None else until - monotonic()
            if left_s is not None and left_s <= 0:
                break
            ready = self._wait(poll, left_s, is_holding=any(cutters[fd].holds_something for fd in open_fds))
            if ready is None:
                for fd in open_fds:
                    self._write(fd, cutters[fd].flush())
            for fd in ready or ():
                if fd in open_fds and not self._read(fd, cutters[fd]):
                    open_fds.discard(fd)
                    poll.unregister(fd)
        for fd, cutter in cutters.items():
            self._write(fd, cutter.flush(final=True))
        assert self._status is not None
        return os.waitstatus_to_exitcode(self._status)

    def settle(self, exit_status: int) -> None:
        """Set the final record by how the command ended; of one that was stopped nothing is left."""
        if self.is_stop_requested:
            kill_own_descendants()
            self._reap()
        if self._has_children():
            self._streams.information(
                "Processes that the command started go on without the job; what they print from now on is not kept."
            )
        if self.is_stop_requested:
            self._set_end(Outcome.STOPPED, exit_status if self._pid else None, None)
        elif exit_status == 0:
            self._set_end(Outcome.COMPLETED, 0, None)
        else:
            self._set_end(Outcome.FAILED, exit_status, Fault("ExitStatus", _ending_sentence(exit_status)))

    def fail(self, fault: Fault) -> None:
        """Set the final record of a command that was never there."""
        self._set_end(Outcome.FAILED, None, fault)

    def _set_end(self, outcome: Outcome, exit_status: int | None, fault: Fault | None) -> None:
        writer = self._streams.writer

        def write() -> int:
            writer.end(End(writer.stamp(), outcome, exit_status, fault))
            return 0 if outcome is Outcome.COMPLETED else 1

        set_ending(write)

    def _stop(self, *_: object) -> None:
        self.is_stop_requested = True
        if self._pid and self._status is None:
            try:
                os.killpg(self._pid, signal.SIGTERM)
            except ProcessLookupError:  # it ended just now
                return

    @staticmethod
    def _wait(poll: select.poll, left_s: float | None, *, is_holding: bool) -> list[int] | None:
        """Return the descriptors that are ready; None when the pipes fell quiet while an unfinished line is held."""
        quiet_s = _QUIET_S if is_holding else None
        pauses = [pause for pause in (left_s, quiet_s) if pause is not None]
        events = poll.poll(min(pauses) * 1000 if pauses else None)
        return [fd for fd, _ in events] if events or not is_holding else None

    def _read(self, fd: int, cutter: LineCutter) -> bool:
        """Read once; False at the end of the pipe."""
        data = os.read(fd, CHUNK_SIZE_BYTES)
        self._write(fd, cutter.feed(data) if data else cutter.flush(final=True))
        return bool(data)

    def _write(self, fd: int, pieces: Iterable[bytes]) -> None:
        writer = self._streams.writer
        for piece in pieces:
            if fd == self._out:
                writer.write(Output(writer.stamp(), chunk_of(piece)))
            else:
                text, partial, data = line_of(piece)
                writer.write(Error(writer.stamp(), "", text, partial=partial, data=data))

    def _reap(self) -> None:
        """Take the exits of the command and of the orphans that came to this process."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 512)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self._status = status

    @staticmethod
    def _has_children() -> bool:
        try:
            return os.waitpid(-1, os.WNOHANG)[0] == 0
        except ChildProcessError:
            return False


def _why_not(argv: list[bytes], error: OSError | ValueError) -> str:
    """One sentence: what could not be started, and why."""
    word = os.fsdecode(argv[0]) if argv else ""
    if not word:
        return "Cannot start a command without a name."
    if isinstance(error, ValueError):
        return f"Cannot start {word!r}: one of its words holds a zero byte, which no program can be given."
    if error.errno == errno.ENOENT and "/" not in word:
        return f"Cannot start {word!r}: there is no such command in PATH."
    if error.errno == errno.ENOENT and os.path.exists(word):  # noqa: PTH110 - a word of the command line
        return f"Cannot start {word!r}: the interpreter that it names in its first line does not exist."
    if error.errno == errno.ENOENT:
        return f"Cannot start {word!r}: there is no such file."
    if error.errno == errno.EACCES and (found := shutil.which(word, mode=os.F_OK)):
        return f"Cannot start {word!r}: {found} may not be executed."
    if error.errno == errno.ENOEXEC:
        return f"Cannot start {word!r}: it is no program, and has no first line that names its interpreter."
    return f"Cannot start {word!r}: {error.strerror}."


def _ending_sentence(exit_status: int) -> str:
    if exit_status > 0:
        return f"The command ended with exit status {exit_status}."
    try:
        name = signal.Signals(-exit_status).name
    except ValueError:
        name = "unnamed"
    return f"The command was ended by signal {-exit_status} ({name})."
