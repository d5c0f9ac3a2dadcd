"""What is said of a plan's requests, for people."""

from __future__ import annotations

import pytest
from core_samples import ACTION, DELETE, GET, PATCH, PUT, RESTART, STATUS_URL, STOP, URL, call

from azjobs.core import progress
from azjobs.core.arm import Answer, Request
from azjobs.core.job import Call, Ended, Fetching, Intended, Looking, PlanWork, Unclear, Watching
from azjobs.core.lro import Monitor, Watch

STATUS = Watch(Monitor.ASYNC_OPERATION, STATUS_URL)
OTHER = Request("PUT", "/r/y", "y", {})


def work(*calls: Call) -> PlanWork:
    """The work with these calls."""
    return PlanWork("test@1", calls={str(number): one for number, one in enumerate(calls)})


@pytest.mark.parametrize(
    ("request_", "verb"),
    [
        (PUT, "creating"),
        (PATCH, "updating"),
        (DELETE, "deleting"),
        (STOP, "deallocating"),
        (RESTART, "restarting"),
        (Request("POST", "/r/x/powerOff?skipShutdown=true", "x"), "stopping"),
        (Request("POST", "/r/x/start", "x"), "starting"),
        (ACTION, "do"),
        (Request("OPTIONS", "/r/x", "x"), "sending"),
    ],
)
def test_each_write_has_its_verb(request_: Request, verb: str):
    """What a write does is said in one word."""
    assert progress.describe(work(call(request_, Intended(1)))) == f"{verb} x"


def test_what_is_going_on_is_one_line():
    """Writes that have not ended, by verb; reads and ended ones are not mentioned."""
    calls = [call(PUT, Watching(STATUS)), call(GET, Intended(1)), call(OTHER, Intended(0)), call(DELETE, Looking())]
    assert progress.describe(work(*calls, call(RESTART, Ended(Answer(200))))) == "creating x, y; deleting x"
    assert progress.describe(work()) == ""


def test_percentage_is_that_of_the_only_operation():
    """Two operations have no common percentage, and an operation may give none."""
    half = call(PUT, Watching(STATUS, percent=50.0))
    assert progress.percent_of(work(half, call(GET, Intended(1)))) == 50.0
    assert progress.percent_of(work(half, half)) is None
    assert progress.percent_of(work(call(PUT, Watching(STATUS)))) is None
    assert progress.percent_of(work()) is None


def test_outstanding_requests_are_those_that_have_not_ended():
    """Each phase but the last is outstanding."""
    phases = [Intended(), Looking(), Unclear(), Watching(STATUS), Fetching(URL), Ended(Answer(200))]
    assert progress.outstanding(work(*(call(PUT, phase) for phase in phases))) == ["0", "1", "2", "3", "4"]


def test_work_of_azure_is_what_it_accepted():
    """A write that is watched or fetched is known to be under way; one that is looked at only may be."""
    assert progress.is_accepted(work(call(PUT, Watching(STATUS))))
    assert progress.is_accepted(work(call(PUT, Fetching(URL))))
    assert not progress.is_accepted(work(call(PUT, Looking()), call(PUT, Intended(1)), call(GET, Watching(STATUS))))
    assert progress.under_way(work(call(PUT, Looking()), call(OTHER, Intended(1)), call(DELETE, Unclear()))) == [
        "creating",
        "deleting",
    ]
    assert progress.under_way(work(call(PUT, Intended(0)), call(GET, Intended(1)))) == []
