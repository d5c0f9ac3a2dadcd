"""Which jobs a command means: ids, names or patterns; `--all` of this session, `--everywhere` of all; and show them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from azjobs.cli.shell import Shell
from azjobs.core.errors import InvalidInput
from azjobs.core.job_json import job_json
from azjobs.session.jobs.looking import not_found
from azjobs.session.jobs.selecting import Selectors, is_said, select
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import Local

WHICH = "Say which jobs: ids, names or patterns; --all for those of this session, --everywhere for all."


class Which(TypedDict, total=False):
    """Which jobs, besides by their ids; all that is given must fit.

    Args:
        name: Jobs of this name; * and ? fit any letters.
        state: Jobs in this state, such as Running.
        command: Jobs that were asked for by this command; * and ? fit any letters.
        label: Jobs that have this label; * and ? in the value fit any letters.
        all: All jobs of this session.
        everywhere: All jobs of this user.
    """

    name: str | None
    state: str | None
    command: str | None
    label: Mapping[str, str] | None
    all: bool
    everywhere: bool


def selectors(which: Which) -> Selectors:
    """Return the same for the session layer."""
    is_own = which.get("all", False) and not which.get("everywhere", False)
    return {
        "name": which.get("name"),
        "state": which.get("state"),
        "command": which.get("command"),
        "label": which.get("label"),
        "session": "this" if is_own else "all",
    }


def chosen(here: Local, names: Sequence[str], which: Which) -> list[JobView]:
    """Return the jobs that were named, to act on them.

    Raises:
        InvalidInput: none was, in no way.
        JobNotFound: an id or name is not there.
    """
    found, missing = present(here, names, which)
    if missing:
        raise not_found(missing)
    return found


def present(here: Local, names: Sequence[str], which: Which) -> tuple[list[JobView], list[int | str]]:
    """Return the jobs that were named and are there, and the names of the others; raises as `chosen` where none is."""
    if not names and not is_said(which):
        raise InvalidInput(WHICH)
    found, missing = select(here, numbers(names) or None, selectors(which))
    if missing and not found:
        raise not_found(missing)
    return found, missing


def view_json(view: JobView) -> dict[str, Any]:
    """Return what there is to see of a job."""
    return job_json(view.row, name=view.name, state=view.state, has_more_data=view.has_more_data)


def show_jobs(shell: Shell, views: Sequence[JobView], *, is_one: bool = False) -> None:
    """Show jobs in the form that was asked for: an object when one was asked for by itself, else a list."""
    rows = [view_json(view) for view in views]
    shell.show(rows[0] if is_one and len(rows) == 1 else rows, table_of_jobs(shell))


def table_of_jobs(shell: Shell) -> Callable[[Any], str]:
    """Return what draws jobs for this terminal."""

    def draw(value: Any) -> str:
        from azjobs.cli.job_tables import job_table  # noqa: PLC0415 - JSON needs none

        rows = value if isinstance(value, list) else [value]
        return job_table(rows, time.time(), width=shell.width, has_colour=shell.has_colour) if rows else ""

    return draw


def numbers(names: Sequence[str]) -> list[int | str]:
    """Return ids as numbers, names and patterns as they are."""
    return [int(name) if name.isdecimal() else name for name in names]
