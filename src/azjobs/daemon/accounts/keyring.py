"""Reach the system's keyring, which may ask a person for a password and wait: never for longer than a limit.

libsecret on Linux, Keychain on macOS, by msal-extensions. Each call runs on a
thread of its own that is left alone when it hangs, and no other call is made
until it has ended: it would hang as well, and ask the person twice.

Not tried out on a system with a keyring: neither libsecret nor Keychain.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from msal_extensions.persistence import KeychainPersistence, LibsecretPersistence, PersistenceNotFound

LIMIT_S = 10.0  # guess: a keyring that is locked asks a person, who may not be there
SERVICE = "azjobs"

T = TypeVar("T")


class KeyringUnusable(Exception):
    """There is none, it refuses, or it does not answer in time; `str` says which, and never what is in it."""


class Persistence(Protocol):
    """A place that the system protects; holds one text, and touches its marker when it has it."""

    def save(self, content: str) -> None:
        """Keep a text in place of the one before."""

    def load(self) -> str:
        """Return the text; raises PersistenceNotFound when there is none."""


MakePersistence = Callable[[Path], Persistence]


def system_keyring(marker: Path) -> Persistence:
    """Return the keyring of this system, tried out; raises whatever it raises when there is none that works.

    `marker` is a file that says that something is in it; it holds nothing itself.
    """
    if sys.platform == "darwin":
        return KeychainPersistence(str(marker), SERVICE, str(marker))  # type: ignore[no-any-return]
    return LibsecretPersistence(str(marker), SERVICE, {"home": str(marker.parent)})  # type: ignore[no-any-return]


class Keyring:
    """The keyring of a home."""

    def __init__(self, marker: Path, make: MakePersistence, *, on_late: Callable[[], None]) -> None:
        """`on_late` is called when a call has ended that took too long: the keyring may be usable again."""
        self._marker = marker
        self._make = make
        self._on_late = on_late
        self._is_tried = False
        self._persistence: Persistence | None = None
        self._is_busy = False

    @property
    def may_be_usable(self) -> bool:
        """Whether it is worth trying: a system without one is asked once, one that was used before each time."""
        return self._persistence is not None or not self._is_tried or self.is_in_use

    @property
    def is_in_use(self) -> bool:
        """Whether something is in it, as far as this home knows."""
        return self._marker.exists()

    async def load(self) -> str:
        """Return what is in it, "" for nothing.

        Raises:
            KeyringUnusable: it is not known.
        """
        self._is_tried = True
        return await self._in_time(self._load)

    async def save(self, content: str, *, is_empty: bool) -> None:
        """Keep a text in place of the one before; one that is empty of sense leaves no marker.

        Raises:
            KeyringUnusable: it is not kept, or that is not known.
        """
        await self._in_time(partial(self._save, content, is_empty=is_empty))

    def _load(self) -> str:
        self._persistence = self._persistence or self._make(self._marker)
        if not self.is_in_use:
            return ""
        try:
            return self._persistence.load()
        except PersistenceNotFound:
            return ""

    def _save(self, content: str, *, is_empty: bool) -> None:
        assert self._persistence is not None
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._marker, (0, 0))
        self._persistence.save(content)
        if not self.is_in_use or not self._marker.stat().st_mtime:  # that is how libsecret's says that it did not
            raise KeyringUnusable("it refused")
        if is_empty:
            self._marker.unlink()

    async def _in_time(self, work: Callable[[], T]) -> T:
        if self._is_busy:
            raise KeyringUnusable("it still does not answer")
        self._is_busy = True
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def tell(value: T | None, problem: KeyringUnusable | None) -> None:
            self._is_busy = False
            if done.done():  # nobody waits any more
                self._on_late()
            elif problem is not None:
                done.set_exception(problem)
            else:
                done.set_result(value)  # type: ignore[arg-type]  # None only where that is what the work gives

        def run() -> None:
            value, problem = None, None
            try:
                value = work()
            except KeyringUnusable as error:
                problem = error
            except BaseException as error:  # noqa: BLE001 - a missing library, a bus that is not there, a refusal
                problem = KeyringUnusable(type(error).__name__)
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                loop.call_soon_threadsafe(tell, value, problem)

        threading.Thread(target=run, name="keyring", daemon=True).start()
        try:
            return await asyncio.wait_for(done, LIMIT_S)
        except TimeoutError:
            raise KeyringUnusable(f"it did not answer in {LIMIT_S:g} s") from None
