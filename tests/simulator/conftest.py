"""What the tests of the simulator share: one simulator a worker with a clock of its own, and a bare wire to it."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_wire import Clock, Wire, World

from azjobs.simulator.certificates import make_identity
from azjobs.simulator.control import ControlClient
from azjobs.simulator.threaded import SimulatorThread


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def _running(tmp_path_factory, clock):
    folder = tmp_path_factory.mktemp("simulator")
    with SimulatorThread(
        folder, identity=make_identity(), steady=clock.steady, wall=clock.wall, sleep=clock.sleep
    ) as simulator:
        yield simulator.endpoint


@pytest.fixture(scope="session")
def _wire(_running):
    wire = Wire(_running)
    yield wire
    wire.close()


@pytest.fixture
def control(_running, _wire) -> ControlClient:
    # Over the connection that is open already: a handshake for each test would double the time of them all.
    for word, order in (("reset", b"{}"), ("time", b'{"rule": {"mode": "at-once"}}')):
        assert _wire.raw("POST", f"/_simulator/{word}", order).status == 200
    return ControlClient.of(_running)


@pytest.fixture
def endpoint(_running, control) -> dict[str, Any]:
    """The endpoint of a simulator as it was at the start, where nothing takes time."""
    return _running


@pytest.fixture
def wire(_wire, control) -> Wire:
    """A bare connection to a simulator as it was at the start, where nothing takes time."""
    _wire.sign_out()  # another test may have moved the clock past the token's life
    return _wire


@pytest.fixture
def world(wire) -> World:
    return World(wire)
