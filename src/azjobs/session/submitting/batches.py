"""Have one plan done for many targets: a batch, whose children are one job a target; and do again what failed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from msgspec.structs import replace

from azjobs.core.errors import InvalidInput
from azjobs.core.job import BatchWork, JobType, PlanWork
from azjobs.core.job import Job as Row
from azjobs.core.secret import Credential, SecureString
from azjobs.core.states import FINISHED, JobState
from azjobs.core.wire import Accepted, Submit, SubmitBatch, Target
from azjobs.session.contexts.autosave import is_autosave_on
from azjobs.session.jobs.job import Job
from azjobs.session.jobs.job_list import view_of
from azjobs.session.jobs.looking import load_children
from azjobs.session.jobs.shapes import shape_of
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import local
from azjobs.session.submitting.expectations import check_expected
from azjobs.session.submitting.plans import AnyContext, in_context, question_of, run_attached, split
from azjobs.session.submitting.terms import NO_TERMS, Terms

if TYPE_CHECKING:
    from azjobs.session.jobs.selecting import JobLike


class Part(NamedTuple):
    """One target of a batch, for people, and what its plan is asked for."""

    target: str
    arguments: Mapping[str, Any]


class Pace(NamedTuple):
    """How a batch goes.

    `throttle_limit`: how many targets are at work at once; all when None.
    `fail_fast`: once one has failed, nothing more is begun.
    """

    throttle_limit: int | None = None
    fail_fast: bool = False


AT_ONCE = Pace()


def run_batch(  # noqa: PLR0913 - what a batch is made of; all but two by name
    plan: str,
    parts: Sequence[Part],
    *,
    context: AnyContext = None,
    command: str,
    noun: str,
    pace: Pace = AT_ONCE,
    secrets: Mapping[str, SecureString | Credential] | None = None,
    as_job: bool = False,
    job_name: str | None = None,
    terms: Terms = NO_TERMS,
    overrides: Sequence[str] = (),
) -> Any:
    """Do a plan for many targets: as a job, returned as soon as the intent is durable, or to the end.

    Args:
        plan: its name and version.
        parts: the targets, each once.
        context: where; the current context when not given.
        command: what the user called, such as Stop-AzVM.
        noun: what the targets are, in the plural.
        pace: how many at once, and whether a failure ends it.
        secrets: what fills the holes of the requests, of all targets alike.
        as_job: return the batch as a Job; else its values, in the order of the targets.
        job_name: its name; command and number of targets when not given.
        terms: its labels, which its children have too; how long it may take as a whole; what is run at its end.
        overrides: names of protections that do not hold for it.

    Raises:
        InvalidInput: there is no target; nothing was begun.
        BatchFailed: some failed (not as a job); `.report` tells of each.
    """
    if not parts:
        raise InvalidInput(f"There are no {noun}: nothing was begun.")
    if pace.throttle_limit is not None and pace.throttle_limit < 1:
        raise InvalidInput("The throttle limit is 1 or more.")
    here, acting, held = local(), in_context(context), secrets or {}
    row = Row(
        uuid=str(uuid4()),
        name=job_name or f"{command} x{len(parts)}",
        command=command,
        session=here.key,
        submitted_at=time.time(),
        work=BatchWork({JobState.NOT_STARTED: len(parts)}, pace.fail_fast),
        context=acting,
        grants=(acting,),
        target=_counted(len(parts), noun),
        autosave=is_autosave_on(here),
        overrides=tuple(overrides),
        labels=dict(terms.labels),
        time_limit_s=terms.time_limit_s,
        notice=terms.notice,
    )
    clear, named = split(held)
    submit = SubmitBatch(
        0,
        row,
        plan,
        tuple(_target(command, part) for part in parts),
        asks={hole: question_of(hole, one) for hole, one in held.items()},
        throttle_limit=pace.throttle_limit,
        is_attached=not as_job,
        secrets=clear,
        named=named,
        environment=terms.environment,
    )
    if as_job:
        return Job[Any](here.client.ask(submit, Accepted).job.uuid, here)
    shape = shape_of(plan)
    return [shape(value) for value in run_attached(here, submit)]


def retry_job(
    job: JobLike,
    *,
    failed_only: bool = True,
    name: str = "",
    throttle_limit: int | None = None,
    override_protection: str | Sequence[str] | None = None,
) -> Job[Any]:
    """Do again what an ended Azure job, or targets of an ended batch, failed to do; returns the new job at once.

    It acts in the context of the first one, whatever is current now, with its
    labels and its time limit, but without its notify command. What it needs of
    secrets was forgotten at the end of the first one, and is asked for.

    Args:
        job: its id, name, or itself.
        failed_only: of a batch only the targets that failed or were stopped; else all.
        name: the new job's name; that of the first one when not given.
        throttle_limit: how many targets are at work at once; as before when not given.
        override_protection: names of protections that do not hold this time; those of the first time do not count.

    Raises:
        JobNotFound: it is not there.
        InvalidInput: it has not ended, nothing of it failed, it is a process job, or the limit lets none begin.
        WrongTarget: its context is not the one that this process expects.
    """
    here = local()
    view = view_of(here, job)
    row = view.row
    if view.state not in FINISHED:
        raise InvalidInput(f"{view.name} is {view.state.value}: only what has ended can be done again.")
    if row.context is not None:
        check_expected(row.context)
    match view.type:
        case JobType.BACKGROUND:
            raise InvalidInput(f"{view.name} ran a process, whose function is no longer kept. Start it again.")
        case JobType.AZURE:
            if failed_only and view.state is JobState.COMPLETED:
                raise InvalidInput(f"{view.name} is Completed: nothing of it failed.")
            if throttle_limit is not None:
                raise InvalidInput(f"{view.name} has one target: a throttle limit is for batches.")
            submit: Submit | SubmitBatch = Submit(0, _again(view, name))
        case JobType.BATCH:
            submit = _batch_again(view, name, failed_only=failed_only, throttle_limit=throttle_limit)
    names = (override_protection,) if isinstance(override_protection, str) else tuple(override_protection or ())
    submit = replace(submit, job=replace(submit.job, overrides=names))
    return Job[Any](here.client.ask(submit, Accepted).job.uuid, here)


def _again(view: JobView, name: str) -> Row:
    """Return the job as it was submitted, under a new uuid."""
    row, work = view.row, view.row.work
    assert isinstance(work, PlanWork)
    return _anew(row, name or row.name, PlanWork(work.plan, work.arguments, secrets=work.secrets))


def _anew(row: Row, name: str, work: PlanWork | BatchWork) -> Row:
    return Row(
        uuid=str(uuid4()),
        name=name,
        command=row.command,
        session=local().key,
        submitted_at=time.time(),
        work=work,
        context=row.context,
        grants=row.grants,
        target=row.target,
        autosave=row.autosave,
        labels=row.labels,
        time_limit_s=row.time_limit_s,
    )


def _batch_again(view: JobView, name: str, *, failed_only: bool, throttle_limit: int | None) -> SubmitBatch:
    children = load_children(view.layout, view.uuid)
    chosen = [child for child in children if not failed_only or child.state is not JobState.COMPLETED]
    if not chosen:
        raise InvalidInput(f"{view.name} is Completed: nothing of it failed.")
    first = chosen[0].row
    assert isinstance(first.work, PlanWork)
    assert isinstance(view.row.work, BatchWork)
    limit = throttle_limit
    if limit is None and first.queue is not None:
        limit = first.queue.limit
    work = BatchWork({JobState.NOT_STARTED: len(chosen)}, view.row.work.is_fail_fast)
    noun = f"{view.row.target.partition(' ')[2].removesuffix('s')}s"
    row = replace(_anew(view.row, "", work), target=_counted(len(chosen), noun))
    return SubmitBatch(
        0,
        replace(row, name=name or f"{view.row.command} x{len(chosen)}"),
        first.work.plan,
        tuple(_target_again(child.row) for child in chosen),
        asks=first.work.secrets,
        throttle_limit=limit,
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count != 1 else f"1 {noun.removesuffix('s')}"


def _target(command: str, part: Part) -> Target:
    return Target(str(uuid4()), f"{command} {part.target}", part.target, dict(part.arguments))


def _target_again(row: Row) -> Target:
    assert isinstance(row.work, PlanWork)
    return Target(str(uuid4()), row.name, row.target, dict(row.work.arguments))
