"""Looking whether an unanswered write took effect: what each sight of the resource leads to."""

from __future__ import annotations

from typing import Any

import pytest
from core_samples import (
    DELETE,
    NOT_ANSWERED,
    PATCH,
    PUT,
    PUT_IF_NEW,
    RESOURCE,
    RESTART,
    STOP,
    URL,
    as_recorded,
    call,
    error,
    fault_of,
    power,
    read,
    replied,
    reply,
    resource,
    send,
)

from azjobs.core import calls
from azjobs.core.arm import Answer, Reply, Request
from azjobs.core.errors import Fault
from azjobs.core.events import Effect, Replied
from azjobs.core.job import Ended, Intended, Looking, Phase, Unclear, Watching
from azjobs.core.looking import Sight, look_at, power_state, provisioning_state, reflects
from azjobs.core.retry import WRITE_TRIES

BECAUSE = Fault("Because", "Because.", "x")

AFTER_LOOK = [
    pytest.param(PUT, Looking(1), replied(reply(404)), Intended(2), send(), id="nothing-there-it-goes-out-again"),
    pytest.param(PUT, Looking(1), replied(reply(410)), Intended(2), send(), id="gone-is-nothing-there"),
    pytest.param(
        PUT, Looking(2, fault=BECAUSE), replied(reply(404)), Ended(Answer(0, fault=BECAUSE)), [],
        id="nothing-there-after-the-last-attempt",
    ),
    pytest.param(
        PUT, Looking(1), replied(reply(200, resource(tags={"t": "1", "u": "2"}))),
        Ended(Answer(200, resource(tags={"t": "1", "u": "2"}), created=True)), [], id="it-is-there-as-it-was-sent",
    ),
    pytest.param(PUT, Looking(1), replied(reply(200, resource(tags={}))), Intended(2), send(), id="it-is-otherwise"),
    pytest.param(
        PUT, Looking(WRITE_TRIES), replied(reply(200, resource())), Unclear(WRITE_TRIES), [],
        id="it-stays-otherwise-and-only-the-user-knows",
    ),
    pytest.param(
        PUT, Looking(1), replied(reply(200, resource("Updating"))),
        Watching(RESOURCE, status="Updating", was_created=True), read(URL, 5.0), id="it-is-being-made",
    ),
    pytest.param(
        PUT, Looking(1), replied(reply(200, {"properties": {"provisioningState": "Failed"}, "tags": {"t": "1"}})),
        Ended(Answer(200, None, Fault("Failed", "The operation ended as failed.", "x", 200), created=True)), [],
        id="it-was-made-and-failed",
    ),
    pytest.param(PUT, Looking(1), replied(reply(200)), Looking(1, 1), read("/r/x", 1.0), id="an-empty-body"),
    pytest.param(
        PUT_IF_NEW, Looking(2, fault=BECAUSE), replied(reply(200, resource())),
        Ended(Answer(200, resource(), created=True)), [], id="under-a-condition-being-there-is-proof",
    ),
    pytest.param(PATCH, Looking(1), replied(reply(200, resource())), Intended(2), send(), id="an-unseen-patch"),
    pytest.param(
        PATCH, Looking(1), replied(reply(200, resource(tags={"t": "1"}))),
        Ended(Answer(200, resource(tags={"t": "1"}))),
        [], id="a-patch-that-is-seen",
    ),
    pytest.param(DELETE, Looking(1), replied(reply(404)), Ended(Answer(204)), [], id="it-is-deleted"),
    pytest.param(DELETE, Looking(1), replied(reply(200, resource())), Intended(2), send(), id="it-is-not-deleted"),
    pytest.param(
        DELETE, Looking(1), replied(reply(200, resource("Deleting"))), Looking(1, is_accepted=True), read("/r/x", 2.0),
        id="it-is-being-deleted",
    ),
    pytest.param(
        DELETE, Looking(1, is_accepted=True), replied(reply(200, resource())),
        Ended(Answer(200, fault=Fault("NotDeleted", "Azure accepted it, but the resource is still there.", "x"))), [],
        id="it-was-being-deleted-and-stayed",
    ),
    pytest.param(STOP, Looking(1), replied(reply(200, power("deallocated"))), Ended(Answer(200)), [], id="stopped"),
    pytest.param(STOP, Looking(1), replied(reply(200, power("running"))), Intended(2), send(), id="it-is-not-stopped"),
    pytest.param(
        STOP, Looking(1, 3), replied(reply(200, power("deallocating"))), Looking(1, is_accepted=True),
        read("/r/x/instanceView", 2.0), id="it-is-being-stopped",
    ),
    pytest.param(STOP, Looking(1), replied(reply(200, {})), Unclear(1), [], id="a-machine-without-a-power-state"),
    pytest.param(STOP, Looking(1), replied(reply(404)), Intended(2), send(), id="the-machine-is-gone-and-will-say-so"),
    pytest.param(
        STOP, Looking(2, is_accepted=True), replied(reply(200, power("running"))), Unclear(2), [],
        id="accepted-and-not-seen-is-asked-never-sent-again",
    ),
    pytest.param(
        STOP, Looking(1, is_accepted=True), replied(error(404, "E")),
        Ended(Answer(404, error(404, "E").body, fault_of("E", 404))), [], id="accepted-and-the-machine-is-gone",
    ),
    pytest.param(
        PUT, Looking(1, 2), replied(reply(503, retry_after="9")), Looking(1, 3), read("/r/x", 9.0),
        id="what-cannot-be-read-tells-nothing",
    ),
    pytest.param(PUT, Looking(1, 2), NOT_ANSWERED, Looking(1, 3), read("/r/x", 4.0), id="nor-does-no-answer"),
    pytest.param(PUT, Looking(1), replied(error(403, "E")), Looking(1, 1), read("/r/x", 1.0), id="nor-does-a-refusal"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "phase", "event", "expected", "effects"), AFTER_LOOK)
