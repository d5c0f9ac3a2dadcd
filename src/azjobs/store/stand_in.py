"""The folder that stands in for a home that cannot be written: jobs and sign-ins of Process scope are there.

It is in /tmp, private, and ends with the machine's restart. What is saved is read
from the home itself.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from azjobs.core.layout import Layout
from azjobs.store.private import make_private_folder, open_private
from azjobs.store.whole_file import save_whole

SAVED_NAME = "home"  # the file that names the home it stands in for


def stand_in_of(home: Path) -> Path:
    """Return where the folder is that stands in for a home; short, since a socket is in it."""
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path("/tmp") / f"azjobs-{os.geteuid()}-{digest}-read-only"  # noqa: S108 - made 0700, owner and links checked


def make_stand_in(home: Path) -> Layout[Path]:
    """Make the folder that stands in for a home, and return its layout.

    Raises:
        HomeUnusable: it cannot be made, or something else is in its place.
    """
    folder = stand_in_of(home)
    make_private_folder(folder)
    if not (folder / SAVED_NAME).exists():
        save_whole(folder / SAVED_NAME, os.fsencode(home))
    return Layout(folder, home)


def load_layout(folder: Path) -> Layout[Path]:
    """Return the layout of a home, or of a folder that stands in for one.

    Raises:
        HomeUnusable: the note of what it stands in for is not the user's own.
    """
    try:
        fd = open_private(folder / SAVED_NAME)
    except FileNotFoundError:
        return Layout(folder)
    with os.fdopen(fd, "rb") as file:
        return Layout(folder, Path(os.fsdecode(file.read())))
