"""Look at the job and at its machine while it is made, then receive the result.

PowerShell:
    Get-AzVM -Name MyVm
    Get-Job 2
    Receive-Job 2
"""

from __future__ import annotations

import azjobs as az

if __name__ == "__main__":
    creds = az.Credential("vmadmin", az.SecureString("Pa55-word-long"))
    job = az.new_az_vm(name="MyVm4", credential=creds, as_job=True)
    print(az.get_job(job.id))
    az.wait_job(job, timeout=120)
    print(az.get_az_vm(name="MyVm4"))
    print(az.receive_job(job))
    print(az.receive_job(job))  # each record is given once
