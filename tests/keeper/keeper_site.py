"""A home folder with a real keeper in it, and how a test waits and talks."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import azjobs
from azjobs.keeper.launch import attach, connect, run_folder, running_keeper
from azjobs.keeper.protection import format_environment

KEEPER = str(Path(azjobs.__file__).parent / "_main" / "keeper.py")
STANDIN = str(Path(__file__).parent / "standin_daemon.py")
PATIENCE_S = 20.0

T = TypeVar("T")


def wait_for(look: Callable[[], T], what: str) -> T:
    """Return what `look` gives as soon as it is true; fail with `what` when it never is."""
    deadline_at = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline_at, f"never came true: {what}"
        time.sleep(0.005)
    return found


def is_running(pid: int) -> bool:
    """Tell whether `pid` is a process that has not ended, as no zombie has."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return line.rpartition(")")[2].split()[0] != "Z"


def wait_until_ended(pid: int, timeout_s: float) -> None:
    """Wait for the end of `pid`; TimeoutError if it does not come."""
    fd = os.pidfd_open(pid)
    try:
        if not select.select([fd], [], [], timeout_s)[0]:
            raise TimeoutError
    finally:
        os.close(fd)


class Client:
    """A connection to the stand-in daemon."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(PATIENCE_S)
        self._file = connection.makefile("rwb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, do: str, **args: Any) -> Any:
        """Let the daemon do something; return what it answers, None when it closed the connection."""
        self.tell(do, **args)
        return self.answer()

    def tell(self, do: str, **args: Any) -> None:
        """Let the daemon do something."""
        self._file.write(json.dumps({"do": do, **args}).encode() + b"\n")
        self._file.flush()

    def answer(self) -> Any:
        """Wait for the next answer."""
        line = self._file.readline()
        return json.loads(line) if line else None

    def close(self) -> None:
        """Leave."""
        with contextlib.suppress(OSError):
            self._file.close()
        self.connection.close()


class Site:
    """One home and what runs in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.run = run_folder(home)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.clients: list[Client] = []
        self.environment = dict(os.environ)

    def standin(self, *options: str) -> list[str]:
        """Return the command of the stand-in daemon."""
        return [sys.executable, STANDIN, "--home", str(self.home), "--run", str(self.run), *options]

    def start(
        self,
        *options: str,
        command: Sequence[str] | None = None,
        flags: Sequence[str] = (),
        program: Sequence[str] = (KEEPER,),
        prefix: Sequence[str] = (),
        keep: Sequence[int] = (),
        wait: bool = True,
        is_given_environment: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a keeper as a child of the test and wait until its socket is bound.

        `is_given_environment`: by a pipe, as launchers do; else it has to scrub its own.
        """
        ready, ready_end = os.pipe()
        given, given_end = os.pipe()
        places = ["--run", str(self.run), "--home", str(self.home), "--ready-fd", str(ready_end)]
        if is_given_environment:
            places += ["--env-fd", str(given)]
        with (self.home / "keeper.err").open("ab") as log:
            process = subprocess.Popen(
                [
                    *prefix,
                    sys.executable,
                    "-I",
                    "-S",
                    *flags,
                    *program,
                    *places,
                    *options,
                    "--",
                    *(command or self.standin()),
                ],
                env=self.environment,
                pass_fds=(ready_end, given, *keep),
                stderr=log,
            )
        self.processes.append(process)
        os.close(ready_end)
        os.close(given)
        with os.fdopen(given_end, "wb") as pipe:
            pipe.write(format_environment({name.encode(): value.encode() for name, value in self.environment.items()}))
        with os.fdopen(ready, "rb") as pipe:
            assert not wait or pipe.read() == b"\n", self.said()
        return process

    def connect(self, **options: Any) -> socket.socket:
        """Connect as a client does, starting the keeper with the stand-in if there is none."""
        return connect(self.run, self.home, **({"daemon_command": self.standin()} | options))

    def client(self, **options: Any) -> Client:
        """Return a connection to the stand-in daemon, closed with the site at the latest."""
        client = Client(self.connect(**options))
        self.clients.append(client)
        return client

    def said(self) -> str:
        """Return what the keeper wrote to its own log."""
        path = self.home / "keeper.err"
        return path.read_text() if path.exists() else ""

    def starts(self) -> list[int]:
        """Return the process ids of the stand-in daemons so far."""
        path = self.home / "starts"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def nobody_listens(self) -> bool:
        """Tell whether the socket has no keeper and no daemon behind it."""
        connection = attach(self.run)
        if connection is not None:
            connection.close()
        return connection is None

    def end(self) -> None:
        """End the keeper and its daemon, whoever started it; none of them is left."""
        for client in self.clients:
            client.close()
        pid = running_keeper(self.run)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)
        for process in self.processes:
            process.wait(PATIENCE_S)
        wait_for(lambda: running_keeper(self.run) is None, "the keeper ended")
        for started in self.starts():
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                if STANDIN.encode() in Path(f"/proc/{started}/cmdline").read_bytes():
                    os.kill(started, signal.SIGKILL)
