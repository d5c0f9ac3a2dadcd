"""The command itself is the job: no process and no thread, and it outlives this program.

PowerShell:
    $creds = Get-Credential
    $job = New-AzVM -Name MyVm -Credential $creds -AsJob
"""

from __future__ import annotations

import azjobs as az

if __name__ == "__main__":
    creds = az.Credential("vmadmin", az.SecureString("Pa55-word-long"))
    job = az.new_az_vm(name="MyVm3", credential=creds, as_job=True)
    print(job)
    print(job.result(timeout=120))
