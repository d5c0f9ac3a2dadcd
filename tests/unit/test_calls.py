"""One request of a plan: what is made of each outcome of sending it, and of looking whether it took effect."""

from __future__ import annotations

import pytest
from core_samples import (
    ACTION,
    DELETE,
    GET,
    NOT_ANSWERED,
    NOT_SENT,
    PATCH,
    PUT,
    PUT_ASKED,
    PUT_IF_NEW,
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
    send,
)

from azjobs.core import calls
from azjobs.core.arm import Answer, Request
from azjobs.core.errors import Fault, Sent
from azjobs.core.events import Effect, Refused, Replied
from azjobs.core.job import Call, Ended, Fetching, Intended, Looking, Phase, Unclear, Watching
from azjobs.core.lro import Monitor, Watch
from azjobs.core.retry import READ_TRIES, UNSENT_TRIES, WRITE_TRIES

LAST = Fault("NoEffect", "It was sent once without an answer, and had no effect.", "x")

AFTER_SEND = [
    pytest.param(GET, Intended(1), replied(reply(200, {"a": 1})), Ended(Answer(200, {"a": 1})), [], id="a-read-ends"),
    pytest.param(
        GET, Intended(1), replied(error(404, "E")), Ended(Answer(404, error(404, "E").body, fault_of("E", 404))), [],
        id="a-read-of-nothing-ends-with-a-fault",
    ),
    pytest.param(GET, Intended(1), replied(reply(503)), Intended(1, 1), send(0.5), id="a-read-is-repeated-after-503"),
    pytest.param(
        GET, Intended(1, READ_TRIES - 1), replied(error(500, "E")),
        Ended(Answer(500, error(500, "E").body, fault_of("E", 500))), [], id="a-read-is-not-repeated-for-ever",
    ),
    pytest.param(GET, Intended(1), NOT_ANSWERED, Intended(1, 1), send(0.5), id="an-unanswered-read-is-repeated"),
    pytest.param(
        GET, Intended(1, READ_TRIES - 1), NOT_ANSWERED,
        Ended(Answer(0, fault=Fault("NotAnswered", "Timed out.", "x", sent=Sent.UNKNOWN))), [],
        id="an-unanswered-read-is-not-repeated-for-ever",
    ),
    pytest.param(
        GET, Intended(1, 6), replied(reply(429, retry_after="7")), Intended(1, 0, 1), send(7.0),
        id="a-throttled-read-waits-as-told-and-is-no-problem",
    ),
    pytest.param(PUT, Intended(1), NOT_SENT, Intended(1, 1), send(1.0), id="what-was-not-sent-is-sent-again"),
    pytest.param(
        PUT, Intended(1, UNSENT_TRIES - 1), NOT_SENT,
        Ended(Answer(0, fault=Fault("ServiceUnreachable", "No route. Nothing was sent.", "x", sent=Sent.NO))), [],
        id="a-service-that-cannot-be-reached-is-said",
    ),
    pytest.param(
        PUT_IF_NEW, Intended(2, 7), NOT_SENT, Intended(2, 8), send(60.0, conditional=True),
        id="with-an-attempt-in-doubt-it-is-tried-on",
    ),
    pytest.param(
        PUT, Intended(1, 0, 2), replied(reply(429)), Intended(1, 0, 3), send(2.0), id="429-without-a-time-backs-off"
    ),
    pytest.param(
        PUT, Intended(1), replied(reply(409, retry_after="3")), Intended(1, 0, 1), send(3.0),
        id="409-that-asks-to-come-back",
    ),
    pytest.param(
        PUT, Intended(1, 0, 30), replied(reply(429, retry_after="0")), Intended(1, 0, 31), send(1.0),
        id="429-at-once-is-never-a-tight-loop",
    ),
    pytest.param(
        PUT, Intended(1), replied(error(409, "Conflict")),
        Ended(Answer(409, error(409, "Conflict").body, fault_of("Conflict", 409))), [], id="409-is-final",
    ),
    pytest.param(
        PUT, Intended(1), NOT_ANSWERED, Looking(1), read("/r/x", settle=True), id="an-unanswered-write-is-looked-at"
    ),
    pytest.param(
        PUT, Intended(1), replied(reply(500)), Looking(1), read("/r/x", settle=True), id="500-may-have-taken-effect"
    ),
    pytest.param(
        PUT, Intended(1), replied(reply(503, retry_after="9")), Looking(1), read("/r/x", 9.0, settle=True),
        id="503-is-looked-at-when-it-says-so",
    ),
    pytest.param(
        PUT, Intended(1), replied(error(501, "E")), Ended(Answer(501, error(501, "E").body, fault_of("E", 501))), [],
        id="501-did-nothing",
    ),
    pytest.param(
        PUT, Intended(WRITE_TRIES), replied(error(500, "E")), Looking(WRITE_TRIES, fault=fault_of("E", 500)),
        read("/r/x", settle=True), id="the-last-attempt-ends-with-the-service's-word",
    ),
    pytest.param(
        PUT_IF_NEW, Intended(1), NOT_ANSWERED, Intended(2, 1), send(conditional=True),
        id="under-a-condition-it-goes-out-again-at-once",
    ),
    pytest.param(
        PUT_IF_NEW, Intended(2, 1), NOT_ANSWERED, Intended(3, 2), send(1.0, conditional=True), id="then-it-backs-off"
    ),
    pytest.param(
        PUT_IF_NEW, Intended(WRITE_TRIES, 3), NOT_ANSWERED,
        Looking(WRITE_TRIES, fault=Fault("NotAnswered", "Timed out.", "x", sent=Sent.UNKNOWN)),
        read("/r/x", 4.0, settle=True), id="under-a-condition-not-for-ever-either",
    ),
    pytest.param(
        PUT_IF_NEW, Intended(1), replied(reply(412)), Watching(RESOURCE), read(URL), id="412-at-once-is-somebody-else's"
    ),
    pytest.param(
        PUT_IF_NEW, Intended(2), replied(reply(412)), Watching(RESOURCE, was_created=True), read(URL),
        id="412-after-an-unanswered-attempt-is-ours",
    ),
    pytest.param(
        PUT, Intended(2), replied(error(412, "E")), Ended(Answer(412, error(412, "E").body, fault_of("E", 412))), [],
        id="412-without-a-condition-is-final",
    ),
    pytest.param(
        PUT_IF_NEW, Intended(2), replied(error(403, "E")), Looking(2, fault=fault_of("E", 403)),
        read("/r/x", settle=True), id="a-refusal-says-nothing-of-the-attempt-before",
    ),
    pytest.param(RESTART, Intended(1), NOT_ANSWERED, Unclear(1), [], id="what-cannot-be-seen-is-asked"),
    pytest.param(ACTION, Intended(1), NOT_ANSWERED, Unclear(1), [], id="an-action-that-nothing-proves-is-asked"),
    pytest.param(PUT_ASKED, Intended(1), replied(reply(500)), Unclear(1), [], id="a-put-that-is-to-be-asked-about"),
    pytest.param(
        STOP, Intended(1), NOT_ANSWERED, Looking(1), read("/r/x/instanceView", settle=True),
        id="an-action-is-looked-at-by-its-power-state",
    ),
    pytest.param(
        PUT, Intended(1), replied(reply(201, resource("Creating"), azure_asyncoperation=STATUS_URL, retry_after="2")),
        Watching(Watch(Monitor.ASYNC_OPERATION, STATUS_URL, URL, URL), was_created=True), read(STATUS_URL, 2.0),
        id="an-accepted-write-is-watched",
    ),
    pytest.param(
        PUT, Intended(1), replied(reply(201, resource("Creating"))),
        Watching(RESOURCE, status="Creating", was_created=True), read(URL, 5.0), id="by-the-resource-itself",
    ),
    pytest.param(
        PUT, Intended(1), replied(reply(201, resource())), Ended(Answer(201, resource(), created=True)), [],
        id="201-is-created",
    ),
    pytest.param(PUT, Intended(1), replied(reply(200, resource())), Ended(Answer(200, resource())), [], id="200"),
    pytest.param(
        PUT_IF_NEW, Intended(1), replied(reply(200, resource())), Ended(Answer(200, resource(), created=True)), [],
        id="200-under-a-condition-is-created",
    ),
    pytest.param(PATCH, Intended(1), replied(reply(200, resource())), Ended(Answer(200, resource())), [], id="a-patch"),
    pytest.param(
        PUT, Intended(1), replied(reply(201)),
        Watching(RESOURCE, was_created=True), read(URL, 0.05), id="an-empty-answer-is-read-from-the-resource",
    ),
    pytest.param(DELETE, Intended(1), replied(reply(204)), Ended(Answer(204)), [], id="a-delete-of-nothing"),
    pytest.param(STOP, Intended(1), replied(reply(200)), Ended(Answer(200)), [], id="an-action-done-at-once"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "phase", "event", "expected", "effects"), AFTER_SEND)
