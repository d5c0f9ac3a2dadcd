"""The shell's face of looking at jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from azjobs.cli.job_choice import numbers, selectors, show_jobs, view_json
from azjobs.cli.output import Format
from azjobs.cli.shell import Shell
from azjobs.core.naming import is_wildcard
from azjobs.session.jobs.looking import not_found
from azjobs.session.jobs.selecting import NOTHING_MORE, Narrowing, by_id, select, select_recent
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import local

if TYPE_CHECKING:  # annotations are read as text
    from azjobs.commands.parameters import JobId

SHOWN = 100  # guess: some screens full; a table of more is for nobody's eyes


def get_job(  # noqa: PLR0913 - the ways to narrow a listing down, all by name
    shell: Shell,
    id: Sequence[JobId] = (),
    *,
    name: str | None = None,
    state: str | None = None,
    command: str | None = None,
    label: Mapping[str, str] | None = None,
    all: bool = False,
    newest: int | None = None,
    before: str | None = None,
    after: str | None = None,
    has_more_data: Literal["true", "false"] | None = None,
    include_child_job: bool = False,
    child_job_state: str | None = None,
    view: Literal["azjobs", "powershell"] = "azjobs",
) -> int:
    """List jobs; all of this user, from every session, when none is named. No daemon is needed for that.

    A table of all jobs has the unfinished ones and the 100 that ended last; the other forms of output have all.

    Args:
        shell: the invocation.
        id: Ids, names or patterns of jobs.
        name: Jobs of this name; * and ? fit any letters.
        state: Jobs in this state, such as Running.
        command: Jobs that were asked for by this command; * and ? fit any letters.
        label: Jobs that have this label; * and ? in the value fit any letters.
        all: Only the jobs of this session.
        newest: Only so many jobs, those that ended last.
        before: Only jobs that ended before this time, such as 2026-01-31T17:00; local unless it says otherwise.
        after: Only jobs that ended after this time.
        has_more_data: Only jobs with output that nobody has received, or only those without.
        include_child_job: After each batch its children.
        child_job_state: After each batch its children in this state.
        view: The columns of the table, ours or PowerShell's.
    """
    here = local()
    more = Narrowing(
        newest,
        before,
        after,
        None if has_more_data is None else has_more_data == "true",
        include_child_job,
        child_job_state,
    )
    missing: list[int | str] = []
    if _is_overview(shell) and not (id or label or all) and name is command is None and more == NOTHING_MORE:
        views, older = select_recent(here, SHOWN, state=state)
    else:
        which = selectors({"name": name, "state": state, "command": command, "label": label, "all": all})
        views, missing = select(here, numbers(id) or None, which, more)
        views, older = sorted(views, key=by_id), 0
    if missing and not views:
        raise not_found(missing)
    if view == "powershell":
        shell.show([view_json(one) for one in views], _as_powershell(shell))
    else:
        show_jobs(shell, views, is_one=len(id) == 1 and not is_wildcard(id[0]) and not more.has_children)
    if shell.wishes.is_debug:
        for one in views:
            _tell_details(shell, one)
    if older:
        noun = "job that ended is" if older == 1 else "jobs that ended are"
        shell.say(f"{older} older {noun} not shown. Type: azjobs job get --newest N, or --output json for all")
    if missing:
        raise not_found(missing)
    return 0


def _is_overview(shell: Shell) -> bool:
    """Whether people look at a table; what reads JSON, or asks for ids or by a query, gets everything."""
    return shell.form is Format.TABLE and shell.wishes.query is None and not shell.wishes.is_quiet


def _as_powershell(shell: Shell) -> Callable[[Any], str]:
    from azjobs.cli.job_tables import powershell_table  # noqa: PLC0415 - JSON needs none

    return lambda rows: powershell_table(rows, width=shell.width) if rows else ""


def _tell_details(shell: Shell, view: JobView) -> None:
    """Say on stderr all that is known of a failure."""
    from azjobs.cli.failures import fault_details  # noqa: PLC0415 - for --debug only
    from azjobs.cli.job_records import tracebacks  # noqa: PLC0415 - same

    fault = view.fault
    if fault is not None:
        shell.say(f"{view.name} ({view.uuid}): {fault_details(fault) or fault.code}")
        shell.say(f"  {fault.message}")
        for left in fault.left:
            shell.say(f"  created and left: {left}")
    for text in tracebacks(view):
        shell.stderr.write(text if text.endswith("\n") else f"{text}\n")
