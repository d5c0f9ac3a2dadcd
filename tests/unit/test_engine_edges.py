"""Runner, queues and time limits where a job has ended, or goes on again, out of its turn."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from core_samples import PUT, RESOURCE, call, make_plan_job, make_process_job, replied, reply, resource
from lines import Lines
from msgspec.structs import replace

from azjobs.core.arm import Request
from azjobs.core.events import (
    Begun,
    ProcessEnded,
    ReadUrl,
    Resumed,
    SendRequest,
    StopAsked,
    TimedOut,
    WriteError,
    WriteOutput,
    WriteProgress,
)
from azjobs.core.job import BatchWork, Intended, Job, PlanWork, ProcessWork, Queue, Watching
from azjobs.core.layout import Layout
from azjobs.core.states import Failed, JobState, Running
from azjobs.daemon.jobs import runner as runners
from azjobs.daemon.jobs.ledger import Ledger
from azjobs.daemon.jobs.queues import Queues
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.jobs.time_limits import TimeLimits
from azjobs.daemon.serving.followers import Followers
from azjobs.daemon.serving.pruning import Pruning
from azjobs.store.ballast import Ballast
from azjobs.store.memory import MemoryStore


class World:
    """What is outside of a runner: one request that can be recalled once, and a disk with or without room."""

    def __init__(self) -> None:
        self.unsent: tuple[str, ...] = ()
        self.scheduled: list[SendRequest | ReadUrl] = []
        self.has_room = True

    def start(self, job: Job) -> None:
        """A process would begin."""

    def stop(self, job: Job) -> None:
        """A process would end."""

    def schedule(self, _uuid: str, effect: SendRequest | ReadUrl) -> None:
        """A request would go out."""
        self.scheduled.append(effect)

    def recall(self, _uuid: str) -> tuple[str, ...]:
        """What has not gone out is taken back, once."""
        recalled, self.unsent = self.unsent, ()
        return recalled

    def write(self, _job: Job, _effect: WriteOutput | WriteError | WriteProgress) -> bool:
        """A record finds room, or none."""
        return self.has_room


class Engine:
    """A runner with queues and time limits, in a world. Made within a loop."""

    def __init__(self) -> None:
        self.now, self.world = 0.0, World()
        no_ballast = Ballast(Path("/dev/null/ballast"))  # nothing can be there
        self.store = MemoryStore()
        self.ledger = Ledger(self.store, no_ballast, on_commit=lambda _: None, on_broken=lambda _: None)
        self.runner = Runner(self.ledger, now=lambda: self.now)
        self.runner.requests = self.runner.processes = self.runner.records = self.world
        self.queues = Queues(self.runner)

    def take(self, job: Job) -> None:
        """A job comes, as `daemon.serving.submissions` takes it before it asks for its turn."""
        self.runner.take(self.ledger.add(job, b"", is_attached=False))

    def state(self, uuid: str) -> JobState:
        """What a job is now."""
        job = self.ledger.load(uuid)
        assert job is not None
        return job.state_name


@pytest.mark.parametrize("how", ["ends", "is forgotten"])
def test_a_job_that_is_gone_before_its_turn_comes_keeps_no_turn(how: str) -> None:
    """Else the jobs after it would wait for it for ever."""

    async def run() -> None:
        engine = Engine()
        for uuid in ("first", "second"):
            engine.take(make_process_job(uuid=uuid, queue=Queue("q", 1)))
        first, second = (engine.runner.find(uuid) for uuid in ("first", "second"))
        assert first is not None
        assert second is not None
        if how == "ends":
            engine.runner.apply("first", StopAsked(1.0))
            assert not engine.queues.enter(first)
            assert engine.queues.enter(second)
        else:
            assert engine.queues.enter(first)
            assert not engine.queues.enter(second)
            engine.runner.drop("first")
            engine.queues.leave(first)
            assert engine.state("second") is JobState.RUNNING

    asyncio.run(run())


def test_a_job_is_found_by_the_key_it_has_now_until_it_ends() -> None:
    """One whose key was lost with the keeper gets a new one; the old one opens nothing any more."""

    async def run() -> None:
        engine = Engine()
        job = make_process_job(uuid="j", state=Running(0.0))
        assert isinstance(job.work, ProcessWork)
        engine.take(replace(job, work=replace(job.work, key_sha256="old")))
        assert engine.runner.find_by_key("old") is not None
        engine.runner.replace(replace(job, work=replace(job.work, key_sha256="new")))
        found = engine.runner.find_by_key("new")
        assert found is not None
        assert found.uuid == "j"
        assert engine.runner.find_by_key("old") is None
        engine.runner.apply("j", ProcessEnded(1.0, "completed"))
        assert engine.runner.find_by_key("new") is None

    asyncio.run(run())


def test_the_time_of_a_resumed_job_counts_from_there_for_the_next_daemon_too() -> None:
    """It was stopped for long; the time limit says how long it may take, not how long it may rest."""

    async def run() -> None:
        engine = Engine()
        work = {"calls": {"k": call(PUT, Intended(sends=1))}}
        engine.take(make_plan_job("rest@1", uuid="j", time_limit_s=60.0, **work))
        engine.runner.apply("j", Begun(0.0))
        engine.runner.apply("j", StopAsked(1.0))
        stopped = engine.ledger.load("j")
        assert stopped is not None
        engine.runner.take(stopped)
        engine.runner.apply("j", Resumed(1000.0))
        engine.now = 1010.0
        resumed = engine.runner.find("j")
        assert resumed is not None
        TimeLimits(engine.runner).recover(resumed)
        for _ in range(3):
            await asyncio.sleep(0)
        assert engine.state("j") is JobState.RUNNING

    asyncio.run(run())


def test_the_time_of_a_batch_is_over_although_it_is_being_cancelled() -> None:
    """Azure may take as long as it likes to cancel, or refuse to."""

    async def run() -> tuple[Job, JobState]:
        engine = Engine()
        limits = TimeLimits(engine.runner)
        deployment = Request("PUT", "/d", "d", {}, cancel_path="/d/cancel")
        batch = make_process_job(uuid="b", work=BatchWork({JobState.RUNNING: 1}), state=Running(0.0), time_limit_s=0.01)
        engine.take(batch)
        calls = {"k": call(deployment, Watching(RESOURCE))}
        engine.take(make_plan_job("rest@1", uuid="c", parent="b", state=Running(0.0), calls=calls))
        ended = asyncio.get_running_loop().create_future()
        engine.runner.on_finished.append(lambda job: ended.set_result(job) if job.uuid == "b" else None)
        engine.runner.apply("b", StopAsked(1.0, cancel=True))
        assert (engine.state("b"), engine.state("c")) == (JobState.STOPPING, JobState.STOPPING)
        async with asyncio.timeout(30):
            job = await ended
        del limits
        return job, engine.state("c")

    job, child = asyncio.run(run())
    assert isinstance(job.state, Failed)
    assert (job.state.fault.code, child) == ("TimeLimit", JobState.STOPPED)


def test_a_stop_of_a_batch_whose_time_is_over_changes_nothing_of_why_it_ended() -> None:
    """A child takes its time to end."""

    async def run() -> Job:
        engine = Engine()
        batch = make_process_job(uuid="b", work=BatchWork({JobState.RUNNING: 1}), state=Running(0.0), time_limit_s=1.0)
        engine.take(batch)
        engine.take(make_process_job(uuid="c", parent="b", state=Running(0.0)))
        engine.runner.apply("b", TimedOut(1.0))
        engine.runner.apply("b", StopAsked(2.0))
        assert engine.state("b") is JobState.STOPPING
        engine.runner.apply("c", ProcessEnded(3.0, "stopped"))
        job = engine.ledger.load("b")
        assert job is not None
        return job

    job = asyncio.run(run())
    assert isinstance(job.state, Failed)
    assert job.state.fault.code == "TimeLimit"


def test_a_failure_in_a_batch_that_fails_fast_costs_the_same_whatever_the_number_of_targets() -> None:
    """The first one stops what has not begun; after it there is nothing more to stop."""

    async def run(targets: int) -> int:
        engine, lines = Engine(), Lines()
        work = BatchWork({JobState.RUNNING: targets, JobState.NOT_STARTED: 1}, is_fail_fast=True)
        engine.take(make_process_job(uuid="b", work=work, state=Running(0.0)))
        calls = {"k": call(PUT, Watching(RESOURCE))}
        for number in range(targets):
            engine.take(make_plan_job("rest@1", uuid=str(number), parent="b", state=Running(0.0), calls=calls))
        engine.take(make_plan_job("rest@1", uuid="waiting", parent="b"))
        failed = replied(reply(200, resource("Failed")))
        engine.runner.apply("0", failed)
        assert (engine.state("0"), engine.state("waiting")) == (JobState.FAILED, JobState.STOPPED)
        with lines.counted():
            engine.runner.apply("1", failed)
        for number in range(2, targets):
            engine.runner.apply(str(number), failed)
        assert engine.state("b") is JobState.FAILED
        return lines.count

    assert asyncio.run(run(5)) == asyncio.run(run(200))


def test_a_job_that_goes_on_again_is_not_removed_for_its_age(tmp_path: Path) -> None:
    """It was found among those that have ended, and was resumed before its turn to be removed came."""
    policy = tmp_path / "policy.json"
    policy.touch(mode=0o600)
    policy.write_text('{"keep_jobs": 0, "format": 1}')

    async def run() -> tuple[list[int], JobState]:
        engine = Engine()
        calls = {"k": call(PUT, Watching(RESOURCE))}
        engine.take(make_plan_job("rest@1", uuid="j", state=Running(0.0), calls=calls))
        engine.runner.apply("j", StopAsked(1.0))
        engine.ledger.commit()
        stopped = engine.ledger.load("j")
        assert stopped is not None
        engine.runner.take(stopped)
        engine.runner.apply("j", Resumed(2.0))
        pruning = Pruning(engine.store, engine.ledger, Followers(), engine.ledger.remove, Layout(tmp_path))
        removed = await pruning.apply()
        return removed, engine.state("j")

    assert asyncio.run(run()) == ([], JobState.RUNNING)


def test_what_was_recalled_before_the_disk_was_full_is_known_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request that never left this machine is not said to go on in Azure."""
    monkeypatch.setattr(runners, "FULL_RETRY_S", 0.0)

    async def run() -> Job | None:
        engine = Engine()
        engine.world.unsent = ("k",)
        work = {"calls": {"k": call(PUT, Intended(sends=1))}}
        engine.take(make_plan_job("rest@1", uuid="j", state=Running(0.0), time_limit_s=60.0, **work))
        engine.world.has_room = False
        engine.runner.apply("j", TimedOut(60.0))
        assert engine.state("j") is JobState.RUNNING
        engine.world.has_room = True
        for _ in range(3):  # it is tried again at once
            await asyncio.sleep(0)
        return engine.ledger.load("j")

    job = asyncio.run(run())
    assert job is not None
    assert isinstance(job.work, PlanWork)
    assert job.work.calls["k"].phase == Intended(sends=0)
    assert "goes on" not in str(job.state)


@pytest.mark.parametrize("is_to_cancel", [False, True])
def test_a_stop_before_the_submit_is_answered_takes_back_what_was_to_be_sent(*, is_to_cancel: bool) -> None:
    """Another session sees the job as soon as it is recorded; its first request waits for the submit's answer."""

    async def run() -> None:
        engine = Engine()
        engine.take(make_plan_job("rest@1", uuid="j", calls={"k": call(PUT, Intended(sends=0))}))
        engine.runner.apply("j", Begun(0.0), is_postponed=True)
        stopped = engine.runner.apply("j", StopAsked(1.0, is_to_cancel))
        assert stopped is not None
        assert (stopped.state_name, stopped.remote_state) == (JobState.STOPPED, "")
        assert "not known" not in stopped.status_message
        engine.runner.perform("j")
        assert engine.world.scheduled == []

    asyncio.run(run())
