"""Kill daemon, keeper, warm parent, job process and client at every edge: 0 lost, 0 doubled, 0 false states, 0 orphans.

The edges are wrapped from outside (`crash_killing`). Each round prints, when it
fails, the line that repeats it. How many rounds: AZJOBS_CRASH_ROUNDS.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing

import pytest
from crash_edges import (
    _STRIDE,
    COMBINATIONS,
    DAEMON_KILLED,
    EDGES,
    KEEPER_KILLED,
    SIDES,
    TAKING_OVER,
    Kill,
    kills_of,
    parse_kills,
)
from crash_round import Site
from crash_truth import faults_of, play

ROUNDS = int(os.environ.get("AZJOBS_CRASH_ROUNDS") or 1000)
KILLS = os.environ.get("AZJOBS_CRASH_KILLS", "")
CHUNK = 20
SHORT_CHUNK = 2
#: The short form: kills that once found a fault, and some of every kind.
SHORT = (
    "warm parent/process.warm:WarmParent._use_spare/before/1",
    "daemon/store.sqlite:SqliteStore._write/after/3",
    "daemon/daemon.processes.job_processes:ProcessRunner._end/after/1",
    "warm parent/process.warm:WarmParent._started/before/1",
    "daemon/azure.transport:_on_connected/after/2",
    "keeper/keeper.birth:_take_places/before/1",
    "warm parent/process.warm:ready/before/1",
    "daemon/store.queries:query/before/40",
    "caller/session.link.connection:Connection.send/after/2",
    "daemon/daemon.serving.removals:Removals.forget/after/1",
    "keeper/keeper.requests:answer/after/20",
    "job/process.journal:JournalWriter.write/after/2",
    "client/session.link.connection:Connection.send/after/5",
    "daemon/process.journal:create_journal/after/1",
    "spare/process.warm:wait_for_job/after/1",
    "daemon/daemon.serving.server:Connection.send/before/6",
    "job/process.command:_Shim.start/after/1",
    "daemon/azure.sender:Sender.send/before/5",
    "daemon/daemon.jobs.records:JournalRecords.write/after/4",
    "keeper/keeper.loop:Keeper._advance/before/9+daemon/store.sqlite:SqliteStore.commit/before/9",
    "job/process.journal:JournalWriter.end/after/1",
    "daemon/daemon.serving.removals:Removals._on_remove/before/1",
)


def check(site: Site, rounds: Iterable[tuple[str, tuple[Kill, ...]]]) -> None:
    """Play each round; says of each that fails what is wrong, and how to repeat it."""
    failed = []
    for name, kills in rounds:
        here = site.round(kills)
        found = play(here)
        if not found:
            here.forget()
        else:
            line = f"make crash KILLS='{'+'.join(map(str, kills))}'"
            failed += [f"{name} in {here.folder}; again: {line}", *(f"    {text}" for text in found)]
    assert not failed, "\n".join(failed)


def seeded(seeds: Iterable[int]) -> list[tuple[str, tuple[Kill, ...]]]:
    """The rounds of some seeds."""
    return [(f"seed {seed}", kills_of(seed)) for seed in seeds]


def test_every_edge_is_passed(site: Site) -> None:
    """A round in which nothing is killed ends as it should, and passes each edge: none is wrapped in vain."""
    here = site.round((), is_census=True)
    assert play(here) == []
    assert set(EDGES) - here.passed() == set()


@pytest.mark.slow
@pytest.mark.parametrize("kill", [DAEMON_KILLED, KEEPER_KILLED], ids=["daemon", "keeper"])
def test_every_edge_of_taking_over_is_passed(site: Site, kill: Kill) -> None:
    """By the next daemon, the next keeper, or who notices that one is needed."""
    here = site.round((kill,), is_census=True)
    assert play(here) == []
    assert {edge for edge, (before, _) in TAKING_OVER.items() if before == kill} - here.passed() == set()


@pytest.mark.slow
def test_whatever_is_not_true_is_noticed(site: Site) -> None:
    """A job lost, a value lost, work done twice, something left over: each is told of the job that it is about."""
    here = site.round(())
    assert play(here) == []
    by_name = {job.name: job for job in here.jobs()}
    with (here.folder / "function.lines").open("a") as lines:
        lines.write("begin\n")
    here.layout.journal_file(by_name["group"].uuid).unlink()
    with closing(sqlite3.connect(here.layout.store_file)) as db, db:
        db.execute("DELETE FROM jobs WHERE name = 'machine'")
        db.execute("UPDATE jobs SET document = json_set(document, '$.state.type', 'Running') WHERE name = 'command'")
        db.execute("INSERT INTO payloads VALUES ('u1', x'00')")
    here.forget_when_it_began()  # so that what others did to the machines counts as done by this round
    found = {text.partition(":")[0] for text in faults_of(here)}
    assert found >= {
        *("function", "group", "machine", "command", "restart", "batch"),
        *("journal of no job", "1 payloads of jobs that have ended"),
    }


def test_the_first_rounds_have_every_edge_on_both_sides() -> None:
    """Each once, at its first passage, whatever the order."""
    assert math.gcd(_STRIDE, len(COMBINATIONS)) == 1
    first = [kills_of(seed) for seed in range(len(COMBINATIONS))]
    assert {kills[-1] for kills in first} == {Kill(edge, side, 1) for edge in (*EDGES, *TAKING_OVER) for side in SIDES}
    later = [kills_of(seed) for seed in range(len(COMBINATIONS), 1000)]
    assert all(parse_kills("+".join(map(str, kills))) == kills for kills in later)
    assert {len(kills) for kills in later} >= {1, 2, 3}


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("start", range(0, len(SHORT), SHORT_CHUNK))
def test_a_few_rounds_lose_and_double_nothing(site: Site, start: int) -> None:
    """One process is killed at one edge: all that was acknowledged ends in its true state, once, nothing is left."""
    check(site, [("a round", parse_kills(kills)) for kills in SHORT[start : start + SHORT_CHUNK]])


@pytest.mark.crash
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("start", range(0, 1 if KILLS else ROUNDS, CHUNK))
def test_rounds_lose_and_double_nothing(site: Site, start: int) -> None:
    """The same at every edge on both sides, then at passages by chance, with two kills in every third round."""
    if KILLS:
        check(site, [("the round", parse_kills(KILLS))])
    else:
        check(site, seeded(range(start, min(start + CHUNK, ROUNDS))))
