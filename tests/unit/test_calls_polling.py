"""A request that Azure has accepted: what each reading of its status, or of its result, leads to."""

from __future__ import annotations

import pytest
from core_samples import (
    DELETE,
    GET,
    NOT_ANSWERED,
    NOT_SENT,
    PUT,
    RESOURCE,
    RESTART,
    STATUS_URL,
    STOP,
    URL,
    as_recorded,
    call,
    error,
    fault_of,
    read,
    replied,
    reply,
    resource,
)

from azjobs.core import calls
from azjobs.core.arm import Answer, Request
from azjobs.core.errors import Fault
from azjobs.core.events import Effect, Replied
from azjobs.core.job import Ended, Fetching, Intended, Looking, Phase, Unclear, Watching
from azjobs.core.lro import Monitor, Watch
from azjobs.core.polling import FETCH_TRIES, GONE_AFTER

STATUS = Watch(Monitor.ASYNC_OPERATION, STATUS_URL, URL, URL)
ACTION_STATUS = Watch(Monitor.ASYNC_OPERATION, STATUS_URL)
LOCATION = Watch(Monitor.LOCATION, STATUS_URL, resource_url=URL)
ACTION_LOCATION = Watch(Monitor.LOCATION, STATUS_URL)
FAILED = {"status": "Failed", "error": {"code": "Quota", "message": "Because."}}

AFTER_POLL = [
    pytest.param(
        PUT, Watching(STATUS, 3, "Old", was_created=True, losses=2),
        replied(reply(200, {"status": "InProgress", "percentComplete": 40}, retry_after="4")),
        Watching(STATUS, status="InProgress", was_created=True, percent=40.0), read(STATUS_URL, 4.0),
        id="a-status-ends-all-problems",
    ),
    pytest.param(
        PUT, Watching(STATUS, was_created=True), replied(reply(200, {"status": "Succeeded"})),
        Fetching(URL, was_created=True), read(URL), id="succeeded-the-result-is-fetched",
    ),
    pytest.param(
        PUT, Watching(STATUS, was_created=True), replied(reply(200, FAILED)),
        Ended(Answer(200, None, fault_of("Quota", 200), created=True)), [], id="failed-the-resource-is-there",
    ),
    pytest.param(
        PUT, Watching(STATUS, 1, "Old", losses=1), replied(reply(503, retry_after="9")), Watching(STATUS, 2, "Old"),
        read(STATUS_URL, 9.0), id="503-is-no-failure-of-the-operation",
    ),
    pytest.param(
        PUT, Watching(STATUS, 1, losses=1), NOT_SENT, Watching(STATUS, 2, losses=1), read(STATUS_URL, 2.0),
        id="nor-is-a-lost-network",
    ),
    pytest.param(
        PUT, Watching(STATUS, 1), NOT_ANSWERED, Watching(STATUS, 2), read(STATUS_URL, 2.0), id="nor-is-no-answer"
    ),
    pytest.param(
        PUT, Watching(STATUS, 30), replied(error(401, "E")), Watching(STATUS, 31), read(STATUS_URL, 60.0),
        id="nor-is-a-refusal",
    ),
    pytest.param(
        PUT, Watching(STATUS, 7), replied(reply(404)), Watching(STATUS, 8, losses=1), read(STATUS_URL, 60.0),
        id="one-404-is-late-however-many-problems-before",
    ),
    pytest.param(
        PUT, Watching(STATUS, 2, was_created=True, losses=2), replied(reply(404)),
        Watching(RESOURCE, was_created=True), read(URL), id="a-lost-record-is-seen-by-the-resource",
    ),
    pytest.param(
        PUT, Watching(RESOURCE, 9, losses=GONE_AFTER - 2), replied(reply(404)),
        Watching(RESOURCE, 10, losses=GONE_AFTER - 1), read(URL, 60.0), id="a-resource-may-be-late",
    ),
    pytest.param(
        PUT, Watching(RESOURCE, 9, was_created=True, losses=GONE_AFTER - 1), replied(reply(404)),
        Ended(Answer(404, fault=Fault("ResourceGone", "Azure accepted it, but it is no longer there.", "x", 404))), [],
        id="a-resource-that-is-gone-is-said",
    ),
    pytest.param(
        PUT, Watching(RESOURCE, 99, losses=99), replied(reply(200)), Watching(RESOURCE, 100, losses=100),
        read(URL, 60.0), id="a-resource-that-cannot-be-read-is-not-gone",
    ),
    pytest.param(
        DELETE, Watching(LOCATION, 2, losses=2), replied(reply(404)), Looking(is_accepted=True), read("/r/x"),
        id="a-delete-without-record-is-looked-at",
    ),
    pytest.param(
        DELETE, Watching(STATUS, 2, losses=2), replied(reply(200)),
        Watching(Watch(Monitor.ABSENCE, URL, resource_url=URL)), read(URL), id="a-delete-without-status-is-waited-for",
    ),
    pytest.param(
        STOP, Watching(ACTION_STATUS, 2, losses=2), replied(reply(404)), Looking(is_accepted=True),
        read("/r/x/instanceView"), id="an-action-without-record-is-looked-at",
    ),
    pytest.param(
        RESTART, Watching(ACTION_LOCATION, 2, losses=2), replied(reply(404)), Unclear(), [],
        id="what-came-of-a-restart-only-the-user-knows",
    ),
    pytest.param(
        RESTART, Watching(ACTION_LOCATION), replied(error(409, "E")),
        Ended(Answer(200, None, fault_of("E", 409))), [], id="a-location-tells-the-operation's-own-failure",
    ),
    pytest.param(
        RESTART, Watching(ACTION_LOCATION), replied(error(403, "AuthorizationFailed")), Watching(ACTION_LOCATION, 1),
        read(STATUS_URL, 1.0), id="but-not-when-it-may-not-be-read",
    ),
    pytest.param(
        RESTART, Watching(ACTION_LOCATION), replied(reply(200, {"a": 1})), Ended(Answer(200, {"a": 1})), [],
        id="a-location-ends-with-the-answer",
    ),
    pytest.param(
        PUT, Fetching(URL, 2, was_created=True), replied(reply(200, resource())),
        Ended(Answer(200, resource(), created=True)), [], id="a-result",
    ),
    pytest.param(
        PUT, Fetching(URL, refusals=2), replied(reply(202)), Fetching(URL, 1, refusals=3), read(URL, 1.0),
        id="202-is-no-result-yet",
    ),
    pytest.param(
        PUT, Fetching(URL, 1, refusals=3), replied(reply(503, retry_after="9")), Fetching(URL, 2), read(URL, 9.0),
        id="a-result-that-is-late",
    ),
    pytest.param(PUT, Fetching(URL, 30), NOT_SENT, Fetching(URL, 31), read(URL, 60.0), id="a-result-without-network"),
    pytest.param(PUT, Fetching(URL), replied(reply(429)), Fetching(URL, 1), read(URL, 1.0), id="a-throttled-result"),
    pytest.param(
        PUT, Fetching(URL, 40), replied(error(403, "E")), Fetching(URL, 41, refusals=1), read(URL, 60.0),
        id="one-refusal-is-not-many",
    ),
    pytest.param(
        PUT, Fetching(URL, 7, was_created=True, refusals=FETCH_TRIES - 1), replied(error(403, "E")),
        Ended(Answer(200, None, created=True)), [], id="success-stays-success-without-its-result",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "phase", "event", "expected", "effects"), AFTER_POLL)
