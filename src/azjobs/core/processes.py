"""Decide the next state of a job that runs in a process of its own. Pure; a part of `core.machine`."""

from __future__ import annotations

from msgspec.structs import replace

from azjobs.core.errors import Fault, over_time
from azjobs.core.events import (
    Begun,
    Effect,
    Event,
    InputAsked,
    ProcessEnded,
    ProcessStarted,
    Recovered,
    Released,
    SecretMissing,
    SignInMissing,
    StartProcess,
    StopAsked,
    StopProcess,
    TimedOut,
)
from azjobs.core.job import Job, ProcessWork
from azjobs.core.questions import ask_for_input, ask_for_secrets, ask_for_sign_in
from azjobs.core.states import (
    Blocked,
    Completed,
    Failed,
    NotStarted,
    Question,
    Running,
    Stopped,
    Stopping,
    began_at,
    is_process_waiting,
    stopping_from,
)

Outcome = tuple[Job, list[Effect]]


def step_process(job: Job, work: ProcessWork, event: Event) -> Outcome:
    """Return the unfinished job after `event`, and what is to be done about it."""
    match event:
        case Begun(at) | Recovered(at) if isinstance(job.state, NotStarted):
            return replace(job, state=Running(at)), [StartProcess()]
        case ProcessStarted(_, pid, start_time, boot_id):
            job = replace(job, work=replace(work, pid=pid, start_time=start_time, boot_id=boot_id))
            # A stop that was asked for before there was a process has found none.
            return job, [StopProcess()] if isinstance(job.state, Stopping) else []
        case ProcessEnded():
            return _end(job, event)
        case SecretMissing(at, names, _):
            return _after_missing(job, work, at, names)
        case SignInMissing(at, _, text) if isinstance(job.state, Running) or is_process_waiting(job.state):
            return _block(job, at, ask_for_sign_in(text))
        case InputAsked(at, ask, prompt, is_hidden) if isinstance(job.state, Running) or is_process_waiting(job.state):
            return _block(job, at, ask_for_input(ask, prompt, is_hidden=is_hidden))
        case Released(_, _) if isinstance(job.state, Blocked):
            effects: list[Effect] = [] if is_process_waiting(job.state) else [StartProcess()]
            return replace(job, state=Running(job.state.started_at), status_message=""), effects
        case StopAsked(at) if isinstance(job.state, NotStarted | Blocked) and not is_process_waiting(job.state):
            return replace(job, state=Stopped(began_at(job.state, at), at), status_message=""), []
        case StopAsked(at):
            return replace(job, state=stopping_from(job.state, at), status_message=""), [StopProcess()]
        case TimedOut(at) if isinstance(job.state, Running | Blocked):
            return _time_out(job, at)
        case Recovered() if isinstance(job.state, Running):  # said only of a job of which nothing has run
            return job, [StartProcess()]
        case Recovered() if isinstance(job.state, Stopping):
            return job, [StopProcess()]
    return job, []


def _after_missing(job: Job, work: ProcessWork, at: float, names: tuple[str, ...]) -> Outcome:
    """The process was not started, for want of secrets."""
    if isinstance(job.state, Stopping):
        return _end(job, ProcessEnded(at, "stopped"))
    return _block(job, at, ask_for_secrets(work.secrets, names))


def _block(job: Job, at: float, question: Question) -> Outcome:
    return replace(job, state=Blocked(began_at(job.state, at), question), status_message=question.text), []


def _time_out(job: Job, at: float) -> Outcome:
    """What runs is ended; what waited for its secrets has never begun."""
    assert job.time_limit_s is not None
    fault, started_at = over_time(job.time_limit_s), began_at(job.state, at)
    job = replace(job, status_message="")
    if isinstance(job.state, Blocked) and not is_process_waiting(job.state):
        return replace(job, state=Failed(started_at, at, fault)), []
    return replace(job, state=Stopping(started_at, fault)), [StopProcess()]


def _end(job: Job, event: ProcessEnded) -> Outcome:
    started_at = began_at(job.state, event.at)
    job = replace(job, status_message="")
    over = job.state.fault if isinstance(job.state, Stopping) else None
    if over is not None and event.outcome != "completed":
        return replace(job, state=Failed(started_at, event.at, over)), []
    if over is None and (isinstance(job.state, Stopping) or event.outcome == "stopped"):
        return replace(job, state=Stopped(started_at, event.at)), []
    if event.outcome == "completed":
        return replace(job, state=Completed(started_at, event.at)), []
    fault = event.fault or Fault("ProcessDied", "The job's process ended without saying how.")
    return replace(job, state=Failed(started_at, event.at, fault)), []
