"""The safe keeps secrets in a keyring where there is one, else in a file, and holds nothing when nothing is saved."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msal_extensions.persistence import FilePersistence

from azjobs.core.errors import HomeUnusable, StoreTooNew
from azjobs.daemon.accounts import keyring as keyrings
from azjobs.daemon.accounts.safe import Safe
from terminal import DEADLINE_S, wait_until

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
    monkeypatch.setattr(keyrings, "LIMIT_S", 0.05)
    never = threading.Event()

    def hangs(_: Path) -> Any:
        never.wait()

    async def work() -> None:
        safe = Safe(tmp_path / "sign-ins.json", keyring=hangs)
        assert await safe.put("a", SECRET, may_be_in_file=True)

    run(work)
    never.set()


class Locking:
    """A keyring of msal-extensions' file kind that hangs from when it is locked to when it is unlocked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unlocked = threading.Event()
        self.unlocked.set()
        self.calls = 0

    def __call__(self, marker: Path) -> Any:
        """Open it."""
        self._wait()
        inner, locking = keyring_in(self.folder)(marker), self

        class Keyring:
            def save(self, content: str) -> None:
                locking._wait()
                inner.save(content)

            def load(self) -> str:
                locking._wait()
                return str(inner.load())

        return Keyring()

    def _wait(self) -> None:
        self.calls += 1
        self.unlocked.wait()

    @property
    def text(self) -> str:
        """What is in it."""
        file = self.folder / "keyring"
        return file.read_text() if file.exists() else ""


@pytest.fixture
def locking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Locking]:
    """A keyring for which nobody waits long."""
    monkeypatch.setattr(keyrings, "LIMIT_S", 0.05)
    (tmp_path / "home").mkdir()
    keyring = Locking(tmp_path)
    yield keyring
    keyring.unlocked.set()


def test_a_keyring_that_locks_later_holds_up_nobody_and_has_everything_once_it_is_unlocked(
    tmp_path: Path, locking: Locking, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told of once and not called again meanwhile; nothing goes to a file, and nothing is lost."""
    file = tmp_path / "home" / "sign-ins.json"

    async def work() -> None:
        safe = Safe(file, keyring=locking)
        await safe.put("a", SECRET, may_be_in_file=False)
        locking.unlocked.clear()
        before = locking.calls
        async with asyncio.timeout(DEADLINE_S):
            for number in range(5):
                assert not await safe.put("b", {"token_cache": f"newer-{number}"}, may_be_in_file=True)
            await safe.drop("a")
        assert (locking.calls, file.exists(), "a" in safe, "b" in safe) == (before + 1, False, False, True)
        assert caplog.text.count("The keyring cannot be used just now: it did not answer") == 1
        locking.unlocked.set()
        await asyncio.to_thread(wait_until, lambda: "newer-4" in locking.text and "hunter2" not in locking.text)
        assert await Safe(file, keyring=locking).load() == {"b": {"token_cache": "newer-4"}}

    run(work)


def test_a_keyring_that_refuses_once_has_everything_with_the_next_change(tmp_path: Path) -> None:
    """What it refused is in memory until then."""
    home = tmp_path / "home"
    home.mkdir()
    is_refusing = False

    def refusing(marker: Path) -> Any:
        class Keyring(keyring_in(tmp_path)):  # type: ignore[misc]  # a class made by a function
            def save(self, content: str) -> None:
                if is_refusing:
                    raise RuntimeError("locked")
                super().save(content)

        return Keyring(marker)

    async def work() -> None:
        nonlocal is_refusing
        file = home / "sign-ins.json"
        safe = Safe(file, keyring=refusing)
        await safe.put("a", SECRET, may_be_in_file=True)
        is_refusing = True
        assert not await safe.put("b", SECRET, may_be_in_file=True)
        assert await Safe(file, keyring=refusing).load() == {"a": SECRET}
        is_refusing = False
        await safe.put("c", SECRET, may_be_in_file=True)
        assert await Safe(file, keyring=refusing).load() == {"a": SECRET, "b": SECRET, "c": SECRET}

    run(work)


def test_of_keyring_and_file_the_newer_one_counts_and_the_stale_one_is_cleaned(
    tmp_path: Path, locking: Locking
) -> None:
    """A daemon that could not reach the keyring kept newer tokens in the file; its successor can reach it."""
    file = tmp_path / "home" / "sign-ins.json"

    async def work() -> None:
        first = Safe(file, keyring=locking)
        await first.put("person", {"token_cache": "old"}, may_be_in_file=True)
        await first.put("gone", SECRET, may_be_in_file=True)
        await first.put("principal", SECRET, may_be_in_file=False)
        locking.unlocked.clear()
        second = Safe(file, keyring=locking)
        assert await second.load() == {}
        assert await second.put("person", {"token_cache": "newer"}, may_be_in_file=True)
        assert not await second.put("other", {"client_secret": "of-another"}, may_be_in_file=False)
        await second.drop("gone")
        assert "of-another" not in file.read_text()

    async def afterwards() -> None:
        third = Safe(file, keyring=locking)
        assert await third.load() == {"person": {"token_cache": "newer"}, "principal": SECRET}
        assert not file.exists()
        assert '"old"' not in locking.text
        assert "gone" not in locking.text

    run(work)
    locking.unlocked = threading.Event()  # the call that hangs is of a daemon that was killed
    locking.unlocked.set()
    run(afterwards)


def test_a_keyring_that_is_unlocked_while_the_daemon_runs_is_taken_up_with_what_the_file_has(
    tmp_path: Path, locking: Locking
) -> None:
    """The next change is saved there, what was in it is not overwritten, and the file goes."""
    file = tmp_path / "home" / "sign-ins.json"

    async def work() -> None:
        await Safe(file, keyring=locking).put("principal", SECRET, may_be_in_file=False)
        locking.unlocked.clear()
        safe = Safe(file, keyring=locking)
        await safe.load()
        await safe.put("person", {"token_cache": "newer"}, may_be_in_file=True)
        assert file.exists()
        locking.unlocked.set()
        await asyncio.to_thread(wait_until, lambda: not file.exists())
        assert await Safe(file, keyring=locking).load() == {
            "principal": SECRET,
            "person": {"token_cache": "newer"},
        }

    run(work)


@pytest.mark.parametrize("place", ["file", "keyring"])
def test_what_a_newer_version_saved_is_not_overwritten(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is taken up, nothing is written, and the sentence says what to do."""
    home = tmp_path / "home"
    home.mkdir()
    file = home / "sign-ins.json"
    newer = '{"format": 2, "entries": [["a", "hunter2-hunter2"]]}'
    kept = file if place == "file" else tmp_path / "keyring"
    kept.write_text(newer)
    kept.chmod(0o600)
    if place == "keyring":
        file.with_suffix(".keyring").touch()

    async def work() -> None:
        safe = Safe(file, keyring=keyring_in(tmp_path))
        assert await safe.load() == {}
        with pytest.raises(StoreTooNew, match=r"newer version.*Use that version, or sign in with --scope Process"):
            safe.check()
        with pytest.raises(StoreTooNew):
            await safe.put("b", SECRET, may_be_in_file=True)
        with pytest.raises(StoreTooNew):
            await safe.drop("a")

    run(work)
    assert kept.read_text() == newer
    assert "newer version" in caplog.text


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
