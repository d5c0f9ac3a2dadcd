"""Tell futures of the ends of their jobs: one connection and one thread for all of them, while any waits.

A lost daemon is no end of a job: the thread connects again, and says in the log
when it cannot.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Iterable
from typing import Protocol

from azjobs.core.errors import AzJobsError
from azjobs.core.states import Blocked, Completed, is_finished
from azjobs.core.wire import Changed, Follow
from azjobs.session.link.client import Client
from azjobs.session.link.connection import Connection, ConnectionLost

log = logging.getLogger("azjobs")

RETRY_S = 1.0  # guess: a daemon that cannot be started now may be startable in a moment


class Waiting(Protocol):
    """Somebody who wants to know of the end of a job."""

    @property
    def uuid(self) -> str:
        """The job."""
        ...

    def ended(self, *, is_final: bool) -> None:
        """The job has ended, or is gone; not `is_final`: it may have been resumed since."""
        ...

    def blocked(self) -> None:
        """The job waits for an answer."""
        ...


class Listener:
    """Who waits for which job."""

    _lock: threading.Lock
    _wake: threading.Event
    _waiting: dict[str, list[Waiting]]
    _connection: Connection | None
    _thread: threading.Thread | None
    _is_closed: bool
    life: object  #: who was added in an earlier life is not told in this one

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reset()
        _listeners.add(self)

    def add(self, waiting: Iterable[Waiting]) -> None:
        """Tell each once, from the listener's thread, when its job has ended. To add one again changes nothing."""
        with self._lock:
            new = [waiter.uuid for waiter in waiting if self._add(waiter)]
            if not new or self._is_closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="azjobs-listener", daemon=True)
                self._thread.start()
            elif self._connection is not None:
                self._follow(self._connection, new)

    def close(self) -> None:
        """Tell nobody any more."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
            if self._connection is not None:
                self._connection.close()
            thread = self._thread
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)

    def _add(self, waiter: Waiting) -> bool:
        others = self._waiting.setdefault(waiter.uuid, [])
        if not any(other is waiter for other in others):
            others.append(waiter)
            return len(others) == 1
        return False

    @staticmethod
    def _follow(connection: Connection, uuids: Iterable[str]) -> None:
        try:
            connection.send(Follow(-1, tuple(uuids)))
        except ConnectionLost:
            return  # the thread notices too, and follows all again

    def _listen(self) -> None:
        while self._connect():
            connection = self._connection
            assert connection is not None
            try:
                while (changed := connection.told()) is not None:
                    if self._tell(changed):
                        return
            except (ConnectionLost, AzJobsError):
                with self._lock:
                    self._connection = None
                connection.close()

    def _connect(self) -> bool:
        """Connect and follow all that is waited for; False when nobody waits any more."""
        while True:
            try:
                connection = self._client.open()
            except AzJobsError as error:
                log.warning("%s Jobs go on; trying again.", error)
                self._wake.wait(RETRY_S)
                if self._is_closed:
                    return False
                continue
            with self._lock:
                if self._is_closed or not self._waiting:
                    self._thread = None
                    connection.close()
                    return False
                self._connection = connection
                self._follow(connection, self._waiting)
                return True

    def _tell(self, changed: Changed) -> bool:
        """Pass on the end of a job; True when nobody waits any more, and the thread is to end."""
        if isinstance(changed.state, Blocked):
            with self._lock:
                waiting = list(self._waiting.get(changed.uuid, ()))
            for waiter in waiting:
                waiter.blocked()
        if not (changed.is_removed or is_finished(changed.state)):
            return False
        with self._lock:
            ended = self._waiting.pop(changed.uuid, [])
        for waiter in ended:
            waiter.ended(is_final=changed.is_removed or isinstance(changed.state, Completed))
        with self._lock:
            if self._waiting or self._connection is None:
                return False
            self._connection.close()
            self._connection = None
            self._thread = None
            return True

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._waiting = {}
        self._connection = None
        self._thread = None
        self._is_closed = False
        self.life = object()

    def _forked(self) -> None:
        """In the child there is no thread: whoever waits there is added again."""
        connection = self._connection
        self._reset()
        if connection is not None:
            connection.drop()


_listeners: weakref.WeakSet[Listener] = weakref.WeakSet()


def _drop_in_child() -> None:
    for listener in list(_listeners):
        listener._forked()  # noqa: SLF001 - this module's own class


os.register_at_fork(after_in_child=_drop_in_child)
