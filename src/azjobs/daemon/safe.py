"""Keep the secrets of saved sign-ins over the end of the keeper: in a keyring, else in a file.

The keyring is the system's own (libsecret on Linux, Keychain on macOS), reached
by msal-extensions. It is used where it really works, which is tried once, when
there is something to keep. Where none does, a file in the home is used, mode
0600, replaced whole; it is there only while it holds something.

What is in the file can be read by whoever can read the user's files. So a
person's tokens are put there with a warning, which is what az does too, and a
secret of a service principal only where that was asked for.

Not tried out on a system with a keyring: neither libsecret nor Keychain.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msal_extensions.persistence import KeychainPersistence, LibsecretPersistence, PersistenceNotFound

from azjobs.core.errors import HomeUnusable
from azjobs.store.whole_file import WholeFile, save_whole

PROBE_S = 10.0  # guess: a keyring that is locked asks a person, who may not be there
FORMAT = 1
SERVICE = "azjobs"

log = logging.getLogger(__name__)


class SafeContent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept: the secrets of each sign-in by name, and under what name."""

    format: int = FORMAT
    entries: dict[str, dict[str, str]] = {}

    def __repr__(self) -> str:
        """Show how much, not what."""
        return f"<SafeContent of {len(self.entries)}>"


class Keyring(Protocol):
    """A place that the system protects; holds one text."""

    def save(self, content: str) -> None:
        """Keep a text in place of the one before."""

    def load(self) -> str:
        """Return the text; raises PersistenceNotFound when there is none."""


def system_keyring(marker: Path) -> Keyring:
    """Return the keyring of this system, tried out; raises whatever it raises when there is none that works.

    `marker` is a file that says that something is in it; it holds nothing itself.
    """
    if sys.platform == "darwin":
        return KeychainPersistence(str(marker), SERVICE, str(marker))  # type: ignore[no-any-return]
    return LibsecretPersistence(str(marker), SERVICE, {"home": str(marker.parent)})  # type: ignore[no-any-return]


class Safe:
    """What outlives the keeper. Only the daemon of a home uses it."""

    def __init__(self, file: Path, *, keyring: Callable[[Path], Keyring] = system_keyring) -> None:
        self.path = file
        self._file = WholeFile(file, SafeContent, SafeContent(), newest_format=FORMAT)
        self._marker = file.with_suffix(".keyring")
        self._make_keyring = keyring
        self._keyring: Keyring | None = None
        self._is_tried = False
        self._content = SafeContent()
        self._lock = asyncio.Lock()

    async def load(self) -> dict[str, dict[str, str]]:
        """Return everything that is kept. What cannot be read is told in the log, and is as if it were not there."""
        async with self._lock:
            try:
                self._content = await asyncio.to_thread(self._file.load)
                if await asyncio.to_thread(self._marker.exists) and await self._has_keyring():
                    self._content = await self._from_keyring()
            except HomeUnusable as error:
                log.warning("Saved sign-ins are not taken up: %s", error)
            return dict(self._content.entries)

    async def put(self, name: str, secrets: Mapping[str, str], *, may_be_in_file: bool) -> bool:
        """Keep secrets, where that is allowed. Returns whether they are now in a file that nothing encrypts.

        Raises:
            HomeUnusable: the file cannot be written; what was kept before still is.
        """
        async with self._lock:
            is_protected = await self._has_keyring()
            if not is_protected and not may_be_in_file:
                await self._keep({n: s for n, s in self._content.entries.items() if n != name})
                return False
            await self._keep({**self._content.entries, name: dict(secrets)})
            return not is_protected

    async def drop(self, name: str) -> None:
        """Forget the secrets of a sign-in.

        Raises:
            HomeUnusable: as `put`.
        """
        async with self._lock:
            await self._keep({n: s for n, s in self._content.entries.items() if n != name})

    def __contains__(self, name: str) -> bool:
        """Whether secrets are kept by this name."""
        return name in self._content.entries

    async def _keep(self, entries: dict[str, dict[str, str]]) -> None:
        if entries == self._content.entries:
            return
        content = SafeContent(entries=entries)
        data = msgspec.json.encode(content)
        await asyncio.to_thread(self._write, data, is_empty=not entries)
        self._content = content

    def _write(self, data: bytes, *, is_empty: bool) -> None:
        if self._keyring is not None:
            self._keyring.save(data.decode())
        elif not is_empty:
            save_whole(self.path, data + b"\n")
        if self._keyring is not None or is_empty:
            self.path.unlink(missing_ok=True)
        if is_empty:
            self._marker.unlink(missing_ok=True)

    async def _has_keyring(self) -> bool:
        """Tried once in the life of a daemon, on a thread that is left alone if it hangs."""
        if not self._is_tried:
            self._is_tried = True
            self._keyring = await _in_time(partial(self._make_keyring, self._marker), PROBE_S)
        return self._keyring is not None

    async def _from_keyring(self) -> SafeContent:
        assert self._keyring is not None
        text = await _in_time(partial(_loaded, self._keyring), PROBE_S)
        try:
            return msgspec.json.decode(text or "{}", type=SafeContent)
        except msgspec.MsgspecError as error:
            raise HomeUnusable("What the keyring holds for azjobs cannot be understood.") from error


def _loaded(keyring: Keyring) -> str:
    try:
        return keyring.load()
    except PersistenceNotFound:
        return ""


async def _in_time(work: Callable[[], Any], limit_s: float) -> Any:
    """Return what `work` does; None when it fails or takes too long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def tell(value: Any) -> None:
        if not done.done():
            done.set_result(value)

    def run() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - a missing library, a bus that is not there, a refusal: no keyring
            log.info("No keyring is used: %s", type(error).__name__)
            value = None
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            loop.call_soon_threadsafe(tell, value)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        return await asyncio.wait_for(done, limit_s)
    except TimeoutError:
        return None