def test_each_outcome_leads_to_its_phase(
    request_: Request, phase: Phase, event: Replied, expected: Phase, effects: list[Effect]
):
    """Given a request, its phase and what came of it, the next phase and effects follow."""
    assert calls.next_phase("k", call(request_, phase), event) == (as_recorded(expected, event, effects), effects)


KNOWN = [
    pytest.param(PUT, Intended(1), replied(reply(200, resource())), False, True, id="200-where-nothing-was"),
    pytest.param(PUT, Intended(1), replied(reply(202, resource())), True, False, id="202-where-it-was"),
    pytest.param(PUT, Intended(1), replied(reply(201, resource())), True, True, id="201-where-it-was-before"),
    pytest.param(PUT, Intended(1), replied(reply(202, resource())), None, True, id="202-and-nobody-looked"),
    pytest.param(PUT_IF_NEW, Intended(2), replied(reply(412)), True, False, id="412-where-it-was"),
    pytest.param(PUT, Looking(1), replied(reply(200, resource())), False, True, id="seen-where-nothing-was"),
    pytest.param(
        PUT, Looking(1), replied(reply(200, resource(tags={"t": "1"}))), True, False, id="seen-where-it-was-before"
    ),
    pytest.param(PUT_IF_NEW, Looking(2), replied(reply(200, resource())), True, False, id="condition-where-it-was"),
]


