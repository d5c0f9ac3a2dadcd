"""Nothing wakes a daemon and a keeper that only wait: while a job runs and is watched, and when there is no work."""

from __future__ import annotations

import time
from pathlib import Path

import azjobs as az
from terminal import Home, Shell, wait_until

QUIET_S = 2.5  # a wake-up a second would be seen twice


def wakes(pid: int) -> int:
    """How often the threads of a process went to sleep: each time after they were woken [proc(5), status]."""
    count = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        line = next(line for line in (task / "status").read_text().splitlines() if line.startswith("voluntary_ctxt"))
        count += int(line.split()[1])
    return count


def wait_for_quiet(home: Home) -> None:
    """Wait until daemon and keeper have slept without a break for a while; what has just happened has echoes."""
    pids = home.process("_main.daemon"), home.process("keeper")
    seen: list[tuple[float, list[int]]] = []

    def are_quiet() -> bool:
        now, counts = time.monotonic(), [wakes(pid) for pid in pids]
        if not seen or seen[-1][1] != counts:
            seen.append((now, counts))
        return now - seen[-1][0] >= QUIET_S

    wait_until(are_quiet, what="daemon and keeper sleep")


def test_nothing_wakes_an_idle_daemon(signed_in: Shell, home: Home) -> None:
    """After it ran jobs of both kinds."""
    assert signed_in("azjobs resource-group new --name g --location eastus").code == 0
    assert signed_in("azjobs job start -- true && azjobs job wait --all").code == 0
    wait_for_quiet(home)


def test_nothing_wakes_a_daemon_while_a_job_runs_and_is_watched(home: Home) -> None:
    """The end of the job is what it waits for."""
    job = az.start_job(time.sleep, argument_list=[600])
    with az.watch_jobs() as events:
        next(events)
        wait_for_quiet(home)
    az.remove_job(job, force=True)
