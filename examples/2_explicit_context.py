"""A job is given its context; the only way into a process job when autosave is off.

PowerShell:
    $creds = Get-Credential
    $context = Get-AzContext -Name 'mycontext'
    $job = Start-Job { param($context, $vmadmin) New-AzVM -Name MyVm -AzContext $context -Credential $vmadmin } `
        -ArgumentList $context, $creds
"""

from __future__ import annotations

import azjobs as az


def make_vm(context: az.Context, vmadmin: az.Credential) -> az.VirtualMachine:
    """Act in the context that was handed over, and in no other."""
    return az.new_az_vm(name="MyVm2", az_context=context, credential=vmadmin)


if __name__ == "__main__":
    creds = az.Credential("vmadmin", az.SecureString("Pa55-word-long"))
    context = az.get_az_context("Rehearsal")
    job = az.start_job(make_vm, argument_list=[context, creds])
    print(job)
    print(job.result(timeout=120))
