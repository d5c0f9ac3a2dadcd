"""Start, stop, restart and remove virtual machines."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from azjobs.commands.azure_work import Acting, Removing, Work, care_of, given, perform
from azjobs.core.errors import InvalidInput
from azjobs.core.models import ActionResult
from azjobs.core.naming import parse_resource_id
from azjobs.core.plan import PlannedWrite
from azjobs.core.spelling import spell_out
from azjobs.session.jobs import Job

Outcome = ActionResult | Job[ActionResult] | list[PlannedWrite]


class Which(Acting, total=False):
    """Which machine, besides by its name, and in which context.

    Args:
        resource_group_name: The machine's resource group, where several have a machine of that name.
        id: The machine's id, in place of its name.
    """

    resource_group_name: str | None
    id: str | None


class WhichToHalt(Which, Removing, total=False):
    """Which machine is stopped or removed, likewise.

    Args:
        resource_group_name: The machine's resource group, where several have a machine of that name.
        id: The machine's id, in place of its name.
    """


@overload
def start_az_vm(
    name: str | None = ..., *, as_job: Literal[True], job_name: str | None = ..., **which: Unpack[Which]
) -> Job[ActionResult]: ...
@overload
def start_az_vm(name: str | None = ..., *, what_if: Literal[True], **which: Unpack[Which]) -> list[PlannedWrite]: ...
@overload
def start_az_vm(
    name: str | None = ..., *, as_job: Literal[False] = ..., what_if: Literal[False] = ..., **which: Unpack[Which]
) -> ActionResult: ...
@spell_out
def start_az_vm(
    name: str | None = None,
    *,
    as_job: bool = False,
    job_name: str | None = None,
    what_if: bool = False,
    **which: Unpack[Which],
) -> Outcome:
    """Start a virtual machine.

    Args:
        name: The machine's name.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and machine when not given.
        what_if: Send nothing; say what would be done.
    """
    work = _work("Start-AzVM", "start-az-vm@1", name, which)
    return _act(work, which, as_job=as_job, job_name=job_name, what_if=what_if)


@overload
def stop_az_vm(
    name: str | None = ...,
    *,
    stay_provisioned: bool = ...,
    skip_shutdown: bool = ...,
    as_job: Literal[True],
    job_name: str | None = ...,
    **which: Unpack[WhichToHalt],
) -> Job[ActionResult]: ...
@overload
def stop_az_vm(
    name: str | None = ...,
    *,
    stay_provisioned: bool = ...,
    skip_shutdown: bool = ...,
    what_if: Literal[True],
    **which: Unpack[WhichToHalt],
) -> list[PlannedWrite]: ...
@overload
def stop_az_vm(
    name: str | None = ...,
    *,
    stay_provisioned: bool = ...,
    skip_shutdown: bool = ...,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **which: Unpack[WhichToHalt],
) -> ActionResult: ...
@spell_out
def stop_az_vm(
    name: str | None = None,
    *,
    stay_provisioned: bool = False,
    skip_shutdown: bool = False,
    as_job: bool = False,
    job_name: str | None = None,
    what_if: bool = False,
    **which: Unpack[WhichToHalt],
) -> Outcome:
    """Stop a virtual machine and release what it runs on, so that it costs no more.

    The machine's disks and addresses stay, and are paid for.

    Args:
        name: The machine's name.
        stay_provisioned: Keep what it runs on; it is paid for as if it ran.
        skip_shutdown: Cut the power, in place of shutting down; only with stay_provisioned.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and machine when not given.
        what_if: Send nothing; say what would be done.
    """
    work = _work(
        "Stop-AzVM", "stop-az-vm@1", name, which, stay_provisioned=stay_provisioned, skip_shutdown=skip_shutdown
    )
    return _act(work, which, as_job=as_job, job_name=job_name, what_if=what_if)


@overload
def restart_az_vm(
    name: str | None = ..., *, as_job: Literal[True], job_name: str | None = ..., **which: Unpack[Which]
) -> Job[ActionResult]: ...
@overload
def restart_az_vm(name: str | None = ..., *, what_if: Literal[True], **which: Unpack[Which]) -> list[PlannedWrite]: ...
@overload
def restart_az_vm(
    name: str | None = ..., *, as_job: Literal[False] = ..., what_if: Literal[False] = ..., **which: Unpack[Which]
) -> ActionResult: ...
@spell_out
def restart_az_vm(
    name: str | None = None,
    *,
    as_job: bool = False,
    job_name: str | None = None,
    what_if: bool = False,
    **which: Unpack[Which],
) -> Outcome:
    """Restart a virtual machine.

    Args:
        name: The machine's name.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and machine when not given.
        what_if: Send nothing; say what would be done.
    """
    work = _work("Restart-AzVM", "restart-az-vm@1", name, which)
    return _act(work, which, as_job=as_job, job_name=job_name, what_if=what_if)


@overload
def remove_az_vm(
    name: str | None = ...,
    *,
    force_deletion: bool = ...,
    as_job: Literal[True],
    job_name: str | None = ...,
    **which: Unpack[WhichToHalt],
) -> Job[ActionResult]: ...
@overload
def remove_az_vm(
    name: str | None = ..., *, force_deletion: bool = ..., what_if: Literal[True], **which: Unpack[WhichToHalt]
) -> list[PlannedWrite]: ...
@overload
def remove_az_vm(
    name: str | None = ...,
    *,
    force_deletion: bool = ...,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **which: Unpack[WhichToHalt],
) -> ActionResult: ...
@spell_out
def remove_az_vm(
    name: str | None = None,
    *,
    force_deletion: bool = False,
    as_job: bool = False,
    job_name: str | None = None,
    what_if: bool = False,
    **which: Unpack[WhichToHalt],
) -> Outcome:
    """Remove a virtual machine. Its interface, disks and addresses stay, unless they were made to go with it.

    Args:
        name: The machine's name.
        force_deletion: Do not wait for the machine to shut down.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and machine when not given.
        what_if: Send nothing; say what would be done.
    """
    work = _work("Remove-AzVM", "remove-az-vm@1", name, which, force_deletion=force_deletion)
    return _act(work, which, as_job=as_job, job_name=job_name, what_if=what_if)


def _work(command: str, plan: str, name: str | None, which: Which, **choices: bool) -> Work:
    identity = which.get("id")
    if bool(name) == bool(identity):
        raise InvalidInput("Say which machine: by its name, or by its id.")
    target = name or parse_resource_id(identity or "").name
    asked = given(name=name, id=identity, resource_group_name=which.get("resource_group_name"), **choices)
    return Work(command, plan, asked, target)


def _act(work: Work, which: Which, **how: Any) -> Outcome:
    outcome: Outcome = perform(work, care_of(which), **how)
    return outcome
