"""Run command lines in this process, in a home of their own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from azjobs.cli.main import main
from azjobs.session.link import local


class Ran(NamedTuple):
    """What came of a command line."""

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def cli_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder of the test's own, and a session in it; nobody is signed in."""
    folder = tmp_path / "home"
    monkeypatch.setenv("AZJOBS_HOME", str(folder))
    monkeypatch.setenv("AZJOBS_SESSION", "a test")
    monkeypatch.setattr(local, "_is_shell", local._is_shell)  # entered by each line, left after the test
    yield folder
    local.close_all()


@pytest.fixture
def run(cli_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command line without a terminal; `stdin` is what is piped in."""

    def run_line(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main(words)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run_line


@pytest.fixture
def terminal() -> type[Terminal]:
    """The kind of stream that is a terminal."""
    return Terminal
