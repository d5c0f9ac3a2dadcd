"""Find the home folder, and make sure that it is the user's own and private.

`AZJOBS_HOME` names it; else it is the platform's data folder for azjobs.
"""

from __future__ import annotations

import errno
import os
import stat
import warnings
from pathlib import Path

from azjobs.core.errors import HomeReadOnly, HomeUnusable
from azjobs.core.layout import Layout
from azjobs.store.private import repair_folder
from azjobs.store.stand_in import make_stand_in, stand_in_of

HOME_VARIABLE = "AZJOBS_HOME"


def home_folder() -> Path:
    """Return where the home folder is to be, absolute; it need not exist."""
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(os.path.abspath(Path(named).expanduser()))  # noqa: PTH100 - resolve() would follow links, and name one home twice
    import platformdirs  # noqa: PLC0415 - not needed where the variable is set

    return Path(platformdirs.user_data_dir("azjobs", appauthor=False))


def open_home(folder: Path | None = None, *, may_stand_in: bool = False) -> Layout[Path]:
    """Return the layout of the home, created with mode 0700 if it is missing, closed if it is open to others.

    The home itself may be a link; what is in it may not. For one that cannot be
    written another folder may stand in (`store.stand_in`): it is made where
    `may_stand_in`, with a warning, and used from then on.

    Raises:
        HomeUnusable: it cannot be created or written, and nothing stands in for it; or it is another user's.
    """
    home = folder or home_folder()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = home.stat()
    except OSError as error:
        said = f"The home folder {home} cannot be created: {error.strerror}. {_ELSEWHERE}"
        if error.errno not in _NOT_TO_BE_WRITTEN:
            raise HomeUnusable(said) from error
        return _stand_in(home, said, may_make=may_stand_in)
    if not stat.S_ISDIR(facts.st_mode):
        raise HomeUnusable(f"The home folder {home} is not a folder. {_ELSEWHERE}")
    if facts.st_uid != os.geteuid():
        raise HomeUnusable(f"The home folder {home} belongs to another user. {_ELSEWHERE}")
    if not os.access(home, os.W_OK | os.X_OK):
        return _stand_in(home, f"The home folder {home} cannot be written. {_ELSEWHERE}", may_make=may_stand_in)
    repair_folder(home, facts)
    return Layout(home)


def _stand_in(home: Path, said: str, *, may_make: bool) -> Layout[Path]:
    folder = stand_in_of(home)
    is_new = not folder.is_dir()
    if is_new and not may_make:
        raise HomeUnusable(f"{said} Or, for what need not be saved, type: azjobs account connect --scope Process")
    if is_new:
        warnings.warn(
            HomeReadOnly(
                f"The home folder {home} cannot be written: jobs and sign-ins are kept in {folder}, "
                "and are gone when the machine restarts."
            ),
            stacklevel=4,
        )
    return make_stand_in(home)


_ELSEWHERE = f"Set {HOME_VARIABLE} to a folder of your own."
_NOT_TO_BE_WRITTEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT)