@pytest.mark.parametrize(("request_", "phase", "event", "existed", "created"), KNOWN)
def test_what_was_there_before_was_not_created(
    request_: Request, phase: Phase, event: Replied, *, existed: bool | None, created: bool
):
    """Whether a job created a resource is told by what it read before, by the condition, else by the status."""
    after, _ = calls.next_phase("k", call(request_, phase), event, existed=existed)
    assert isinstance(after, Watching | Ended)
    assert (after.answer.created if isinstance(after, Ended) else after.was_created) is created


GIVEN_UP_FAULT = Fault("GivenUp", "It was given up: the job sends nothing more.", "x", sent=Sent.NO)
GIVEN_UP = Ended(Answer(0, fault=GIVEN_UP_FAULT))
UNKNOWN = Ended(Answer(0, fault=Fault("Unknown", "It is not known whether it took effect.", "x", sent=Sent.UNKNOWN)))

AFTER_FAILURE = [
    pytest.param(PUT, Intended(1), NOT_SENT, GIVEN_UP, [], id="what-was-not-sent"),
    pytest.param(PUT, Intended(1), replied(reply(429)), GIVEN_UP, [], id="what-was-throttled"),
    pytest.param(PUT, Looking(1), replied(reply(404)), GIVEN_UP, [], id="what-had-no-effect"),
    pytest.param(PUT, Looking(1), replied(reply(200, resource())), Unclear(1), [], id="what-is-otherwise"),
    pytest.param(
        PUT_IF_NEW, Intended(2), NOT_SENT, Looking(1, fault=GIVEN_UP_FAULT), read("/r/x", settle=True),
        id="an-earlier-attempt-in-doubt-is-looked-at",
    ),
    pytest.param(
        PUT_IF_NEW, Intended(1), NOT_ANSWERED,
        Looking(1, fault=Fault("NotAnswered", "Timed out.", "x", sent=Sent.UNKNOWN)), read("/r/x", settle=True),
        id="an-unanswered-attempt-is-looked-at-not-repeated",
    ),
    pytest.param(
        PUT, Intended(1), replied(reply(201, resource("Creating"))),
        Watching(RESOURCE, status="Creating", was_created=True), read(URL, 5.0), id="what-azure-does-is-watched",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "phase", "event", "expected", "effects"), AFTER_FAILURE)
