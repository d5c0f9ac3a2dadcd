"""Know whose blocking calls are attached to which jobs, and what becomes of a job whose caller has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from azjobs.core.job import BatchWork, Job
from azjobs.daemon.jobs.ledger import Ledger
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.serving.server import Connection

CALLER_GRACE_S = 2.0  # guess: a client that lost its connection is back within that, or it is gone


class Callers:
    """The callers of attached jobs. `forget`: removes jobs with all that belongs to them."""

    def __init__(self, ledger: Ledger, runner: Runner, forget: Callable[[Iterable[str]], None]) -> None:
        self._ledger = ledger
        self._runner = runner
        self._forget = forget
        self._callers: dict[str, Connection] = {}

    def attach(self, connection: Connection, job: Job) -> None:
        """This client waits for the job's value."""
        connection.attached.add(job.uuid)
        self._callers[job.uuid] = connection
        if connection.is_gone:  # while its job was being taken: nobody will tell of that again
            self._wait_for(job.uuid, connection)

    def detach(self, uuid: str, connection: Connection | None = None) -> None:
        """Nobody waits for the job's value any more."""
        self._callers.pop(uuid, None)
        if connection is not None:
            connection.attached.discard(uuid)

    def closed(self, connection: Connection) -> None:
        """A job whose caller has gone shows itself, unless the caller comes back in a moment."""
        for uuid in connection.attached:
            if self._callers.get(uuid) is connection:
                self._wait_for(uuid, connection)

    def adopt(self, job: Job) -> None:
        """An attached job of the daemon before: its caller may come back for it.

        One that does not, or has not yet, finds it as a job that shows itself: its
        result is not thrown away because a caller was slow.
        """
        asyncio.get_running_loop().call_later(CALLER_GRACE_S * 2, self._adopted, job.uuid)

    def _adopted(self, uuid: str) -> None:
        if uuid not in self._callers:
            self.show(uuid)

    def show(self, uuid: str) -> Job | None:
        """Give an attached job, unfinished or not, its id, and its children theirs; returns it as it is now."""
        stored = self._runner.load(uuid)
        if stored is None or stored.id is not None:
            return stored
        shown = replace(stored, id=self._ledger.give_id(uuid).id)
        self._runner.replace(shown)
        self._ledger.save(shown)
        if isinstance(stored.work, BatchWork):
            for child in self._ledger.load_children(uuid):
                self.show(child.uuid)
        return shown

    def _wait_for(self, uuid: str, connection: Connection) -> None:
        asyncio.get_running_loop().call_later(CALLER_GRACE_S, self._orphaned, uuid, connection)

    def _orphaned(self, uuid: str, connection: Connection | None) -> None:
        if self._callers.get(uuid) is not connection:
            return
        self._callers.pop(uuid, None)
        if self._runner.find(uuid) is not None:
            self.show(uuid)
        else:
            self._forget_attached(uuid)

    def _forget_attached(self, uuid: str) -> None:
        """Nobody came for the result of a call; one that was told as a job meanwhile stays."""
        stored = self._ledger.load(uuid)
        if stored is not None and stored.id is None:
            self._forget([uuid])
