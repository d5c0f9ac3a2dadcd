"""Hold what this process knows of itself: its home, its session, its way to the daemon.

It is found again from the environment at each use, so that a program may change
`AZJOBS_HOME` between two calls; a job process is told once and stays so.
"""

from __future__ import annotations

import atexit
import os
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from azjobs.core import profile as rules
from azjobs.core.context import ContextValue
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile, SessionState
from azjobs.session.link.home import home_folder, open_home
from azjobs.session.link.identity import SessionIdentity, SessionUnknown, named_session, python_session, shell_session
from azjobs.session.link.profile_file import profile_file
from azjobs.session.link.session_file import FileSession, MemorySession, NoSession, SessionStore

if TYPE_CHECKING:
    from azjobs.session.link.client import Client
    from azjobs.session.link.listener import Listener
    from azjobs.store.whole_file import WholeFile


class Grants:
    """What a job process was given: the contexts it may use and no others, and its capability."""

    def __init__(
        self, *, own: ContextValue | None, contexts: tuple[ContextValue, ...], autosave: bool, key: str
    ) -> None:
        self.own = own
        self.contexts = contexts if own is None or own in contexts else (own, *contexts)
        self.autosave = autosave
        self.key = key

    def check(self, context: ContextValue) -> ContextValue:
        """Return the granted copy of a context; of two the one that uses the same sign-in, as the daemon chooses.

        Raises:
            ContextNotGranted: it is none of them.
        """
        return rules.granted(self.contexts, context)


class Local:
    """One home as this process sees it."""

    def __init__(
        self,
        layout: Layout[Path],
        identity: SessionIdentity | None,
        store: SessionStore,
        grants: Grants | None = None,
    ) -> None:
        self.layout = layout
        self.identity = identity
        self.session = store
        self.grants = grants

    @property
    def profile(self) -> WholeFile[Profile]:
        """The saved profile."""
        return profile_file(self.layout)

    @cached_property
    def client(self) -> Client:
        """The way to the daemon; nothing is started before it is asked something."""
        from azjobs.session.link.client import Client  # noqa: PLC0415 - what reads only needs no socket

        return Client(self.layout, self.identity, self.grants.key if self.grants else "")

    @cached_property
    def listener(self) -> Listener:
        """Who is told of the ends of jobs."""
        from azjobs.session.link.listener import Listener  # noqa: PLC0415 - as above

        return Listener(self.client)

    @property
    def key(self) -> str:
        """The key of this session; "" when there is none."""
        return self.identity.key if self.identity is not None else ""

    @property
    def is_python(self) -> bool:
        """Whether this is a program, not a command typed in a shell."""
        return not _is_shell

    @property
    def is_job(self) -> bool:
        """Whether this is a job, or a command that runs inside one: its contexts are given."""
        return self.grants is not None or self.session.load().is_closed

    def available(self) -> tuple[ContextValue, ...]:
        """Return the contexts that can be chosen here; in a job those that it was granted."""
        if self.grants is not None:
            return self.grants.contexts
        return rules.available(self.profile.load(), self.session.load())

    def require_session(self) -> SessionIdentity:
        """Return the session.

        Raises:
            SessionUnknown: this shell has none; says what to do.
        """
        if self.identity is None:
            raise SessionUnknown
        return self.identity

    def close(self) -> None:
        """Close every connection."""
        for name in ("listener", "client"):
            part: Listener | Client | None = self.__dict__.pop(name, None)
            if part is not None:
                part.close()


_lock = threading.RLock()
_known: dict[tuple[Path, str], Local] = {}
_memories: dict[Path, MemorySession] = {}  # outlives `close_all` and a fork: it is what was chosen
_is_shell = False
_job: Local | None = None


def local(*, may_stand_in: bool = False) -> Local:
    """Return what this process is now; `may_stand_in`: what follows needs nothing saved, so a read-only home will do.

    Raises:
        HomeUnusable: its home folder cannot be used.
    """
    if _job is not None:
        return _job
    with _lock:
        identity = named_session() or (shell_session() if _is_shell else python_session())
        at = (home_folder(), identity.key if identity is not None else "")
        known = _known.get(at)
        if known is None:
            layout = open_home(at[0], may_stand_in=may_stand_in)
            known = _known[at] = Local(layout, identity, _store(layout, identity))
        return known


def enter_shell() -> None:
    """From now on this process is a command typed in a shell, and its session is the terminal's."""
    global _is_shell  # noqa: PLW0603 - a process is one or the other
    _is_shell = True


def enter_job(layout: Layout[Path], session: str, grants: Grants) -> None:
    """From now on this process is a job: it has the contexts that it was granted and no others."""
    global _job  # noqa: PLW0603 - a process is one job
    state = SessionState(contexts=grants.contexts, autosave=grants.autosave)
    _job = Local(layout, SessionIdentity(session), MemorySession(state), grants)


def close_all() -> None:
    """Close every connection of this process; each is opened again when it is needed."""
    with _lock:
        for known in (*_known.values(), *([_job] if _job is not None else [])):
            known.close()
        _known.clear()


def _store(layout: Layout[Path], identity: SessionIdentity | None) -> SessionStore:
    if identity is None:
        return NoSession(SessionUnknown())
    if identity.key.startswith("py:"):
        return _memories.setdefault(layout.home, MemorySession())
    return FileSession(layout, identity)


def _unlock_in_child() -> None:
    """A forked child is a session of its own, by its pid; what was chosen so far goes with it."""
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.RLock()
    for memory in _memories.values():
        memory.unlock()


os.register_at_fork(after_in_child=_unlock_in_child)
atexit.register(close_all)
