"""Tell what became of each target of a batch: each child speaks for itself, whatever the order of their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from azjobs.core.errors import BatchFailed, Fault, format_fault
from azjobs.core.job import JobType
from azjobs.core.states import JobState
from azjobs.session.jobs.looking import load_children
from azjobs.session.jobs.values import failure_of, result_of
from azjobs.session.jobs.views import JobView

SHOWN = 5  # guess: as many as one reads in a sentence; the report has them all


class TargetReport(msgspec.Struct, frozen=True):
    """What became of one target of a batch.

    `id` and `uuid` name the child job. `value` is what the command gave, None
    before that; `error` says why it failed, or what it waits for.
    """

    target: str
    id: int | None
    uuid: str
    state: JobState
    value: Any = None
    error: Fault | None = None
    status_message: str = ""


def report_of(view: JobView, *, has_values: bool = True, is_shaped: bool = True) -> list[TargetReport]:
    """Return what became of each target, in their order; `has_values`: with what the command gave."""
    children = load_children(view.layout, view.uuid) if view.type is JobType.BATCH else [view]
    return [_target_report(child, has_value=has_values, is_shaped=is_shaped) for child in children]


def value_of(view: JobView, *, is_shaped: bool = True) -> Any:
    """Return the value of a finished job (`values.result_of`); of a batch those of its targets, in their order.

    Raises:
        BatchFailed: some targets have none; `.report` says which, and has the values of the others.
        JobFailed, JobStopped: as `values.result_of`.
    """
    if view.type is not JobType.BATCH:
        return result_of(view, is_shaped=is_shaped)
    report = report_of(view, is_shaped=is_shaped)
    if all(one.state is JobState.COMPLETED for one in report):
        return [one.value for one in report]
    output = [one.value for one in report if one.state is JobState.COMPLETED]
    raise BatchFailed(f"{view.name} failed: {sentence_of(report)}", fault=view.fault, output=output, report=report)


def sentence_of(report: Sequence[TargetReport]) -> str:
    """Return one sentence on what went wrong, and with which target."""
    bad = [one for one in report if one.state in (JobState.FAILED, JobState.STOPPED)]
    said = [f"{one.target}: {why(one)}" for one in bad[:SHOWN]]
    more = [f"and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else []
    return f"{len(bad)} of {len(report)} have no result. {' '.join([*said, *more])}".rstrip()


def why(report: TargetReport) -> str:
    """Return why a target has no result."""
    if report.error is not None:
        return format_fault(report.error)
    return report.status_message or f"{report.state.value}."


def _target_report(child: JobView, *, has_value: bool, is_shaped: bool) -> TargetReport:
    state = child.state
    value, error = None, child.fault
    if state is JobState.COMPLETED and has_value:
        value = result_of(child, is_shaped=is_shaped)
    elif state is JobState.FAILED and error is None:
        error = failure_of(child).fault
    row = child.row
    return TargetReport(row.target, child.id, child.uuid, state, value, error, child.status)
