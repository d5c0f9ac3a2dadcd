"""A secret that this process does not have: the daemon fills it in, by its name in the session."""

from __future__ import annotations

from typing import NoReturn

from azjobs.core.errors import InvalidInput
from azjobs.core.secret import SecureString


class NamedSecret(SecureString):
    """The password of a named credential of this session; it can be handed on, not looked at."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__("")
        self.name = name

    def reveal(self) -> NoReturn:
        """Refuse: the password never leaves the keeper for a client."""
        raise InvalidInput(
            f"The password of the credential {self.name} is kept for jobs and commands; it cannot be shown."
        )

    def __eq__(self, other: object) -> bool:
        """Equal when it is the same name."""
        return isinstance(other, NamedSecret) and other.name.lower() == self.name.lower()

    def __hash__(self) -> int:
        return hash(("NamedSecret", self.name.lower()))
