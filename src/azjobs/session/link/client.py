"""Ask the daemon from any thread, over its replacement too; forget everything after a fork.

A request takes an idle connection or a new one, so a long read holds up nobody.
Every request but `Shutdown` means the same when it is repeated (a submit carries
the job's uuid), so one that was lost with its daemon is asked again of the next.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from pathlib import Path
from typing import TypeVar

from azjobs.core.errors import DaemonUnavailable
from azjobs.core.layout import Layout
from azjobs.core.wire import Message, Refusal, Reply, Shutdown
from azjobs.session.link.connection import Connection, ConnectionLost, error_of, reach
from azjobs.session.link.identity import SessionIdentity
from azjobs.session.link.presence import is_daemon_kept

PATIENCE_S = 20.0  # guess: several lives of a daemon that is killed again and again
PAUSE_S = 0.02  # guess: a tenth of what a daemon's start takes
WAKE_S = 2.0  # guess: a dying process keeps its socket for a moment, not for seconds
MOST_IDLE = 4  # guess: threads that ask again and again

R = TypeVar("R", bound=Reply)


class Client:
    """The way of one process to the daemon of one home."""

    def __init__(self, layout: Layout[Path], identity: SessionIdentity | None, job_key: str = "") -> None:
        self.layout = layout
        self._identity = identity or SessionIdentity("")
        self._job_key = job_key
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._idle_following: list[Connection] = []
        _clients.add(self)

    def ask(self, message: Message, kind: type[R]) -> R:
        """Return the reply to a request, which must be of `kind`.

        Raises:
            AzJobsError: the daemon refuses, by the class of `core.errors` that it names.
            DaemonUnavailable: no daemon can be reached or started.
        """
        deadline_at = time.monotonic() + PATIENCE_S
        while True:
            connection, begun_at = self._take(), time.monotonic()
            try:
                reply = connection.ask(message)
            except ConnectionLost as lost:
                connection.close()
                if time.monotonic() - begun_at > PATIENCE_S:  # it was held until a person came; that daemon lived long
                    deadline_at = time.monotonic() + PATIENCE_S
                if lost.is_sent and isinstance(message, Shutdown):
                    raise DaemonUnavailable("The daemon ended before it answered.") from lost
                if time.monotonic() > deadline_at:
                    raise DaemonUnavailable(
                        "The daemon ends again and again. See logs/daemon.log in the home folder."
                    ) from lost
                time.sleep(PAUSE_S)
                continue
            except BaseException:  # interrupted: what comes next on this connection would be the old reply
                connection.close()
                raise
            self._give_back(connection)
            return expect(reply, kind)

    def open(self) -> Connection:
        """Return a connection of the caller's own, to be closed by it; tries over a daemon's replacement."""
        deadline_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                return Connection.open(
                    self.layout, session=self._identity.key, leader=self._identity.leader, job_key=self._job_key
                )
            except ConnectionLost as lost:
                if time.monotonic() > deadline_at:
                    raise DaemonUnavailable(
                        "The daemon ends as soon as it is asked. See logs/daemon.log in the home folder."
                    ) from lost
                time.sleep(PAUSE_S)

    @property
    def has_quiet_following(self) -> bool:
        """Whether such a connection is kept on which nothing is to be read, not even its end."""
        with self._lock:
            return bool(self._idle_following) and not self._idle_following[-1].is_readable

    def open_following(self) -> Connection:
        """Return a connection to follow jobs on, one that did so before where there is one."""
        with self._lock:
            if self._idle_following:
                return self._idle_following.pop()
        return self.open()

    def keep_following(self, connection: Connection) -> None:
        """Keep a connection that was followed on for the next who wants to.

        Not in a job: while one is open the daemon takes the job for one that waits, which gives its turn away.
        """
        with self._lock:
            if not self._idle_following and not self._job_key:  # one is enough: waits seldom overlap
                self._idle_following.append(connection)
                return
        connection.close()

    def wake(self) -> None:
        """Start what has to be started; nothing is asked or waited for."""
        deadline_at = time.monotonic() + WAKE_S
        with contextlib.suppress(DaemonUnavailable):  # whoever only looks is shown what is there
            while time.monotonic() < deadline_at:
                reach(self.layout).close()
                if is_daemon_kept(self.layout):
                    return
                time.sleep(PAUSE_S)  # the socket of a keeper that has just been killed took the connection

    def close(self) -> None:
        """Close what is idle; the client stays usable."""
        for connection in self._take_idle():
            connection.close()

    def _take_idle(self) -> list[Connection]:
        with self._lock:
            idle = [*self._idle, *self._idle_following]
            self._idle, self._idle_following = [], []
        return idle

    def _take(self) -> Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self.open()

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _forked(self) -> None:
        self._lock = threading.Lock()
        for connection in self._take_idle():
            connection.drop()


def expect(reply: Reply, kind: type[R]) -> R:
    """Return a reply of this kind; raises what a refusal names."""
    if isinstance(reply, Refusal):
        raise error_of(reply)
    if not isinstance(reply, kind):
        raise DaemonUnavailable(f"The daemon answered {type(reply).__name__} where {kind.__name__} was asked for.")
    return reply


_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def _drop_in_child() -> None:
    for client in list(_clients):
        client._forked()  # noqa: SLF001 - this module's own class


os.register_at_fork(after_in_child=_drop_in_child)
