"""A job as JSON, camelCase: what `--output json` prints and the tables are made from. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from azjobs.core.context import ContextValue
from azjobs.core.errors import Fault
from azjobs.core.job import BatchWork, Job
from azjobs.core.questions import question_of, status_of
from azjobs.core.states import Failed, JobState, Question, ended_at_of, started_at_of


def job_json(job: Job, *, name: str, state: JobState, has_more_data: bool) -> dict[str, Any]:
    """Return every key, null where there is nothing to say. Times are ISO 8601 in UTC.

    `name` is what the job goes by where it was given none, `state` the true one,
    which the stored job may not know.
    """
    return {
        "id": job.id,
        "instanceId": job.uuid,
        "name": name,
        "jobType": job.type.value,
        "state": state.value,
        "remoteState": job.remote_state or None,
        "hasMoreData": has_more_data,
        "context": context_json(job.context) if job.context else None,
        "target": job.target or None,
        "command": job.command,
        "labels": job.labels,
        "parentId": job.parent or None,
        "lostParentId": job.lost_parent or None,
        "childJobs": {state.value: n for state, n in job.work.counts.items()}
        if isinstance(job.work, BatchWork)
        else None,
        "queue": job.queue.name if job.queue else None,
        "location": job.location,
        "statusMessage": status_of(job) or None,
        "percentComplete": job.percent,
        "submitTime": time_json(job.submitted_at),
        "beginTime": time_json(started_at_of(job.state)),
        "endTime": time_json(ended_at_of(job.state)),
        "question": _question_json(asked) if (asked := question_of(job)) is not None else None,
        "error": fault_json(job.state.fault) if isinstance(job.state, Failed) else None,
    }


def context_json(context: ContextValue) -> dict[str, Any]:
    """Return a context without its environment's addresses."""
    subscription = context.subscription
    return {
        "name": context.name,
        "account": context.account_label,
        "tenant": context.tenant_label,
        "tenantId": context.tenant.id,
        "subscription": context.subscription_label or None,
        "subscriptionId": subscription.id if subscription else None,
        "environment": context.environment.name,
        "isSimulator": context.environment.is_simulator,
    }


def fault_json(fault: Fault) -> dict[str, Any]:
    """Return why a job failed."""
    return {
        "code": fault.code,
        "message": fault.message,
        "target": fault.target or None,
        "httpStatus": fault.http_status,
        "correlationId": fault.correlation_id or None,
        "left": list(fault.left),
    }


def time_json(instant_at: float | None) -> str | None:
    """Return an instant as text, to the millisecond."""
    if instant_at is None:
        return None
    return datetime.fromtimestamp(instant_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _question_json(question: Question) -> dict[str, Any]:
    return {
        "kind": question.kind.value,
        "text": question.text,
        "names": list(question.names),
        "prompt": question.prompt or None,
    }
