"""Start, find and stop the simulator of a folder. Standard library only, and quick to import.

The folder holds `simulator.lock` (locked by the simulator for as long as it lives, its pid inside), `launch.lock`
(held by whoever starts one), `endpoint.json` (0600), `ca.pem`, `identity.json` (0600) and `simulator.log`.
A simulator is alive exactly when its lock is held: nothing else is asked, so a stale file misleads nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOCK_FILE, LAUNCH_LOCK_FILE = "simulator.lock", "launch.lock"
ENDPOINT_FILE, LOG_FILE = "endpoint.json", "simulator.log"
_LOOK_AGAIN_S = 0.02
#: What a simulator needs of the caller's environment; the rest may hold secrets, and a simulator lives long.
_ENVIRONMENT = frozenset({"HOME", "PATH", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "USER", "LOGNAME"})
_ENVIRONMENT_PREFIXES = ("PYTHON", "LC_", "LD_", "DYLD_", "COVERAGE_")


class SimulatorNotStarted(RuntimeError):
    """The simulator did not come up; the log it names says why."""


def ensure_simulator(folder: Path, *, timeout_s: float = 20.0) -> dict[str, Any]:
    """Return the endpoint of the folder's simulator, after starting one (detached) when none is alive.

    May be called by many processes at once: one starts it, all get the same endpoint.

    Raises:
        SimulatorNotStarted: it was not up after `timeout_s`, or ended at once.
    """
    folder = folder.absolute()
    endpoint = find_simulator(folder)
    if endpoint is not None:
        return endpoint
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline_at = time.monotonic() + timeout_s
    with _launch_lock(folder, deadline_at):
        while time.monotonic() < deadline_at:
            endpoint = find_simulator(folder)
            if endpoint is not None:
                return endpoint
            if is_locked(folder / LOCK_FILE):  # one that nobody launched from here is coming up, or going down
                time.sleep(_LOOK_AGAIN_S)
                continue
            _start(folder, deadline_at)
    raise SimulatorNotStarted(f"The simulator was not up after {timeout_s:g} s. See {folder / LOG_FILE}")


def find_simulator(folder: Path) -> dict[str, Any] | None:
    """Return the endpoint of the folder's simulator when it is alive and ready, else None. Starts nothing."""
    lock = folder / LOCK_FILE
    if not is_locked(lock):
        return None
    try:
        endpoint = json.loads((folder / ENDPOINT_FILE).read_text())
        holder = lock.read_text().strip()
    except (OSError, ValueError):
        return None
    return endpoint if isinstance(endpoint, dict) and str(endpoint.get("pid")) == holder else None


def stop_simulator(folder: Path, *, timeout_s: float = 10.0) -> bool:
    """Stop the folder's simulator and wait until it is gone; False when none was alive.

    Raises:
        TimeoutError: it was still there after `timeout_s`.
    """
    lock = folder / LOCK_FILE
    deadline_at = time.monotonic() + timeout_s
    asked = None
    while is_locked(lock):
        pid = _holder(lock)
        if pid == os.getpid():
            raise RuntimeError("The simulator of this folder runs in this process: stop it where it was started.")
        if pid is not None and pid != asked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            asked = pid
        if time.monotonic() > deadline_at:
            raise TimeoutError(f"The simulator of {folder} did not stop within {timeout_s:g} s.")
        time.sleep(_LOOK_AGAIN_S)
    return asked is not None


def take_lock(path: Path, *, timeout_s: float = 0.3) -> int | None:
    """Lock a file for this process, with its pid inside, and return the descriptor; None when another keeps it.

    Waits a moment, because `is_locked` of another process holds the lock for an instant.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline_at = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline_at:
                os.close(descriptor)
                return None
            time.sleep(_LOOK_AGAIN_S)
            continue
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor


def is_locked(path: Path) -> bool:
    """Return whether some process holds the lock of a file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _holder(lock: Path) -> int | None:
    try:
        return int(lock.read_text())
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def _launch_lock(folder: Path, deadline_at: float) -> Iterator[None]:
    left_s = max(0.0, deadline_at - time.monotonic())
    descriptor = take_lock(folder / LAUNCH_LOCK_FILE, timeout_s=left_s)
    if descriptor is None:
        raise SimulatorNotStarted(f"Another process was still starting the simulator. See {folder / LOG_FILE}")
    try:
        yield
    finally:
        os.close(descriptor)


def _start(folder: Path, deadline_at: float) -> None:
    """Start a simulator that outlives this process, and wait until it says that it is ready."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)
    }
    read_end, write_end = os.pipe()
    log = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    command = [sys.executable, "-m", "azjobs._main.simulator", "--folder", str(folder), "--detach"]
    try:
        # The child forks and ends at once, so that the simulator is nobody's child and no zombie stays behind.
        subprocess.run(  # noqa: S603 - our own interpreter and module
            [*command, "--ready-fd", str(write_end)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(write_end,),
            start_new_session=True,
            env=environment,
            cwd="/",
        )
        os.close(write_end)
        write_end = -1
        _await_ready(read_end, folder, deadline_at)
    finally:
        for descriptor in (read_end, write_end, log):
            if descriptor >= 0:
                os.close(descriptor)


def _await_ready(read_end: int, folder: Path, deadline_at: float) -> None:
    readable, _, _ = select.select([read_end], [], [], max(0.0, deadline_at - time.monotonic()))
    if not readable:
        raise SimulatorNotStarted(f"The simulator did not come up in time. See {folder / LOG_FILE}")
    if not os.read(read_end, 16) and not is_locked(folder / LOCK_FILE):
        raise SimulatorNotStarted(f"The simulator ended while it started. See {folder / LOG_FILE}")
