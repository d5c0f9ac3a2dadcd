"""Keep other processes of the same user, and the disk, from the keeper's memory.

Everything here is done once, at start, before any secret arrives. What a
system does not have is skipped; the result says what took hold.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost the keeper 0.7 MB
if TYPE_CHECKING:
    from collections.abc import Mapping

_PR_SET_DUMPABLE = 4  # linux/prctl.h, as the next two
_PR_GET_DUMPABLE = 3
_PR_SET_CHILD_SUBREAPER = 36
_UMASK = 0o077
_FIRST_FREE_FD = 3

#: All the keeper itself needs of an environment: finding its interpreter's libraries and naming files.
_OWN_NAMES = frozenset(
    {
        b"PATH",
        b"LANG",
        b"LC_ALL",
        b"LC_CTYPE",
        b"TZ",
        b"LD_LIBRARY_PATH",
        b"DYLD_LIBRARY_PATH",
        b"DYLD_FALLBACK_LIBRARY_PATH",
    }
)


def own_environment(environment: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the part of `environment` that the keeper's own process is started with."""
    return {name: value for name, value in environment.items() if name in _OWN_NAMES}


def format_environment(environment: Mapping[bytes, bytes]) -> bytes:
    """Return `environment` as /proc shows one: name=value with a zero byte after each."""
    return b"".join(b"%b=%b\0" % pair for pair in environment.items())


def parse_environment(data: bytes) -> dict[bytes, bytes]:
    """Undo `format_environment`; an entry without an equals sign is left out."""
    return {name: value for name, equals, value in (entry.partition(b"=") for entry in data.split(b"\0")) if equals}


def isolate(keep_fds: list[int]) -> None:
    """Leave the starter's things behind: open files but the standard ones and `keep_fds`, folder, mask, signals."""
    while os.open(os.devnull, os.O_RDWR) < _FIRST_FREE_FD:  # one of the standard files was closed: it is filled
        pass
    start = _FIRST_FREE_FD  # also closes the one too many
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20)  # RLIM_INFINITY would never end on macOS
    for fd in [*sorted(keep_fds), limit]:
        os.closerange(start, fd)
        start = fd + 1
    for fd in keep_fds:
        os.set_inheritable(fd, False)
    os.umask(_UMASK)
    os.chdir("/")
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


def protect() -> dict[str, object]:
    """Turn on what the system offers; return which of `undumpable` and `subreaper` took hold.

    The soft limit of core files is 0; the hard one stays, so that a job may raise its own.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform != "linux":
        return {"undumpable": False, "subreaper": False}
    import ctypes  # noqa: PLC0415 - once, at start; macOS has no prctl and is spared its memory

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return {
        "undumpable": prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0,
        "subreaper": prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0,
    }


def lead_session() -> None:
    """Leave the starter's terminal and process group."""
    try:
        os.setsid()
    except PermissionError:
        return  # leads a session of its own already
