"""One command for many machines: their ids come by stdin, each becomes a job of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from azjobs.cli.azure import settled
from azjobs.cli.failures import fault_details
from azjobs.cli.job_choice import show_jobs
from azjobs.cli.job_waiting import exit_code
from azjobs.cli.shell import Shell
from azjobs.commands.table import Command
from azjobs.core.errors import InvalidInput
from azjobs.core.naming import parse_resource_id
from azjobs.session.job_list import wait_until_over
from azjobs.session.local import local
from azjobs.session.looking import load_views


def run_many(
    shell: Shell, command: Command, function: Callable[..., Any], arguments: dict[str, Any], *, is_to_confirm: bool
) -> int:
    """Start a job for each id on stdin; without `as_job` wait for them all. Returns the exit code."""
    ids = parse_ids(shell.stdin.read())
    if is_to_confirm:
        from azjobs.cli.confirmation import confirm  # noqa: PLC0415 - few commands ask

        confirm(shell, command, arguments, count=len(ids))
    if arguments.get("what_if"):
        raise InvalidInput("--what-if is for one machine: give its id in place of '-'.")
    is_job = bool(arguments.pop("as_job", False))
    common = settled(shell, arguments)
    jobs = [function(**{**common, "id": identity, "as_job": True}) for identity in ids]
    uuids = [job.uuid for job in jobs]
    here = local()
    if not is_job and uuids:
        try:
            wait_until_over(here, uuids, timeout_s=None)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted. The jobs go on.") from None
    views = load_views(here.layout, uuids=uuids)
    show_jobs(shell, views)
    if is_job:
        return 0
    for view in views:
        if view.fault is not None:
            shell.say(f"{view.name} failed: {view.fault.code}. {view.fault.message}")
            if details := fault_details(view.fault):
                shell.say(f"Details: {details}")
    return exit_code(view.state for view in views)


def parse_ids(text: str) -> list[str]:
    """Return the ids in a JSON list of ids or of resources, or one a line; all are checked before anything begins.

    Raises:
        InvalidInput: one is not the id of a machine.
    """
    text = text.strip()
    if text.startswith("["):
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise InvalidInput(f"The ids on stdin are not JSON: {error}.") from error
        names = [str(one.get("id", "")) if isinstance(one, dict) else str(one) for one in found]
    else:
        names = [line.strip() for line in text.splitlines() if line.strip()]
    return [str(parse_resource_id(name)) for name in dict.fromkeys(names)]
