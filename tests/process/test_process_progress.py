"""Progress outside of a job, and how an interpreter is named."""

from __future__ import annotations

import sys

import pytest

from azjobs.core.errors import InvalidInput
from azjobs.process.interpreter import interpreter_key
from azjobs.process.progress import write_progress


def test_progress_outside_of_a_job_is_a_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The same script can be run by hand."""
    write_progress("copy")
    write_progress("copy", "half", 50)
    assert capsys.readouterr().err == "copy\ncopy: half (50 %)\n"


@pytest.mark.parametrize("percent", [-1, 100.5, float("nan")])
def test_a_percentage_is_between_0_and_100(percent: float) -> None:
    """Anything else is a mistake of the caller's, told at once."""
    with pytest.raises(ValueError, match="percent is between 0 and 100"):
        write_progress("copy", percent=percent)


def test_an_interpreter_that_does_not_know_its_program_cannot_have_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedded Python may have no program to execute."""
    monkeypatch.setattr(sys, "executable", "")
    interpreter_key.cache_clear()
    with pytest.raises(InvalidInput, match=r"sys\.executable is empty"):
        interpreter_key()
