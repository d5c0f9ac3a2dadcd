"""The states of a job carry their data, and their names are PowerShell's."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from azjobs.core.errors import Fault
from azjobs.core.states import (
    FINISHED,
    NAMES,
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
    ended_at_of,
    is_finished,
    name_of,
    started_at_of,
)

ALL: list[State] = [
    NotStarted(),
    Running(1.0),
    Blocked(1.0, Question(QuestionKind.SECRET, "Password?", ("pw",))),
    Stopping(1.0),
    Completed(1.0, 2.0),
    Failed(1.0, 2.0, Fault("E", "Because.", left=("x",))),
    Stopped(1.0, 2.0, "Running"),
]


def test_names_are_powershell_s_eleven():
    """Scripts that know PowerShell's words find them, in its spelling."""
    words = (
        "NotStarted Running Completed Failed Stopped Blocked Suspended Disconnected Suspending Stopping AtBreakpoint"
    )
    assert [str(state) for state in JobState] == words.split()


def test_every_state_has_a_name():
    """Each state of ours is one of the eleven."""
    assert set(NAMES) == set(get_args(State))
    assert [name_of(state).value for state in ALL] == [type(state).__name__ for state in ALL]


def test_three_states_are_ends():
    """What is finished by its state is finished by its name, and no other."""
    assert {name_of(state) for state in ALL if is_finished(state)} == FINISHED


def test_times_are_those_of_the_state():
    """A state without a beginning has none; only an end has an end."""
    assert [started_at_of(state) for state in ALL] == [None, *[1.0] * 6]
    assert [ended_at_of(state) for state in ALL] == [*[None] * 4, *[2.0] * 3]


@pytest.mark.parametrize("state", ALL, ids=lambda state: type(state).__name__)
def test_state_survives_json(state: State):
    """A state is read as it was written."""
    assert msgspec.json.decode(msgspec.json.encode(state), type=State) == state


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"Completed","started_at":1}',
        '{"type":"Failed","started_at":1,"ended_at":2}',
        '{"type":"Blocked","started_at":1}',
        '{"type":"Running"}',
        '{"type":"Disconnected","started_at":1}',
        '{"started_at":1}',
    ],
)
def test_state_without_its_data_cannot_be_read(text: str):
    """An end without a time, a failure without a reason, an unknown state are refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=State)


@pytest.mark.parametrize("state", [Completed(5.0, 2.0), Failed(5.0, 2.0, Fault("E", "Because.")), Stopped(5.0, 2.0)])
def test_no_job_ends_before_it_begins(state: State):
    """A clock that was set back while a job ran gives it no time at all, when it is made and when it is read."""
    assert ended_at_of(state) == started_at_of(state) == 5.0
    stored = msgspec.json.encode(state).replace(b'"ended_at":5.0', b'"ended_at":2.0')
    assert msgspec.json.decode(stored, type=State) == state
    assert b'"ended_at":2.0' in stored
