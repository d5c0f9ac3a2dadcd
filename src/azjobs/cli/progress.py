"""Show how far a blocking command is: one line on stderr that is written over, on a terminal only."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator

from azjobs.cli.job_tables import elapsed
from azjobs.cli.shell import ERASE, Shell
from azjobs.cli.tables import clean, shorten
from azjobs.session.submitting.plans import OnProgress, Progress

TICK_S = 1.0  # the time that is shown counts in seconds


@contextlib.contextmanager
def progress_line(shell: Shell) -> Iterator[OnProgress | None]:
    """Give what writes the line, None where stderr is no terminal; the line is gone at the end."""
    if not shell.stderr.isatty() or shell.wishes.is_quiet:
        yield None
        return
    line = _Line(shell)
    try:
        yield line.show
    finally:
        line.close()


def line_of(progress: Progress, duration_s: float) -> str:
    """Return the line: how long, what runs, the service's own percentage where it gives one, what happens now."""
    percent = f" {progress.percent:.0f} %" if progress.percent is not None else ""
    message = f": {progress.message}" if progress.message else ""
    return f"{elapsed(duration_s)} {progress.name}{percent}{message}"


class _Line:
    """The line, its time kept going by a thread of its own."""

    def __init__(self, shell: Shell) -> None:
        self._stream = shell.stderr
        self._begun_at = time.monotonic()
        self._progress: Progress | None = None
        self._is_closed = threading.Event()
        self._lock = threading.Lock()
        self._ticker: threading.Thread | None = None

    def show(self, progress: Progress) -> None:
        self._progress = progress
        self._write()
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="azjobs-progress", daemon=True)
            self._ticker.start()

    def close(self) -> None:
        self._is_closed.set()
        if self._ticker is not None:
            self._ticker.join()
            self._stream.write(ERASE)
            self._stream.flush()

    def _tick(self) -> None:
        while not self._is_closed.wait(TICK_S):
            self._write()

    def _write(self) -> None:
        progress = self._progress
        assert progress is not None, "shown before it ticks"
        text = clean(line_of(progress, time.monotonic() - self._begun_at))
        with self._lock:
            self._stream.write(ERASE + shorten(text, shutil.get_terminal_size().columns - 1))
            self._stream.flush()
