"""Follow what a job says until it has ended, whatever kind of job it is.

A process job holds the lock of its journal, so the journal alone tells of its
end; an Azure job's journal is written by the daemon, which tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from azjobs.core.job import ProcessWork
from azjobs.core.states import FINISHED
from azjobs.process.cursor import Position, load_position
from azjobs.process.journal import CURSOR_SUFFIX, companion
from azjobs.process.reader import Entry, JournalReader, follow, receive, receive_to_end
from azjobs.process.watch import open_watch
from azjobs.session.following import Following
from azjobs.session.local import Local
from azjobs.session.looking import load_view
from azjobs.session.views import JobView

LOOK_AGAIN_S = 0.05  # guess: only where the system has no event left for us

Deliver = Callable[[Sequence[Entry]], None]


def follow_entries(
    here: Local, uuid: str, position: Position, *, timeout_s: float | None = None
) -> Iterator[list[Entry]]:
    """Yield what a job says from a position on, until it has ended or the time is over; nothing is consumed."""
    at = position
    for view, left_s in _looks(here, uuid, timeout_s):
        if not view.journal.exists():
            continue
        for batch in _batches(view, at, left_s):
            at = batch[-1].after
            yield batch


def receive_entries(
    here: Local,
    view: JobView,
    deliver: Deliver,
    *,
    wait: bool = False,
    keep: bool = False,
    timeout_s: float | None = None,
) -> None:
    """Give `deliver` what nobody has received yet, and take it off, unless `keep`; `wait`: until the job has ended."""
    journal = view.journal
    if not wait:
        receive(journal, deliver, keep=keep)
    elif keep:
        position = load_position(companion(journal, CURSOR_SUFFIX))
        for batch in follow_entries(here, view.uuid, position, timeout_s=timeout_s):
            deliver(batch)
    else:
        for seen, left_s in _looks(here, view.uuid, timeout_s):
            if _is_own_writer(seen) and seen.state not in FINISHED and journal.exists():
                receive_to_end(journal, deliver, timeout_s=left_s)
            else:
                receive(journal, deliver)


def _looks(here: Local, uuid: str, timeout_s: float | None) -> Iterator[tuple[JobView, float | None]]:
    """Yield the job at each change, the last time when it has ended or the time is over, with the time that is left.

    The state is looked at before whoever asks reads the journal: what has ended has written everything.
    """
    deadline_at = None if timeout_s is None else time.monotonic() + timeout_s
    with Following(here.client, [uuid]) as changes:
        while True:
            view = load_view(here.layout, uuid)
            left_s = None if deadline_at is None else max(0.0, deadline_at - time.monotonic())
            yield view, left_s
            if view.state in FINISHED or (left_s is not None and left_s <= 0):
                return
            _await_change(view, changes, left_s)


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


def _batches(view: JobView, position: Position, timeout_s: float | None) -> Iterator[list[Entry]]:
    if _is_own_writer(view) and view.state not in FINISHED:
        yield from follow(view.journal, position, timeout_s=timeout_s)
        return
    with JournalReader(view.journal, position) as reader:
        yield from reader.batches(final=view.state in FINISHED)


def _is_own_writer(view: JobView) -> bool:
    return isinstance(view.row.work, ProcessWork)
