"""A hundred megabytes of output, written as fast as it goes: nobody holds them in memory, and nothing gets slow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.session.link.local import local
from terminal import Home, Python, Shell

BLOCK = ("x" * 99 + "\n") * 600
BLOCKS = 1667
SIZE_BYTES = len(BLOCK) * BLOCKS  # 100 MB
MB = 1_000_000
#: What an idle client takes is about 25 MB; the whole output would be 100 and more.
CLIENT_BYTES = 60 * MB
#: What a listing may read in all: the store, and a little of each job.
LISTING_BYTES = MB
GROWTH_BYTES = 5 * MB


@pytest.fixture(autouse=True)
def _in_home(home: Home) -> None:
    """Every test has a home of its own."""


def nothing() -> None:
    """Say nothing."""


def prints() -> None:
    """By Python."""
    for _ in range(BLOCKS):
        sys.stdout.write(BLOCK)


def writes_past_python() -> None:
    """As C code and child processes do."""
    data = BLOCK.encode()
    for _ in range(BLOCKS):
        os.write(1, data)


def command() -> az.Job[Any]:
    """A command's standard output."""
    return az.start_job(command=["sh", "-c", f"yes {'x' * 99} | head -c {SIZE_BYTES}"])


def binary() -> az.Job[Any]:
    """A command's that is no text."""
    return az.start_job(command=["head", "-c", str(SIZE_BYTES), "/dev/urandom"])


def daemon_bytes(home: Home) -> int:
    """What the daemon takes of the memory by itself."""
    rollup = Path(f"/proc/{home.process('_main.daemon')}/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def most_bytes(pid: int) -> int:
    """The most memory that a process has had since it was executed; 0 at its end.

    Not its ru_maxrss, which also knows of the process that forked it [proc(5), VmHWM].
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def read_bytes() -> int:
    """What this process has read so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.parametrize(
    "start",
    [lambda: az.start_job(prints), lambda: az.start_job(writes_past_python), command, binary],
    ids=["printed", "past-python", "command", "binary"],
)
def test_output_faster_than_its_reader_is_held_by_nobody(
    start: Callable[[], az.Job[Any]], home: Home, shell: Shell
) -> None:
    """The job is not held up, the daemon does not grow, a listing reads next to nothing, a receiver streams it."""
    az.start_job(nothing).result(timeout=30)  # the daemon and its parent process are warm
    before = daemon_bytes(home)
    job = start()
    line = [str(Path(sys.executable).with_name("azjobs")), "job", "receive", str(job.id), "--wait"]
    receiver = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=shell.environment)
    az.wait_job(job, timeout=50)
    assert job.state == "Completed", "though nobody has read"
    assert daemon_bytes(home) - before < GROWTH_BYTES
    read_before = read_bytes()
    assert [one.has_more_data for one in az.get_job()] == [False, True]
    assert read_bytes() - read_before < LISTING_BYTES
    assert receiver.stdout is not None
    size = peak_bytes = 0
    while data := receiver.stdout.read1(MB):  # type: ignore[attr-defined]  # it is buffered
        size += len(data)
        peak_bytes = max(peak_bytes, most_bytes(receiver.pid))
    receiver.stdout.close()
    assert (size, receiver.wait()) == (SIZE_BYTES, 0)
    assert 0 < peak_bytes < CLIENT_BYTES
    assert daemon_bytes(home) - before < GROWTH_BYTES
    assert not job.has_more_data


def test_a_program_iterates_much_output_in_little_memory(python: Python) -> None:
    """Piece by piece, from another process."""
    job = command()
    done = python(
        f"""
        print(sum(len(piece) for piece in az.get_job({job.id})))
        status = open("/proc/self/status").read()
        print(int(status.partition("VmHWM:")[2].split()[0]) * 1024 < {CLIENT_BYTES})
        """
    )
    assert done.out == f"{SIZE_BYTES}\nTrue\n", done


def test_progress_told_over_and_over_is_nothing_to_receive() -> None:
    """However often; what is said after it is."""
    quiet, other = az.start_job(tells), az.start_job(tells, argument_list=["and a word"])
    az.wait_job([quiet, other], timeout=30)
    assert local().layout.journal_file(quiet.uuid).stat().st_size > MB
    assert (quiet.has_more_data, other.has_more_data) == (False, True)


def tells(last: str = "") -> None:
    """Tell progress in tiny steps, then print."""
    for number in range(20_000):
        az.write_progress("counting", percent=number / 200)
    if last:
        print(last)  # noqa: T201 - the job prints
