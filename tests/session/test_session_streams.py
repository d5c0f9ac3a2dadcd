"""What jobs say reaches whoever receives it: live, once, byte for byte, and whatever becomes of the receiver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

import azjobs as az
from azjobs.process.cursor import load_position
from azjobs.session.link.local import local
from terminal import Home, Shell, sleeps_without_limit, wait_until

PIPE_BYTES = 64 * 1024  # pipe(7)
BATCH_BYTES = 256 * 1024
LINE_BYTES = 100


@pytest.fixture(autouse=True)
def _in_home(home: Home) -> None:
    """Every test has a home of its own."""


@pytest.fixture
def receiving(shell: Shell) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Receivers that are ended with the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def receiver(shell: Shell, started: list[subprocess.Popen[bytes]], *words: str) -> subprocess.Popen[bytes]:
    """Start a receiver in the shell."""
    command = [str(Path(sys.executable).with_name("azjobs")), "job", "receive", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=shell.environment)
    started.append(process)
    return process


def out_of(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """Its standard output."""
    assert process.stdout is not None
    return process.stdout


def numbered(count: int, *, pause: str = "") -> az.Job[str | bytes]:
    """Start a command that prints numbered lines of one length."""
    code = f"import time\nfor n in range({count}):\n print(f'{{n:0{LINE_BYTES - 1}}}', flush={bool(pause)})\n {pause}"
    return az.start_job(command=[sys.executable, "-c", code])


def numbers(lines: bytes) -> list[int]:
    """The numbers of such lines."""
    return [int(line) for line in lines.splitlines()]


def test_a_receiver_that_waits_does_nothing_until_the_job_says_something(shell: Shell, receiving: list) -> None:
    """It is in a wait without a time limit: no look at intervals, however rare."""
    job = az.start_job(command=["sh", "-c", "echo one; read -r _ < gate; echo two"], working_directory=gate())
    process = receiver(shell, receiving, "1", "--wait")
    assert out_of(process).readline() == b"one\n"
    wait_until(lambda: sleeps_without_limit(process.pid), what="the receiver sleeps")
    open_gate()
    assert out_of(process).read() == b"two\n"
    assert process.wait(20) == 0
    assert job.state == "Completed"


def test_a_receiver_waits_likewise_for_a_job_that_has_not_begun(home: Home, shell: Shell, receiving: list) -> None:
    """The process that is to run it is held up, so there is nothing to read yet; what it prints comes all the same."""
    az.start_job(command=["echo", "late"])
    parent = wait_until(home.warm_parent, what="a warm parent is being executed")
    os.kill(parent, signal.SIGSTOP)
    try:
        assert not any(local().layout.journals_folder.glob("*.journal")), "it was too quick to be held up"
        process = receiver(shell, receiving, "1", "--wait")
        wait_until(lambda: sleeps_without_limit(process.pid), what="the receiver sleeps")
    finally:
        os.kill(parent, signal.SIGCONT)
    assert out_of(process).read() == b"late\n"


def test_a_program_that_iterates_a_job_sleeps_likewise(python: object, home: Home) -> None:
    """`for output in job`, in a process that did not start it."""
    az.start_job(command=["sh", "-c", "echo one; read -r _ < gate; echo two"], working_directory=gate())
    code = "import azjobs as az\nfor piece in az.get_job(1): print(piece, end='', flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert out_of(process).readline() == b"one\n"
        wait_until(lambda: sleeps_without_limit(process.pid), what="the program sleeps")
        open_gate()
        assert out_of(process).read() == b"two\n"


def gate() -> Path:
    """A folder with a pipe called gate: who reads it goes on when somebody opens it."""
    folder = local().layout.home / "gates"
    if not folder.exists():
        folder.mkdir()
        os.mkfifo(folder / "gate")
    return folder


def open_gate() -> None:
    """Let whoever waits at the gate go on."""
    with (gate() / "gate").open("w") as file:
        file.write("\n")


def test_receivers_in_threads_and_processes_share_the_output_of_a_job(shell: Shell, receiving: list) -> None:
    """Three processes and three threads: together they have each line once, each of them in its order."""
    count = 3000
    job = numbered(count, pause="time.sleep(0.0001)")
    processes = [receiver(shell, receiving, "1", "--wait") for _ in range(3)]
    shares: list[list[int]] = [[] for _ in range(6)]

    def drain(share: list[int], process: subprocess.Popen[bytes]) -> None:
        share += numbers(out_of(process).read())

    def receive(share: list[int]) -> None:
        share += numbers("".join(az.receive_job(job, wait=True)).encode())

    threads = [threading.Thread(target=drain, args=pair) for pair in zip(shares, processes, strict=False)]
    threads += [threading.Thread(target=receive, args=(share,)) for share in shares[3:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for share in shares for number in share) == list(range(count))
    assert all(share == sorted(share) for share in shares)
    assert sum(map(bool, shares)) > 1


def test_a_receiver_that_is_killed_half_way_loses_nothing(shell: Shell, receiving: list) -> None:
    """The next one goes on where it was, and at most one batch is given again."""
    count = 50_000
    az.wait_job(numbered(count))
    process = receiver(shell, receiving, "1")
    out = out_of(process)
    first = out.read(20 * LINE_BYTES)
    process.kill()
    first += out.read()  # what the pipe had taken by then
    process.wait()
    given = numbers(first[: len(first) // LINE_BYTES * LINE_BYTES])
    rest = numbers(shell("azjobs job receive 1").out.encode())
    assert given == list(range(len(given)))
    assert rest == list(range(rest[0], count))
    assert 0 <= len(given) - rest[0] <= BATCH_BYTES // LINE_BYTES


def test_what_a_reader_that_leaves_early_did_not_take_stays(shell: Shell, receiving: list) -> None:
    """As with `azjobs job receive 1 | head -1`: what did not get into the pipe is there for the next receiver."""
    count = 50_000
    az.wait_job(numbered(count))
    process = receiver(shell, receiving, "1")
    assert out_of(process).read(LINE_BYTES) == b"0" * (LINE_BYTES - 1) + b"\n"
    out_of(process).close()
    assert (process.wait(20), process.stderr and process.stderr.read()) == (0, b"")
    rest = numbers(shell("azjobs job receive 1").out.encode())
    assert rest == list(range(rest[0], count))
    buffered = 8192  # what Python's own file may have read ahead
    assert rest[0] * LINE_BYTES <= PIPE_BYTES + buffered


def test_a_consumer_that_fails_half_way_has_not_received(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Also where what is printed cannot be printed: the records stay."""
    job = az.start_job(print, argument_list=["hello"])
    az.wait_job(job)
    out, sys.stdout = sys.stdout, open("/dev/full", "w", encoding="utf-8")  # noqa: PTH123, SIM115 - closed below
    try:
        with pytest.raises(OSError, match="space"):
            az.receive_job(job)
    finally:
        full, sys.stdout = sys.stdout, out
        with pytest.raises(OSError, match="space"):
            full.close()
    assert [record.text for record in az.receive_job(job).information] == ["hello"]


