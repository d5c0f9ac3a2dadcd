"""What must be true after a round: one rule a kind of job, and some that hold for all.

The truth is what the cloud says it really did, what the jobs' scripts wrote
down, and what the client was told. `faults_of` lists what contradicts it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from subprocess import TimeoutExpired

from crash_round import STANDING, Round

from azjobs.core.errors import AzJobsError
from azjobs.core.job import Job
from azjobs.core.states import JobState
from azjobs.process.journal import load_begin, load_end
from azjobs.session.jobs.values import result_of
from azjobs.session.jobs.views import JobView

Faults = Iterator[str]
ACTING_CALL = "New-AzResourceGroup"  # what the job "acting" calls; it shows itself if its caller is killed
WHOLE, BEGUN = ["begin", "end"], ["begin"]


def faults_of(here: Round) -> list[str]:
    """Return what is not true in a round that has ended; nothing of it runs any more."""
    jobs = here.jobs()
    by_name = {job.name: job for job in jobs if not job.parent}
    found = [f"{name}: doubled" for name, count in Counter(job.name for job in jobs).items() if count > 1]
    found += [f"{resource}: {effect} {count} times" for (resource, effect), count in _effects_twice(here)]
    for name, rule in RULES.items():
        found += [f"{name}: {text}" for text in _presence(here, name, by_name.get(name))]
        found += [f"{name}: {text}" for text in rule(here, name, by_name.get(name))]
    unknown = [name for name in by_name if name not in RULES and not name.startswith(ACTING_CALL)]
    return [*found, *(f"{name}: nobody asked for it" for name in unknown), *_refusals(here), *_left_over(here, jobs)]


def _effects_twice(here: Round) -> list[tuple[tuple[str, str], int]]:
    return [(what, count) for what, count in Counter(here.effects()).items() if count > 1]


def _presence(here: Round, name: str, job: Job | None) -> Faults:
    """What was acknowledged is there; what was not asked for is not."""
    said = here.said
    is_gone = name in said.get("remove-done", {})
    if is_gone and job is not None:
        yield "removed, and there"
    if job is None and name in said.get("submit-done", {}) and name not in said.get("remove-asked", {}):
        yield "acknowledged, and lost"
    if job is not None and not {"submit-asked", "call-asked"} & {word for word in said if name in said[word]}:
        yield "not asked for, and there"
    if job is not None and job.id is None:
        yield "attached to nobody, and not shown"


def _refusals(here: Round) -> Faults:
    """Whatever is killed but the client itself: it is done, or asks if secrets went with the keeper."""
    roles = {kill["role"] for kill in here.killed()}
    for word, names in here.said.items():
        for name, text in names.items():
            if word.endswith("-refused") and not (text.startswith("JobBlocked") and "keeper" in roles):
                yield f"{word} {name}: {text}"
    if "client" not in roles and "left" not in here.said:
        yield f"the client ended early: {(here.folder / 'client.log').read_text()[-2000:]}"


def _left_over(here: Round, jobs: list[Job]) -> Faults:
    """The store is whole, and nothing is kept of what has ended or gone."""
    file = here.layout.store_file
    if not file.exists():
        return
    with closing(sqlite3.connect(file)) as db:
        answer = db.execute("PRAGMA integrity_check").fetchone()
        if answer != ("ok",):
            yield f"integrity: {answer}"
        if jobs:
            payloads = db.execute("SELECT count(*) FROM payloads").fetchone()
            if payloads != (0,):
                yield f"{payloads[0]} payloads of jobs that have ended"
    known = {job.uuid for job in jobs}
    if here.layout.journals_folder.exists():
        files = [one.name for one in here.layout.journals_folder.iterdir()]
        yield from (f"journal of no job: {name}" for name in files if name.partition(".")[0] not in known)


# One rule a kind of job


def _machine(here: Round, name: str, job: Job | None) -> Faults:
    made = _made_in(here, f"{here.name}-{name}")
    if job is None:
        if name in here.said.get("call-asked", {}):  # ended while nobody waited for it any more: forgotten, but whole
            return
        if made:
            yield f"there is no job, and it made {made}"
        return
    yield from _completed(here, job)
    machines = [resource for resource in made if "/virtualmachines/" in resource]
    if len(machines) != 1:
        yield f"machines made: {machines}"


def _group(here: Round, name: str, job: Job | None) -> Faults:
    made = _made_in(here, f"{here.name}-{name}")
    if job is not None:
        yield from _completed(here, job)
    if len(made) != (job is not None):
        yield f"made: {made}"


def _restart(here: Round, _name: str, job: Job | None) -> Faults:
    yield from _restarted(here, STANDING[0], job)


def _batch(here: Round, _name: str, job: Job | None) -> Faults:
    """It and its children have completed, each of which did its one thing."""
    if job is not None and job.state_name is not JobState.COMPLETED:
        yield f"is {job.state}"
    children = {child.target: child for child in here.jobs() if job is not None and child.parent == job.uuid}
    if len(children) != (len(STANDING) - 1) * (job is not None):
        yield f"its children are for {sorted(children)}"
    for machine in STANDING[1:]:
        yield from _restarted(here, machine, children.get(machine))


def _restarted(here: Round, machine: str, job: Job | None) -> Faults:
    done = [effect for resource, effect in here.effects() if resource.endswith(f"/{machine}")]
    if job is not None:
        yield from _completed(here, job, lambda value: _name_of(value) == machine)
    if done != ["restarted"] * (job is not None):
        yield f"done to {machine}: {done}"


def _process(here: Round, name: str, job: Job | None) -> Faults:
    lines = here.lines(name)
    if job is None:
        if lines:
            yield f"there is no job, and it wrote {lines}"
        return
    if _is_killed(here, job):
        yield from _died(here, job, lines)
        return
    yield from _completed(here, job)
    if lines != WHOLE:
        yield f"wrote {lines}"


def _acting(here: Round, name: str, job: Job | None) -> Faults:
    yield from _process(here, name, job)
    made = _made_in(here, f"{here.name}-{name}")
    if job is not None and job.state_name is JobState.COMPLETED and len(made) != 1:
        yield f"completed, and made {made}"


def _endless(here: Round, name: str, job: Job | None) -> Faults:
    """Ends only by being stopped, by the client or, if that was killed, by the round."""
    lines = here.lines(name)
    if lines not in ([], BEGUN):
        yield f"wrote {lines}"
    if job is None:
        return
    if _is_killed(here, job) and job.state_name is JobState.FAILED:
        yield from _died(here, job, lines)
    elif job.state_name is not JobState.STOPPED:
        yield f"is {job.state}"


def _died(here: Round, job: Job, lines: list[str]) -> Faults:
    """Its process was killed: it says so, unless it had said before how it ended."""
    end = load_end(here.layout.journal_file(job.uuid))
    if end is None:
        if job.state_name is not JobState.FAILED:
            yield f"its process was killed, and it is {job.state}"
    elif job.state_name.value.lower() != end.outcome.value:
        yield f"its journal says {end.outcome.value}, and it is {job.state}"
    if lines not in ([], BEGUN, WHOLE):
        yield f"wrote {lines}"


def _completed(here: Round, job: Job, is_true: Callable[[object], bool] | None = None) -> Faults:
    """It is Completed, and has its value."""
    if job.state_name is not JobState.COMPLETED:
        yield f"is {job.state}"
        return
    try:
        value = result_of(JobView(job, here.layout, is_daemon_alive=False), is_shaped=False)
    except AzJobsError as error:
        yield f"completed without a value: {error}"
        return
    if not (is_true(value) if is_true is not None else VALUES[job.name](here, value)):
        yield f"its value is {value}"


def _is_killed(here: Round, job: Job) -> bool:
    begin = load_begin(here.layout.journal_file(job.uuid))
    return begin is not None and begin.pid in [kill["pid"] for kill in here.killed()]


def _made_in(here: Round, group: str) -> list[str]:
    """The resources that were made in a group, the group itself among them."""
    place = f"/resourcegroups/{group}".lower()
    made = [resource for resource, effect in here.effects() if effect == "created"]
    return [resource for resource in made if resource.endswith(place) or f"{place}/" in resource]


Rule = Callable[[Round, str, Job | None], Faults]
RULES: dict[str, Rule] = {
    "machine": _machine,
    "call": _machine,
    "group": _group,
    "restart": _restart,
    "batch": _batch,
    "function": _process,
    "command": _process,
    "acting": _acting,
    "endless": _endless,
    "removed": _endless,
}
VALUES: dict[str, Callable[[Round, object], bool]] = {
    "machine": lambda _, value: _name_of(value) == "machine",
    "call": lambda _, value: _name_of(value) == "call",
    "group": lambda here, value: _name_of(value) == f"{here.name}-group",
    "function": lambda here, value: value == f"{here.folder}/function.lines",
    "acting": lambda here, value: value == f"{here.folder}/acting.lines",
    "command": lambda _, value: value == "said\n",
}


def _name_of(value: object) -> object:
    return value.get("name") if isinstance(value, dict) else None


def play(here: Round) -> list[str]:
    """Play a round to its end; returns what is not true afterwards. Nothing of it runs then, its files are there."""
    try:
        here.play()
        left = here.end()
        found = [*faults_of(here), *(f"left behind: {pid} {line}" for pid, line in left.items())]
    except (AssertionError, TimeoutExpired) as error:
        states = [f"{job.id} {job.name} {job.state}" for job in here.jobs()]
        found = [f"it hangs: {error}", *states, *(f"runs: {line}" for line in here.processes().values())]
    finally:
        here.kill_all()
    return found
