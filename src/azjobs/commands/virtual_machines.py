"""Look at virtual machines. What changes them is in `machine_actions` and `new_virtual_machine`."""

from __future__ import annotations

from typing import Any, Unpack, overload

from azjobs.commands.azure_work import Acting, Work, care_of, given, read
from azjobs.core.errors import InvalidInput
from azjobs.core.job import PlanWork
from azjobs.core.models import VirtualMachine
from azjobs.core.naming import is_wildcard
from azjobs.core.spelling import spell_out
from azjobs.session.contexts.context import Context
from azjobs.session.jobs.job import Job
from azjobs.session.jobs.looking import find_views
from azjobs.session.link.local import local

COMMAND, PLAN = "Get-AzVM", "get-az-vm@1"


@overload
def get_az_vm(
    name: str,
    *,
    resource_group_name: str | None = ...,
    status: bool = ...,
    **acting: Unpack[Acting],
) -> VirtualMachine: ...
@overload
def get_az_vm(*, id: str, status: bool = ..., **acting: Unpack[Acting]) -> VirtualMachine: ...
@overload
def get_az_vm(*, job: Job[Any] | int | str, status: bool = ..., **acting: Unpack[Acting]) -> VirtualMachine: ...
@overload
def get_az_vm(
    *,
    pattern: str | None = ...,
    resource_group_name: str | None = ...,
    status: bool = ...,
    **acting: Unpack[Acting],
) -> list[VirtualMachine]: ...
@spell_out
def get_az_vm(
    name: str | None = None,
    *,
    pattern: str | None = None,
    resource_group_name: str | None = None,
    id: str | None = None,
    job: Job[Any] | int | str | None = None,
    status: bool = False,
    **acting: Unpack[Acting],
) -> VirtualMachine | list[VirtualMachine]:
    """Return one virtual machine, by name, id or the job that works on it; else those of a group or subscription.

    Args:
        name: The name of one machine.
        pattern: Those whose names fit, with * and ?; all when not given.
        resource_group_name: The resource group to look in; for a list it may be a pattern.
        id: The id of one machine.
        job: The job whose machine is wanted; it is looked for in the job's context.
        status: With the power state.

    Raises:
        RequestFailed: there is no such machine, or Azure refused.
        InvalidInput: the machine is not said in one way.
    """
    if sum(one is not None for one in (name, pattern, id, job)) > 1:
        raise InvalidInput("Say which machine in one way: by its name, a pattern, its id or a job.")
    if name is not None and is_wildcard(name):
        raise InvalidInput(f"'{name}' fits several machines: give it as pattern.")
    care = care_of(acting)
    if job is not None:
        asked, context = _machine_of(job)
        care = care._replace(az_context=context)
    else:
        asked = given(name=name or pattern, resource_group_name=resource_group_name, id=id)
    found: VirtualMachine | list[VirtualMachine]
    found = read(Work(COMMAND, PLAN, asked | given(status=status), name or ""), care)
    return found


def _machine_of(job: Job[Any] | int | str) -> tuple[dict[str, Any], Context]:
    """Return the arguments that name a job's machine, and the job's context."""
    view = job.view if isinstance(job, Job) else find_views(local().layout, [job])[0]
    work = view.row.work
    arguments = work.arguments if isinstance(work, PlanWork) and "-az-vm@" in work.plan else {}
    if view.context is None or not (arguments.get("id") or arguments.get("name")):
        raise InvalidInput(f"{view.name} does not work on a machine.")
    asked = given(**{key: arguments.get(key) for key in ("id", "name", "resource_group_name")})
    return asked, Context(view.context)
