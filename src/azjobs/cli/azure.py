"""Run an Azure command from the shell: names become credentials, many ids many jobs, results are shown.

The work itself is the command's Python function; nothing is done here that it
does not do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azjobs.cli.job_choice import show_jobs
from azjobs.cli.progress import progress_line
from azjobs.cli.shell import Shell
from azjobs.cli.value_json import value_json
from azjobs.cli.value_tables import value_table
from azjobs.commands.table import Command
from azjobs.core.errors import RequestFailed
from azjobs.core.naming import is_wildcard
from azjobs.session.jobs.job import Job
from azjobs.session.submitting.plans import showing_progress

TARGETS = ("name", "id")  # what may name several


def run(shell: Shell, command: Command, function: Callable[..., Any], arguments: dict[str, Any]) -> int:
    """Run a command and return its exit code."""
    is_to_confirm = command.confirms and not arguments.pop("force", False) and not arguments.get("what_if")
    if arguments.get("what_if"):  # a rehearsal is no job, and is asked for by adding a word to the line
        arguments = {name: value for name, value in arguments.items() if name not in ("as_job", "job_name")}
    count = None
    if any(isinstance(arguments.get(key), list | tuple) for key in TARGETS):
        from azjobs.cli.many import run_many, with_targets  # noqa: PLC0415 - few commands are for many

        arguments, count = with_targets(shell, arguments)
    if is_to_confirm:
        from azjobs.cli.confirmation import confirm  # noqa: PLC0415 - few commands ask

        confirm(shell, command, arguments, count=count)
    arguments = _settled(shell, arguments)
    if count is not None:
        return run_many(shell, function, arguments)
    show(shell, call(shell, command, function, arguments))
    return 0


def _settled(shell: Shell, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as the Python function takes them."""
    found = dict(arguments)
    is_on_stdin = found.pop("password_stdin", False)
    if "credential" in found:
        from azjobs.cli.credentials import credential_of  # noqa: PLC0415 - few commands take one

        found["credential"] = credential_of(shell, found["credential"], is_on_stdin=is_on_stdin)
    if "job" in found:
        found["job"] = int(found["job"]) if found["job"].isdecimal() else found["job"]
    return found


def call(shell: Shell, command: Command, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call the function; what Azure refuses is said with the command's name.

    Raises:
        RequestFailed: Azure refused, or the operation failed.
    """
    if command.is_read and is_wildcard(str(arguments.get("name", ""))):
        arguments["pattern"] = arguments.pop("name")
    with progress_line(shell) as show_progress, showing_progress(show_progress):
        try:
            return function(**arguments)
        except RequestFailed as error:
            said = f"{command.cmdlet} {_target(arguments)}".rstrip()
            raise RequestFailed(f"{said} failed: {error}", fault=error.fault) from error


def _target(arguments: dict[str, Any]) -> str:
    """Return what a command is about: a name, or the last word of an id or path."""
    words = str(arguments.get("name") or arguments.get("id") or arguments.get("path") or "")
    return words.partition("?")[0].rstrip("/").rpartition("/")[2]


def show(shell: Shell, value: Any) -> None:
    """Show a job, or the value that a command gave."""
    if isinstance(value, Job):
        show_jobs(shell, [value.view], is_one=True)
    else:
        shell.show(value_json(value), lambda shown: value_table(shown, width=shell.width))
