"""Know what a job process is started with, and make the files that are offered to it.

Asyncio. The journal is created locked; the lock goes with the descriptor to
whoever takes the offer, and everything else by a channel of the job's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from azjobs.core.job import ProcessKind
from azjobs.process.frames import StartMessage, StartRequest, format_frame
from azjobs.process.interpreter import Interpreter, relevant_environment
from azjobs.process.journal import create_journal, is_alive, load_begin, open_raw_output, remove_files
from azjobs.process.preload import AZURE, LEAN
from azjobs.process.spawn import WarmKey

_LOOK_AGAIN_S = 0.005  # guess: only after a warm parent was killed in the middle of a start


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProcess:
    """One job process to start.

    `azure`: by a warm parent that has the SDK imported. `preload`: modules that
    the layers above want imported in each of them.
    """

    job_id: str
    journal: Path
    interpreter: Interpreter
    message: StartMessage
    azure: bool = False
    preload: tuple[str, ...] = ()

    @property
    def key(self) -> WarmKey:
        """Which warm parent can start it."""
        preload = (*LEAN, *self.preload, *(AZURE if self.azure else ()))
        return WarmKey(self.interpreter, relevant_environment(self.message.environ), preload)


class Started(NamedTuple):
    """The process of a job; `start_time` in the unit of `process.identity`."""

    pid: int
    start_time: int


class Offer:
    """The files of one start: what goes to the job's process, and our end of its channel. A context manager."""

    def __init__(self, start: StartProcess) -> None:
        self._start = start
        self.request = StartRequest(start.job_id, start.message.kind)
        self.fds: list[int] = []
        # The raw files first: whoever finds the journal may follow it at once, and must find them too.
        raw = () if start.message.kind is ProcessKind.COMMAND else open_raw_output(start.journal)
        try:
            self.fds.append(create_journal(start.journal))
            self._channel, theirs = socket.socketpair()
            self.fds += [theirs.detach(), *raw]
        except FileExistsError:
            _close(raw)
            raise
        except OSError:  # no descriptor or no space is left
            _close(raw)
            self.close_files()
            remove_files(start.journal)
            raise
        self._channel.setblocking(False)

    def close_files(self) -> None:
        """Close what was handed over; from now on the lock is the job's alone."""
        _close(self.fds)
        self.fds = []

    async def hand_over(self) -> None:
        """Send the start message. A process that ends before it has read it says so by its journal's lock."""
        with contextlib.suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(self._channel, format_frame(self._start.message))

    async def look(self) -> Started | None:
        """After the parent was lost: return the process, if one has the journal."""
        self.close_files()
        while is_alive(self._start.journal):
            begin = load_begin(self._start.journal)
            if begin is not None:
                await self.hand_over()
                return Started(begin.pid, begin.start_time)
            await asyncio.sleep(_LOOK_AGAIN_S)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_files()
        self._channel.close()


def _close(fds: Iterable[int]) -> None:
    for fd in fds:
        os.close(fd)
