"""Start, stop, restart and remove virtual machines, one or many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Unpack, overload

from azjobs.commands.azure_work import Removing, Work, Working, care_of, given, perform
from azjobs.commands.many import Names, Pacing, perform_many, refuse_pace, several
from azjobs.core.errors import InvalidInput
from azjobs.core.models import ActionResult, BatchRehearsal
from azjobs.core.naming import parse_resource_id
from azjobs.core.plan import PlannedWrite
from azjobs.core.spelling import spell_out
from azjobs.session.jobs.job import Job

Outcome = (
    ActionResult
    | Job[ActionResult]
    | list[PlannedWrite]
    | list[ActionResult]
    | Job[list[ActionResult]]
    | BatchRehearsal
)


class WhichOne(Working, total=False):
    """Which machine, besides by its name, and in which context."""

    resource_group_name: str | None
    id: str | None


class WhichMany(Working, Pacing, total=False):
    """Which machines, besides by their names, likewise, and how fast."""

    resource_group_name: str | None
    id: Names | None


class Which(Working, Pacing, total=False):
    """Both.

    Args:
        resource_group_name: The machine's resource group, where several have a machine of that name.
        id: The machine's id, in place of its name; or ids of several. In the shell - reads them from stdin.
    """

    resource_group_name: str | None
    id: str | Names | None


class OneToHalt(WhichOne, Removing, total=False):
    """Which machine is stopped or removed."""


class ManyToHalt(WhichMany, Removing, total=False):
    """Which machines are stopped or removed."""


class WhichToHalt(Which, Removing, total=False):
    """Both.

    Args:
        resource_group_name: The machine's resource group, where several have a machine of that name.
        id: The machine's id, in place of its name; or ids of several. In the shell - reads them from stdin.
    """


@overload
def start_az_vm(
    name: str | None = ..., *, as_job: Literal[True], job_name: str | None = ..., **which: Unpack[WhichOne]
) -> Job[ActionResult]: ...
@overload
def start_az_vm(name: str | None = ..., *, what_if: Literal[True], **which: Unpack[WhichOne]) -> list[PlannedWrite]: ...
@overload
def start_az_vm(
    name: str | None = ..., *, as_job: Literal[False] = ..., what_if: Literal[False] = ..., **which: Unpack[WhichOne]
) -> ActionResult: ...
@overload
def start_az_vm(
    name: Names | None = ...,
    *,
    as_job: Literal[True],
    job_name: str | None = ...,
    **which: Unpack[WhichMany],
) -> Job[list[ActionResult]]: ...
@overload
def start_az_vm(name: Names | None = ..., *, what_if: Literal[True], **which: Unpack[WhichMany]) -> BatchRehearsal: ...
@overload
def start_az_vm(
    name: Names | None = ...,
    *,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **which: Unpack[WhichMany],
) -> list[ActionResult]: ...
@spell_out
def start_az_vm(
    name: str | Names | None = None,
    *,
    as_job: bool = False,
    job_name: str | Names | None = None,
    what_if: bool = False,
    **which: Unpack[Which],
) -> Outcome:
    """Start a virtual machine.

    Args:
        name: The machine's name; or names of several, which become one job with a child for each.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and machine when not given.
        what_if: Send nothing; say what would be done.
    """
    how = {"as_job": as_job, "job_name": job_name, "what_if": what_if}
    return _act("Start-AzVM", "start-az-vm@1", name, which, {}, **how)


@overload
def stop_az_vm(
    name: str | None = ...,
    *,
    stay_provisioned: bool = ...,
    skip_shutdown: bool = ...,
    as_job: Literal[True],
    job_name: str | None = ...,
    **which: Unpack[OneToHalt],
) -> Job[ActionResult]: ...
@overload
def stop_az_vm(
    name: str | None = ...,
    *,
    stay_provisioned: bool = ...,
    skip_shutdown: bool = ...,
    what_if: Literal[True],
    **which: Unpack[OneToHalt],
) -> list[PlannedWrite]: ...
@overload
def stop_az_vm(
    name: str | None = ...,
    *,
    stay_provisioned: bool = ...,
    skip_shutdown: bool = ...,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **which: Unpack[OneToHalt],
) -> ActionResult: ...
@overload
def stop_az_vm(
    name: Names | None = ...,
    *,
    stay_provisioned: bool = ...,
    skip_shutdown: bool = ...,
    as_job: Literal[True],
    job_name: str | None = ...,
    **which: Unpack[ManyToHalt],
) -> Job[list[ActionResult]]: ...
@overload
def stop_az_vm(
    name: Names | None = ...,
    *,
    stay_provisioned: bool = ...,
    skip_shutdown: bool = ...,
    what_if: Literal[True],
    **which: Unpack[ManyToHalt],
) -> BatchRehearsal: ...
@overload
def stop_az_vm(
    name: Names | None = ...,
    *,
    stay_provisioned: bool = ...,
    skip_shutdown: bool = ...,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **which: Unpack[ManyToHalt],
) -> list[ActionResult]: ...
@spell_out
def stop_az_vm(
    name: str | Names | None = None,
    *,
    stay_provisioned: bool = False,
    skip_shutdown: bool = False,
    as_job: bool = False,
    job_name: str | Names | None = None,
    what_if: bool = False,
    **which: Unpack[WhichToHalt],
) -> Outcome:
    """Stop a virtual machine and release what it runs on, so that it costs no more.

    The machine's disks and addresses stay, and are paid for.

    Args:
        name: The machine's name; or names of several, which become one job with a child for each.
        stay_provisioned: Keep what it runs on; it is paid for as if it ran.
        skip_shutdown: Cut the power, in place of shutting down; only with stay_provisioned.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and machine when not given.
        what_if: Send nothing; say what would be done.
    """
    choices = {"stay_provisioned": stay_provisioned, "skip_shutdown": skip_shutdown}
    how = {"as_job": as_job, "job_name": job_name, "what_if": what_if}
    return _act("Stop-AzVM", "stop-az-vm@1", name, which, choices, **how)


@overload
def restart_az_vm(
    name: str | None = ..., *, as_job: Literal[True], job_name: str | None = ..., **which: Unpack[WhichOne]
) -> Job[ActionResult]: ...
@overload
def restart_az_vm(
    name: str | None = ..., *, what_if: Literal[True], **which: Unpack[WhichOne]
) -> list[PlannedWrite]: ...
@overload
def restart_az_vm(
    name: str | None = ..., *, as_job: Literal[False] = ..., what_if: Literal[False] = ..., **which: Unpack[WhichOne]
) -> ActionResult: ...
@overload
def restart_az_vm(
    name: Names | None = ...,
    *,
    as_job: Literal[True],
    job_name: str | None = ...,
    **which: Unpack[WhichMany],
) -> Job[list[ActionResult]]: ...
@overload
def restart_az_vm(
    name: Names | None = ..., *, what_if: Literal[True], **which: Unpack[WhichMany]
) -> BatchRehearsal: ...
@overload
def restart_az_vm(
    name: Names | None = ...,
    *,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **which: Unpack[WhichMany],
) -> list[ActionResult]: ...
@spell_out
def restart_az_vm(
    name: str | Names | None = None,
    *,
    as_job: bool = False,
    job_name: str | Names | None = None,
    what_if: bool = False,
    **which: Unpack[Which],
) -> Outcome:
    """Restart a virtual machine.

    Args:
        name: The machine's name; or names of several, which become one job with a child for each.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and machine when not given.
        what_if: Send nothing; say what would be done.
    """
    how = {"as_job": as_job, "job_name": job_name, "what_if": what_if}
    return _act("Restart-AzVM", "restart-az-vm@1", name, which, {}, **how)


@overload
def remove_az_vm(
    name: str | None = ...,
    *,
    force_deletion: bool = ...,
    as_job: Literal[True],
    job_name: str | None = ...,
    **which: Unpack[OneToHalt],
) -> Job[ActionResult]: ...
@overload
def remove_az_vm(
    name: str | None = ..., *, force_deletion: bool = ..., what_if: Literal[True], **which: Unpack[OneToHalt]
) -> list[PlannedWrite]: ...
@overload
def remove_az_vm(
    name: str | None = ...,
    *,
    force_deletion: bool = ...,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **which: Unpack[OneToHalt],
) -> ActionResult: ...
@overload
def remove_az_vm(
    name: Names | None = ...,
    *,
    force_deletion: bool = ...,
    as_job: Literal[True],
    job_name: str | None = ...,
    **which: Unpack[ManyToHalt],
) -> Job[list[ActionResult]]: ...
@overload
def remove_az_vm(
    name: Names | None = ..., *, force_deletion: bool = ..., what_if: Literal[True], **which: Unpack[ManyToHalt]
) -> BatchRehearsal: ...
@overload
def remove_az_vm(
    name: Names | None = ...,
    *,
    force_deletion: bool = ...,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **which: Unpack[ManyToHalt],
) -> list[ActionResult]: ...
@spell_out
def remove_az_vm(
    name: str | Names | None = None,
    *,
    force_deletion: bool = False,
    as_job: bool = False,
    job_name: str | Names | None = None,
    what_if: bool = False,
    **which: Unpack[WhichToHalt],
) -> Outcome:
    """Remove a virtual machine. Its interface, disks and addresses stay, unless they were made to go with it.

    Args:
        name: The machine's name; or names of several, which become one job with a child for each.
        force_deletion: Do not wait for the machine to shut down.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and machine when not given.
        what_if: Send nothing; say what would be done.
    """
    choices = {"force_deletion": force_deletion}
    return _act(
        "Remove-AzVM", "remove-az-vm@1", name, which, choices, as_job=as_job, job_name=job_name, what_if=what_if
    )


def _act(
    command: str,
    plan: str,
    name: str | Names | None,
    which: Which,
    choices: Mapping[str, bool],
    **how: Any,
) -> Outcome:
    identity, group = which.get("id"), which.get("resource_group_name")

    def work_of(one: str) -> Work:
        if identity:
            return Work(command, plan, given(id=one, **choices), parse_resource_id(one).name)
        return Work(command, plan, given(name=one, resource_group_name=group, **choices), one)

    outcome: Outcome
    names = several(name, identity)
    if names is not None:
        outcome = perform_many(names, work_of, care_of(which), which, noun="machines", **how)
        return outcome
    if bool(name) == bool(identity):
        raise InvalidInput("Say which machine: by its name, or by its id.")
    refuse_pace(which)
    outcome = perform(work_of(str(name or identity)), care_of(which), **how)
    return outcome
