"""The keeper's own end of the channel, served in a thread of the test."""

from __future__ import annotations

import selectors
import socket
import threading
from typing import Self

from azjobs.keeper.peer import DaemonEnd
from azjobs.keeper.requests import Memory


class KeeperEnd:
    """`socket` is the daemon's end, for a `KeeperChannel` that is closed before this; `memory` is what is held."""

    def __init__(self) -> None:
        self.memory = Memory(dict)
        self.socket, theirs = socket.socketpair()
        theirs.setblocking(False)
        self._end = DaemonEnd(theirs, self.memory)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self._thread.join()
        self._end.sock.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            while self._end.is_open:
                selector.register(self._end.sock, self._end.wanted_events())
                self._end.perform(selector.select()[0][1])
                selector.unregister(self._end.sock)
