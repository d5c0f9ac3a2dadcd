"""Random commands, ends and kills through the real daemon: what it reports is what a small model says, after each.

The model knows of no daemon: a job runs until its gate opens or its operation is
told to end, a queue lets in so many, a batch is what its children are.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import azjobs as az
from azjobs.core.states import FINISHED
from azjobs.core.wire import DaemonStatus, Status
from azjobs.session.jobs.looking import load_children
from azjobs.session.link.local import local
from terminal import Home, wait_until

QUEUE_LIMIT = 2
LIMIT_S = 20.0


def work(gate: str) -> str:
    """Run until the gate says how to end; say once that it began."""
    with open(f"{gate}.began", "a", encoding="ascii") as began:  # noqa: PTH123 - a job, kept small
        began.write("x")
    while not os.path.exists(gate):  # noqa: PTH110 - as above
        time.sleep(0.01)
    if Path(gate).read_text(encoding="ascii") == "bad":
        raise ValueError(gate)
    return gate


@dataclass
class Target:
    """One thing that ends when the test says so: a process, or the removal of a group. `outcome` "" until then."""

    name: str
    outcome: str = ""


@dataclass
class Known:
    """A job and what the model knows of it."""

    job: az.Job[Any]
    targets: list[Target]
    kind: str
    is_queued: bool = False
    state: str = "Running"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_daemon_does_what_the_model_says_whatever_is_killed(signed_in_home: Home) -> None:
    """Jobs of every kind, queues, batches, stops and removals, with the daemon killed in between."""

    class Model(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.folder = Path(mkdtemp(dir=signed_in_home.folder.parent))
            self.jobs: list[Known] = []
            self.made = 0

        def name(self) -> str:
            self.made += 1
            return f"{self.folder.name}-{self.made}"

        @rule(is_queued=st.booleans())
        def start_process(self, is_queued: bool) -> None:  # noqa: FBT001 - drawn
            gate = str(self.folder / self.name())
            how: dict[str, Any] = {"queue": self.folder.name, "throttle_limit": QUEUE_LIMIT} if is_queued else {}
            job = az.start_job(work, argument_list=[gate], **how)
            self.jobs.append(Known(job, [Target(gate)], "process", is_queued))

        @rule(count=st.integers(1, 3), is_batch=st.booleans())
        def start_removal(self, count: int, is_batch: bool) -> None:  # noqa: FBT001 - drawn
            names = [self.name() for _ in range(count if is_batch else 1)]
            for made in [az.new_az_resource_group(name, "eastus", as_job=True) for name in names]:
                made.result(LIMIT_S)
                az.remove_job(made)
            job: az.Job[Any] = az.remove_az_resource_group(names if is_batch else names[0], as_job=True)  # type: ignore[call-overload]
            self.jobs.append(Known(job, [Target(name) for name in names], "batch" if is_batch else "azure"))
            for name in names:  # it can be told how to end once it has begun
                signed_in_home.cloud.wait_for_requests(method="DELETE", path_regex=f"/{name}\\b", answered=True)

        @precondition(lambda self: any(self.running()))
        @rule(data=st.data(), is_good=st.booleans())
        def end_one(self, data: st.DataObject, is_good: bool) -> None:  # noqa: FBT001 - drawn
            known, target = data.draw(st.sampled_from(self.running()))
            target.outcome = "good" if is_good else "bad"
            if known.kind == "process":
                draft = Path(f"{target.name}.draft")
                draft.write_text(target.outcome)
                draft.rename(target.name)
            else:
                path = f"/subscriptions/{signed_in_home.endpoint['subscription_id']}/resourceGroups/{target.name}"
                status = "Succeeded" if is_good else "Failed"
                signed_in_home.cloud.finish(path, status=status, code="Told", message="It was told to.")

        @precondition(lambda self: self.jobs)
        @rule(data=st.data())
        def stop(self, data: st.DataObject) -> None:
            known = data.draw(st.sampled_from(self.jobs))
            before = self.expected(known)
            self.settle()
            az.stop_job(known.job)
            if before not in FINISHED:
                known.state = "Stopped"

        @precondition(lambda self: self.jobs)
        @rule(data=st.data())
        def remove(self, data: st.DataObject) -> None:
            known = data.draw(st.sampled_from(self.jobs))
            is_over = self.expected(known) in FINISHED
            self.settle()
            if not is_over:
                with pytest.raises(az.JobNotFinished):
                    az.remove_job(known.job)
            az.remove_job(known.job, force=not is_over)
            self.jobs.remove(known)
            with pytest.raises(az.JobNotFound):
                _ = known.job.state

        @rule()
        def kill_the_daemon(self) -> None:
            os.kill(local().client.ask(Status(0), DaemonStatus).pid, signal.SIGKILL)

        @invariant()
        def settle(self) -> None:
            """Every job comes to be what the model says, and stays it; nothing was done twice."""
            for known in self.jobs:
                wait_until(
                    lambda known=known: known.job.state.value == self.expected(known),
                    timeout_s=LIMIT_S,
                    what=f"{known} is {self.expected(known)}",
                )
                if known.kind == "batch":
                    self.check_batch(known)
                for target in known.targets:
                    self.check_once(known, target)

        def check_batch(self, known: Known) -> None:
            children = load_children(local().layout, known.job.uuid)
            assert [child.row.target for child in children] == [target.name for target in known.targets]
            counts = known.job.view.row.work.counts  # type: ignore[union-attr]
            found = [child.row.state_name for child in children]
            assert counts == {state: found.count(state) for state in found}

        def check_once(self, known: Known, target: Target) -> None:
            if known.kind == "process":
                began = Path(f"{target.name}.began")
                is_waiting = self.expected(known) == "NotStarted"
                assert (began.read_text() if began.exists() else "") in ({""} if is_waiting else {"", "x"})
            else:
                sent = signed_in_home.cloud.requests(method="DELETE", path_regex=f"/{target.name}\\b")
                assert len(sent) == 1

        def expected(self, known: Known) -> str:
            if known.state == "Stopped":
                return "Stopped"
            outcomes = [target.outcome for target in known.targets]
            if "" in outcomes:
                return "NotStarted" if known.is_queued and known not in self.at_turn() else "Running"
            return "Failed" if "bad" in outcomes else "Completed"

        def at_turn(self) -> list[Known]:
            queued = [
                one for one in self.jobs if one.is_queued and one.state != "Stopped" and not one.targets[0].outcome
            ]
            return queued[:QUEUE_LIMIT]

        def running(self) -> list[tuple[Known, Target]]:
            return [
                (known, target)
                for known in self.jobs
                if self.expected(known) == "Running"
                for target in known.targets
                if not target.outcome
            ]

        def teardown(self) -> None:
            for known in self.jobs:
                az.remove_job(known.job, force=True)
            signed_in_home.cloud.finish()

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Model,
        settings=settings(max_examples=3, stateful_step_count=10, suppress_health_check=list(HealthCheck)),
    )


@pytest.fixture
def signed_in_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own, this process signed in to its embedded cloud; removals of groups end as they are told."""
    monkeypatch.setenv("AZJOBS_HOME", str(home.folder))
    az.connect_az_account(environment="AzureSimulator")
    home.cloud.time("at-once", kinds={"group-delete": {"mode": "held"}})
    home.cloud.retry_after(0)
    return home
