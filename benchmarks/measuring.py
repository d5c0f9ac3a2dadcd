"""Time things several times and print them beside each other."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def times_ms(work: Callable[[], object], runs: int, warmup: int = 3) -> list[float]:
    """Return how long each run took, in milliseconds, after a warm-up."""
    for _ in range(warmup):
        work()
    found = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        found.append((time.perf_counter() - begun) * 1000)
    return found


def table(title: str, rows: dict[str, float], unit: str, *, ours: str = "azjobs", fewer_is_better: bool = True) -> None:
    """Print each row and how it compares with ours."""
    print(f"{title} ({unit})")
    for name, value in rows.items():
        ratio = value / rows[ours] if fewer_is_better else rows[ours] / value
        verdict = f"{ratio:6.2f} x better" if ratio >= 1 else f"{1 / ratio:6.2f} x worse"
        note = "" if name == ours else f"   ours is {verdict}"
        print(f"  {name:<44}{value:>12,.2f}{note}")


def median(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def pss_mb(pid: int) -> float:
    """Proportional set size of a process, MB [proc(5), smaps_rollup]."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def parent_of(pid: int) -> int:
    """Which process started this one [proc_pid_stat(5)]."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used so far, with its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[n]) for n in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def pids_of(home: Path, word: str) -> list[int]:
    """The processes of a home whose command line has the word."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes()
                own_part = line.partition(b"\0--\0")[0]  # the keeper's has the daemon's command behind it
                if word.encode() in own_part and _is_of(home, entry, line):
                    found.append(int(entry.name))
    return found


def _is_of(home: Path, entry: Path, line: bytes) -> bool:
    """By its command line, its environment, or a file of the home that it has open."""
    if os.fsencode(home) in line or os.fsencode(f"AZJOBS_HOME={home}\0") in (entry / "environ").read_bytes():
        return True
    return any(str(link.readlink()).startswith(f"{home}/") for link in (entry / "fd").iterdir())


@contextlib.contextmanager
def throw_away_home() -> Iterator[Path]:
    """A home that is gone afterwards, with all that ran in it."""
    folder = Path(tempfile.mkdtemp(prefix="azjobs-bench-"))
    before = os.environ.get("AZJOBS_HOME")
    os.environ["AZJOBS_HOME"] = str(folder)
    try:
        yield folder
    finally:
        for word in ("keeper", "azjobs"):
            for pid in pids_of(folder, word):
                if pid != os.getpid():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        if before is None:
            del os.environ["AZJOBS_HOME"]
        else:
            os.environ["AZJOBS_HOME"] = before
