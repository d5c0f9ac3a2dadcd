"""The errors of starting, reaching and asking the keeper, and the exit codes it ends with.

The docstring of an error is its message, unless a better one is given.
`keeper_exit` is the exit code of the keeper process for that situation.
"""

from __future__ import annotations


class KeeperError(Exception):
    """Something went wrong with the keeper."""

    keeper_exit = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])


class UsageWrong(KeeperError):
    """The keeper was started with arguments it does not know."""

    keeper_exit = 2


class KeeperRunning(KeeperError):
    """Another keeper already serves this folder."""

    keeper_exit = 3


class FolderUnusable(KeeperError):
    """The folder of the daemon's socket cannot be used. Set AZJOBS_HOME to a folder of your own."""

    keeper_exit = 4


class SocketPathTooLong(KeeperError):
    """The path of the daemon's socket is too long. Set AZJOBS_HOME to a shorter folder."""

    keeper_exit = 5


class LocksUnsupported(KeeperError):
    """The file system of the home folder has no locks. Set AZJOBS_HOME to a folder on a local disk."""

    keeper_exit = 6


class SocketTaken(KeeperError):
    """Another process answers on the daemon's socket, but no keeper holds it."""

    keeper_exit = 7


class StartTimedOut(KeeperError):
    """The daemon did not start in time."""


class StartFailed(KeeperError):
    """The keeper could not be started."""


class DaemonFailed(KeeperError):
    """The daemon keeps failing and is not started again for now."""


class ForeignPeer(KeeperError):
    """The daemon's socket is answered by another user's process; nothing was sent."""


class DaemonRunning(KeeperError):
    """Another daemon serves this home."""


class KeeperGone(KeeperError):
    """The keeper has ended; what it held in memory is lost."""


class KeeperSilent(KeeperError):
    """The keeper lives and does not answer; what it was asked it may do later."""


class KeeperRefused(KeeperError):
    """The keeper refused a request."""


class FrameTooLarge(KeeperError):
    """A message between daemon and keeper is over 16 MiB; nothing of it was taken."""


#: What the launcher raises for an exit code of the keeper; any other code is `StartFailed`.
BY_EXIT: dict[int, type[KeeperError]] = {
    kind.keeper_exit: kind
    for kind in (UsageWrong, KeeperRunning, FolderUnusable, SocketPathTooLong, LocksUnsupported, SocketTaken)
}
