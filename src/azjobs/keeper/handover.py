"""What a keeper hands to the daemon it starts: three descriptors, named in the environment."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost the keeper 0.7 MB
if TYPE_CHECKING:
    from collections.abc import MutableMapping

LISTEN_NAME = "AZJOBS_LISTEN_FD"
KEEPER_NAME = "AZJOBS_KEEPER_FD"
IDENTITY_NAME = "AZJOBS_IDENTITY_FD"
NAMES = (LISTEN_NAME, KEEPER_NAME, IDENTITY_NAME)
IDENTITY_PATH = "/azjobs/msi/token"  # in the address of the identity port; tells it from other such endpoints


class Handover:
    """A daemon's descriptors: its listening Unix socket, the private channel, the identity port if there is one."""

    __slots__ = ("identity_fd", "keeper_fd", "listen_fd")

    def __init__(self, listen_fd: int, keeper_fd: int, identity_fd: int | None) -> None:
        self.listen_fd = listen_fd
        self.keeper_fd = keeper_fd
        self.identity_fd = identity_fd


def take_handover(environment: MutableMapping[str, str] = os.environ) -> Handover | None:
    """Return what the keeper handed over; None when no keeper started this process.

    Takes the names out of `environment` and marks the descriptors close-on-exec,
    so that no child of the daemon takes itself for one. Works once.
    """
    numbers = {name: environment.pop(name, "") for name in NAMES}
    if not (numbers[LISTEN_NAME].isdecimal() and numbers[KEEPER_NAME].isdecimal()):
        return None
    fds = {name: int(number) for name, number in numbers.items() if number.isdecimal()}
    for fd in fds.values():
        os.set_inheritable(fd, False)
    return Handover(fds[LISTEN_NAME], fds[KEEPER_NAME], fds.get(IDENTITY_NAME))
