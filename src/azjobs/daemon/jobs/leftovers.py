"""Remove the files of removed jobs: after the commit that removed their rows, never before it.

A daemon that is killed in between leaves a note of them in the store, and the
next one finishes the work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from azjobs.daemon.jobs.ledger import Ledger
from azjobs.store.protocol import JobStore

log = logging.getLogger(__name__)


class Leftovers:
    """What is still to be removed. `remove_files`: all files of a job, by its uuid."""

    def __init__(self, store: JobStore, ledger: Ledger, remove_files: Callable[[str], None]) -> None:
        self._store = store
        self._ledger = ledger
        self._remove_files = remove_files
        self._waiting: list[str] = []

    def remove(self, uuid: str) -> None:
        """Remove the files of a job whose row is removed in this tick's transaction."""
        if not self._waiting:
            self._ledger.after_commit(self._sweep)
        self._waiting.append(uuid)

    def recover(self) -> None:
        """Remove what a daemon that was killed had still to remove."""
        self._waiting += self._store.load_removed()
        self._sweep()

    def _sweep(self) -> None:
        uuids, self._waiting = self._waiting, []
        try:
            for uuid in uuids:
                self._remove_files(uuid)
        except OSError as error:  # they stay in the store's note, and are tried again at the next start
            log.error("Files of removed jobs could not be removed: %s", error.strerror)  # noqa: TRY400 - said whole
        else:
            self._store.drop_removed(uuids)
