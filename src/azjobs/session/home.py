"""Find the home folder, and make sure that it is the user's own and private.

`AZJOBS_HOME` names it; else it is the platform's data folder for azjobs.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from azjobs.core.errors import HomeUnusable
from azjobs.core.layout import Layout
from azjobs.store.private import repair_folder

HOME_VARIABLE = "AZJOBS_HOME"


def home_folder() -> Path:
    """Return where the home folder is to be, absolute; it need not exist."""
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(os.path.abspath(Path(named).expanduser()))  # noqa: PTH100 - resolve() would follow links, and name one home twice
    import platformdirs  # noqa: PLC0415 - not needed where the variable is set

    return Path(platformdirs.user_data_dir("azjobs", appauthor=False))


def open_home(folder: Path | None = None) -> Layout[Path]:
    """Return the layout of the home, created with mode 0700 if it is missing, closed if it is open to others.

    The home itself may be a link; what is in it may not.

    Raises:
        HomeUnusable: it cannot be created or written, or is another user's.
    """
    home = folder or home_folder()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = home.stat()
    except OSError as error:
        raise HomeUnusable(f"The home folder {home} cannot be created: {error.strerror}. {_ELSEWHERE}") from error
    if not stat.S_ISDIR(facts.st_mode):
        raise HomeUnusable(f"The home folder {home} is not a folder. {_ELSEWHERE}")
    if facts.st_uid != os.geteuid():
        raise HomeUnusable(f"The home folder {home} belongs to another user. {_ELSEWHERE}")
    repair_folder(home, facts)
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeUnusable(f"The home folder {home} cannot be written. {_ELSEWHERE}")
    return Layout(home)


_ELSEWHERE = f"Set {HOME_VARIABLE} to a folder of your own."
