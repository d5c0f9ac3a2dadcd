"""Contexts cannot cross: a job acts where it was submitted, whatever becomes "current" meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azjobs.core.states import FINISHED
from azjobs.store.reader import read_jobs
from terminal import Home, Python, wait_until

TENANTS = 5
CONTEXTS = 20
OPERATIONS = 1000

SUBMIT = """
import json, pathlib, random, subprocess, sys, threading
from concurrent.futures import ThreadPoolExecutor

endpoint, accounts = json.loads(pathlib.Path(sys.argv[1]).read_text())
for account in accounts:
    az.connect_az_account(
        service_principal=True, tenant=account["tenant"], environment="AzureSimulator",
        credential=az.Credential(account["client"], az.SecureString(account["secret"])))
names = [context.name for context in az.get_az_context(list_available=True)]
assert len(names) == len({name for name in names}) == int(sys.argv[2]), names
ended = threading.Event()

def keep_choosing(seed):
    choice = random.Random(seed)
    while not ended.is_set():
        az.select_az_context(choice.choice(names))

choosers = [threading.Thread(target=keep_choosing, args=(n,)) for n in range(3)]
for thread in choosers:
    thread.start()

others = [subprocess.Popen([sys.executable, "-c", sys.argv[5], str(n)]) for n in range(2)]

def submit(n):
    name = names[n % len(names)]
    context = az.get_az_context(name)
    if n % 2:
        with context:
            return az.new_az_resource_group(name=f"g{n}", location="eastus", as_job=True)
    return az.new_az_resource_group(name=f"g{n}", location="eastus", as_job=True, az_context=context)

with ThreadPoolExecutor(16) as pool:
    jobs = list(pool.map(submit, range(int(sys.argv[3]))))
ended.set()
for thread in choosers:
    thread.join()
for other in others:
    other.terminate()  # it would choose for ever
    other.wait()
expected = {f"g{n}": az.get_az_context(names[n % len(names)]).subscription.id for n in range(len(jobs))}
pathlib.Path(sys.argv[4]).write_text(json.dumps(expected))
"""

CHOOSE = """
import random, sys
import azjobs as az
names = [context.name for context in az.get_az_context(list_available=True)]
choice = random.Random(int(sys.argv[1]))
while True:
    az.select_az_context(choice.choice(names), scope="CurrentUser")
"""


#: Looks the context up when the command runs, instead of taking the one that was given: what users suffer elsewhere.
THAWED = """
import azjobs.commands.azure_work
azjobs.commands.azure_work.resolve_context = lambda _=None: az.get_az_context()
"""


def submit(home: Home, python: Python, folder: Path, *, operations: int, prelude: str = "") -> tuple[Any, Any, Any]:
    """Submit over all contexts while others choose; returns the accounts, where each should be, and all writes."""
    home.start_cloud()
    accounts = [home.add_principal(f"Tenant {t}", subscriptions=CONTEXTS // TENANTS) for t in range(TENANTS)]
    home.cloud.time("at-once")
    (folder / "accounts.json").write_text(json.dumps([home.endpoint, accounts]))
    expected_file = folder / "expected.json"
    done = python(
        prelude + SUBMIT,
        arguments=[str(folder / "accounts.json"), str(CONTEXTS), str(operations), str(expected_file), CHOOSE],
        timeout_s=120,
    )
    assert done.code == 0, done

    def all_ended() -> bool:
        jobs = read_jobs(home.folder / "store.db")
        return len(jobs) == operations and all(job.state_name in FINISHED for job in jobs)

    wait_until(all_ended, timeout_s=120, what="all jobs have ended")
    return accounts, json.loads(expected_file.read_text()), home.cloud.requests(method="PUT")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_thousand_jobs_over_twenty_contexts_all_land_where_they_were_submitted(
    home: Home, python: Python, tmp_path: Path
) -> None:
    """Threads and processes keep changing "current" while 16 threads submit: not one request goes elsewhere."""
    accounts, expected, writes = submit(home, python, tmp_path, operations=OPERATIONS)
    assert len(writes) == OPERATIONS
    assert landed(writes) == expected
    owner = {s: account["tenant"] for account in accounts for s in account["subscriptions"]}
    assert all(r["tenant_id"] == owner[r["subscription_id"]] for r in writes)
    assert not [r for r in home.cloud.requests() if r["status"] in (401, 403)]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_without_the_freezing_the_same_jobs_go_astray(home: Home, python: Python, tmp_path: Path) -> None:
    """The test above can fail: it does when the context is looked up late."""
    _, expected, writes = submit(home, python, tmp_path, operations=200, prelude=THAWED)
    assert landed(writes) != expected


def landed(writes: Any) -> dict[str, str]:
    """In which subscription each group was made."""
    return {r["path"].rsplit("/", 1)[-1]: r["subscription_id"] for r in writes}
