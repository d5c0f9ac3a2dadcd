"""Stores of each kind, opened again and again on one medium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_samples import Opener

from azjobs.store.memory import MemoryDisk, MemoryStore
from azjobs.store.protocol import JobStore
from azjobs.store.sqlite import SqliteStore


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture(params=["sqlite", "memory"])
def open_store(request: pytest.FixtureRequest, store_file: Path) -> Iterator[Opener]:
    """Return what opens the store again and again on the same medium."""
    disk = MemoryDisk()
    opened: list[JobStore] = []

    def open_it() -> JobStore:
        store: JobStore = SqliteStore(store_file) if request.param == "sqlite" else MemoryStore(disk)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        store.close()
