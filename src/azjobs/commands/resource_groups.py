"""Create, show and remove resource groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Unpack, overload

from azjobs.commands.azure_work import Acting, Removing, Work, Working, care_of, given, perform, read
from azjobs.commands.many import Names, Pacing, perform_many, refuse_pace, several
from azjobs.core.errors import InvalidInput
from azjobs.core.models import ActionResult, BatchRehearsal, ResourceGroup
from azjobs.core.naming import is_wildcard
from azjobs.core.plan import PlannedWrite
from azjobs.core.spelling import spell_out
from azjobs.session.jobs.job import Job


class GroupOptions(Working, total=False):
    """What may be said of a new resource group.

    Args:
        tag: The group's tags.
        force: Replace the tags of a group that exists already.
    """

    tag: Mapping[str, str] | None
    force: bool


@overload
def new_az_resource_group(
    name: str, location: str, *, as_job: Literal[True], job_name: str | None = ..., **options: Unpack[GroupOptions]
) -> Job[ResourceGroup]: ...
@overload
def new_az_resource_group(
    name: str, location: str, *, what_if: Literal[True], **options: Unpack[GroupOptions]
) -> list[PlannedWrite]: ...
@overload
def new_az_resource_group(
    name: str,
    location: str,
    *,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **options: Unpack[GroupOptions],
) -> ResourceGroup: ...
@spell_out
def new_az_resource_group(
    name: str,
    location: str,
    *,
    as_job: bool = False,
    job_name: str | None = None,
    what_if: bool = False,
    **options: Unpack[GroupOptions],
) -> ResourceGroup | Job[ResourceGroup] | list[PlannedWrite]:
    """Create a resource group; one that exists already is returned as it is.

    Args:
        name: The group's name.
        location: The region.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and group when not given.
        what_if: Send nothing; say what would be done.

    Raises:
        InvalidInput: a name breaks a rule of Azure; nothing was sent.
        RequestFailed: Azure refused; or the group exists elsewhere, or with other tags.
    """
    asked = given(name=name, location=location, tags=options.get("tag"), force=options.get("force"))
    work = Work("New-AzResourceGroup", "new-az-resource-group@1", asked, name)
    result: ResourceGroup | Job[ResourceGroup] | list[PlannedWrite]
    result = perform(work, care_of(options), as_job=as_job, job_name=job_name, what_if=what_if)
    return result


@overload
def get_az_resource_group(name: str, **acting: Unpack[Acting]) -> ResourceGroup: ...
@overload
def get_az_resource_group(
    *, pattern: str | None = ..., location: str | None = ..., **acting: Unpack[Acting]
) -> list[ResourceGroup]: ...
@spell_out
def get_az_resource_group(
    name: str | None = None,
    *,
    pattern: str | None = None,
    location: str | None = None,
    **acting: Unpack[Acting],
) -> ResourceGroup | list[ResourceGroup]:
    """Return one resource group by its name; else those of the subscription.

    Args:
        name: The name of one group.
        pattern: Those whose names fit, with * and ?; all when not given.
        location: Only those in this region.

    Raises:
        RequestFailed: there is no such group, or Azure refused.
        InvalidInput: the group is not said in one way.
    """
    if name is not None and (pattern is not None or is_wildcard(name)):
        raise InvalidInput("Say which group in one way: its name as name, several by a pattern.")
    asked = given(name=name or pattern, location=location)
    found: ResourceGroup | list[ResourceGroup]
    found = read(Work("Get-AzResourceGroup", "get-az-resource-group@1", asked, name or ""), care_of(acting))
    return found


class GroupsRemoved(Removing, Pacing, total=False):
    """How resource groups are removed, one or many."""


@overload
def remove_az_resource_group(
    name: str, *, as_job: Literal[True], job_name: str | None = ..., **options: Unpack[Removing]
) -> Job[ActionResult]: ...
@overload
def remove_az_resource_group(
    name: str, *, what_if: Literal[True], **options: Unpack[Removing]
) -> list[PlannedWrite]: ...
@overload
def remove_az_resource_group(
    name: str, *, as_job: Literal[False] = ..., what_if: Literal[False] = ..., **options: Unpack[Removing]
) -> ActionResult: ...
@overload
def remove_az_resource_group(
    name: Names, *, as_job: Literal[True], job_name: str | None = ..., **options: Unpack[GroupsRemoved]
) -> Job[list[ActionResult]]: ...
@overload
def remove_az_resource_group(
    name: Names, *, what_if: Literal[True], **options: Unpack[GroupsRemoved]
) -> BatchRehearsal: ...
@overload
def remove_az_resource_group(
    name: Names, *, as_job: Literal[False] = ..., what_if: Literal[False] = ..., **options: Unpack[GroupsRemoved]
) -> list[ActionResult]: ...
@spell_out
def remove_az_resource_group(
    name: str | Names,
    *,
    as_job: bool = False,
    job_name: str | None = None,
    what_if: bool = False,
    **options: Unpack[GroupsRemoved],
) -> Any:
    """Remove a resource group and everything that is in it.

    In Python the call is the confirmation; the shell asks.

    Args:
        name: The group's name; or names of several, which become one job with a child for each.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and group when not given.
        what_if: Send nothing; say what would be done.

    Raises:
        ResourceProtected: the group is protected; nothing was sent.
        RequestFailed: there is no such group, or Azure refused.
        BatchFailed: some of several could not be removed; `.report` tells of each.
    """

    def work_of(one: str) -> Work:
        return Work("Remove-AzResourceGroup", "remove-az-resource-group@1", {"name": one}, one)

    how: dict[str, Any] = {"as_job": as_job, "job_name": job_name, "what_if": what_if}
    names = several(name)
    if names is not None:
        return perform_many(names, work_of, care_of(options), options, noun="resource groups", **how)
    refuse_pace(options)
    return perform(work_of(str(name)), care_of(options), **how)
