"""Run a Python file as the main program of a job process, as `python FILE` would."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence


def run_script(argv: Sequence[bytes]) -> None:
    """Run the file that `argv` begins with; the rest are its arguments. Its exceptions are the caller's."""
    words = [os.fsdecode(word) for word in argv]
    sys.argv[:] = words
    sys.path.insert(0, os.path.dirname(os.path.realpath(words[0])))  # noqa: PTH120 - import paths are text
    runpy.run_path(words[0], run_name="__main__")
