"""The shell's face of watching jobs: a live table on a terminal, one line of JSON an event elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import Any, Unpack

from azjobs.cli.exit_codes import exit_code
from azjobs.cli.job_choice import Which, chosen
from azjobs.cli.output import Format
from azjobs.cli.shell import Shell
from azjobs.commands.parameters import JobId
from azjobs.core.errors import InvalidInput
from azjobs.core.job_json import job_json, time_json
from azjobs.core.spelling import spell_out
from azjobs.core.states import FINISHED, ended_at_of
from azjobs.session.jobs.looking import load_views
from azjobs.session.jobs.watching import JobEvent, JobEvents
from azjobs.session.link.local import Local, local

LEAST_FRAME_S = 0.05  # guess: 20 pictures a second are as many as people follow
STREAMED = (Format.JSON, Format.JSONL, Format.TSV)


@spell_out
def watch_job(
    shell: Shell,
    id: Sequence[JobId] = (),
    *,
    until_done: bool = False,
    changes_only: bool = False,
    **which: Unpack[Which],
) -> int:
    """Show what becomes of jobs, as it happens: of all jobs, new ones too, when none is named.

    On a terminal this is a table that is drawn anew at each change, as many jobs
    as fit, unfinished ones first; Ctrl-C ends it, and the jobs go on. Elsewhere
    it is one JSON object a line for each event, the present states first.

    It goes on when the daemon is replaced. With jobs named it ends when all of
    them have ended, with the exit code of azjobs job wait.

    Args:
        shell: the invocation.
        id: Ids, names or patterns of jobs.
        until_done: Watch the jobs that are unfinished now, and end with them.
        changes_only: Tell only what changes from now on.
    """
    here = local()
    uuids = _meant(here, id, which, until_done=until_done)
    is_live = _is_live(shell)
    if not is_live and shell.form not in STREAMED and not shell.wishes.is_quiet:
        raise InvalidInput("azjobs job watch draws its table on a terminal only; elsewhere add --output jsonl or tsv.")
    try:
        with JobEvents(here, uuids, changes_only=changes_only) as events:
            if is_live:
                _LiveTable(shell, here, events).run()
            else:
                _stream(shell, events)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted. The jobs go on.") from None
    return exit_code(view.state for view in load_views(here.layout, uuids=uuids))


def _meant(here: Local, names: Sequence[str], which: Which, *, until_done: bool) -> list[str] | None:
    """Return the jobs to watch; None for all there are and will be."""
    if names or any(which.values()):
        views = chosen(here, names, which)
    elif until_done:
        views = load_views(here.layout, parent="")
    else:
        return None
    return [view.uuid for view in views if not (until_done and view.state in FINISHED)]


def _is_live(shell: Shell) -> bool:
    wishes = shell.wishes
    can_draw = shell.stdout.isatty() and os.environ.get("TERM") not in (None, "dumb")
    return can_draw and shell.form is Format.TABLE and not (wishes.query or wishes.is_quiet)


def _stream(shell: Shell, events: Iterable[JobEvent]) -> None:
    if shell.form is Format.JSON:  # of which there is no end
        shell.wishes = shell.wishes._replace(output=Format.JSONL)
    for event in events:
        shell.show(event_json(event))


def event_json(event: JobEvent) -> dict[str, Any]:
    """Return what a line says."""
    return {
        "id": event.id,
        "instanceId": event.job.uuid,
        "name": event.name,
        "state": event.state.value,
        "previousState": event.previous_state.value if event.previous_state else None,
        "at": time_json(event.at.timestamp()),
        "statusMessage": event.status_message or None,
        "percentComplete": event.percent,
        "isRemoved": event.is_removed,
    }


class _LiveTable:
    """The table: what is known of each job, drawn when something was told or the terminal has changed.

    While a job runs and the table is looked at, it is drawn once a second too:
    the time that a job takes is part of it, and nobody tells of that.
    """

    def __init__(self, shell: Shell, here: Local, events: JobEvents) -> None:
        self._shell = shell
        self._here = here
        self._events = events
        self._rows: dict[str, dict[str, Any]] = {}

    def run(self) -> None:
        """Draw until all named jobs have ended; the last picture stays on the terminal."""
        from azjobs.cli.live_screen import LiveScreen  # noqa: PLC0415 - for a terminal only

        lines: list[str] = []
        try:
            with LiveScreen(self._shell) as screen:
                while not self._events.is_over:
                    if not self._events.is_connected:
                        if lines:
                            screen.draw(self._frame(screen, "The daemon has gone. Connecting again…"))
                        self._events.connect()
                    self._events.arrived()
                    self._take(self._events.events())
                    lines = self._frame(screen)
                    screen.draw(lines)
                    if not self._events.is_over:
                        self._wait(screen)
        finally:
            self._shell.write("".join(f"{line}\n" for line in lines))

    def _wait(self, screen: Any) -> None:
        if not self._events.is_connected:
            return
        drawn_at = time.monotonic()
        is_ticking = screen.is_in_front and any(row["beginTime"] and not row["endTime"] for row in self._rows.values())
        screen.wait(self._events.fileno(), 1.0 - time.time() % 1.0 if is_ticking else None)
        left_s = LEAST_FRAME_S - (time.monotonic() - drawn_at)
        if left_s > 0:  # what else happens in this moment comes in the same picture
            time.sleep(left_s)

    def _take(self, events: Sequence[JobEvent]) -> None:
        for event in events:
            if event.is_removed:
                self._rows.pop(event.job.uuid, None)
        changed = {event.job.uuid for event in events if not event.is_removed}
        for view in load_views(self._here.layout, uuids=changed) if changed else ():
            # Its output is not looked for: with many jobs that would be many files at each change.
            row = job_json(view.row, name=view.name, state=view.row.state_name, has_more_data=False)
            self._rows[view.uuid] = {**row, "ended_at": ended_at_of(view.row.state)}

    def _frame(self, screen: Any, note: str = "") -> list[str]:
        from azjobs.cli.live_table import frame  # noqa: PLC0415 - for a terminal only

        return frame(self._rows.values(), time.time(), screen.size, has_colour=self._shell.has_colour, note=note)
