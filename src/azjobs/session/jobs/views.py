"""Show what a job is, from its stored row and what can be seen of it; no daemon is needed for that."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from azjobs.core.context import ContextValue
from azjobs.core.errors import Fault
from azjobs.core.job import Job as Row
from azjobs.core.job import JobType, PlanWork
from azjobs.core.layout import Layout
from azjobs.core.observe import Evidence, observe
from azjobs.core.questions import question_of, status_of
from azjobs.core.states import Failed, JobState, Question, ended_at_of, is_finished, started_at_of
from azjobs.process.journal import is_alive, load_begin, load_end
from azjobs.process.reader import has_unread
from azjobs.store.reader import read_uuids_of_children


class JobView:
    """One job as it was when it was looked at. Instants are aware, UTC."""

    def __init__(self, row: Row, layout: Layout[Path], *, is_daemon_alive: bool) -> None:
        self.row = row
        self._layout = layout
        self._is_daemon_alive = is_daemon_alive

    @property
    def uuid(self) -> str:
        """What names the job everywhere and for ever; PowerShell's InstanceId."""
        return self.row.uuid

    @property
    def id(self) -> int | None:
        """The number people use; None while a blocking call is attached to it."""
        return self.row.id

    @property
    def name(self) -> str:
        """Its name; the one that PowerShell gives where none was given."""
        return self.row.shown_name

    @property
    def type(self) -> JobType:
        """The kind of job; PowerShell's PSJobTypeName."""
        return self.row.type

    @cached_property
    def state(self) -> JobState:
        """The true state, with a daemon or without."""
        row = self.row
        if is_finished(row.state) or self._is_daemon_alive or isinstance(row.work, PlanWork):
            return observe(row, Evidence(is_daemon_alive=self._is_daemon_alive))
        end = load_end(self.journal)
        return observe(
            row,
            Evidence(
                is_daemon_alive=False,
                is_alive=is_alive(self.journal),
                has_begun=load_begin(self.journal) is not None,
                outcome=end.outcome.value if end is not None else "",
            ),
        )

    @cached_property
    def has_more_data(self) -> bool:
        """Whether there is output that nobody has received, its own or of a child."""
        if has_unread(self.journal):
            return True
        if self.type is not JobType.BATCH:
            return False
        children = read_uuids_of_children(self._layout.store_file, self.uuid)
        return any(has_unread(self._layout.journal_file(uuid)) for uuid in children)

    @property
    def layout(self) -> Layout[Path]:
        """Where the home keeps what."""
        return self._layout

    @property
    def journal(self) -> Path:
        """Where its output is."""
        return self._layout.journal_file(self.row.uuid)

    @property
    def context(self) -> ContextValue | None:
        """The context it acts in."""
        return self.row.context

    @property
    def fault(self) -> Fault | None:
        """Why it failed; None when it did not."""
        return self.row.state.fault if isinstance(self.row.state, Failed) else None

    @property
    def question(self) -> Question | None:
        """What it waits for; None when it is not blocked."""
        return question_of(self.row) if self.state is JobState.BLOCKED else None

    @property
    def status(self) -> str:
        """What is going on just now, or what it waits for."""
        return status_of(self.row)

    @property
    def plea(self) -> str:
        """What it waits for, as a sentence that names it and says what to type; "" when it is not blocked."""
        if self.question is None:
            return ""
        return f"{'' if self.id is None else f'Job {self.id} '}{self.name} waits: {self.question.text}"

    @property
    def begin_time(self) -> datetime | None:
        """When its work began."""
        return _instant(started_at_of(self.row.state))

    @property
    def end_time(self) -> datetime | None:
        """When it ended."""
        return _instant(ended_at_of(self.row.state))

    @property
    def location(self) -> str:
        """Where the work is done: the region, or this machine."""
        return self.row.location

    def __repr__(self) -> str:
        number = self.id if self.id is not None else "-"
        return f"<Job {number} {self.name!r} {self.type.value} {self.state.value}>"


def _instant(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