def test_nothing_is_sent_once_the_plan_has_failed(
    request_: Request, phase: Phase, event: Replied, expected: Phase, effects: list[Effect]
):
    """A write that would go out again is given up; what may have taken effect is still found out."""
    assert calls.next_phase("k", call(request_, phase), event, may_send=False) == (
        as_recorded(expected, event, effects),
        effects,
    )


RECOVERED = [
    pytest.param(PUT, Intended(0), Intended(1), send(), id="never-sent-is-sent"),
    pytest.param(PUT, Intended(1), Looking(1), read("/r/x", settle=True), id="perhaps-sent-is-looked-at-when-settled"),
    pytest.param(PUT_IF_NEW, Intended(1), Intended(2, 1), send(conditional=True), id="perhaps-sent-under-a-condition"),
    pytest.param(RESTART, Intended(1), Unclear(1), [], id="perhaps-sent-and-not-to-be-seen"),
    pytest.param(GET, Intended(1, 3), Intended(1, 3), send(), id="a-read-is-repeated"),
    pytest.param(
        STOP, Looking(2, 1), Looking(2, 1), read("/r/x/instanceView", settle=True), id="a-look-waits-again-to-settle"
    ),
    pytest.param(PUT, Watching(RESOURCE, 2), Watching(RESOURCE, 2), read(URL), id="a-watch-is-read"),
    pytest.param(PUT, Fetching(URL, 2), Fetching(URL, 2), read(URL), id="a-result-is-read"),
    pytest.param(RESTART, Unclear(1), Unclear(1), [], id="a-question-stands"),
    pytest.param(PUT, Ended(Answer(200)), Ended(Answer(200)), [], id="an-end-is-an-end"),
]


@pytest.mark.parametrize(("request_", "phase", "expected", "effects"), RECOVERED)
def test_each_phase_has_its_rule_of_recovery(request_: Request, phase: Phase, expected: Phase, effects: list[Effect]):
    """After the death of a daemon each request goes on from what was recorded."""
    assert calls.recovered("k", call(request_, phase)) == (expected, effects)


def test_recovery_of_a_failed_plan_sends_nothing():
    """What was never sent is given up, what may have been sent is looked at."""
    assert calls.recovered("k", call(PUT, Intended(0)), may_send=False) == (GIVEN_UP, [])
    looking = Looking(1, fault=LAST)
    assert calls.recovered("k", call(PUT_IF_NEW, Intended(1)), may_send=False) == (looking, read("/r/x", settle=True))


