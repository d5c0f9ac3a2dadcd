"""Run a Python file as the main program of a job process, as `python FILE` would."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from typing import Any


def run_script(argv: Sequence[bytes], known: dict[str, Any]) -> None:
    """Run the file that `argv` begins with; the rest are its arguments. Its exceptions are the caller's.

    `known`: names that it finds defined.
    """
    words = [os.fsdecode(word) for word in argv]
    sys.argv[:] = words
    sys.path.insert(0, os.path.dirname(os.path.realpath(words[0])))  # noqa: PTH120 - import paths are text
    runpy.run_path(words[0], known, run_name="__main__")


def run_first_file(path: str) -> dict[str, Any]:
    """Run a file before the work; return what it defined, which a function finds in the module `__main__`."""
    sys.argv[:] = [path]
    defined = runpy.run_path(path, run_name="__main__")
    known = {name: value for name, value in defined.items() if not name.startswith("__")}
    vars(sys.modules["__main__"]).update(known)
    return known
