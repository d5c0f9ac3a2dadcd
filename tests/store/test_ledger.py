"""The ledger: when what it was given is on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

from msgspec.structs import replace
from store_samples import make_job

from azjobs.core.events import ProcessEnded, ProcessStarted
from azjobs.core.job import Job, ProcessKind, ProcessWork
from azjobs.core.states import Completed, Running
from azjobs.daemon.jobs.ledger import Ledger
from azjobs.daemon.jobs.runner import Runner
from azjobs.store.ballast import Ballast
from azjobs.store.sqlite import SqliteStore


class CountingStore(SqliteStore):
    """A store that knows how many transactions there were."""

    commits = 0

    def commit(self) -> None:
        """Count, then commit."""
        self.commits += 1
        super().commit()


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


def test_that_a_process_is_there_is_recorded_with_what_comes_next_or_soon(tmp_path: Path) -> None:
    """A process job costs two transactions: to take it, and to record its end. A flush leaves nothing out."""

    async def run() -> None:
        with contextlib.closing(CountingStore(tmp_path / "store.db")) as store:
            no_ballast = Ballast(Path("/dev/null/ballast"))
            recorded = asyncio.Event()

            def record(job: Job) -> None:
                if isinstance(job.work, ProcessWork) and job.work.pid == 10:
                    recorded.set()

            ledger = Ledger(store, no_ballast, on_commit=record, on_broken=lambda _: None)
            runner = Runner(ledger, now=lambda: 1.0)
            work = ProcessWork(ProcessKind.COMMAND, "/", 0o022)
            taken = ledger.add(make_job("job", work=work, state=Running(1.0)), b"", is_attached=False)
            runner.take(taken)
            await ledger.durable()
            runner.apply("job", ProcessStarted(1.0, 7, 8, "boot"))
            await asyncio.sleep(0)
            assert store.commits == 1
            runner.apply("job", ProcessEnded(2.0, "completed"))
            await asyncio.sleep(0)
            assert (store.commits, store.load_all()[0].state) == (2, Completed(1.0, 2.0))

            runner.take(ledger.add(make_job("other", work=work, state=Running(1.0)), b"", is_attached=False))
            await ledger.durable()
            runner.apply("other", ProcessStarted(1.0, 9, 8, "boot"))
            await ledger.durable()
            assert [job.work for job in store.load_unfinished()] == [replace(work, pid=9, start_time=8, boot_id="boot")]
            runner.apply("other", ProcessStarted(1.0, 10, 8, "boot"))
            async with asyncio.timeout(20):
                await recorded.wait()

    asyncio.run(run())
