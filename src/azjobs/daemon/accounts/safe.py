"""Keep the secrets of saved sign-ins over the end of the keeper: in a keyring, else in a file.

The system's keyring (`daemon.accounts.keyring`) is used where it really works, which is
tried when there is something to keep. Where none does, a file in the home is
used, mode 0600, replaced whole; it is there only while it holds something.

What is in the file can be read by whoever can read the user's files. So a
person's tokens are put there with a warning, which is what az does too, and a
secret of a service principal only where that was asked for.

A keyring that was used and cannot be reached now is locked, perhaps. What this
daemon had from it, or put into it, stays in memory then, and is saved with the
next change, or when the keyring answers. Before that is known, the file is used;
once both can be read, of each sign-in what is newer counts, and the file goes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from azjobs.core.errors import HomeUnusable, StoreTooNew
from azjobs.daemon.accounts.keyring import Keyring, KeyringUnusable, MakePersistence, system_keyring
from azjobs.daemon.accounts.safe_content import FORMAT, SafeContent, newest
from azjobs.daemon.background import Background
from azjobs.store.whole_file import Head, WholeFile, save_whole

ADVICE = "Use that version, or sign in with --scope Process."

log = logging.getLogger(__name__)


class Safe:
    """What outlives the keeper. Only the daemon of a home uses it."""

    def __init__(self, file: Path, *, keyring: MakePersistence = system_keyring) -> None:
        self.path = file
        self._file = WholeFile(file, SafeContent, SafeContent(), newest_format=FORMAT)
        self._keyring = Keyring(file.with_suffix(".keyring"), keyring, on_late=self._save_later)
        self._is_read = False  # the keyring: what is in it is in the content as well
        self._is_told = False  # that the keyring cannot be used
        self._content = SafeContent()
        self._is_saved = True  # the content, as far as it may be
        self._protected: set[str] = set()  # names that are not for the file
        self._too_new = ""
        self._lock = asyncio.Lock()
        self._background = Background()

    async def load(self) -> dict[str, dict[str, str]]:
        """Return everything that is kept. What cannot be read is told in the log, and is as if it were not there."""
        async with self._lock:
            try:
                await self._load()
            except StoreTooNew as error:
                self._content = SafeContent()
                log.warning("Saved sign-ins are not taken up: %s", self._refuse(error))
            except HomeUnusable as error:  # all that was found is taken up, and stays where it is
                log.warning("Saved sign-ins cannot be put in order: %s", error)
            return dict(self._content.entries)

    def check(self) -> None:
        """Refuse to save anything over what a newer version saved.

        Raises:
            StoreTooNew: a newer version of azjobs wrote what is kept.
        """
        if self._too_new:
            raise StoreTooNew(self._too_new)

    async def put(self, name: str, secrets: Mapping[str, str], *, may_be_in_file: bool) -> bool:
        """Keep secrets, where that is allowed. Returns whether they are now in a file that nothing encrypts.

        Raises:
            HomeUnusable: the file cannot be written; it is tried again with the next change.
            StoreTooNew: as `check`.
        """
        async with self._lock:
            self.check()
            is_known = self._content.entries.get(name) == dict(secrets) and may_be_in_file is (
                name not in self._protected
            )
            self._protected = self._protected - {name} if may_be_in_file else self._protected | {name}
            if not is_known:
                self._content = self._content.changed(name, secrets, at=time.time())
                self._is_saved = False
            return await self._save() and may_be_in_file

    async def drop(self, name: str) -> None:
        """Forget the secrets of a sign-in.

        Raises:
            HomeUnusable, StoreTooNew: as `put`.
        """
        async with self._lock:
            self.check()
            may_be_in_keyring = self._keyring.is_in_use and not self._is_read
            if name in self._content.entries or may_be_in_keyring:
                self._content = self._content.changed(name, None, at=time.time())
                self._is_saved = False
            await self._save()

    def __contains__(self, name: str) -> bool:
        """Whether secrets are kept by this name."""
        return name in self._content.entries

    async def _load(self) -> None:
        try:
            self._content = await asyncio.to_thread(self._file.load)
        except StoreTooNew:
            raise
        except HomeUnusable as error:
            log.warning("Saved sign-ins are not taken up: %s", error)
        if self._keyring.is_in_use and await self._reach():
            await self._save()

    async def _save(self) -> bool:
        """Save what has changed, where that can be done now. Returns whether it is in the file."""
        if await self._reach():
            await self._save_in_keyring()
            return False
        if not self._keyring.is_in_use:  # there is none: what may not be in the file is kept nowhere
            self._content = self._content.without({*self._protected, *self._content.forgotten})
        if not self._is_saved:
            await asyncio.to_thread(self._write_file, self._content.without(self._protected))
            self._is_saved = True
        return True

    async def _reach(self) -> bool:
        """Whether the keyring can be used, as far as is known; what is in it is in the content then."""
        if self._is_read or not self._keyring.may_be_usable:
            return self._is_read
        try:
            text = await self._keyring.load()
        except KeyringUnusable as error:
            self._tell(error)
            return False
        try:
            found = _parsed(text)
        except StoreTooNew as error:
            raise StoreTooNew(self._refuse(error)) from None
        self._content = newest(self._content, found)
        self._is_saved = self._content == found and not self.path.exists()
        self._is_read = True
        return True

    async def _save_in_keyring(self) -> None:
        if self._is_saved:
            return
        content = self._content.without(self._content.forgotten)
        try:
            await self._keyring.save(msgspec.json.encode(content).decode(), is_empty=not content.entries)
        except KeyringUnusable as error:
            self._tell(error)
            return
        await asyncio.to_thread(self.path.unlink, missing_ok=True)
        self._content = content
        self._is_saved, self._is_told = True, False

    def _write_file(self, content: SafeContent) -> None:
        if content.entries or content.times:
            save_whole(self.path, msgspec.json.encode(content) + b"\n")
        else:
            self.path.unlink(missing_ok=True)

    def _refuse(self, error: StoreTooNew) -> str:
        """From here on nothing is saved."""
        self._too_new = self._too_new or f"{error} {ADVICE}"
        return self._too_new

    def _tell(self, error: KeyringUnusable) -> None:
        """Once, until it can be used again: a keyring that is locked may be so for days."""
        if not self._is_told:
            self._is_told = True
            level = logging.WARNING if self._is_read or self._keyring.is_in_use else logging.INFO
            log.log(level, "The keyring cannot be used just now: %s. Sign-ins that change stay in memory.", error)

    def _save_later(self) -> None:
        self._background.spawn(self._save_again())

    async def _save_again(self) -> None:
        async with self._lock:
            try:
                await self._save()
            except HomeUnusable as error:
                log.warning("Saved sign-ins are not up to date: %s", error)


def _parsed(text: str) -> SafeContent:
    """Return what the keyring held; what cannot be understood is told, and is as if it were not there.

    Raises:
        StoreTooNew: a newer version of azjobs put it there.
    """
    try:
        if msgspec.json.decode(text or "{}", type=Head).format > FORMAT:
            raise StoreTooNew("The keyring holds what a newer version of azjobs put there; nothing was changed.")
        return msgspec.json.decode(text or "{}", type=SafeContent)
    except msgspec.MsgspecError:
        log.warning("What the keyring holds for azjobs cannot be understood.")
        return SafeContent()