def test_each_reading_leads_to_its_phase(
    request_: Request, phase: Phase, event: Replied, expected: Phase, effects: list[Effect]
):
    """Given an accepted request and what a reading gave, the next phase and effects follow."""
    assert calls.next_phase("k", call(request_, phase), event) == (as_recorded(expected, event, effects), effects)


def test_the_next_daemon_waits_as_long_as_azure_asked_to():
    """Else all operations would be read at once after each restart. That it asks for another time is not recorded."""
    news = replied(reply(200, {"status": "InProgress"}, retry_after="30"))
    phase, _ = calls.next_phase("k", call(PUT, Watching(STATUS)), news)
    assert calls.recovered("k", call(PUT, phase)) == (phase, read(STATUS_URL, 30.0))
    nothing_new = replied(reply(200, {"status": "InProgress"}, retry_after="60"))
    assert calls.next_phase("k", call(PUT, phase), nothing_new) == (phase, read(STATUS_URL, 60.0))
    throttled, _ = calls.next_phase("k", call(PUT, phase), replied(reply(429, retry_after="90")))
    assert calls.recovered("k", call(PUT, throttled)) == (throttled, read(STATUS_URL, 90.0))
    assert calls.released("k", call(PUT, throttled), "") == (throttled, read(STATUS_URL))


def test_accepted_action_without_a_place_to_follow_is_looked_at_once_settled():
    """202 without a place that says how it fares: the power state tells, or only the user can."""
    accepted = replied(reply(202, retry_after="3"))
    expected = (Looking(is_accepted=True), read("/r/x/instanceView", 3.0, settle=True))
    assert calls.next_phase("k", call(STOP, Intended(1)), accepted) == expected
    assert calls.next_phase("k", call(RESTART, Intended(1)), accepted) == (Unclear(), [])


def test_accepted_read_without_a_place_to_follow_is_read_again():
    """A GET that is answered 202 is read on from its own address."""
    watch = Watch(Monitor.RESOURCE, "/r/x", resource_url="/r/x")
    expected = (Watching(watch, problems=1, delay_s=1.0), read("/r/x", 1.0))
    assert calls.next_phase("k", call(GET, Intended(1)), replied(reply(202))) == expected
