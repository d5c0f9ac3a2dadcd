"""Tell which session this process belongs to.

`AZJOBS_SESSION` names one. Else a shell's session is that of its terminal: the
leader's boot, pid namespace, session id and start time together, so that a
recycled pid is never taken for the same terminal. A Python program is a session
of its own.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from azjobs.core.errors import InvalidInput
from azjobs.process.identity import boot_id, pid_namespace, start_time

SESSION_VARIABLE = "AZJOBS_SESSION"


class SessionIdentity(NamedTuple):
    """A session: its key, and (pid, start time) of the process whose end ends it, where there is one."""

    key: str
    leader: tuple[int, int] | None = None


class SessionUnknown(InvalidInput):
    """This shell has no living session leader. Set AZJOBS_SESSION to a name of yours, or use --scope CurrentUser."""


def named_session() -> SessionIdentity | None:
    """Return the session that `AZJOBS_SESSION` names; it ends when its user says so, never by itself."""
    name = os.environ.get(SESSION_VARIABLE, "").strip()
    return named(name) if name else None


def named(name: str) -> SessionIdentity:
    """Return the session of a name."""
    return SessionIdentity(f"named:{name}")


def shell_session() -> SessionIdentity | None:
    """Return the terminal session of this process; None when it has no living leader (a container, an orphan)."""
    session_id = os.getsid(0)
    started = start_time(session_id) if session_id > 0 else None
    if started is None or session_id == os.getpid():  # a command that leads its own session ends with it
        return None
    if _is_zombie(session_id):
        return None
    key = f"tty:{boot_id()}:{pid_namespace()}:{session_id}:{started}"
    return SessionIdentity(key, (session_id, started))


def python_session() -> SessionIdentity:
    """Return the session that this process is by itself."""
    pid = os.getpid()
    started = start_time(pid) or 0
    return SessionIdentity(f"py:{boot_id()}:{pid_namespace()}:{pid}:{started}", (pid, started))


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and only nobody has taken note; told on Linux only."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - a third of the cost of Path.read_bytes
            stat = file.read()
    except OSError:
        return False
    return stat[stat.rindex(b")") + 2 :].startswith(b"Z")
