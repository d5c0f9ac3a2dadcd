"""Keep the saved profile: contexts, default and autosave, for all sessions of a home."""

from __future__ import annotations

from pathlib import Path

from azjobs.core.layout import Layout
from azjobs.core.profile import FORMAT, Profile
from azjobs.store.whole_file import WholeFile


def profile_file(layout: Layout[Path]) -> WholeFile[Profile]:
    """Return the file of the saved profile; while it is missing the profile is empty."""
    return WholeFile(layout.profile_file, Profile, Profile(), newest_format=FORMAT)