ODD = bytes(range(256)) + b"\r 10 %\r 20 %\x1b[31mred\x1b[0m\n" + "äöü😀".encode() * 40_000 + b"\xf0\x9f\n\x00\xff end"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_commands_bytes_come_as_they_were(shell: Shell, tmp_path: Path, encoding: str) -> None:
    """Both streams: every byte, NUL, colours, progress bars, a line without end; on a terminal of any encoding."""
    (tmp_path / "odd").write_bytes(ODD)
    az.wait_job(az.start_job(command=["sh", "-c", "cat odd; cat odd >&2"], working_directory=tmp_path))
    line = f"PYTHONIOENCODING={encoding} azjobs job receive 1 >{tmp_path}/out 2>{tmp_path}/err"
    assert shell(line).code == 0
    assert (tmp_path / "out").read_bytes() == ODD
    assert (tmp_path / "err").read_bytes() == ODD


def test_a_functions_bytes_come_as_they_were(shell: Shell, tmp_path: Path) -> None:
    """Written by `sys.stdout.buffer` or past Python altogether."""
    (tmp_path / "odd").write_bytes(ODD)
    for write in ("sys.stdout.buffer.write(data)", "sys.stderr.buffer.write(data)", "os.write(1, data)"):
        code = f"import os, sys\ndef job():\n data = open('odd', 'rb').read()\n {write}\n"
        names: dict[str, object] = {}
        exec(code, names)
        job = az.start_job(names["job"], working_directory=tmp_path)  # type: ignore[arg-type]  # a function
        az.wait_job(job)
        assert shell(f"azjobs job receive {job.id} >{tmp_path}/out 2>{tmp_path}/err").code == 0
        assert ((tmp_path / "out").read_bytes(), (tmp_path / "err").read_bytes()) == (b"", ODD), write


def test_values_with_odd_text_come_back_as_they_were() -> None:
    """Surrogates that are no text, NUL, bytes."""
    odd = ["\ud800", "a\x00b", b"\xff\x00", "\udcff.txt"]
    job = az.start_job(lambda: odd)
    assert job.result(timeout=30) == odd
    assert az.receive_job(job) == [odd]


def test_a_job_that_writes_for_ever_cannot_keep_a_receiver(shell: Shell) -> None:
    """Without --wait a receiver takes what was there when it came, and ends."""
    job = az.start_job(command=["yes"])
    wait_until(lambda: job.has_more_data)
    done = shell("azjobs job receive 1 | tail -c 2")
    az.stop_job(job)
    assert (done.code, done.out) == (0, "y\n")
    journal = local().layout.journal_file(job.uuid)
    assert load_position(journal.with_suffix(".cursor")).journal < journal.stat().st_size


def test_all_streams_come_in_the_order_of_the_job(shell: Shell) -> None:
    """As a transcript: PowerShell would give them stream by stream."""

    def work() -> Iterator[str]:
        import logging  # noqa: PLC0415 - what the job needs

        print("begin")  # noqa: T201 - the job prints
        yield "one"
        log = logging.getLogger("work")
        log.warning("careful")
        yield "two"
        os.write(1, b"past Python\n")
        log.error("not good")
        yield "three"
        raise ValueError("no more")

    az.wait_job(az.start_job(work, name="mixed"))
    assert shell("azjobs job receive 1 2>&1").out.splitlines() == [
        "begin",
        "one",
        "WARNING: careful",
        "two",
        "past Python",
        "work: not good",
        "three",
        "ValueError: no more",
        "Details: azjobs job get 1 --debug",
    ]


def test_what_a_killed_job_said_is_kept(shell: Shell) -> None:
    """Up to the moment of its death, by whatever way it was said."""
    code = "import os, sys\nprint('printed', flush=True)\nos.write(2, b'past Python')\nos.kill(os.getpid(), 9)"
    job = az.start_job(exec, argument_list=[code])
    az.wait_job(job)
    done = shell("azjobs job receive 1")
    assert (job.state, done.out, done.err) == ("Failed", "", "printed\npast Python")
