"""Whoever does not read what is told costs a bounded amount of memory, and misses no end."""

from __future__ import annotations

import contextlib

import azjobs as az
from azjobs.core.wire import DaemonStatus, Follow, Ok, Status
from azjobs.daemon.serving.followers import BACKLOG_BYTES
from azjobs.session.link.connection import Connection, ConnectionLost
from azjobs.session.link.local import local
from terminal import Home

NAME_BYTES = 200_000  # each change of such a job is a long message
JOBS = 2 * BACKLOG_BYTES // NAME_BYTES // 3 + 10  # three changes each, and what the sockets hold


def run_jobs() -> list[az.Job[int]]:
    jobs = [az.start_job(int, name=f"{n}{'x' * NAME_BYTES}") for n in range(JOBS)]
    assert len(az.wait_job(jobs, timeout=50)) == JOBS
    return jobs


def count_told(connection: Connection) -> int:
    """Read to the end of a connection."""
    count = 0
    with contextlib.suppress(ConnectionLost):
        while connection.told(timeout_s=10) is not None:
            count += 1
        raise AssertionError("the connection is still open")
    return count


def test_the_daemon_lets_go_of_a_follower_that_does_not_read(home: Home) -> None:
    """What was sent until then can still be read; the daemon and its other clients go on."""
    follower = local().client.open()
    assert isinstance(follower.ask(Follow(0)), Ok)
    run_jobs()
    assert 0 < count_told(follower) < 3 * JOBS
    follower.close()
    assert local().client.ask(Status(0), DaemonStatus).pid == home.process("_main.daemon")


def test_a_watch_that_is_read_late_tells_every_end_once(home: Home) -> None:
    """After the daemon let go of it, it connects again, and tells what the jobs are by then."""
    with az.watch_jobs() as events:
        first = az.start_job(int)
        told = [next(events)]
        jobs = {first, *run_jobs()}
        while {event.job for event in told if event.is_end} != jobs:
            told.append(next(events))
    ends = [event.job for event in told if event.is_end]
    assert len(ends) == len(jobs)
