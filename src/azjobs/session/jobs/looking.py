"""Find jobs in the store: by id, by uuid, by name or pattern, by state. Nothing is asked of a daemon.

Where jobs are unfinished and no daemon runs, one is started, so that they go on.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar, Unpack

from azjobs.core.errors import InvalidInput, JobNotFound, JobsLost, StoreDamaged
from azjobs.core.job import Job as Row
from azjobs.core.layout import Layout
from azjobs.core.naming import is_wildcard, matches
from azjobs.core.states import JobState, is_finished
from azjobs.session.jobs.views import JobView
from azjobs.session.link.presence import is_daemon_alive
from azjobs.store.losses import take_news
from azjobs.store.reader import Selection, find_named, read_children, read_jobs

T = TypeVar("T")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)  # the module costs a command line 4 ms


def load_view(layout: Layout[Path], uuid: str) -> JobView:
    """Return one job, an attached one too.

    Raises:
        JobNotFound: it is not there any more.
    """
    views = load_views(layout, uuids=[uuid])
    if not views:
        raise JobNotFound(f"No job {uuid}. Type: azjobs job get")
    return views[0]


def load_views(
    layout: Layout[Path],
    *,
    ids: Iterable[int] | None = None,
    uuids: Iterable[str] | None = None,
    **selection: Unpack[Selection],
) -> list[JobView]:
    """Return jobs by id: those named, or all that show themselves; `selection` narrows them down (`read_jobs`)."""
    rows = _read(layout, lambda: read_jobs(layout.store_file, ids=ids, uuids=uuids, **selection))
    return as_views(layout, rows)


def _read(layout: Layout[Path], read: Callable[[], T]) -> T:
    """Read the store; of one that is damaged what the daemon has saved, which it does at its start."""
    try:
        found = read()
    except StoreDamaged:
        if is_daemon_alive(layout):
            raise
        from azjobs.core.wire import DaemonStatus, Status  # noqa: PLC0415 - hardly ever
        from azjobs.session.link.client import Client  # noqa: PLC0415 - as above

        with contextlib.closing(Client(layout, None)) as client:
            client.ask(Status(0), DaemonStatus)
        found = read()
    for sentence in take_news(layout):
        warnings.warn(JobsLost(sentence), stacklevel=4)
    return found


def load_children(layout: Layout[Path], uuid: str) -> list[JobView]:
    """Return the children of a batch, in the order of its targets."""
    return as_views(layout, read_children(layout.store_file, uuid))


def as_views(layout: Layout[Path], rows: list[Row]) -> list[JobView]:
    """Look at rows; whether a daemon runs matters only where one is unfinished."""
    is_alive = all(is_finished(row.state) for row in rows) or is_daemon_alive(layout)
    return [JobView(row, layout, is_daemon_alive=is_alive) for row in rows]


def find_views(layout: Layout[Path], wanted: Iterable[int | str]) -> list[JobView]:
    """Return the jobs that are named: ids, uuids, names in any case, or patterns, of which one may hit none.

    Raises:
        JobNotFound: an id, uuid or name is not there.
    """
    found, missing = look_up(layout, wanted)
    if missing:
        raise not_found(missing)
    return found


def look_up(layout: Layout[Path], wanted: Iterable[int | str]) -> tuple[list[JobView], list[int | str]]:
    """Return the jobs that are named, in that order, and the names of which there is none.

    A name means a child of a batch only where no other job is called so, and a
    pattern never does.

    Raises:
        InvalidInput: one is empty: most often a variable that nobody has set, which must not mean all jobs.
    """
    names = [_as_id(name) for name in wanted]
    if "" in names:
        raise InvalidInput("An empty text names no job. Type: azjobs job get")
    ids = [name for name in names if isinstance(name, int)]
    texts = [name for name in names if isinstance(name, str)]
    uuids = [text.lower() for text in texts if _UUID.fullmatch(text)]
    direct = load_views(layout, ids=ids, uuids=uuids) if ids or uuids else []
    by_name: dict[int | str, JobView] = {view.id: view for view in direct if view.id is not None}
    by_name |= {view.uuid: view for view in direct}
    called = _called(layout, [text for text in texts if text.lower() not in by_name])
    chosen: dict[str, JobView] = {}
    missing: list[int | str] = []
    for name in names:
        key = name if isinstance(name, int) else name.lower()
        hits = [by_name[key]] if key in by_name else [] if isinstance(name, int) else called[name]
        chosen |= {view.uuid: view for view in hits}
        if not hits and not (isinstance(name, str) and is_wildcard(name)):
            missing.append(name)
    return list(chosen.values()), missing


def look_up_called(layout: Layout[Path], names: Iterable[str]) -> tuple[list[JobView], list[int | str]]:
    """Return the jobs of these names and patterns, and the names of which there is none, as `look_up` does."""
    called = _called(layout, list(names))
    chosen = {view.uuid: view for hits in called.values() for view in hits}
    return list(chosen.values()), [name for name, hits in called.items() if not hits and not is_wildcard(name)]


def not_found(missing: Sequence[int | str]) -> JobNotFound:
    """Return the error that names each job that is not there."""
    return JobNotFound(f"No job {', no job '.join(map(str, missing))}. Type: azjobs job get")


def _called(layout: Layout[Path], names: Sequence[str]) -> dict[str, list[JobView]]:
    """Return the jobs that show themselves and are called so, by name or pattern."""
    uuids = _read(layout, lambda: find_named(layout.store_file, names)) if names else []
    found = load_views(layout, uuids=uuids) if uuids else []
    called: dict[str, list[JobView]] = {}
    for name in names:
        hits = [view for view in found if view.id is not None and matches(name, view.name)]
        own = [view for view in hits if not view.row.parent]
        called[name] = own if own or is_wildcard(name) else hits
    return called


def _as_id(name: int | str) -> int | str:
    return int(name) if isinstance(name, str) and name.isdecimal() else name


def parse_state(text: str) -> JobState:
    """Return the state of that name, in any case.

    Raises:
        InvalidInput: there is none.
    """
    found = next((state for state in JobState if state.value.lower() == text.lower()), None)
    if found is None:
        raise InvalidInput(f"There is no state {text}. States are {', '.join(JobState)}.")
    return found
