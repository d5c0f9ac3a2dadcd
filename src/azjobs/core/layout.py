"""Where things are in a home folder. Pure path arithmetic: nothing is read or made here.

The home is `AZJOBS_HOME`, else the platform's data folder for azjobs. Every
folder is 0700 and every file 0600. The folder of sockets and locks is found by
`keeper.launch.run_folder`, since the path of a socket may not be long.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Generic, TypeVar

P = TypeVar("P", bound=PurePath)


class Layout(Generic[P]):
    """The names below one home folder.

    `saved`: where the saved profile is, if that is a home that cannot be written
    and `home` stands in for it.
    """

    def __init__(self, home: P, saved: P | None = None) -> None:
        self.home = home
        self.saved = home if saved is None else saved

    @property
    def store_file(self) -> P:
        """Jobs and saved sign-ins (without secrets): SQLite."""
        return self.home / "store.db"

    @property
    def profile_file(self) -> P:
        """Saved contexts, environments and settings: JSON without secrets."""
        return self.saved / "contexts.json"

    @property
    def policy_file(self) -> P:
        """How long finished jobs are kept: JSON; there only once that was said."""
        return self.saved / "policy.json"

    @property
    def safe_file(self) -> P:
        """The secrets of saved sign-ins that no keyring protects: JSON; there only while there are some."""
        return self.home / "sign-ins.json"

    @property
    def sessions_folder(self) -> P:
        """One JSON file a session: its current context and its own contexts, without secrets."""
        return self.home / "sessions"

    @property
    def journals_folder(self) -> P:
        """One journal a job, with its cursor and objects beside it."""
        return self.home / "journals"

    @property
    def logs_folder(self) -> P:
        """What daemon and keeper have to say."""
        return self.home / "logs"

    @property
    def simulator_folder(self) -> P:
        """The embedded cloud of this home."""
        return self.home / "simulator"

    @property
    def bell_file(self) -> P:
        """One byte is appended after each commit of the store."""
        return self.home / "bell"

    @property
    def ballast_file(self) -> P:
        """Room that is given up when the disk is full."""
        return self.home / "ballast"

    @property
    def losses_file(self) -> P:
        """What a damaged store has lost: a sentence a line; there only if something was."""
        return self.home / "losses.txt"

    @property
    def news_file(self) -> P:
        """The sentences of these that no command has told yet."""
        return self.home / "losses.new"

    def journal_file(self, uuid: str) -> P:
        """The journal of one job."""
        return self.journals_folder / f"{uuid}.journal"
