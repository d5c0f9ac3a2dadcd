"""Create, show and remove resource groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict, Unpack, overload

from azjobs.commands.azure_work import Work, given, perform, read
from azjobs.commands.parameters import spell_out
from azjobs.core.errors import InvalidInput
from azjobs.core.models import ActionResult, ResourceGroup
from azjobs.core.naming import is_wildcard
from azjobs.core.plan import PlannedWrite
from azjobs.session.context import Context
from azjobs.session.jobs import Job


class GroupOptions(TypedDict, total=False):
    """What may be said of a new resource group.

    Args:
        tag: The group's tags.
        force: Replace the tags of a group that exists already.
        az_context: The context to act in; the current one when not given.
    """

    tag: Mapping[str, str] | None
    force: bool
    az_context: Context | str | None


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
    result = perform(work, options.get("az_context"), as_job=as_job, job_name=job_name, what_if=what_if)
    return result


@overload
def get_az_resource_group(name: str, *, az_context: Context | str | None = ...) -> ResourceGroup: ...
@overload
def get_az_resource_group(
    *, pattern: str | None = ..., location: str | None = ..., az_context: Context | str | None = ...
) -> list[ResourceGroup]: ...
def get_az_resource_group(
    name: str | None = None,
    *,
    pattern: str | None = None,
    location: str | None = None,
    az_context: Context | str | None = None,
) -> ResourceGroup | list[ResourceGroup]:
    """Return one resource group by its name; else those of the subscription.

    Args:
        name: The name of one group.
        pattern: Those whose names fit, with * and ?; all when not given.
        location: Only those in this region.
        az_context: The context to look in; the current one when not given.

    Raises:
        RequestFailed: there is no such group, or Azure refused.
        InvalidInput: the group is not said in one way.
    """
    if name is not None and (pattern is not None or is_wildcard(name)):
        raise InvalidInput("Say which group in one way: its name as name, several by a pattern.")
    asked = given(name=name or pattern, location=location)
    found: ResourceGroup | list[ResourceGroup]
    found = read(Work("Get-AzResourceGroup", "get-az-resource-group@1", asked, name or ""), az_context)
    return found


@overload
def remove_az_resource_group(
    name: str, *, az_context: Context | str | None = ..., as_job: Literal[True], job_name: str | None = ...
) -> Job[ActionResult]: ...
@overload
def remove_az_resource_group(
    name: str, *, az_context: Context | str | None = ..., what_if: Literal[True]
) -> list[PlannedWrite]: ...
@overload
def remove_az_resource_group(
    name: str,
    *,
    az_context: Context | str | None = ...,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
) -> ActionResult: ...
def remove_az_resource_group(
    name: str,
    *,
    az_context: Context | str | None = None,
    as_job: bool = False,
    job_name: str | None = None,
    what_if: bool = False,
) -> ActionResult | Job[ActionResult] | list[PlannedWrite]:
    """Remove a resource group and everything that is in it.

    In Python the call is the confirmation; the shell asks.

    Args:
        name: The group's name.
        az_context: The context to act in; the current one when not given.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and group when not given.
        what_if: Send nothing; say what would be done.

    Raises:
        RequestFailed: there is no such group, or Azure refused.
    """
    work = Work("Remove-AzResourceGroup", "remove-az-resource-group@1", {"name": name}, name)
    result: ActionResult | Job[ActionResult] | list[PlannedWrite]
    result = perform(work, az_context, as_job=as_job, job_name=job_name, what_if=what_if)
    return result
