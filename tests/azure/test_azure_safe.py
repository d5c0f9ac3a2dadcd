"""The safe keeps secrets in a keyring where there is one, else in a file, and holds nothing when nothing is saved."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msal_extensions.persistence import FilePersistence

from azjobs.core.errors import HomeUnusable
from azjobs.daemon import safe as safes
from azjobs.daemon.safe import Safe

SECRET = {"client_secret": "hunter2-hunter2"}


def none(_: Path) -> Any:
    raise RuntimeError("no bus")


def keyring_in(folder: Path) -> Callable[[Path], Any]:
    """A persistence of msal-extensions as keyring; the marker is touched as the system's keyrings do."""

    class Keyring(FilePersistence):  # type: ignore[misc]  # msal-extensions ships no types
        def __init__(self, marker: Path) -> None:
            super().__init__(str(folder / "keyring"))
            self.marker = marker

        def save(self, content: str) -> None:
            super().save(content)
            self.marker.touch()

    return Keyring


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        return await work()

    return asyncio.run(whole())


def test_without_a_keyring_only_what_may_be_is_put_into_the_file(tmp_path: Path) -> None:
    """The answer says whether it is there unprotected; another safe takes it up again."""
    file = tmp_path / "sign-ins.json"

    async def work() -> None:
        safe = Safe(file, keyring=none)
        assert await safe.load() == {}
        assert not await safe.put("a", SECRET, may_be_in_file=False)
        assert not file.exists()
        assert await safe.put("b", SECRET, may_be_in_file=True)
        assert "b" in safe
        assert "a" not in safe
        assert await Safe(file, keyring=none).load() == {"b": SECRET}

    run(work)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_no_longer_to_be_saved_is_taken_out(tmp_path: Path) -> None:
    """Signing in again without the wish to save replaces what was there; with the last one the file goes."""
    file = tmp_path / "sign-ins.json"

    async def work() -> None:
        safe = Safe(file, keyring=none)
        await safe.put("a", SECRET, may_be_in_file=True)
        await safe.put("b", SECRET, may_be_in_file=True)
        await safe.put("a", SECRET, may_be_in_file=False)
        assert await Safe(file, keyring=none).load() == {"b": SECRET}
        await safe.drop("b")
        await safe.drop("b")

    run(work)
    assert not file.exists()


def test_in_a_keyring_everything_is_kept_and_nothing_in_a_file(tmp_path: Path) -> None:
    """What lay in the file before moves there; another safe finds it by the marker."""
    home = tmp_path / "home"
    home.mkdir()
    file = home / "sign-ins.json"
    keyring = keyring_in(tmp_path)

    async def work() -> None:
        before = Safe(file, keyring=none)
        await before.put("old", SECRET, may_be_in_file=True)
        safe = Safe(file, keyring=keyring)
        await safe.load()
        assert not await safe.put("new", SECRET, may_be_in_file=False)
        assert not [one for one in home.rglob("*") if b"hunter2" in one.read_bytes()]
        other = Safe(file, keyring=keyring)
        assert await other.load() == {"old": SECRET, "new": SECRET}
        await other.drop("old")
        await other.drop("new")
        assert list(home.iterdir()) == []

    run(work)


def test_a_keyring_that_hangs_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may ask a person for a password, and nobody is there."""
    monkeypatch.setattr(safes, "PROBE_S", 0.05)
    never = threading.Event()

    def hangs(_: Path) -> Any:
        never.wait()

    async def work() -> None:
        safe = Safe(tmp_path / "sign-ins.json", keyring=hangs)
        assert await safe.put("a", SECRET, may_be_in_file=True)

    run(work)
    never.set()


def test_a_damaged_file_is_copied_and_does_not_stop_the_daemon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names file and copy; it is as if nothing were saved."""
    file = tmp_path / "sign-ins.json"
    file.write_text('{"entries": {"a": "hunter2')
    file.chmod(0o600)
    assert run(Safe(file, keyring=none).load) == {}
    assert "was copied to" in caplog.text
    assert "hunter2" not in caplog.text
    assert [one.read_text() for one in tmp_path.glob("*.damaged-*")] == ['{"entries": {"a": "hunter2']


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """And what was kept before still is."""
    with pytest.raises(HomeUnusable, match="cannot be written"):
        run(lambda: Safe(tmp_path / "gone" / "sign-ins.json", keyring=none).put("a", SECRET, may_be_in_file=True))


def test_this_systems_own_keyring_is_tried_for_real(tmp_path: Path) -> None:
    """Whether or not there is one here: putting and taking up again works, and nothing is left."""
    file = tmp_path / "sign-ins.json"

    async def work() -> None:
        safe = Safe(file)
        is_in_file = await safe.put("a", SECRET, may_be_in_file=True)
        assert file.exists() is is_in_file
        assert await Safe(file).load() == {"a": SECRET}
        await safe.drop("a")
        assert await Safe(file).load() == {}

    run(work)
