"""Keep what one session has of its own: in a file for a shell's session, in memory for a Python program's.

A session's file is removed when its leader has ended: whoever makes a new one looks.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

import msgspec

from azjobs.core.context import ContextValue
from azjobs.core.errors import InvalidInput
from azjobs.core.layout import Layout
from azjobs.core.profile import FORMAT, SessionState
from azjobs.process.identity import is_running
from azjobs.session.link.identity import SessionIdentity, named
from azjobs.store.private import make_private_folder
from azjobs.store.whole_file import WholeFile

JOB_PREFIX = "job-"  # of the session inside a command's job
KEEP_S = 86_400.0  # guess: a job's file is written just before the job exists; after a day it should be there
LONGEST_NAME = 200  # a file name has 255 bytes, and ".json.lock" is added


class SessionStore(Protocol):
    """Where a session's state is kept."""

    def load(self) -> SessionState:
        """Return it."""
        ...

    def change(self, decide: Callable[[SessionState], SessionState]) -> SessionState:
        """Replace it by what `decide` makes of it."""
        ...


class MemorySession:
    """The state of a Python program: gone with it. After a fork the child goes on with a copy."""

    def __init__(self, state: SessionState | None = None) -> None:
        self._state = state or SessionState()
        self.unlock()

    def unlock(self) -> None:
        """Begin with a free lock: in a forked child, whose parent's other threads may have held it."""
        self._lock = threading.RLock()

    def load(self) -> SessionState:
        """Return it."""
        return self._state

    def change(self, decide: Callable[[SessionState], SessionState]) -> SessionState:
        """Replace it by what `decide` makes of it."""
        with self._lock:
            self._state = decide(self._state)
            return self._state


class NoSession:
    """There is no session to remember anything for: nothing was chosen, and nothing can be."""

    def __init__(self, refusal: Exception) -> None:
        self._refusal = refusal

    def load(self) -> SessionState:
        """Nothing was chosen."""
        return SessionState()

    def change(self, decide: Callable[[SessionState], SessionState]) -> SessionState:
        """Refuse a change; what changes nothing is let pass."""
        if decide(SessionState()) != SessionState():
            raise self._refusal
        return SessionState()


class FileSession:
    """The state of a shell's session, shared by all commands typed in it."""

    def __init__(self, layout: Layout[Path], identity: SessionIdentity) -> None:
        self._layout = layout
        self._file = WholeFile(
            session_path(layout, identity.key),
            SessionState,
            SessionState(leader=identity.leader),
            newest_format=FORMAT,
        )

    def load(self) -> SessionState:
        """Return it; raises HomeUnusable when its file cannot be understood."""
        return self._file.load()

    def change(self, decide: Callable[[SessionState], SessionState]) -> SessionState:
        """Replace it by what `decide` makes of it; raises HomeUnusable as `load`."""
        make_private_folder(self._layout.sessions_folder)
        if not self._file.path.exists():
            remove_ended(self._layout)
        return self._file.change(decide)


def session_path(layout: Layout[Path], key: str) -> Path:
    """Return where the state of a session is.

    Raises:
        InvalidInput: the name in AZJOBS_SESSION is too long.
    """
    name = quote(key, safe="")
    if len(name) > LONGEST_NAME:
        raise InvalidInput(f"AZJOBS_SESSION is too long: at most about {LONGEST_NAME} characters.")
    return layout.sessions_folder / f"{name}.json"


def make_job_session(layout: Layout[Path], uuid: str, own: ContextValue | None, *, autosave: bool) -> str:
    """Make the session that azjobs has inside a command's job, in its context and no other; returns its name."""
    name = f"{JOB_PREFIX}{uuid}"
    contexts = (own,) if own is not None else ()
    state = SessionState(choice=own, contexts=contexts, autosave=autosave, is_closed=True)
    FileSession(layout, named(name)).change(lambda _: state)
    return name


def remove_ended(layout: Layout[Path]) -> None:
    """Remove the files of sessions that are over; one that cannot be understood is left."""
    for path in layout.sessions_folder.glob("*.json"):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            state = msgspec.json.decode(path.read_bytes(), type=SessionState)
            if _is_over(layout, path, state):
                path.unlink()
                path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def _is_over(layout: Layout[Path], path: Path, state: SessionState) -> bool:
    """A terminal's session ends with its leader, a job's when the job is removed."""
    if state.leader is not None:
        return not is_running(*state.leader)
    _, is_of_job, uuid = unquote(path.stem).partition(named(JOB_PREFIX).key)
    if not is_of_job or layout.journal_file(uuid).exists():
        return False
    return time.time() - path.stat().st_mtime > KEEP_S
