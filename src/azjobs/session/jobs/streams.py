"""Follow what a job says until it has ended, whatever kind of job it is.

A process job holds the lock of its journal, so the journal alone tells of its
end; an Azure job's journal is written by the daemon, which tells. That a job is
Blocked is told by the daemon for both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from azjobs.core.errors import DaemonUnavailable, JobBlocked
from azjobs.core.job import ProcessWork
from azjobs.core.states import FINISHED
from azjobs.process.cursor import Position, load_position
from azjobs.process.journal import CURSOR_SUFFIX, companion
from azjobs.process.reader import Entry, JournalReader, follow, receive, receive_to_end
from azjobs.process.watch import open_watch
from azjobs.session.jobs.following import Following
from azjobs.session.jobs.looking import load_view
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import Local

LOOK_AGAIN_S = 0.05  # guess: only where the system has no event left for us

Deliver = Callable[[Sequence[Entry]], None]
#: Asks somebody for what a blocked job waits for; False where nobody answers.
Ask = Callable[[JobView], bool]


def ask_nobody(_: JobView) -> bool:
    """There is nobody to ask."""
    return False


class _Look(NamedTuple):
    """A job as it was seen; how long to wait still; and what becomes readable when the daemon tells of a change."""

    view: JobView
    left_s: float | None
    told_fd: int | None

    @property
    def is_writing(self) -> bool:
        """Whether a process of the job may be writing into its journal."""
        return _is_own_writer(self.view) and self.view.state not in FINISHED and not self.view.plea


def follow_entries(
    here: Local, uuid: str, position: Position, *, timeout_s: float | None = None, ask: Ask = ask_nobody
) -> Iterator[list[Entry]]:
    """Yield what a job says from a position on, until it has ended or the time is over; nothing is consumed.

    Raises:
        JobBlocked: it waits for an answer, and `ask` got none.
    """
    at = position
    for look in _looks(here, uuid, timeout_s):
        if look.view.journal.exists():
            for batch in _batches(look, at):
                at = batch[-1].after
                yield batch
        _see_to_question(look.view, ask)


def receive_entries(
    here: Local,
    view: JobView,
    deliver: Deliver,
    *,
    wait: bool = False,
    keep: bool = False,
    timeout_s: float | None = None,
    ask: Ask = ask_nobody,
) -> bool:
    """Give `deliver` what nobody has received yet, and take it off, unless `keep`; `wait`: until the job has ended.

    Returns whether nothing is left to be received, now and ever: it had ended before it was read to its end.

    Raises:
        JobBlocked: with `wait`: it waits for an answer, and `ask` got none.
    """
    journal, has_ended = view.journal, view.state in FINISHED
    if not wait:
        receive(journal, deliver, keep=keep)
    elif keep:
        position = load_position(companion(journal, CURSOR_SUFFIX))
        for batch in follow_entries(here, view.uuid, position, timeout_s=timeout_s, ask=ask):
            deliver(batch)
    else:
        for look in _looks(here, view.uuid, timeout_s):
            has_ended = look.view.state in FINISHED
            if look.is_writing and journal.exists():
                receive_to_end(journal, deliver, timeout_s=look.left_s, told_fd=look.told_fd)
            else:
                receive(journal, deliver)
            _see_to_question(look.view, ask)
    return has_ended and not keep


def _see_to_question(view: JobView, ask: Ask) -> None:
    if view.plea and not ask(view):
        raise JobBlocked(view.plea)


def _looks(here: Local, uuid: str, timeout_s: float | None) -> Iterator[_Look]:
    """Yield the job at each change, the last time when it has ended or the time is over, with the time that is left.

    The state is looked at before whoever asks reads the journal: what has ended has written everything.
    """
    deadline_at = None if timeout_s is None else time.monotonic() + timeout_s
    with Following(here.client, [uuid]) as changes:
        while True:
            view, told_fd = load_view(here.layout, uuid), None
            if _is_own_writer(view) and view.state not in FINISHED:
                told_fd = _arm(changes)
                view = load_view(here.layout, uuid)  # what was told before is seen now
            left_s = None if deadline_at is None else max(0.0, deadline_at - time.monotonic())
            yield _Look(view, left_s, told_fd)
            if view.state in FINISHED or (left_s is not None and left_s <= 0):
                return
            _await_change(view, changes, left_s)


def _arm(changes: Following) -> int | None:
    """Return what becomes readable when something is told; None without a daemon, as the journal tells of the end."""
    try:
        return changes.arm()
    except DaemonUnavailable:
        return None


def _await_change(view: JobView, changes: Following, timeout_s: float | None) -> None:
    """Sleep until the job's state changes, or its process gets the journal: that comes without a change of state."""
    if not _is_own_writer(view) or view.journal.exists():
        changes.next(timeout_s)
        return
    with open_watch() as watch:
        watch.add(view.journal.parent)
        if view.journal.exists():  # it came before the watch
            return
        if watch.fileno() < 0:
            timeout_s = LOOK_AGAIN_S if timeout_s is None else min(timeout_s, LOOK_AGAIN_S)
        changes.next(timeout_s, watch.fileno())


def _batches(look: _Look, position: Position) -> Iterator[list[Entry]]:
    if look.is_writing:
        yield from follow(look.view.journal, position, timeout_s=look.left_s, told_fd=look.told_fd)
        return
    with JournalReader(look.view.journal, position) as reader:
        yield from reader.batches(final=look.view.state in FINISHED)


def _is_own_writer(view: JobView) -> bool:
    return isinstance(view.row.work, ProcessWork)
