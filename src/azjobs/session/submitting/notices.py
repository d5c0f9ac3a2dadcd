"""Check the command that is to be run when a job has ended."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from azjobs.core.errors import InvalidInput
from azjobs.core.job import Notice

CommandWords = str | Sequence[str]


def notice_of(command: CommandWords | None, folder: str = "") -> Notice | None:
    """Return what is run at a job's end, None for nothing; a text is taken apart into words as a shell does it.

    Args:
        command: a program and its words; no shell runs it.
        folder: where it is run; here when not given.

    Raises:
        InvalidInput: it cannot be taken apart, or there is no such program.
    """
    import shlex  # noqa: PLC0415 - few jobs have one
    import shutil  # noqa: PLC0415 - likewise

    if command is None:
        return None
    if not isinstance(command, str | Sequence):
        raise InvalidInput(f"The notify command is a text or its words, not {command!r}. No job exists.")
    try:
        words = tuple(shlex.split(command)) if isinstance(command, str) else tuple(map(str, command))
    except ValueError as error:
        raise InvalidInput(f"The notify command cannot be taken apart into words: {error}. No job exists.") from error
    folder = folder or os.getcwd()  # noqa: PTH109 - kept as text
    program = words[0] if words else ""
    if shutil.which(program if os.sep not in program else str(Path(folder, program))) is None:
        raise InvalidInput(f"There is no program {program or repr(command)} to notify with. No job exists.")
    return Notice(words, folder)