RELEASED = [
    pytest.param(PUT, Intended(0), "", Intended(1), send(), id="what-was-held-is-sent"),
    pytest.param(PUT_IF_NEW, Intended(1, 2), "", Intended(2, 2), send(conditional=True), id="attempts-count"),
    pytest.param(PUT, Looking(1), "", Looking(1), read("/r/x"), id="a-look-that-was-held"),
    pytest.param(PUT, Watching(RESOURCE), "", Watching(RESOURCE), read(URL), id="a-watch-that-was-held"),
    pytest.param(PUT, Fetching(URL), "", Fetching(URL), read(URL), id="a-result-that-was-held"),
    pytest.param(RESTART, Unclear(1), "again", Intended(2), send(), id="again"),
    pytest.param(RESTART, Unclear(1), "done", Ended(Answer(200)), [], id="done"),
    pytest.param(RESTART, Unclear(1), "", Unclear(1), [], id="no-choice-is-no-answer"),
]


@pytest.mark.parametrize(("request_", "phase", "choice", "expected", "effects"), RELEASED)
def test_an_answer_lets_a_request_go_on(
    request_: Request, phase: Phase, choice: str, expected: Phase, effects: list[Effect]
):
    """What waited for the user goes on as the answer says."""
    assert calls.released("k", call(request_, phase), choice) == (expected, effects)


def test_held_request_was_not_sent():
    """An attempt that found a secret missing does not count; the attempts before it do."""
    assert calls.held(call(PUT, Intended(1))) == Call(PUT, Intended(0), is_held=True)
    assert calls.held(call(PUT_IF_NEW, Intended(2))) == Call(PUT_IF_NEW, Intended(1), is_held=True)
    assert calls.held(call(PUT, Watching(RESOURCE))) == Call(PUT, Watching(RESOURCE), is_held=True)


def test_held_request_of_a_failed_plan_is_given_up():
    """One that was never sent ends; one with an attempt in doubt is looked at; a question is left unknown."""
    assert calls.given_up("k", call(PUT_IF_NEW, Intended(0), is_held=True)) == (GIVEN_UP, [])
    looking = Looking(1, fault=GIVEN_UP_FAULT)
    expected = (looking, read("/r/x", settle=True))
    assert calls.given_up("k", call(PUT_IF_NEW, Intended(1), is_held=True)) == expected
    assert calls.given_up("k", call(RESTART, Unclear(1))) == (UNKNOWN, [])
    assert calls.given_up("k", call(PUT, Watching(RESOURCE))) == (Watching(RESOURCE), [])


REFUSED = [
    pytest.param(PUT, Intended(1), Sent.NO, False, id="before-anything-was-sent"),
    pytest.param(PUT_IF_NEW, Intended(2), Sent.UNKNOWN, False, id="after-an-unanswered-attempt"),
    pytest.param(PUT, Looking(1), Sent.UNKNOWN, False, id="while-looking"),
    pytest.param(PUT, Watching(RESOURCE, was_created=True), Sent.YES, True, id="while-watching-what-was-created"),
    pytest.param(PUT, Fetching(URL, was_created=True), Sent.YES, True, id="while-fetching-what-was-created"),
    pytest.param(GET, Intended(1), Sent.NO, False, id="a-read"),
]


@pytest.mark.parametrize(("request_", "phase", "sent", "created"), REFUSED)
def test_refusal_on_this_side_forgets_nothing_of_the_other(
    request_: Request, phase: Phase, sent: Sent, *, created: bool
):
    """A request that is refused here ends; what Azure did for it before, or may have done, stays known."""
    event = Refused(1.0, "k", Fault("WrongTarget", "Wrong.", "x", sent=Sent.NO))
    expected = Ended(Answer(0, fault=Fault("WrongTarget", "Wrong.", "x", sent=sent), created=created))
    assert calls.next_phase("k", call(request_, phase), event) == (expected, [])


def test_reply_for_a_request_that_has_ended_changes_nothing():
    """What comes too late says nothing any more."""
    for phase in (Ended(Answer(200)), Unclear(1)):
        assert calls.next_phase("k", call(PUT, phase), replied(reply(500))) == (phase, [])
