"""What was asked and what took effect, for tests and demonstrations to read.

Never a header value that could carry a token, never a body. Instants are epoch seconds (UTC).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

KEPT_REQUESTS = 500_000  # guess: far above any benchmark of ours, about 150 MB


class Request(msgspec.Struct):
    """One request of ARM or Entra; `status` is None while it is worked on and when no reply was sent."""

    seq: int
    at: float
    method: str
    path: str
    api_version: str | None = None
    status: int | None = None
    client_id: str | None = None
    #: Whom the token of the request is about, or who was given one.
    object_id: str | None = None
    #: How a token was asked for, in the words of OAuth; None of other requests.
    grant: str | None = None
    tenant_id: str | None = None
    subscription_id: str | None = None
    client_request_id: str | None = None
    correlation_id: str | None = None
    #: The number of the effect this request had, if it had one.
    effect: int | None = None
    #: The fault it met, in the words of the order that planted it.
    fault: str | None = None


class Effect(msgspec.Struct):
    """One change that a request really made; `outcome` is how its operation ended, None while it goes on."""

    seq: int
    at: float
    resource_id: str  # lower-case
    effect: str  # created, updated, deleted, started, deallocated, poweredOff, restarted
    operation_id: str | None = None
    outcome: str | None = None


class Journal:
    """The requests and the effects since the last reset."""

    def __init__(self) -> None:
        """Begin empty."""
        self._requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self.effects: list[Effect] = []
        self._seq = 0
        self._watchers: set[asyncio.Event] = set()

    def open_request(self, at: float, method: str, path: str) -> Request:
        """Note a request that has just arrived and return its entry, to be filled in as it is worked on."""
        self._seq += 1
        entry = Request(self._seq, at, method, path)
        self._requests.append(entry)
        self.wake()
        return entry

    def note_effect(self, at: float, resource_id: str, effect: str, operation_id: str | None) -> Effect:
        """Note that a request changed something."""
        entry = Effect(len(self.effects) + 1, at, resource_id.lower(), effect, operation_id)
        self.effects.append(entry)
        self.wake()
        return entry

    def requests(self, since: int = 0) -> list[Request]:
        """Return the requests whose number is above `since`, oldest first."""
        return [entry for entry in self._requests if entry.seq > since]

    def clear(self) -> None:
        """Forget everything; numbers start again at 1."""
        self._requests.clear()
        self.effects.clear()
        self._seq = 0

    def wake(self) -> None:
        """Let everyone who waits in `wait_until` look again."""
        for watcher in self._watchers:
            watcher.set()

    async def wait_until(self, claim: Callable[[], bool], timeout_s: float) -> bool:
        """Return True as soon as `claim` holds, False when it did not within `timeout_s`."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            async with asyncio.timeout(timeout_s):
                while not claim():
                    event.clear()
                    await event.wait()
        except TimeoutError:
            return claim()
        finally:
            self._watchers.discard(event)
        return True
