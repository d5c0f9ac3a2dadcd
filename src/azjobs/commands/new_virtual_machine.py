"""Create a virtual machine with all it needs, as the simple form of New-AzVM does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack, overload

import msgspec

from azjobs.commands.azure_work import Work, Working, care_of, given, perform
from azjobs.core.errors import InvalidInput
from azjobs.core.models import VirtualMachine
from azjobs.core.plan import PlannedWrite
from azjobs.core.plans.new_vm_input import PASSWORD_HOLE, NewVm, check_new_vm
from azjobs.core.secret import Credential
from azjobs.core.spelling import spell_out
from azjobs.session.jobs.job import Job
from azjobs.session.link.named_secret import NamedSecret

#: Where a parameter of New-AzVM and an argument of the plan have different names.
_PLAN_NAMES = {"data_disk_size_in_gb": "data_disk_sizes_gb", "tag": "tags"}


class NewVmOptions(Working, total=False):
    """What may be said of a new machine; what is not said is settled as in Azure PowerShell.

    Args:
        resource_group_name: The resource group; the machine's name when not given.
        location: The region; that of what exists already, else eastus.
        image: An alias such as Ubuntu2204, publisher:offer:sku:version, or an image's id.
        os_type: What the image holds, where its name does not tell.
        size: The size of the machine.
        virtual_network_name: The virtual network.
        address_prefix: The network's addresses, when it is created.
        subnet_name: The subnet.
        subnet_address_prefix: The subnet's addresses, when it is created.
        security_group_name: The network security group.
        open_ports: Ports that the security group lets in; those for remote access when not given.
        public_ip_address_name: The public IP address; none when not given.
        domain_name_label: The label of the address's public name.
        allocation_method: How the public address is given out.
        data_disk_size_in_gb: Sizes of empty data disks to attach.
        zone: The availability zone.
        system_assigned_identity: Give the machine an identity of its own.
        tag: Tags of what is created.
    """

    resource_group_name: str | None
    location: str | None
    image: str | None
    os_type: Literal["Windows", "Linux"] | None
    size: str | None
    virtual_network_name: str | None
    address_prefix: str | None
    subnet_name: str | None
    subnet_address_prefix: str | None
    security_group_name: str | None
    open_ports: Sequence[int] | None
    public_ip_address_name: str | None
    domain_name_label: str | None
    allocation_method: Literal["Static", "Dynamic"] | None
    data_disk_size_in_gb: Sequence[int] | None
    zone: str | None
    system_assigned_identity: bool
    tag: Mapping[str, str] | None


@overload
def new_az_vm(
    name: str,
    *,
    credential: Credential,
    as_job: Literal[True],
    job_name: str | None = ...,
    **options: Unpack[NewVmOptions],
) -> Job[VirtualMachine]: ...
@overload
def new_az_vm(
    name: str, *, credential: Credential, what_if: Literal[True], **options: Unpack[NewVmOptions]
) -> list[PlannedWrite]: ...
@overload
def new_az_vm(
    name: str,
    *,
    credential: Credential,
    as_job: Literal[False] = ...,
    what_if: Literal[False] = ...,
    **options: Unpack[NewVmOptions],
) -> VirtualMachine: ...
@spell_out
def new_az_vm(
    name: str,
    *,
    credential: Credential,
    as_job: bool = False,
    job_name: str | None = None,
    what_if: bool = False,
    **options: Unpack[NewVmOptions],
) -> VirtualMachine | Job[VirtualMachine] | list[PlannedWrite]:
    """Create a virtual machine with all that it needs: resource group, network, security group, interface.

    What exists already is used as it is; a machine that exists is returned
    unchanged. What was created before a failure stays, and the error names it.

    Args:
        name: The name of the machine, its computer, and what it needs and has no name yet.
        credential: User name and password of the machine's administrator.
        as_job: Return a job at once, and let it go on.
        job_name: What the job is to be called; command and machine when not given.
        what_if: Send nothing; say what would be created and what reused.

    Raises:
        InvalidInput: a name, the password or another argument breaks a rule of Azure; nothing was sent.
        RequestFailed: Azure refused, or an operation failed; what was created until then is named.
    """
    of_machine = {_PLAN_NAMES.get(k, k): v for k, v in options.items() if k not in Working.__annotations__}
    asked = given(name=name, username=credential.username, **of_machine)
    if not isinstance(credential.password, NamedSecret):  # whoever keeps that one does not show it
        check_new_vm(_typed(asked), credential.password)
    work = Work("New-AzVM", "new-az-vm@1", asked, name, {PASSWORD_HOLE: credential})
    result: VirtualMachine | Job[VirtualMachine] | list[PlannedWrite]
    result = perform(work, care_of(options), as_job=as_job, job_name=job_name, what_if=what_if)
    return result


def _typed(asked: dict[str, Any]) -> NewVm:
    try:
        return msgspec.convert({"subscription_id": "", **asked}, NewVm)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"New-AzVM: {error}.") from error