def test_each_sight_leads_to_its_phase(
    request_: Request, phase: Phase, event: Replied, expected: Phase, effects: list[Effect]
):
    """Given an unanswered write and what a look gave, the next phase and effects follow."""
    assert calls.next_phase("k", call(request_, phase), event) == (as_recorded(expected, event, effects), effects)


SIGHTS = [
    pytest.param(PUT, reply(302), False, Sight.UNREADABLE, id="a-redirection-is-no-answer"),
    pytest.param(PUT, reply(200, "text"), True, Sight.UNREADABLE, id="a-body-that-is-no-resource"),
    pytest.param(PUT, reply(200, resource("Canceled")), True, Sight.EFFECT, id="canceled-is-an-end"),
    pytest.param(PUT, reply(200, {}), True, Sight.EFFECT, id="no-state-is-an-end"),
    pytest.param(PUT, reply(200, {"properties": {"provisioningState": 7}}), True, Sight.EFFECT, id="an-odd-state"),
    pytest.param(PUT, reply(200, {"properties": []}), True, Sight.EFFECT, id="odd-properties"),
    pytest.param(DELETE, reply(410), False, Sight.EFFECT, id="gone-is-deleted"),
    pytest.param(DELETE, reply(500), False, Sight.UNREADABLE, id="a-failing-read-says-nothing-of-a-delete"),
    pytest.param(STOP, reply(200, power("Starting")), False, Sight.UNDER_WAY, id="between-two-states"),
    pytest.param(STOP, reply(200, power("unknown")), False, Sight.UNTELLABLE, id="azure-does-not-know-either"),
    pytest.param(RESTART, reply(200, power("running")), False, Sight.UNTELLABLE, id="no-state-proves-a-restart"),
]


@pytest.mark.parametrize(("request_", "answer", "is_new", "sight"), SIGHTS)
def test_each_reply_is_a_sight(request_: Request, answer: Reply, sight: Sight, *, is_new: bool):
    """A reply to a look shows one thing."""
    assert look_at(request_, answer, is_new=is_new) is sight


@pytest.mark.parametrize(
    ("body", "word"),
    [
        pytest.param(power("running"), "running", id="an-instance-view"),
        pytest.param({"properties": {"instanceView": power("Deallocated")}}, "deallocated", id="a-whole-machine"),
        pytest.param({"properties": {}}, "", id="a-machine-without-its-view"),
        pytest.param({"properties": {"instanceView": None}}, "", id="an-empty-view"),
        pytest.param({"statuses": None}, "", id="no-statuses"),
        pytest.param({"statuses": [{"code": 7}, "text", {}]}, "", id="odd-statuses"),
        pytest.param({"statuses": "PowerState/running"}, "", id="statuses-that-are-no-list"),
        pytest.param(None, "", id="nothing"),
        pytest.param([], "", id="a-list"),
    ],
)
def test_power_state_is_the_word_after_the_slash(body: Any, word: str):
    """Whatever the body, the power state is one lower-case word, or none."""
    assert power_state(body) == word


def test_provisioning_state_is_lower_case():
    """A resource tells its state in any case, or not at all."""
    assert provisioning_state(resource("Succeeded")) == "succeeded"
    assert provisioning_state(None) == ""


@pytest.mark.parametrize(
    ("sent", "found", "is_reflected"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, True, id="more-may-be-there"),
        pytest.param({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2, "d": 3}]}}, True, id="deep-inside-too"),
        pytest.param({"a": 1}, {}, False, id="what-is-missing"),
        pytest.param({"a": None}, {}, True, id="null-asks-for-absence"),
        pytest.param({"a": None}, {"a": 1}, False, id="null-that-was-not-heard"),
        pytest.param({"location": "East US"}, {"location": "eastus"}, True, id="text-without-case-and-spaces"),
        pytest.param({"a": "x"}, {"a": "y"}, False, id="other-text"),
        pytest.param({"a": [1]}, {"a": [1, 2]}, False, id="a-longer-list"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, False, id="another-order"),
        pytest.param({"a": [1]}, {"a": "1"}, False, id="no-list"),
        pytest.param({"a": {}}, {"a": 1}, False, id="no-object"),
        pytest.param({"a": True}, {"a": "true"}, False, id="another-type"),
        pytest.param(None, {"a": 1}, False, id="nothing-was-sent"),
    ],
)
def test_resource_reflects_what_was_sent(sent: Any, found: Any, *, is_reflected: bool):
    """A resource is as a write wanted it when everything that was sent is there."""
    assert reflects(sent, found) is is_reflected
