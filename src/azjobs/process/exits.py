"""Learn from an event loop that a process has ended, whoever its parent is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from azjobs.process.identity import open_exit_fd, start_time


def watch_exit(pid: int, started: int | None, on_exit: Callable[[], None]) -> Callable[[], None]:
    """Call `on_exit` once when this very process has ended (soon, if it has already); return what ends the watch.

    `started` is its start time; None: it is a child of ours, so the pid is its own until it is waited for.
    """
    loop = asyncio.get_running_loop()
    fd = open_exit_fd(pid)
    if fd is not None and started is not None and start_time(pid) != started:
        os.close(fd)
        fd = None
    if fd is None:
        return loop.call_soon(on_exit).cancel
    is_open = True

    def stop() -> None:
        nonlocal is_open
        if is_open:
            is_open = False
            loop.remove_reader(fd)
            os.close(fd)

    def ended() -> None:
        stop()
        on_exit()

    loop.add_reader(fd, ended)
    return stop


async def wait_exit(pid: int, started: int | None, timeout_s: float | None = None) -> bool:
    """Wait until this very process has ended; False when the time is over."""
    ended = asyncio.Event()
    stop = watch_exit(pid, started, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), timeout_s)
    except TimeoutError:
        return False
    finally:
        stop()
    return True
