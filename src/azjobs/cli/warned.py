"""Say the warnings of a command as sentences on stderr."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from azjobs.cli.shell import Shell
from azjobs.core.errors import SignInWarning


@contextlib.contextmanager
def saying_warnings(shell: Shell) -> Iterator[None]:
    """Collect what is warned of inside, and say it at the end, also where it ends with an error."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", SignInWarning)
        try:
            yield
        finally:
            for one in heard:
                shell.say(f"Warning: {one.message}")
