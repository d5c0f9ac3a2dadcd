"""`azjobs job get` as a whole process: with 50 jobs, and what 100,000 finished jobs add to 100."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from azjobs.core.job import Job, ProcessKind, ProcessWork
from azjobs.core.states import Completed
from azjobs.store.reader import read_jobs
from azjobs.store.sqlite import SqliteStore
from benchmarks.measuring import median, table, throw_away_home, times_ms

RUNS = 20
JOBS = 50
FEW, MANY = 100, 100_000
BATCH = 10_000  # jobs a transaction
LISTINGS = ("--output table", "--output table --state Running", "5", "--output table nightly-7")
COMMAND = str(Path(sys.executable).with_name("azjobs"))


def main() -> None:
    """Print the tables."""
    import azjobs as az  # noqa: PLC0415 - after the home is chosen

    with throw_away_home() as home:
        for job in [az.start_job(int) for _ in range(JOBS)]:
            job.result(timeout=30)
        rows = {
            "azjobs": median(times_ms(lambda: run([COMMAND, "job", "get", "--output", "table"]), RUNS)),
            "python -c pass (floor)": median(times_ms(lambda: run([sys.executable, "-c", "pass"]), RUNS)),
            "python -c 'import azure.mgmt.compute'": median(
                times_ms(lambda: run([sys.executable, "-c", "import azure.mgmt.compute"]), 5)
            ),
        }
        table(f"azjobs job get, {JOBS} jobs, median of {RUNS}", rows, "ms")
        print(f"  of it reading the store{median(times_ms(lambda: read_jobs(home / 'store.db'), RUNS)):>33,.2f}")
    compare_many()


def compare_many() -> None:
    """Print how much slower each listing is among many finished jobs than among few; measured in turn."""
    folder = Path(tempfile.mkdtemp(prefix="azjobs-bench-"))
    try:
        few, many = folder / "few", folder / "many"
        fill(few, FEW)
        fill(many, MANY)
        print(f"azjobs job get, {FEW} and {MANY:,} finished jobs, median of {RUNS} (ms)")
        for words in LISTINGS:
            times: dict[Path, list[float]] = {few: [], many: []}
            for _ in range(RUNS):
                for home in times:
                    times[home] += times_ms(lambda home=home, words=words: get(home, words), 1, warmup=0)
            one, other = median(times[few]), median(times[many])
            print(f"  azjobs job get {words:<32}{one:>8.1f}{other:>8.1f}   ratio {other / one:.2f}")
    finally:
        shutil.rmtree(folder)


def fill(home: Path, count: int) -> None:
    """Make a home with jobs that have ended."""
    home.mkdir(mode=0o700)
    store = SqliteStore(home / "store.db")
    work = ProcessWork(ProcessKind.COMMAND, "/tmp", 0o22, arguments=("true",))
    for number in range(count):
        at = 1_700_000_000.0 + number
        job = Job(
            uuid=f"00000000-0000-4000-8000-{number:012}",
            name=f"nightly-{number}",
            command="true",
            session="benchmark",
            submitted_at=at,
            work=work,
            state=Completed(at, at + 0.5),
        )
        store.add(job, is_attached=False)
        if number % BATCH == BATCH - 1:
            store.commit()
    store.commit()
    store.close()


def get(home: Path, words: str) -> None:
    """List jobs of a home, and drop what is printed."""
    environment = {**os.environ, "AZJOBS_HOME": str(home)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([COMMAND, "job", "get", *words.split()], check=True, env=environment, **quiet)


def run(command: list[str]) -> None:
    """Run a command and drop what it prints."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
