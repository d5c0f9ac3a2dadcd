"""Show how far jobs are while somebody waits for them: a line for each running activity, on stderr, gone at its end.

On a terminal only, and of the activities only what fits on it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence

from azjobs.cli.shell import ERASE, Shell
from azjobs.cli.tables import clean, shorten
from azjobs.core.activities import Activities
from azjobs.core.journal import Progress
from azjobs.session.jobs.telling import Told, follow_progress
from azjobs.session.jobs.views import JobView

UP = "\x1b[A"  # [invisible-island.net/xterm/ctlseqs]


def can_move(shell: Shell) -> bool:
    """Whether lines can be written over on stderr."""
    return shell.stderr.isatty() and not shell.wishes.is_quiet and os.environ.get("TERM") not in (None, "dumb")


@contextlib.contextmanager
def showing_progress(shell: Shell, views: Sequence[JobView]) -> Iterator[None]:
    """Show how far these jobs are, inside the block."""
    if not can_move(shell) or not views:
        yield
        return
    stop, stopper = os.pipe()
    thread = threading.Thread(
        target=_show, args=(LiveProgress(shell), views, stop), name="azjobs-progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        os.close(stopper)
        thread.join()
        os.close(stop)


class LiveProgress:
    """The lines. To be used by one thread, which writes nothing else on the terminal while they are shown."""

    def __init__(self, shell: Shell) -> None:
        self._stream = shell.stderr
        self._jobs: dict[str, tuple[str, Activities]] = {}
        self._shown: list[str] = []

    def expect(self, uuid: str, name: str) -> None:
        """A job may tell something; jobs are shown in the order in which they are expected."""
        self._jobs.setdefault(uuid, (name, Activities()))

    def see(self, uuid: str, name: str, progress: Progress) -> None:
        """Take in what a job told."""
        self.expect(uuid, name)
        self._jobs[uuid][1].see(progress)

    def forget(self, uuid: str) -> None:
        """A job has ended, and all its activities with it."""
        self._jobs.pop(uuid, None)

    def show(self) -> None:
        """Show what is running now."""
        size = shutil.get_terminal_size()
        lines = progress_lines(self._jobs.values())
        hidden = len(lines) - (size.lines - 1)
        if hidden > 0:
            lines = [*lines[: size.lines - 2], f"… and {hidden + 1} more"]
        lines = [shorten(line, size.columns - 1) for line in lines]
        if lines != self._shown and self._is_in_front:
            self._draw(lines)

    @property
    def _is_in_front(self) -> bool:
        """Whether the terminal is this process's just now; `&` and Ctrl-Z give it to others."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except OSError:  # it has gone
            return False

    def hide(self) -> None:
        """Show nothing until `show`."""
        if self._shown:
            self._draw([])

    def _draw(self, lines: list[str]) -> None:
        erase = ERASE + (UP + ERASE) * (len(self._shown) - 1) if self._shown else ""
        self._stream.write(erase + "\n".join(lines))
        self._stream.flush()
        self._shown = lines


def progress_lines(jobs: Iterable[tuple[str, Activities]]) -> list[str]:
    """Return a line for each running activity, under the name of its job where that is not the activity itself."""
    lines = []
    for name, activities in jobs:
        for depth, progress in activities.rows():
            job = f"{name}: " if depth == 0 and progress.activity != name else ""
            percent = f" {progress.percent:.0f} %" if progress.percent is not None else ""
            status = f": {progress.status}" if progress.status else ""
            lines.append(clean(f"{'  ' * depth}{job}{progress.activity}{percent}{status}"))
    return lines


def _show(live: LiveProgress, views: Sequence[JobView], stop_fd: int) -> None:
    jobs = {view.journal: (view.uuid, view.name) for view in views}
    for uuid, name in jobs.values():
        live.expect(uuid, name)
    with contextlib.suppress(OSError):  # nothing more can be watched: to see progress is not what is waited for
        for told in follow_progress(list(jobs), stop_fd):
            for journal, record in told:
                _take_in(live, *jobs[journal], record)
            live.show()
    live.hide()


def _take_in(live: LiveProgress, uuid: str, name: str, record: Told) -> None:
    if isinstance(record, Progress):
        live.see(uuid, name, record)
    else:
        live.forget(uuid)
