"""One command for many targets, from the shell: several names, or ids from stdin; one batch, and one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from azjobs.cli.batch_telling import say_failures
from azjobs.cli.confirmation import place_of
from azjobs.cli.exit_codes import exit_code
from azjobs.cli.job_choice import show_jobs
from azjobs.cli.live_progress import showing_progress
from azjobs.cli.shell import Shell
from azjobs.cli.value_json import value_json
from azjobs.commands.many import several
from azjobs.core.errors import InvalidInput
from azjobs.core.models import BatchRehearsal
from azjobs.core.naming import parse_resource_id
from azjobs.session.jobs.job import Job
from azjobs.session.jobs.job_list import wait_until_over
from azjobs.session.jobs.looking import load_children, load_view
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import local

FROM_STDIN = "-"


def with_targets(shell: Shell, arguments: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
    """Return the arguments with a lone name or id by itself, and how many targets there are; None for one alone.

    Raises:
        InvalidInput: names and ids are given, or what is on stdin are no ids.
    """
    found = dict(arguments)
    if list(found.get("id") or ()) == [FROM_STDIN]:
        found["id"] = parse_ids(shell.stdin.read())
        return found, len(several(found.pop("name", None) or None, found["id"]) or ())
    for key in ("name", "id"):
        if isinstance(found.get(key), list | tuple):
            found[key] = found[key][0] if len(found[key]) == 1 else (list(found[key]) or None)
            if found[key] is None:
                del found[key]
    names = several(found.get("name"), found.get("id"))
    return found, None if names is None else len(names)


def run_many(shell: Shell, function: Callable[..., Any], arguments: dict[str, Any]) -> int:
    """Start a batch; without `as_job` wait for it and tell of each target. Returns the exit code."""
    if not (arguments.get("id") or arguments.get("name")):
        shell.say("There are no ids on stdin: nothing was begun.")
        return 0
    if arguments.get("what_if"):
        rehearsal = function(**arguments)
        shell.show(value_json(rehearsal), lambda _: _rehearsed(rehearsal))
        return 0
    is_job = bool(arguments.pop("as_job", False))
    job: Job[Any] = function(**arguments, as_job=True)
    here = local()
    if is_job:
        show_jobs(shell, [job.view], is_one=True)
        return 0
    try:
        with showing_progress(shell, [job.view]):
            wait_until_over(here, [job.uuid], timeout_s=None)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted. The jobs go on.") from None
    return tell(shell, load_view(here.layout, job.uuid))


def tell(shell: Shell, batch: JobView) -> int:
    """Show the child jobs of an ended batch, and say on stderr which targets failed and why; returns the exit code."""
    show_jobs(shell, load_children(batch.layout, batch.uuid))
    return exit_code(say_failures(shell, batch))


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


def _rehearsed(rehearsal: BatchRehearsal) -> str:
    shown = len(rehearsal.sample)
    place = place_of(rehearsal.subscription, rehearsal.tenant)
    head = f"{rehearsal.command} would act on {rehearsal.count} {place}"
    head += f"; the first {shown} of them:" if shown < rehearsal.count else ":"
    return "\n".join([head, *_lines(rehearsal)]) + "\n"


def _lines(rehearsal: BatchRehearsal) -> Sequence[str]:
    return [f"  {one.target}: {', '.join(f'{w.action} {w.label}' for w in one.writes)}" for one in rehearsal.sample]
