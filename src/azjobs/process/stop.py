"""Stop a job process and everything that came from it.

First it is asked: SIGTERM to its group (the shim of a command hands it on), so
that it can write how it ended. After the grace its whole tree is killed: the
descendants first, while the job process, which adopts their orphans, is kept
from running; so nobody leaves the tree by losing a parent or by making a session
of its own. Who was seen in the tree is killed also when the job process itself
has ended in time.
"""

from __future__ import annotations

import asyncio
import os
import signal
from enum import StrEnum

from azjobs.process.exits import wait_exit
from azjobs.process.identity import is_running
from azjobs.process.killing import ROUND_PAUSE_S, ROUNDS, signal_process
from azjobs.process.table import Process, descendants, list_processes


class StopResult(StrEnum):
    """How a stop went."""

    GONE = "gone"  # it had ended before
    ASKED = "asked"  # it ended by itself when asked
    KILLED = "killed"  # it did not end in time


async def stop_tree(pid: int, started: int, grace_s: float) -> StopResult:
    """Stop a job process and its descendants; when this returns, none of them runs.

    `started` is its start time (see `process.identity`): another process under the same pid is left alone.

    Raises:
        PermissionError: it belongs to another user.
    """
    if not is_running(pid, started):
        return StopResult.GONE
    seen = _identities(descendants(list_processes(), {pid}))
    for number in (signal.SIGTERM, signal.SIGCONT):  # a suspended process could not answer
        _signal_group(pid, started, number)
    has_ended = await wait_exit(pid, started, grace_s)
    if not has_ended:
        signal_process(pid, started, signal.SIGSTOP)
    await _kill_descendants(pid, seen)
    if not has_ended:
        signal_process(pid, started, signal.SIGKILL)
        await wait_exit(pid, started)
        await _kill_descendants(pid, seen)
    return StopResult.ASKED if has_ended else StopResult.KILLED


async def kill_marked(mark: bytes) -> None:
    """Kill everybody who was started with `mark`, NAME=value, in its environment, and who comes from them.

    So what a killed job process leaves behind does not go on without it. Linux only: elsewhere nobody is found.
    """
    for _ in range(ROUNDS):
        everyone = list_processes()
        marked = [process for process in everyone if mark in _environment(process.pid)]
        left = [*marked, *descendants(everyone, {process.pid for process in marked})]
        left = [process for process in left if not process.is_zombie]
        if not left:
            return
        for process in left:
            signal_process(process.pid, process.start_time, signal.SIGKILL)
        await asyncio.sleep(ROUND_PAUSE_S)


def _environment(pid: int) -> list[bytes]:
    """As it was when the process was executed; empty where that cannot be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - as in `process.table`
            return file.read().split(b"\0")
    except OSError:
        return []


async def _kill_descendants(root: int, seen: set[tuple[int, int]]) -> None:
    """Kill all who come from `root`, were seen to, or are in its session; until none is left."""
    for _ in range(ROUNDS):
        everyone = [process for process in list_processes() if process.pid != root]
        known = {p.pid for p in everyone if p.session == root or (p.pid, p.start_time) in seen}
        left = [p for p in everyone if p.pid in known] + descendants(everyone, known | {root})
        left = [process for process in left if not process.is_zombie]
        if not left:
            return
        seen |= _identities(left)
        for process in left:
            signal_process(process.pid, process.start_time, signal.SIGKILL)
        await asyncio.sleep(ROUND_PAUSE_S)


def _identities(processes: list[Process]) -> set[tuple[int, int]]:
    return {(process.pid, process.start_time) for process in processes}


def _signal_group(pid: int, started: int, number: signal.Signals) -> None:
    """Signal the group that a job process leads."""
    try:
        if is_running(pid, started):
            os.killpg(pid, number)
    except ProcessLookupError:
        return
