"""Ask the C library and the kernel for what Python does not offer.

Loaded ahead in every process that starts jobs, since ctypes takes some milliseconds.
"""

from __future__ import annotations

import ctypes
import sys

_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36  # <sys/prctl.h>
_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Be the parent of every descendant whose own parent ends, so that none can leave the tree.

    Linux only, prctl(2); elsewhere orphans go to process 1, as always.
    """
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def name_process(name: bytes) -> None:
    """Show this name, of at most 15 bytes, in lists of processes. Linux only, prctl(2)."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_NAME, name, 0, 0, 0)


def flush_c_output() -> None:
    """Write out what C code has printed and the C library still holds: it does so at an exit, but not at ours."""
    _libc.fflush(None)
