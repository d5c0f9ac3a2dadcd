"""Faults on request, and what they leave done and undone."""

from __future__ import annotations

import http.client
import threading

import pytest

from azjobs.simulator.control import ControlRefused


@pytest.fixture
def path(wire) -> str:
    return f"{wire.sub}/resourceGroups/g"


def test_a_status_is_answered_and_nothing_done(wire, control, path):
    """A planted status has the code, message and headers it was given, as often as it was told."""
    action = {"status": 503, "code": "ServerBusy", "message": "Busy.", "retry_after": 2, "headers": {"x-a": "b"}}
    control.fault("/resourceGroups/g$", action, method="PUT", times=2)
    for _ in range(2):
        answer = wire.put(path, {"location": "eastus"})
        assert (answer.status, answer.code, answer.message) == (503, "ServerBusy", "Busy.")
        assert (answer.headers["retry-after"], answer.headers["x-a"]) == ("2", "b")
    assert control.effects() == []
    assert wire.put(path, {"location": "eastus"}).status == 201
    assert [one["fault"] for one in control.requests(method="PUT")] == ["status", "status", None]


def test_a_connection_closed_before_left_nothing_done(wire, control, path):
    """The caller has no reply and no effect."""
    control.fault("/resourceGroups/g$", "reset-before", method="PUT")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        wire.put(path, {"location": "eastus"})
    assert control.effects() == []
    (entry,) = control.requests(method="PUT")
    assert (entry["status"], entry["fault"]) == (None, "reset-before")


def test_a_connection_closed_after_left_everything_done(wire, control, path):
    """The caller has no reply; the effect is there, once."""
    control.fault("/resourceGroups/g$", "reset-after", method="PUT")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        wire.put(path, {"location": "eastus"})
    (effect,) = control.effects()
    (entry,) = control.requests(method="PUT")
    assert (effect["effect"], entry["effect"], entry["status"]) == ("created", effect["seq"], None)
    assert wire.get(path).status == 200


def test_a_late_request_is_done_all_the_same(wire, control, clock, path):
    """The reply comes after the delay; others are not held up by it."""
    control.fault("/resourceGroups/g$", {"delay_s": 20}, method="PUT")
    done = threading.Event()

    def put():
        wire.put(path, {"location": "eastus"})
        done.set()

    thread = threading.Thread(target=put)
    thread.start()
    control.wait_for_requests(method="PUT")
    assert control.effects() == []
    clock.move(19)
    assert control.effects() == []
    assert not done.is_set()
    clock.move(1)
    thread.join(timeout=10)
    assert [one["effect"] for one in control.effects()] == ["created"]


def test_a_read_error_strikes_polls_only(wire, world, control):
    """A status that could not be read is a 503 on the poll, and says nothing of the operation."""
    world.group()
    control.fault("", {"read_error": 503})
    vnet = world.path("virtualNetworks", "v")
    answer = wire.put(vnet, world.vnet_body())
    assert answer.status == 201
    assert wire.get(vnet).status == 200
    assert wire.get(answer.headers["azure-asyncoperation"]).status == 503
    assert wire.get(answer.headers["azure-asyncoperation"]).body["status"] == "Succeeded"


def test_faults_strike_in_the_order_they_were_planted_and_can_be_taken_away(wire, control, path):
    """The first that fits is used up first."""
    control.faults([{"path_regex": "x", "action": {"status": 500}}, {"path_regex": "g$", "action": {"status": 502}}])
    control.fault("g$", {"status": 504}, times=100)
    assert [wire.get(path).status, wire.get(path).status] == [502, 504]
    control.clear_faults()
    assert wire.get(path).status == 404


@pytest.mark.parametrize(
    "fault",
    [
        {"path_regex": "(", "action": {"status": 500}},
        {"path_regex": "x", "action": {}},
        {"path_regex": "x", "action": {"status": 500, "delay_s": 1}},
        {"path_regex": "x", "action": "explode"},
        {"path_regex": "x", "action": {"colour": 1}},
        {"action": {"status": 500}},
    ],
)
def test_an_order_that_makes_no_sense_is_refused_and_plants_nothing(wire, control, path, fault):
    """A fault says exactly one thing, about a pattern that can be read."""
    with pytest.raises(ControlRefused, match="faults"):
        control.faults([fault])
    assert wire.get(path).status == 404
