"""Wait for jobs in the caller's own thread: be told of their changes, over a daemon's replacement too."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Self

from azjobs.core.errors import DaemonUnavailable
from azjobs.core.wire import Changed, Follow, Ok
from azjobs.session.link.client import PATIENCE_S, PAUSE_S, Client, expect
from azjobs.session.link.connection import Connection, ConnectionLost

Greet = Callable[[Connection], None]


def _nothing(_: Connection) -> None:
    """Most followers have nothing to say first; their connections can serve the next one."""


class Following:
    """Changes of some jobs, their present state first; a context manager.

    `greet` is called on each new connection before it follows: it submits the
    job that is attached to this caller.
    """

    def __init__(self, client: Client, uuids: Iterable[str], greet: Greet = _nothing) -> None:
        self._client = client
        self._uuids = tuple(uuids)
        self._greet = greet
        self._connection: Connection | None = None

    @property
    def is_at_hand(self) -> bool:
        """Whether a daemon is known to be there, on an open connection: to ask it costs less than to read the store."""
        return self._client.has_quiet_following

    def next(self, timeout_s: float | None = None, or_readable: int = -1) -> Changed | None:
        """Return the next change; None when the time is over, or that descriptor is readable.

        After a reconnection what was told comes again.

        Raises:
            DaemonUnavailable: there is no daemon, and none can be started.
        """
        deadline_at = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            connection = self._connection or self.start()
            left_s = None if deadline_at is None else max(0.0, deadline_at - time.monotonic())
            try:
                return connection.told(left_s, or_readable)
            except ConnectionLost:
                self.drop()

    def arm(self) -> int:
        """Return a descriptor that is readable once something is told; what was told before is forgotten.

        Raises:
            DaemonUnavailable: there is no daemon, and none can be started.
        """
        connection = self._connection or self.start()
        connection.forget_told()
        return connection.fileno()

    def start(self) -> Connection:
        """Connect and follow; `next` does it where it was not done."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            connection = self._client.open_following() if self._greet is _nothing else self._client.open()
            try:
                self._greet(connection)
                expect(connection.ask(Follow(0, self._uuids)), Ok)
            except ConnectionLost as lost:
                connection.close()
                if time.monotonic() > give_up_at:
                    raise DaemonUnavailable(
                        "The daemon ends again and again. See logs/daemon.log in the home folder."
                    ) from lost
                time.sleep(PAUSE_S)
                continue
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            return connection

    def close(self) -> None:
        """Follow no more; what is told of these jobs later wakes the next follower for nothing, and no more."""
        connection = self._connection
        if connection is None or self._greet is not _nothing or sys.exc_info()[0] is not None:
            self.drop()
            return
        self._connection = None
        self._client.keep_following(connection)

    def drop(self) -> None:
        """Let go of the connection; it serves nobody else."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
