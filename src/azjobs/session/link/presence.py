"""Say whether a daemon runs, or a keeper that will start one; neither is asked, nor started."""

from __future__ import annotations

from pathlib import Path

from azjobs.core.layout import Layout


def is_daemon_alive(layout: Layout[Path]) -> bool:
    """Whether a daemon runs: it holds its lock for life."""
    from azjobs.keeper.errors import KeeperError  # noqa: PLC0415 - only where something is unfinished
    from azjobs.keeper.launch import run_folder, running_daemon  # noqa: PLC0415 - as above

    try:
        return running_daemon(run_folder(layout.home)) is not None
    except (KeeperError, OSError):
        return False


def is_daemon_kept(layout: Layout[Path]) -> bool:
    """Whether a keeper runs: while there is work it has a daemon, or will in a moment."""
    from azjobs.keeper.errors import KeeperError  # noqa: PLC0415 - only where something is unfinished
    from azjobs.keeper.launch import load_failure, run_folder, running_keeper  # noqa: PLC0415 - as above

    try:
        folder = run_folder(layout.home)
        return running_keeper(folder) is not None and load_failure(folder) is None
    except (KeeperError, OSError):
        return False
