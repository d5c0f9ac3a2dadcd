"""The examples run as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from terminal import Home, Shell

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_as_it_is(example: Path, signed_in: Shell, home: Home) -> None:
    """Each listing of the article, in Python, ends with its machine."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "AZJOBS_HOME": str(home.folder)},
        check=False,
    )
    assert done.returncode == 0, done
    assert "MyVm" in done.stdout
