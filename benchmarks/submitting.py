"""How long a call with as_job=True takes to return, beside starting an SDK poller in a thread."""

from __future__ import annotations

import os
import time
from itertools import count
from pathlib import Path

from benchmarks.cloud import sdk_client
from benchmarks.measuring import median, table, throw_away_home, times_ms

RUNS = 50


def main() -> None:
    """Print the table."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen

    with throw_away_home() as home:
        context = az.connect_az_account(environment="AzureSimulator")
        names = count()
        ours = times_ms(lambda: az.new_az_resource_group(name=f"g{next(names)}", location="eastus", as_job=True), RUNS)
        client = sdk_client(context)
        theirs = times_ms(
            lambda: client.resource_groups.create_or_update(f"s{next(names)}", {"location": "eastus"}), RUNS
        )
        rows = {
            "azjobs": median(ours),
            "SDK, the request itself (nothing durable)": median(theirs),
            "one fsync of 4 KiB (floor)": median(times_ms(lambda: fsync(home), RUNS)),
        }
        client.close()
        table(f"as_job=True returns, median of {RUNS}", rows, "ms")


def fsync(folder: Path) -> None:
    """Write a page and flush it."""
    fd = os.open(folder / "page", os.O_WRONLY | os.O_CREAT)
    try:
        os.write(fd, time.time_ns().to_bytes(8, "big") * 512)
        os.fsync(fd)
    finally:
        os.close(fd)
