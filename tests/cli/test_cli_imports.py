"""A command imports what it needs, and looking at jobs needs little."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"asyncio", "rich", "aiohttp", "azure", "msal", "cloudpickle", "jmespath", "yaml", "ssl", "subprocess"}


def imported(home: Path, *words: str) -> set[str]:
    """The modules that a fresh process has imported after a command line."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "azjobs._main.cli", *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "AZJOBS_HOME": str(home), "AZJOBS_SESSION": "imports"},
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize(
    "line",
    ["job get", "job get New-* --output json", "context get", "daemon status", "commands", "vm new --help", "--help"],
)
def test_looking_imports_nothing_heavy(tmp_path: Path, line: str):
    """No event loop, no HTTP, no Azure, no drawing."""
    found = {name.partition(".")[0] for name in imported(tmp_path / "home", *line.split())}
    assert not found & HEAVY


def test_a_line_without_words_needs_no_parser(tmp_path: Path):
    """`azjobs job get` is read without click, which would be a fifth of its time."""
    assert "click" not in imported(tmp_path / "home", "job", "get")
    assert "click" in imported(tmp_path / "home", "job", "get", "-q")


def test_help_imports_no_command(tmp_path: Path):
    """The overview needs the table only."""
    found = imported(tmp_path / "home", "--help")
    assert "msgspec" not in found
    assert not {name for name in found if name.startswith(("azjobs.session", "azjobs.commands.virtual"))}
