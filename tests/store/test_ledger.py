"""The ledger: when what it was given is on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

from store_samples import make_job

from azjobs.daemon.jobs.ledger import Ledger
from azjobs.store.ballast import Ballast
from azjobs.store.sqlite import SqliteStore


class WatchedStore(SqliteStore):
    """A store whose files are copied at the beginning of each flush: what is written later it need not cover."""

    def __init__(self, file: Path, safe: Path) -> None:
        super().__init__(file)
        self._files, self._safe = file.parent, safe

    def sync(self) -> None:
        """Copy, then flush."""
        shutil.copytree(self._files, self._safe, dirs_exist_ok=True)
        super().sync()


def test_what_is_recorded_between_a_flush_and_its_beginning_waits_for_the_next_one(tmp_path: Path) -> None:
    """A flush that was asked for before a change was written does not stand for it after a loss of power."""
    (tmp_path / "home").mkdir()
    file, safe = tmp_path / "home" / "store.db", tmp_path / "after the loss of power"

    async def run() -> None:
        with contextlib.closing(WatchedStore(file, safe)) as store:
            no_ballast = Ballast(Path("/dev/null/ballast"))  # nothing can be there
            ledger = Ledger(store, no_ballast, on_commit=lambda _: None, on_broken=lambda _: None)
            ledger.add(make_job("first"), b"", is_attached=False)
            first = asyncio.ensure_future(ledger.durable())
            await asyncio.sleep(0)  # it has committed, and its flush is about to begin
            ledger.add(make_job("second"), b"", is_attached=False)
            await asyncio.sleep(0)  # the tick's end: committed
            await ledger.durable()
            await first

    asyncio.run(run())
    with contextlib.closing(SqliteStore(safe / "store.db")) as left:
        assert [job.uuid for job in left.load_all()] == ["first", "second"]
