"""List the processes of this machine: who is whose parent, and in which session.

Linux reads /proc (proc_pid_stat(5)); elsewhere `ps` is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from typing import NamedTuple

from azjobs.process.identity import start_time


class Process(NamedTuple):
    """One process. `start_time` in the unit of `process.identity`; zombies are listed too."""

    pid: int
    parent: int
    session: int
    start_time: int
    is_zombie: bool


def list_processes() -> list[Process]:
    """Return all processes that can be seen from here."""
    return _from_proc() if sys.platform == "linux" else _from_ps()


def descendants(everyone: Iterable[Process], roots: set[int]) -> list[Process]:
    """Return who comes from `roots`, without them."""
    children: dict[int, list[Process]] = {}
    for process in everyone:
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting, reached = list(roots), set(roots)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child.pid not in reached:
                reached.add(child.pid)
                found.append(child)
                waiting.append(child.pid)
    return found


def _from_proc() -> list[Process]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is needed
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - a third of the cost of Path.read_bytes
                stat = file.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # The command's name stands in parentheses and may hold anything, also parentheses.
        fields = stat[stat.rindex(b")") + 2 :].split()
        found.append(Process(int(name), int(fields[1]), int(fields[3]), int(fields[19]), fields[0] in {b"Z", b"X"}))
    return found


def _from_ps() -> list[Process]:
    lines = subprocess.run(
        ["/bin/ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, check=True, text=True
    ).stdout.splitlines()
    found = []
    for line in lines:
        pid, parent, state = line.split()[:3]
        started = start_time(int(pid))
        if started is None:
            continue
        try:
            session = os.getsid(int(pid))
        except (ProcessLookupError, PermissionError):
            session = 0
        found.append(Process(int(pid), int(parent), session, started, state.startswith("Z")))
    return found
