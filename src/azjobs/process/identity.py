"""Tell processes apart for good: boot, pid namespace, pid and start time together.

A pid alone is no evidence, it is given again. `start_time` is an integer to be
compared, never shown: clock ticks since boot on Linux (field 22 of
/proc/PID/stat, proc_pid_stat(5)), microseconds since the epoch on macOS.
"""

from __future__ import annotations

import os
import select
import sys
import time
from functools import cache
from pathlib import Path

_KERN_PROC_START = 3  # PROC_PIDTBSDINFO of <sys/proc_info.h>
_BSD_INFO_SIZE = 136  # sizeof(struct proc_bsdinfo)


@cache
def boot_id() -> str:
    """Return an id of this boot of the machine."""
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return _sysctl_text("kern.bootsessionuuid")


@cache
def pid_namespace() -> str:
    """Return an id of the space in which pids of this process mean something; "" where there is one only."""
    if sys.platform == "linux":
        return str(Path("/proc/self/ns/pid").readlink())
    return ""


def start_time(pid: int) -> int | None:
    """Return when the process began; None when there is no such process. A zombie is there."""
    if sys.platform != "linux":
        return _start_time_by_libproc(pid)
    fields = _stat_fields(pid)
    return int(fields[19]) if fields else None


def age_s(started: int) -> float:
    """Return how long ago a process began that began at this `start_time`; on Linux whatever was done to the clock."""
    if sys.platform != "linux":
        return time.time() - started / 1e6
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")


def is_running(pid: int, started: int) -> bool:
    """Whether this very process is there; a zombie counts as there."""
    return start_time(pid) == started


def has_ended(pid: int, started: int) -> bool:
    """Whether this very process runs no more: it is gone, or a zombie (told on Linux only)."""
    if sys.platform != "linux":
        return not is_running(pid, started)
    fields = _stat_fields(pid)
    return not fields or int(fields[19]) != started or fields[0] in {b"Z", b"X"}


def open_exit_fd(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None when it is already gone.

    The caller closes it. Check `start_time` after opening, then it is the right process for good.
    """
    if hasattr(os, "pidfd_open"):
        try:
            return os.pidfd_open(pid)
        except ProcessLookupError:
            return None
    return _kqueue_exit_fd(pid)


def _stat_fields(pid: int) -> list[bytes]:
    """The fields behind the command's name, which stands in parentheses and may hold anything, also parentheses."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - a third of the cost of Path.read_bytes
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return stat[stat.rindex(b")") + 2 :].split()


def _kqueue_exit_fd(pid: int) -> int | None:
    if sys.platform == "linux":
        raise OSError("This Linux has no pidfd_open; 5.3 or newer is needed.")
    queue = select.kqueue()
    event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
    try:
        queue.control([event], 0)
        return os.dup(queue.fileno())
    except ProcessLookupError:
        return None
    finally:
        queue.close()


def _sysctl_text(name: str) -> str:
    import ctypes  # noqa: PLC0415 - needed on macOS only

    libc = ctypes.CDLL(None, use_errno=True)
    size = ctypes.c_size_t(128)
    buffer = ctypes.create_string_buffer(size.value)
    if libc.sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        raise OSError(ctypes.get_errno(), f"sysctl {name}")
    return buffer.value.decode("ascii")


def _start_time_by_libproc(pid: int) -> int | None:
    import ctypes  # noqa: PLC0415 - needed on macOS only

    libproc = ctypes.CDLL("/usr/lib/libproc.dylib", use_errno=True)
    buffer = ctypes.create_string_buffer(_BSD_INFO_SIZE)
    got = libproc.proc_pidinfo(pid, _KERN_PROC_START, ctypes.c_uint64(0), buffer, _BSD_INFO_SIZE)
    if got != _BSD_INFO_SIZE:
        return None
    seconds, micros = (
        int.from_bytes(buffer.raw[at : at + 8], sys.byteorder) for at in (120, 128)
    )  # pbi_start_tvsec, pbi_start_tvusec
    return seconds * 1_000_000 + micros
