"""Start real jobs from synchronous tests, and wait for what they do."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from azjobs.core.job import ProcessKind
from azjobs.core.journal import (
    DataChunk,
    End,
    Error,
    Information,
    JsonValue,
    Output,
    Record,
    StoredObject,
    TextChunk,
)
from azjobs.process.frames import StartMessage
from azjobs.process.interpreter import interpreter_key
from azjobs.process.journal import is_alive
from azjobs.process.launcher import Exited, Launcher
from azjobs.process.objects import load_object
from azjobs.process.offer import Started, StartProcess
from azjobs.process.payload import dump
from azjobs.process.reader import JournalReader, follow

T = TypeVar("T")
DEADLINE_S = 20.0


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE_S)

    def close(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@dataclass
class RunningJob:
    """A job that was started."""

    journal: Path
    started: Started
    ended: Future[Exited]

    @property
    def pid(self) -> int:
        """Its process."""
        return self.started.pid

    def exited(self) -> Exited:
        """Wait for the launcher to tell how the process ended."""
        return self.ended.result(DEADLINE_S)

    def records(self) -> list[Record]:
        """Follow it to its end; return all records."""
        return [entry.record for batch in follow(self.journal, timeout_s=DEADLINE_S) for entry in batch]

    def wait_for_text(self, text: str) -> None:
        """Follow it until it has printed this line."""
        for batch in follow(self.journal, timeout_s=DEADLINE_S):
            if any(isinstance(entry.record, Information) and entry.record.text == text for entry in batch):
                return
        raise AssertionError(f"the job never printed {text!r}: {self.records()}")

    def printed(self) -> list[str]:
        """Return the lines of information so far."""
        with JournalReader(self.journal) as reader:
            return [entry.record.text for entry in reader.read() if isinstance(entry.record, Information)]

    def told(self) -> list[object]:
        """Follow it to its end; return what each record says, without the first and the last, in short."""
        return [self._short(record) for record in self.records()[1:-1]]

    def output(self) -> list[object]:
        """Follow it to its end; return the values of its output stream."""
        return [self._short(record) for record in self.records() if isinstance(record, Output)]

    def end(self) -> End:
        """Follow it to its end; return its final record."""
        record = self.records()[-1]
        assert isinstance(record, End), record
        return record

    def error(self) -> Error:
        """Follow it to its end; return its only error."""
        (error,) = (record for record in self.records() if isinstance(record, Error))
        return error

    def _short(self, record: Record) -> object:
        match record:
            case Output(content=JsonValue(value)):
                return value
            case Output(content=StoredObject() as stored):
                return load_object(self.journal, stored)
            case Output(content=TextChunk(text)):
                return text
            case Output(content=DataChunk(data)):
                return data
            case Error():
                return f"error: {record.message}"
            case _:
                return f"{type(record).__name__.lower()}: {getattr(record, 'text', '')}"


@dataclass
class Site:
    """A folder for journals and a launcher that is shared by many tests."""

    folder: Path
    thread: LoopThread
    launcher: Launcher
    ends: dict[str, Future[Exited]]
    jobs: list[RunningJob] = field(default_factory=list)

    def message(self, journal: Path, kind: ProcessKind, **changes: Any) -> StartMessage:
        """Return what a job is told, with the environment of the tests."""
        settings: dict[str, Any] = {
            "journal": str(journal),
            "kind": kind,
            "environ": dict(os.environb),
            "folder": os.fsencode(self.folder),
            "umask": 0o22,
            "sys_path": [str(Path(__file__).parent), *sys.path],
        }
        return StartMessage(**{**settings, **changes})

    def process(self, kind: ProcessKind, **changes: Any) -> StartProcess:
        """Describe a job, without starting it."""
        job_id = str(uuid.uuid4())
        journal = self.folder / f"{job_id}.journal"
        self.ends[job_id] = Future()
        return StartProcess(
            job_id=job_id,
            journal=journal,
            interpreter=changes.pop("interpreter", None) or interpreter_key(),
            message=self.message(journal, kind, **changes),
        )

    def start(self, process: StartProcess) -> RunningJob:
        """Start a job."""
        started = self.thread.run(self.launcher.start(process))
        job = RunningJob(process.journal, started, self.ends[process.job_id])
        self.jobs.append(job)
        return job

    def call(self, function: Callable[..., object], *args: object, **changes: Any) -> RunningJob:
        """Start a function."""
        payload = changes.pop("payload", None) or dump(function, args)
        return self.start(self.process(ProcessKind.FUNCTION, payload=payload, **changes))

    def command(self, *words: str | bytes, **changes: Any) -> RunningJob:
        """Start a command."""
        argv = [os.fsencode(word) for word in words]
        return self.start(self.process(ProcessKind.COMMAND, argv=argv, **changes))

    def file(self, path: Path, *words: str, **changes: Any) -> RunningJob:
        """Start a script file."""
        argv = [os.fsencode(word) for word in (str(path), *words)]
        return self.start(self.process(ProcessKind.FILE, argv=argv, **changes))

    def end_all(self) -> None:
        """End what a failed test left running."""
        for job in self.jobs:
            if is_alive(job.journal):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(job.pid, 9)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds, a moment between looks."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.005)


def is_gone(pids: Sequence[int]) -> bool:
    """Whether none of these processes runs; zombies do not."""
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if stat.rpartition(")")[2].split()[0] not in "ZX":
            return False
    return True


def is_locked(journal: Path) -> bool:
    """Whether anybody holds the lock of this journal, whatever else is known."""
    with journal.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
