"""Find jobs in the store: by id, by uuid, by name or pattern, by state. Nothing is asked of a daemon.

Where jobs are unfinished and no daemon runs, one is started, so that they go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from azjobs.core.errors import InvalidInput, JobNotFound
from azjobs.core.job import Job as Row
from azjobs.core.layout import Layout
from azjobs.core.naming import is_wildcard, matches
from azjobs.core.states import JobState, is_finished
from azjobs.session.views import JobView
from azjobs.store.reader import read_jobs

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
    layout: Layout[Path], *, ids: Iterable[int] | None = None, uuids: Iterable[str] | None = None
) -> list[JobView]:
    """Return jobs by id: those named, or all that show themselves."""
    rows = read_jobs(layout.store_file, ids=ids, uuids=uuids)
    return as_views(layout, rows)


def as_views(layout: Layout[Path], rows: list[Row]) -> list[JobView]:
    """Look at rows; whether a daemon runs matters only where one is unfinished."""
    is_alive = all(is_finished(row.state) for row in rows) or is_daemon_alive(layout)
    return [JobView(row, layout, is_daemon_alive=is_alive) for row in rows]


def find_views(layout: Layout[Path], wanted: Iterable[int | str], *, session: str | None = None) -> list[JobView]:
    """Return the jobs that are named: ids, uuids, names in any case, or patterns.

    A pattern may hit none. `session`: of its jobs only.

    Raises:
        JobNotFound: an id, uuid or name is not there.
    """
    names = list(wanted)
    if all(isinstance(name, int) or name.isdecimal() for name in names):
        found = load_views(layout, ids=[int(name) for name in names])
    else:
        found = load_views(layout)
    chosen: dict[str, JobView] = {}
    for name in names:
        hits = [view for view in found if is_named(view, name)]
        if not hits and isinstance(name, str) and _UUID.fullmatch(name):
            hits = load_views(layout, uuids=[name.lower()])
        if not hits and not (isinstance(name, str) and is_wildcard(name)):
            raise JobNotFound(f"No job {name}. Type: azjobs job get")
        chosen |= {view.uuid: view for view in hits if session is None or view.row.session == session}
    return list(chosen.values())


def is_named(view: JobView, name: int | str) -> bool:
    """Whether a job is meant by an id, a uuid, a name or a pattern."""
    if isinstance(name, int) or name.isdecimal():
        return view.id == int(name) or view.name == str(name)
    return view.uuid == name.lower() or matches(name, view.name)


def parse_state(text: str) -> JobState:
    """Return the state of that name, in any case.

    Raises:
        InvalidInput: there is none.
    """
    found = next((state for state in JobState if state.value.lower() == text.lower()), None)
    if found is None:
        raise InvalidInput(f"There is no state {text}. States are {', '.join(JobState)}.")
    return found


def is_daemon_alive(layout: Layout[Path]) -> bool:
    """Whether a daemon runs: it holds its lock for life."""
    from azjobs.keeper.errors import KeeperError  # noqa: PLC0415 - only where something is unfinished
    from azjobs.keeper.launch import run_folder, running_daemon  # noqa: PLC0415 - as above

    try:
        return running_daemon(run_folder(layout.home)) is not None
    except (KeeperError, OSError):
        return False


def is_daemon_kept(layout: Layout[Path]) -> bool:
    """Whether a keeper runs: while there is work it has a daemon, or will in a moment."""
    from azjobs.keeper.errors import KeeperError  # noqa: PLC0415 - only where something is unfinished
    from azjobs.keeper.launch import load_failure, run_folder, running_keeper  # noqa: PLC0415 - as above

    try:
        folder = run_folder(layout.home)
        return running_keeper(folder) is not None and load_failure(folder) is None
    except (KeeperError, OSError):
        return False
