"""What a type checker says of the commands; it is checked, never run."""

from __future__ import annotations

from typing import Any, assert_type

import azjobs as az
from azjobs import (
    ActionResult,
    BatchRehearsal,
    Credential,
    Job,
    PlannedWrite,
    ResourceGroup,
    RestResponse,
    VirtualMachine,
)


async def types_are_exact(creds: Credential, context: az.Context, anything: Any) -> None:
    """With as_job a job of the value, with what_if the steps, without both the value."""
    assert_type(az.new_az_vm("MyVm", credential=creds), VirtualMachine)
    assert_type(az.new_az_vm("MyVm", credential=creds, as_job=False), VirtualMachine)
    assert_type(az.new_az_vm(name="MyVm", credential=creds, as_job=True, job_name="x"), Job[VirtualMachine])
    assert_type(az.new_az_vm("MyVm", credential=creds, image="Ubuntu2204", what_if=True), list[PlannedWrite])
    assert_type(az.new_az_vm("MyVm", credential=creds, as_job=True).result(), VirtualMachine)
    assert_type(await az.new_az_vm("MyVm", credential=creds, as_job=True), VirtualMachine)

    assert_type(az.get_az_vm("MyVm"), VirtualMachine)
    assert_type(az.get_az_vm(id="/subscriptions/x", status=True), VirtualMachine)
    assert_type(az.get_az_vm(job=7), VirtualMachine)
    assert_type(az.get_az_vm(), list[VirtualMachine])
    assert_type(az.get_az_vm(resource_group_name="rg", az_context=context), list[VirtualMachine])
    assert_type(az.get_az_vm(pattern="web*"), list[VirtualMachine])

    for change in (az.start_az_vm, az.stop_az_vm, az.restart_az_vm, az.remove_az_vm):
        assert_type(change("MyVm"), ActionResult)
    assert_type(az.stop_az_vm("MyVm", stay_provisioned=True, as_job=True), Job[ActionResult])
    assert_type(az.start_az_vm(id="/subscriptions/x", what_if=True), list[PlannedWrite])
    assert_type(az.remove_az_vm("MyVm", resource_group_name="rg", as_job=True).result(), ActionResult)

    for each in (az.start_az_vm, az.stop_az_vm, az.restart_az_vm, az.remove_az_vm):
        assert_type(each(["a", "b"]), list[ActionResult])
    assert_type(az.stop_az_vm(["a"], as_job=True), Job[list[ActionResult]])
    assert_type(az.start_az_vm(id=("/subscriptions/x",), as_job=True, throttle_limit=2), Job[list[ActionResult]])
    assert_type(az.restart_az_vm(["a"], as_job=True, job_name="x").result(), list[ActionResult])
    assert_type(az.remove_az_vm(["a"], what_if=True), BatchRehearsal)
    assert_type(az.remove_az_resource_group(["a"], as_job=True, fail_fast=True), Job[list[ActionResult]])
    assert_type(az.remove_az_resource_group(["a"]), list[ActionResult])
    assert_type(az.remove_az_resource_group(["a"], what_if=True), BatchRehearsal)

    assert_type(az.new_az_resource_group("rg", "eastus"), ResourceGroup)
    assert_type(az.new_az_resource_group("rg", "eastus", tag={"a": "b"}, as_job=True), Job[ResourceGroup])
    assert_type(az.get_az_resource_group("rg"), ResourceGroup)
    assert_type(az.get_az_resource_group(), list[ResourceGroup])
    assert_type(az.remove_az_resource_group("rg", as_job=True), Job[ActionResult])
    assert_type(az.invoke_az_rest_method("GET", "/x?api-version=1"), RestResponse)
    assert_type(az.invoke_az_rest_method("PUT", "/x?api-version=1", payload={}, as_job=True), Job[RestResponse])

    assert_type(az.get_job(1), Job[Any])
    assert_type(az.get_job(az.start_az_vm("MyVm", as_job=True)), Job[ActionResult])
    assert_type(az.get_job("web*"), list[Job[Any]])

    # Each of these must be refused: mypy reports an ignore that is not needed.
    az.new_az_vm("MyVm")  # type: ignore[call-overload]  # no credential
    az.new_az_vm("MyVm", credential="admin")  # type: ignore[call-overload]  # a name is no credential
    az.new_az_vm("MyVm", credential=creds, as_job=True, what_if=True)  # type: ignore[call-overload]  # one or the other
    az.new_az_vm("MyVm", credential=creds, imgae="x")  # type: ignore[call-overload]  # a slip
    az.new_az_vm("MyVm", credential=creds, job_name="x")  # type: ignore[call-overload]  # there is no job
    az.get_az_vm("MyVm", job=7)  # type: ignore[call-overload]  # one way to say which
