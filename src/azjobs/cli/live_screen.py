"""Own a terminal's screen for a while: draw over it, follow its size, give it back however it ends.

Nothing is drawn while another process is in the foreground, and nothing is
waited for but signals and what the caller names.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import Any, Self

from azjobs.cli.live_table import Size
from azjobs.cli.shell import Shell

# xterm's control sequences [invisible-island.net/xterm/ctlseqs]; a terminal passes over those that it does not know.
ENTER = "\x1b[?1049h\x1b[?25l"  # the alternate screen, no cursor
LEAVE = "\x1b[?25h\x1b[?1049l"
BEGIN, END = "\x1b[?2026h\x1b[H", "\x1b[J\x1b[?2026l"  # what is between them is shown at once
REST_OF_LINE = "\x1b[K"


class LiveScreen:
    """The terminal that stdout is; a context manager, for the main thread."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._fd = shell.stdout.fileno()
        self._is_entered = False
        self._woken, self._waker = socket.socketpair()
        self._before: dict[int, Any] = {}
        self._wakeup_fd = -1

    @property
    def size(self) -> Size:
        """Of the terminal now."""
        found = os.get_terminal_size(self._fd)
        return Size(found.columns or 80, found.lines or 24)  # a terminal that knows no size says 0

    @property
    def is_in_front(self) -> bool:
        """Whether the terminal is this process's just now."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return False

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines and nothing else, if the terminal is this process's."""
        if not self.is_in_front:
            return
        begin = BEGIN if self._is_entered else ENTER + BEGIN
        self._is_entered = True
        self._shell.write(begin + f"{REST_OF_LINE}\r\n".join(lines) + END)

    def wait(self, fd: int, timeout_s: float | None) -> None:
        """Wait until there is something to read, the terminal has changed, or the time is over."""
        watched: list[Any] = [self._woken, fd]
        ready, _, _ = select.select(watched, [], [], timeout_s)
        if self._woken in ready:
            self._woken.recv(4096)

    def __enter__(self) -> Self:
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._wakeup_fd = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        handlers: dict[int, Any] = {
            signal.SIGWINCH: _only_wake,
            signal.SIGCONT: _only_wake,
            signal.SIGTSTP: self._suspend,
            signal.SIGTERM: _end,
            signal.SIGHUP: _end,
        }
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_fd)
        self._leave()
        self._woken.close()
        self._waker.close()

    def _leave(self) -> None:
        if self._is_entered:
            self._is_entered = False
            self._shell.write(LEAVE)

    def _suspend(self, number: int, _: FrameType | None) -> None:
        """Stop as the terminal asks (Ctrl-Z), without the screen; when it goes on, it draws anew."""
        self._leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._suspend)


def _only_wake(_: int, __: FrameType | None) -> None:
    """`wait` returns, for the signal's number is written to what it waits for."""


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
