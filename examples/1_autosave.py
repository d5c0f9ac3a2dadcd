"""A job finds the context that was current when it was submitted, because autosave is on.

PowerShell:
    Enable-AzContextAutosave
    $creds = Get-Credential
    $job = Start-Job { param($vmadmin) New-AzVM -Name MyVm -Credential $vmadmin } -ArgumentList $creds
"""

from __future__ import annotations

import azjobs as az


def make_vm(vmadmin: az.Credential) -> az.VirtualMachine:
    """Run in a process of its own; the password came by the job's private channel."""
    return az.new_az_vm(name="MyVm", credential=vmadmin)


if __name__ == "__main__":
    az.enable_az_context_autosave()
    creds = az.Credential("vmadmin", az.SecureString("Pa55-word-long"))  # or: az.get_credential("vmadmin")
    job = az.start_job(make_vm, argument_list=[creds])
    print(job)
    print(job.result(timeout=120))
