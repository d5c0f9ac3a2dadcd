"""Which session a process belongs to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from azjobs.process.identity import start_time
from azjobs.session.link.identity import named_session, python_session


def run(line: str, *, env: dict[str, str] | None = None, leads: bool = False) -> str:
    script = Path(__file__).with_name("ask_session.py")
    return subprocess.run(
        ["sh", "-c", line.replace("ASK", f"{sys.executable} {script}")],
        env={**os.environ, **(env or {})},
        start_new_session=leads,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_two_commands_of_one_shell_are_one_session_and_two_shells_are_two() -> None:
    """The session is the leader's, not the command's."""
    one = run("ASK; ASK", leads=True).splitlines()
    two = run("ASK; ASK", leads=True).splitlines()
    assert one[0] == one[1]
    assert two[0] == two[1]
    assert one[0] != two[0]
    assert one[0].startswith("tty:")


def test_a_command_that_leads_its_own_session_has_none() -> None:
    """A session that ends with the command could remember nothing."""
    assert run("exec ASK", leads=True).strip() == "None"


def test_the_variable_names_a_session() -> None:
    """Cron jobs, containers and scripts choose their own."""
    assert run("exec ASK", env={"AZJOBS_SESSION": "nightly"}, leads=True).split() == ["named:nightly", "None"]


def test_a_leader_that_is_gone_is_no_session() -> None:
    """What is left of an ended terminal belongs to nobody."""
    assert run("export PARENT=$$; ASK --as-orphan & exit 0", leads=True).strip() == "None"


def test_a_program_is_a_session_by_its_pid_and_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the program; a recycled pid is another session."""
    monkeypatch.delenv("AZJOBS_SESSION", raising=False)
    assert named_session() is None
    found = python_session()
    assert found.leader == (os.getpid(), start_time(os.getpid()))
    assert found.key.startswith("py:")
    assert found.key.endswith(f":{os.getpid()}:{start_time(os.getpid())}")
