"""Send any request to Azure Resource Manager, and follow a long-running one to its end."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from azjobs.commands.azure_work import Removing, Work, care_of, perform
from azjobs.core.models import RestResponse
from azjobs.core.plan import PlannedWrite
from azjobs.core.spelling import spell_out
from azjobs.session.jobs.job import Job

Json = Any


class RestOptions(Removing, total=False):
    """What may be said of a request.

    Args:
        payload: The body, as JSON.
        final_state_via: Where the result of a long-running operation is read; by the rules of Azure when not given.
    """

    payload: Json | None
    final_state_via: Literal["azure-async-operation", "location", "original-uri"] | None


@overload
def invoke_az_rest_method(
    method: str, path: str, *, as_job: Literal[True], job_name: str | None = ..., **options: Unpack[RestOptions]
) -> Job[RestResponse]: ...
@overload
def invoke_az_rest_method(
    method: str, path: str, *, what_if: Literal[True], **options: Unpack[RestOptions]
) -> list[PlannedWrite]: ...
@overload
def invoke_az_rest_method(
    method: str,
    path: str,
    *,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **options: Unpack[RestOptions],
) -> RestResponse: ...
@spell_out
def invoke_az_rest_method(
    method: str,
    path: str,
    *,
    as_job: bool = False,
    job_name: str | None = None,
    what_if: bool = False,
    **options: Unpack[RestOptions],
) -> RestResponse | Job[RestResponse] | list[PlannedWrite]:
    """Send a request to Azure Resource Manager; a long-running operation is followed to its end.

    Args:
        method: GET, HEAD, PUT, PATCH, POST or DELETE.
        path: The path with its api-version, from /subscriptions/ on; or a whole URL of the context's cloud.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and resource when not given.
        what_if: Send no write; say what would be sent.

    Raises:
        InvalidInput: it is no such path or method; nothing was sent.
        WrongTarget: the path leads outside the context; nothing was sent.
        RequestFailed: Azure refused, or the operation failed.
    """
    asked: dict[str, Any] = {"method": method, "path": path}
    for name in ("payload", "final_state_via"):
        if options.get(name) is not None:
            asked[name] = options.get(name)
    target = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    work = Work("Invoke-AzRestMethod", "invoke-az-rest-method@1", asked, target, in_subscription=False)
    result: RestResponse | Job[RestResponse] | list[PlannedWrite]
    result = perform(work, care_of(options), as_job=as_job, job_name=job_name, what_if=what_if)
    return result
