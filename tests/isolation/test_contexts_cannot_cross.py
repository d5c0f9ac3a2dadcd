"""Contexts cannot cross: a job acts where it was submitted, whatever becomes "current" meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from crowd import Crowd, Outcome, run

from terminal import Home, Python

SHORT = Crowd(processes=2, threads=16, operations=1_000, contexts=20, tenants=5)
LONG = Crowd(processes=8, threads=64, operations=64_000, contexts=50, tenants=20)
FEW = Crowd(processes=1, threads=16, operations=200, contexts=20, tenants=5)

#: Looks the context up when the command runs, instead of taking the one that was given: what users suffer elsewhere.
THAWED = """
import azjobs.commands.azure_work
azjobs.commands.azure_work.resolve_context = lambda _=None: az.Context(az_context_value())
def az_context_value():
    from azjobs.session.link import local
    from azjobs.core import profile
    here = local.local()
    return profile.current(here.profile.load(), here.session.load())
"""
#: Forgets that somebody else is inside a `with`: a bare thread falls back to what is current.
UNAWARE = """
import azjobs.session.contexts.choosing
azjobs.session.contexts.choosing.refuse_if_ambiguous = lambda: None
"""


def check(outcome: Outcome, crowd: Crowd) -> None:
    """Everything landed where it was submitted, and nowhere else."""
    assert outcome.wrong == []
    assert outcome.landed == outcome.expected
    assert outcome.writes == len(outcome.expected) == crowd.operations
    assert outcome.strays == []
    assert outcome.refused == []


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_thousand_jobs_over_twenty_contexts_all_land_where_they_were_submitted(
    home: Home, python: Python, tmp_path: Path
) -> None:
    """Threads and processes keep changing "current" while 16 threads submit: not one request goes elsewhere."""
    check(run(home, python, tmp_path, SHORT, timeout_s=200), SHORT)


@pytest.mark.stress
@pytest.mark.timeout(5400)
def test_sixty_four_thousand_operations_of_eight_processes_all_land_where_they_were_submitted(
    home: Home, python: Python, tmp_path: Path
) -> None:
    """The test above in its long form: 64 threads, 50 contexts, 20 tenants."""
    check(run(home, python, tmp_path, LONG, timeout_s=5000), LONG)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_without_the_freezing_the_same_jobs_go_astray(home: Home, python: Python, tmp_path: Path) -> None:
    """The tests above can fail: they do when the context is looked up late."""
    outcome = run(home, python, tmp_path, FEW, prelude=THAWED, timeout_s=100)
    assert outcome.landed != outcome.expected


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_without_the_rule_on_ambiguity_threads_submit_where_nobody_meant(
    home: Home, python: Python, tmp_path: Path
) -> None:
    """The tests above can fail: they do when a bare thread inside somebody's `with` may fall back."""
    assert run(home, python, tmp_path, FEW, prelude=UNAWARE, timeout_s=100).wrong
