"""Receive what jobs said and nobody was given yet: output as a list, the other streams beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

from azjobs.core import journal
from azjobs.core.errors import InvalidInput, JobFailed
from azjobs.core.journal import Debug, Error, Information, Output, Progress, Verbose
from azjobs.core.spelling import spell_out
from azjobs.core.states import JobState
from azjobs.process.reader import Entry
from azjobs.session.local import Local, local
from azjobs.session.looking import load_view
from azjobs.session.selecting import Selectors, select_to_act
from azjobs.session.streams import receive_entries
from azjobs.session.values import failure_of, open_value
from azjobs.session.views import JobView

if TYPE_CHECKING:
    from azjobs.session.selecting import Jobs

T = TypeVar("T")


class Received(list[T]):
    """What a job returned or yielded, in order, with what it said on the other streams."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[Error] = []
        self.warnings: list[journal.Warning] = []
        self.verbose: list[Verbose] = []
        self.debug: list[Debug] = []
        self.information: list[Information] = []
        self.progress: list[Progress] = []


@spell_out
def receive_job(
    job: Jobs | None = None,
    *,
    wait: bool = False,
    keep: bool = False,
    timeout: float | None = None,
    error_action: Literal["Continue", "Stop"] = "Continue",
    **which: Unpack[Selectors],
) -> Received[Any]:
    """Return what is new in the output of jobs; each record is given once, whoever asks first.

    What they printed is printed here. A job that failed is no error: see `.errors`.

    Args:
        job: ids, names, patterns or jobs.
        wait: go on until they have ended.
        keep: leave the records for the next who asks.
        timeout: with `wait`: how long, in seconds.
        error_action: "Stop" raises when a job has failed.

    Raises:
        JobNotFound: an id or name is not there; nothing was received.
        JobFailed: with error_action="Stop"; `.output` has what was received.
    """
    if error_action not in ("Continue", "Stop"):
        raise InvalidInput(f"error_action is Continue or Stop, not {error_action}.")
    here = local()
    received: Received[Any] = Received()
    for view in select_to_act(here, job, which):
        _receive(here, view, received, wait=wait, keep=keep, timeout_s=timeout)
        after = load_view(here.layout, view.uuid)
        if error_action == "Stop" and after.state is JobState.FAILED:
            failure = failure_of(after)
            raise JobFailed(str(failure), fault=failure.fault, output=list(received))
    return received


def _receive(
    here: Local, view: JobView, received: Received[Any], *, wait: bool, keep: bool, timeout_s: float | None
) -> None:
    def deliver(entries: Sequence[Entry]) -> None:
        for entry in entries:
            _sort_in(view, entry, received)
        sys.stdout.flush()

    receive_entries(here, view, deliver, wait=wait, keep=keep, timeout_s=timeout_s)


def _sort_in(view: JobView, entry: Entry, received: Received[Any]) -> None:
    match entry.record:
        case Output(content=content):
            received.append(open_value(view, content))
        case Information(text=text, partial=partial) as record:
            received.information.append(record)
            sys.stdout.write(text if partial else f"{text}\n")
        case Error() as record:
            received.errors.append(record)
        case journal.Warning() as record:
            received.warnings.append(record)
        case Verbose() as record:
            received.verbose.append(record)
        case Debug() as record:
            received.debug.append(record)
        case Progress() as record:
            received.progress.append(record)
        case _:  # about the journal itself
            return
