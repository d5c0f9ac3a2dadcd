"""What the tests of the store are made of: jobs, and a process on which file modes count."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from azjobs.core.job import Job, PlanWork
from azjobs.store.protocol import JobStore

Opener = Callable[[], JobStore]


def make_job(uuid: str = "u1", **changes: Any) -> Job:
    """Return a job of a plan, not started yet."""
    values: dict[str, Any] = {
        "uuid": uuid,
        "name": "New-AzVM MyVm",
        "command": "New-AzVM -Name MyVm",
        "session": "terminal",
        "submitted_at": 1000.0,
        "work": PlanWork("new-az-vm@1", {"name": "MyVm"}),
    }
    return Job(**{**values, **changes})


# The superuser is above file modes; a process without the capability to be so is like any other.
_BOUND = """
import ctypes, os, sys
if os.geteuid() == 0:
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH; 24 is PR_CAPBSET_DROP
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
"""


def run_bound_by_modes(code: str, *arguments: str) -> str:
    """Run Python code in a process on which the modes of files count; return what it printed."""
    command = [sys.executable, "-c", _BOUND, code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
