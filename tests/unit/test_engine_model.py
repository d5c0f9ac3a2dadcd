"""Whatever ends, is stopped or crashes: batches count their children, and queues keep their order and limit.

A random run drives the runner, the queues and a store against a world of
processes that know nothing of daemons. A crash loses what was not committed;
what the world has done by then stays done.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from core_samples import make_process_job
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from azjobs.core.events import (
    Begun,
    Counted,
    Event,
    ProcessEnded,
    ProcessStarted,
    ReadUrl,
    Recovered,
    SendRequest,
    StopAsked,
    TimedOut,
    WriteError,
    WriteOutput,
    WriteProgress,
)
from azjobs.core.job import BatchWork, Job, Queue
from azjobs.core.states import FINISHED, JobState, NotStarted, Stopping, is_finished
from azjobs.daemon.jobs.ledger import Ledger
from azjobs.daemon.jobs.queues import Queues
from azjobs.daemon.jobs.runner import Runner
from azjobs.store.ballast import Ballast
from azjobs.store.memory import MemoryDisk, MemoryStore

LIMIT = 2
NO_BALLAST = Ballast(Path("/dev/null/ballast"))  # nothing can be there


class World:
    """The processes: what was started, what was asked to stop, how it ended. It outlives every daemon."""

    def __init__(self) -> None:
        self.starts: Counter[str] = Counter()
        self.asked: list[str] = []
        self.outcomes: dict[str, str] = {}
        self.stops: set[str] = set()

    def start(self, job: Job) -> None:
        """The daemon wants a process; it gets one when the world comes to it."""
        self.asked.append(job.uuid)

    def stop(self, job: Job) -> None:
        """It is asked to end."""
        self.stops.add(job.uuid)

    def schedule(self, uuid: str, effect: SendRequest | ReadUrl) -> None:
        """There is no Azure here."""
        raise AssertionError((uuid, effect))

    def recall(self, _uuid: str) -> tuple[str, ...]:
        """Nothing is under way to Azure."""
        return ()

    def write(self, _job: Job, _effect: WriteOutput | WriteError | WriteProgress) -> bool:
        """There is room."""
        return True


class Engine(RuleBasedStateMachine):
    """Daemons, one after another, on one disk, in one world."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.disk, self.world = MemoryDisk(), World()
        self.now = 0.0
        self.made = 0
        self.order: list[str] = []  # of the queue, as they were acknowledged
        self.do(self.open)

    def teardown(self) -> None:
        """Let go of the loop."""
        self.loop.close()

    def do(self, work: Callable[[], object], *, is_committed: bool = True) -> None:
        """Do it within one turn of the daemon's loop, and let it commit unless it dies before."""

        async def turn() -> None:
            work()
            if is_committed:
                self.ledger.commit()

        self.now += 1.0
        self.loop.run_until_complete(turn())

    def open(self) -> None:
        """A daemon comes, and takes up what it finds (the rules of `daemon.recovery`)."""
        self.store = MemoryStore(self.disk)
        self.ledger = Ledger(self.store, NO_BALLAST, on_commit=lambda _: None, on_broken=lambda _: None)
        self.runner = Runner(self.ledger, now=lambda: self.now)
        self.runner.requests = self.runner.processes = self.runner.records = self.world
        self.queues = Queues(self.runner)
        self.world.asked.clear()
        jobs = self.store.load_unfinished()
        for job in jobs:
            self.runner.take(job)
        self.queues.recover(jobs)
        for job in sorted(jobs, key=lambda job: not isinstance(job.work, BatchWork)):
            self.recover(job)
        self.queues.admit()

    def recover(self, job: Job) -> None:
        """One job after the death of a daemon."""
        if isinstance(job.work, BatchWork):
            states = [child.state_name for child in self.store.load_children(job.uuid)]
            self.runner.apply(job.uuid, Counted(self.now, Counter(states)))
            self.runner.apply(job.uuid, Recovered(self.now))
        elif job.queue is not None and isinstance(job.state, NotStarted):
            return
        elif job.uuid in self.world.outcomes:
            self.runner.apply(job.uuid, ProcessEnded(self.now, self.world.outcomes[job.uuid]))
        elif not self.world.starts[job.uuid] and isinstance(job.state, Stopping):
            self.runner.apply(job.uuid, ProcessEnded(self.now, "stopped"))
        elif not self.world.starts[job.uuid]:
            self.runner.apply(job.uuid, Recovered(self.now))
        else:  # its process lives; one that was to be stopped is asked again
            self.runner.apply(job.uuid, ProcessStarted(self.now, 1, 1, "boot"))

    def submit(self, job: Job) -> None:
        """As `daemon.serving.submissions` does."""
        job = self.ledger.add(job, b"", is_attached=False)
        self.runner.take(job)
        if self.queues.enter(job):
            self.runner.apply(job.uuid, Begun(self.now))

    # What users do

    @rule(count=st.integers(1, 4), is_fail_fast=st.booleans(), has_limit=st.booleans())
    def submit_batch(self, count: int, is_fail_fast: bool, has_limit: bool) -> None:  # noqa: FBT001 - drawn
        """Parent and children, all or none."""
        self.made += 1
        parent = make_process_job(uuid=f"b{self.made}")
        work = BatchWork({JobState.NOT_STARTED: count}, is_fail_fast)
        queue = Queue(f"batch {self.made}", LIMIT) if has_limit else None

        def add() -> None:
            self.submit(Job(**{**vars_of(parent), "work": work}))
            for n in range(count):
                self.submit(make_process_job(uuid=f"b{self.made}.{n}", parent=parent.uuid, queue=queue))

        self.do(add)

    @rule()
    def submit_queued(self) -> None:
        """One more for the queue."""
        self.made += 1
        self.order.append(f"q{self.made}")
        self.do(lambda: self.submit(make_process_job(uuid=f"q{self.made}", queue=Queue("q", LIMIT), time_limit_s=5.0)))

    @precondition(lambda self: len(self.runner))
    @rule(data=st.data(), is_committed=st.booleans())
    def stop(self, data: st.DataObject, is_committed: bool) -> None:  # noqa: FBT001 - drawn
        """A job, a child, or a whole batch; perhaps the daemon dies before it is recorded."""
        uuid = data.draw(st.sampled_from([job.uuid for job in self.runner]))
        self.feed(StopAsked(self.now), uuid, is_committed=is_committed)

    @precondition(lambda self: self.timed())
    @rule(data=st.data())
    def time_is_over(self, data: st.DataObject) -> None:
        """Of a job that has begun."""
        self.feed(TimedOut(self.now), data.draw(st.sampled_from(self.timed())))

    # What the world does

    @precondition(lambda self: self.world.asked)
    @rule(data=st.data(), is_committed=st.booleans())
    def process_starts(self, data: st.DataObject, is_committed: bool) -> None:  # noqa: FBT001 - drawn
        """It was asked for by a living daemon."""
        uuid = data.draw(st.sampled_from(self.world.asked))
        self.world.asked.remove(uuid)
        job = self.runner.find(uuid)
        if job is None or isinstance(job.state, Stopping):  # `ProcessRunner._start` looks before it starts
            self.feed(ProcessEnded(self.now, "stopped"), uuid, is_committed=is_committed)
            return
        self.world.starts[uuid] += 1
        self.feed(ProcessStarted(self.now, 1, 1, "boot"), uuid, is_committed=is_committed)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), outcome=st.sampled_from(["completed", "failed"]), is_committed=st.booleans())
    def process_ends(self, data: st.DataObject, outcome: str, is_committed: bool) -> None:  # noqa: FBT001 - drawn
        """By itself, or since it was asked to."""
        uuid = data.draw(st.sampled_from(self.alive()))
        self.world.outcomes[uuid] = "stopped" if uuid in self.world.stops else outcome
        self.feed(ProcessEnded(self.now, self.world.outcomes[uuid]), uuid, is_committed=is_committed)

    @rule()
    def crash(self) -> None:
        """Between two turns of the loop."""
        self.do(self.open)

    def feed(self, event: Event, uuid: str, *, is_committed: bool = True) -> None:
        """Tell the daemon; perhaps it dies before it is recorded."""
        self.do(lambda: self.runner.apply(uuid, event), is_committed=is_committed)
        if not is_committed:
            self.do(self.open)

    def alive(self) -> list[str]:
        """The processes that run."""
        return [uuid for uuid in self.world.starts if uuid not in self.world.outcomes]

    def timed(self) -> list[str]:
        """The jobs whose time runs."""
        return [job.uuid for job in self.runner if job.time_limit_s and not isinstance(job.state, NotStarted)]

    # What is always true

    @invariant()
    def nothing_ran_twice(self) -> None:
        """Whatever died."""
        assert all(count == 1 for count in self.world.starts.values())

    @invariant()
    def batches_are_what_their_children_are(self) -> None:
        """The counts are those of the children; it has ended when all have, and as the worst of them."""
        for batch in [job for job in self.store.load_all() if isinstance(job.work, BatchWork)]:
            assert isinstance(batch.work, BatchWork)
            states = [child.state_name for child in self.store.load_children(batch.uuid)]
            assert batch.work.counts == Counter(states)
            assert is_finished(batch.state) is all(state in FINISHED for state in states)
            if is_finished(batch.state):
                worst = next((s for s in (JobState.FAILED, JobState.STOPPED) if s in states), JobState.COMPLETED)
                assert batch.state_name is worst

    @invariant()
    def queues_keep_limit_and_order(self) -> None:
        """No more at work than the limit says, none waits while there is room, and none is overtaken."""
        jobs = [job for uuid in self.order if (job := self.store.load(uuid)) is not None]
        begun = [job for job in jobs if not isinstance(job.state, NotStarted) and not is_finished(job.state)]
        waiting = [job for job in jobs if isinstance(job.state, NotStarted)]
        assert len(begun) <= LIMIT
        assert not waiting or len(begun) == LIMIT
        if waiting:
            first = jobs.index(waiting[0])
            assert all(isinstance(job.state, NotStarted) or is_finished(job.state) for job in jobs[first:])

    @invariant()
    def what_ended_by_itself_is_told_so(self) -> None:
        """A job is Completed only if its process said so."""
        for job in self.store.load_all():
            if job.state_name is JobState.COMPLETED and not isinstance(job.work, BatchWork):
                assert self.world.outcomes[job.uuid] == "completed"
            if is_finished(job.state):
                assert job.uuid not in self.alive()


def vars_of(job: Job) -> dict[str, object]:
    """The fields of a job, by name."""
    return {name: getattr(job, name) for name in job.__struct_fields__}


TestEngine = pytest.mark.slow(Engine.TestCase)
TestEngine.settings = settings(max_examples=60, stateful_step_count=40, suppress_health_check=list(HealthCheck))
