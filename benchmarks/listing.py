"""`azjobs job get` as a whole process, with 50 jobs listed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import median, table, throw_away_home, times_ms

RUNS = 20
JOBS = 50


def main() -> None:
    """Print the table."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen

    with throw_away_home():
        for job in [az.start_job(int) for _ in range(JOBS)]:
            job.result(timeout=30)
        command = str(Path(sys.executable).with_name("azjobs"))
        rows = {
            "azjobs": median(times_ms(lambda: run([command, "job", "get", "--output", "table"]), RUNS)),
            "python -c pass (floor)": median(times_ms(lambda: run([sys.executable, "-c", "pass"]), RUNS)),
            "python -c 'import azure.mgmt.compute'": median(
                times_ms(lambda: run([sys.executable, "-c", "import azure.mgmt.compute"]), 5)
            ),
        }
        table(f"azjobs job get, {JOBS} jobs, median of {RUNS}", rows, "ms")


def run(command: list[str]) -> None:
    """Run a command and drop what it prints."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
