"""Find the environment that somebody names: the embedded cloud is started, the others are only addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from azjobs.core.context import BUILT_IN_ENVIRONMENTS, SIMULATOR_NAME, Environment
from azjobs.core.errors import DaemonUnavailable, InvalidInput
from azjobs.core.layout import Layout

ENDPOINT_NAME = "endpoint.json"  # where the embedded cloud says how to reach it


def is_embedded(name: str) -> bool:
    """Whether a name is the embedded cloud's."""
    return name.lower() == SIMULATOR_NAME.lower()


def known_environment(name: str, own: Iterable[Environment]) -> Environment | None:
    """Return the environment of that name: one that everybody has, or one of the user's `own`."""
    lower = name.lower()
    return next((cloud for cloud in (*BUILT_IN_ENVIRONMENTS, *own) if cloud.name.lower() == lower), None)


def require_environment(name: str, own: Iterable[Environment]) -> Environment:
    """Return the environment of that name, but for the embedded cloud.

    Raises:
        InvalidInput: there is none; the message names those there are.
    """
    mine = tuple(own)
    found = known_environment(name, mine)
    if found is None:
        known = ", ".join([*(cloud.name for cloud in (*BUILT_IN_ENVIRONMENTS, *mine)), SIMULATOR_NAME])
        raise InvalidInput(f"There is no environment {name}. Known are {known}.")
    return found


def start_simulator(layout: Layout[Path]) -> dict[str, Any]:
    """Start the embedded cloud where it does not run; return what it says of itself.

    Raises:
        DaemonUnavailable: it cannot be started.
    """
    from azjobs.simulator.launch import SimulatorNotStarted, ensure_simulator  # noqa: PLC0415 - only where it is wanted

    try:
        return ensure_simulator(layout.simulator_folder)
    except (SimulatorNotStarted, OSError) as error:
        raise DaemonUnavailable(f"The embedded cloud cannot be started: {error}") from error


def simulator_environment(endpoint: Mapping[str, Any]) -> Environment:
    """Return the embedded cloud as it is reached now."""
    return Environment(
        SIMULATOR_NAME,
        endpoint["url"],
        endpoint["authority_url"],
        ca_file=endpoint["ca_file"],
        settle_s=float(endpoint["settle_s"]),
        is_simulator=True,
    )
