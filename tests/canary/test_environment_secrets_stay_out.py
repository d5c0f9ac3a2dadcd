"""Secrets in the variables of whoever signs in are in no process that azjobs leaves running."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from terminal import Home, Python

SECRET = "Canary-Variable-6630"
VARIABLES = {
    "HTTPS_PROXY": f"http://me:{SECRET}@127.0.0.1:9",
    "all_proxy": f"http://me:{SECRET}@127.0.0.1:9",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": SECRET,
    "SYSTEM_ACCESSTOKEN": SECRET,
    "AZURE_CLIENT_SECRET": SECRET,
    "IDENTITY_HEADER": SECRET,
    "MSI_SECRET": SECRET,
}


def showing(pids: dict[int, str]) -> list[int]:
    """The processes whose environment or arguments have the secret."""
    needle = SECRET.encode()
    places = ("environ", "cmdline")
    return [pid for pid in pids if any(needle in Path(f"/proc/{pid}/{one}").read_bytes() for one in places)]


@pytest.mark.slow
def test_no_process_of_the_home_is_given_a_secret_of_the_callers_environment(home: Home, python: Python) -> None:
    """Neither keeper nor daemon nor cloud; a process that was given one is found."""
    python.environment |= VARIABLES
    done = python("az.connect_az_account(environment='AzureSimulator')")
    assert done.code == 0, done
    assert len(home.pids()) >= 3
    assert showing(home.pids()) == []
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=python.environment) as planted:
        try:
            assert showing(home.pids()) == [planted.pid]
        finally:
            planted.communicate(b"\n")
