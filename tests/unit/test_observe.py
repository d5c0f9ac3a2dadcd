"""What is shown of a job while no daemon runs: what can be seen, not what was stored."""

from __future__ import annotations

import pytest
from core_samples import make_plan_job, make_process_job

from azjobs.core.errors import Fault
from azjobs.core.observe import Evidence, observe
from azjobs.core.states import (
    Blocked,
    Completed,
    Failed,
    JobState,
    NotStarted,
    Question,
    QuestionKind,
    Running,
    State,
    Stopped,
    Stopping,
)

BLOCKED = Blocked(1.0, Question(QuestionKind.SIGN_IN, "Sign in again."))
ASKS = Blocked(1.0, Question(QuestionKind.SECRET, "Password must be given again.", ("pw",)))
ASKS_A_LINE = Blocked(1.0, Question(QuestionKind.INPUT, "Name?", ask="q"))
DAEMON = Evidence(is_daemon_alive=True)
NOBODY = Evidence(is_daemon_alive=False)
ALIVE = Evidence(is_daemon_alive=False, is_alive=True, has_begun=True)
DEAD = Evidence(is_daemon_alive=False, has_begun=True)

PROCESS = [
    pytest.param(NotStarted(), NOBODY, JobState.NOT_STARTED, id="accepted-and-nothing-more"),
    pytest.param(Running(1.0), DAEMON, JobState.RUNNING, id="the-daemon-knows-better"),
    pytest.param(Stopping(1.0), DAEMON, JobState.STOPPING, id="the-daemon-knows-better-of-a-stop"),
    pytest.param(Running(1.0), ALIVE, JobState.RUNNING, id="it-lives"),
    pytest.param(Stopping(1.0), ALIVE, JobState.STOPPING, id="it-lives-and-is-to-stop"),
    pytest.param(Running(1.0), NOBODY, JobState.NOT_STARTED, id="it-never-began"),
    pytest.param(Running(1.0), DEAD, JobState.FAILED, id="it-died-without-a-word"),
    pytest.param(Running(1.0), Evidence(False, False, True, "completed"), JobState.COMPLETED, id="it-ended-well"),
    pytest.param(Running(1.0), Evidence(False, False, True, "failed"), JobState.FAILED, id="it-failed"),
    pytest.param(Running(1.0), Evidence(False, False, True, "stopped"), JobState.STOPPED, id="it-was-stopped"),
    pytest.param(Stopping(1.0), DEAD, JobState.STOPPED, id="its-stop-was-heard"),
    pytest.param(Stopping(1.0), NOBODY, JobState.STOPPED, id="it-was-stopped-before-it-began"),
    pytest.param(
        Stopping(1.0), Evidence(False, False, True, "completed"), JobState.STOPPED, id="as-the-daemon-would-say"
    ),
    pytest.param(ASKS, NOBODY, JobState.BLOCKED, id="it-asks"),
    pytest.param(BLOCKED, ALIVE, JobState.BLOCKED, id="its-process-waits"),
    pytest.param(ASKS_A_LINE, ALIVE, JobState.BLOCKED, id="its-process-asks"),
    pytest.param(ASKS_A_LINE, DEAD, JobState.FAILED, id="its-process-died-while-it-asked"),
    pytest.param(BLOCKED, DEAD, JobState.FAILED, id="its-process-died-while-it-waited"),
    pytest.param(
        BLOCKED, Evidence(False, False, True, "completed"), JobState.COMPLETED, id="its-process-waits-no-more"
    ),
]
AZURE = [
    pytest.param(NotStarted(), NOBODY, JobState.NOT_STARTED, id="nothing-goes-on-yet"),
    pytest.param(Running(1.0), NOBODY, JobState.DISCONNECTED, id="it-goes-on-and-nobody-watches"),
    pytest.param(Running(1.0), DAEMON, JobState.RUNNING, id="it-is-watched"),
    pytest.param(BLOCKED, NOBODY, JobState.BLOCKED, id="it-asks"),
]


@pytest.mark.parametrize(("state", "evidence", "shown"), PROCESS)
def test_process_job_is_shown_as_it_is(state: State, evidence: Evidence, shown: JobState):
    """The lock and the last record of its journal tell, where no daemon does."""
    assert observe(make_process_job(state=state), evidence) is shown


@pytest.mark.parametrize(("state", "evidence", "shown"), AZURE)
def test_azure_job_is_shown_as_it_is(state: State, evidence: Evidence, shown: JobState):
    """An operation goes on in Azure whether somebody watches or not."""
    assert observe(make_plan_job(state=state), evidence) is shown


@pytest.mark.parametrize("state", [Completed(1.0, 2.0), Failed(1.0, 2.0, Fault("E", "")), Stopped(1.0, 2.0)])
@pytest.mark.parametrize("evidence", [DAEMON, NOBODY, ALIVE, Evidence(False, False, True, "failed")])
def test_end_that_was_stored_stands(state: State, evidence: Evidence):
    """No evidence changes a job that has ended."""
    for job in (make_plan_job(state=state), make_process_job(state=state)):
        assert observe(job, evidence) is job.state_name
