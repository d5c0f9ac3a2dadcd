"""N machine PUTs of 5 s each over TLS: us, a thread pool of SDK pollers, and the SDK's aio clients.

One PUT each on every side, the same bodies, the same cloud. CPU and memory are
the client's: for us the daemon, the keeper and the caller added up.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from azjobs.simulator.control import ControlClient
from benchmarks.cloud import API, Filled, endpoint_of
from benchmarks.measuring import cpu_s, pids_of, pss_mb, table, throw_away_home

MACHINES = 500
NOMINAL_S = 5.0


def main() -> None:
    """Print wall, CPU and memory of each side."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen

    with throw_away_home() as home:
        az.connect_az_account(environment="AzureSimulator")
        endpoint = endpoint_of(home)
        site = _site(endpoint)
        found = {"azjobs": _ours(az, home, site)}
        for way in ("threads", "aio"):
            site = _site(endpoint)
            found[f"SDK, {way}"] = _theirs(way, endpoint)
        for n, (title, unit) in enumerate((("wall", "s"), ("CPU", "s"), ("peak memory", "MB"))):
            table(f"{MACHINES} PUTs of {NOMINAL_S:g} s, {title}", {name: row[n] for name, row in found.items()}, unit)


def _site(endpoint: dict[str, Any]) -> Filled:
    """A fresh group with its cards; then machines take their time."""
    _reset(endpoint)
    site = Filled(endpoint, MACHINES)
    ControlClient.of(endpoint).time("seconds", seconds=NOMINAL_S)
    return site


def _reset(endpoint: dict[str, Any]) -> None:
    cloud = ControlClient(endpoint["url"], endpoint["ca_file"])
    cloud.reset()
    cloud.time("at-once")
    cloud.quota(10 * MACHINES)


def _ours(az: Any, home: Path, site: Filled) -> tuple[float, float, float]:
    pids = [*pids_of(home, "_main.daemon"), *pids_of(home, "keeper.py")]
    cpu_before = sum(cpu_s(pid) for pid in pids) + time.process_time()
    begun = time.perf_counter()
    compute = f"{site.group}/providers/Microsoft.Compute/virtualMachines"
    jobs = [
        az.invoke_az_rest_method(
            method="PUT", path=f"{compute}/m{n}?api-version={API['Microsoft.Compute']}",
            payload=site.machine_body(n), as_job=True,
        )
        for n in range(MACHINES)
    ]  # fmt: skip
    for job in jobs:
        job.result(timeout=120)
    wall_s = time.perf_counter() - begun
    cpu = sum(cpu_s(pid) for pid in pids) + time.process_time() - cpu_before
    return wall_s, cpu, sum(pss_mb(pid) for pid in pids)


def _theirs(way: str, endpoint: dict[str, Any]) -> tuple[float, float, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.operations", way, json.dumps(endpoint)],
        capture_output=True, text=True, check=True,
        env={**os.environ, "SSL_CERT_FILE": endpoint["ca_file"], "REQUESTS_CA_BUNDLE": endpoint["ca_file"]},
    )  # fmt: skip
    wall_s, cpu, peak = json.loads(done.stdout)
    return wall_s, cpu, peak


def _bodies(endpoint: dict[str, Any]) -> Filled:
    site = Filled.__new__(Filled)
    site.endpoint = endpoint
    site.group = f"/subscriptions/{endpoint['subscription_id']}/resourceGroups/bench"
    return site


def _by_threads(endpoint: dict[str, Any]) -> None:
    from azure.identity import ClientSecretCredential  # noqa: PLC0415 - imported in the measured process only
    from azure.mgmt.compute import ComputeManagementClient  # noqa: PLC0415

    site = _bodies(endpoint)
    credential = ClientSecretCredential(**_credential(endpoint), connection_verify=endpoint["ca_file"])
    client = ComputeManagementClient(
        credential, endpoint["subscription_id"], base_url=endpoint["url"],
        credential_scopes=[f"{endpoint['url']}/.default"], connection_verify=endpoint["ca_file"],
    )  # fmt: skip

    def make(n: int) -> None:
        client.virtual_machines.begin_create_or_update("bench", f"m{n}", site.machine_body(n)).result()

    with ThreadPoolExecutor(MACHINES) as pool:
        list(pool.map(make, range(MACHINES)))


async def _by_aio(endpoint: dict[str, Any]) -> None:
    from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415 - imported in the measured process only
    from azure.mgmt.compute.aio import ComputeManagementClient  # noqa: PLC0415

    site = _bodies(endpoint)
    async with (
        ClientSecretCredential(**_credential(endpoint)) as credential,
        ComputeManagementClient(
            credential, endpoint["subscription_id"], base_url=endpoint["url"],
            credential_scopes=[f"{endpoint['url']}/.default"],
        ) as client,
    ):  # fmt: skip

        async def make(n: int) -> None:
            poller = await client.virtual_machines.begin_create_or_update("bench", f"m{n}", site.machine_body(n))
            await poller.result()

        await asyncio.gather(*(make(n) for n in range(MACHINES)))


def _credential(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {
        "tenant_id": endpoint["tenant_id"],
        "client_id": endpoint["client_id"],
        "client_secret": endpoint["client_secret"],
        "authority": endpoint["url"],
        "disable_instance_discovery": True,
    }


def _measured(way: str, endpoint: dict[str, Any]) -> None:
    begun = time.perf_counter()
    if way == "threads":
        _by_threads(endpoint)
    else:
        asyncio.run(_by_aio(endpoint))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))


if __name__ == "__main__":
    _measured(sys.argv[1], json.loads(sys.argv[2]))
