"""Values that must not be seen: they print, format and compare without showing what they hold.

They refuse to be pickled or copied into JSON; a job receives them by its private channel.
"""

from __future__ import annotations

from typing import NoReturn

from azjobs.core.errors import CannotSend, InvalidInput


class SecureString:
    """A secret text; `reveal()` is the only way to its content."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"SecureString takes str, not {type(text).__name__}")
        # An error of encoding it later would carry the whole text.
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise InvalidInput("A secret must be text in Unicode; this one has bytes that are none.")
        self.__text = text

    def reveal(self) -> str:
        """Return the secret in clear; whoever calls this must keep it out of sight."""
        return self.__text

    def __len__(self) -> int:
        """The number of characters."""
        return len(self.__text)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        if not isinstance(other, SecureString):
            return NotImplemented
        import hmac  # noqa: PLC0415 - 4 ms with what it imports, and passwords are hardly ever compared

        return hmac.compare_digest(self.__text.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        """By identity of content; never shown."""
        return hash(("SecureString", self.__text))

    def __repr__(self) -> str:
        """Say what it is, not what it holds."""
        return "<SecureString>"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        """Format as the mask, whatever the specification."""
        return repr(self)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise CannotSend("A SecureString cannot be pickled: it would put the secret in a file or on the wire.")


class Credential:
    """A user name and its password, as PowerShell's PSCredential."""

    __slots__ = ("password", "username")

    def __init__(self, username: str, password: SecureString | None = None) -> None:
        if not isinstance(username, str) or not username.strip():
            raise TypeError("Credential takes a user name and a SecureString")
        if password is not None and not isinstance(password, SecureString):
            raise TypeError("Credential takes its password as SecureString, so that it cannot be shown by accident")
        self.username = username
        self.password = password if password is not None else SecureString("")

    def __eq__(self, other: object) -> bool:
        """Same user name and same password."""
        if not isinstance(other, Credential):
            return NotImplemented
        return self.username == other.username and self.password == other.password

    def __hash__(self) -> int:
        """By content."""
        return hash((self.username, self.password))

    def __repr__(self) -> str:
        """Show the user name only."""
        return f"<Credential {self.username}>"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        """Format as the mask, whatever the specification."""
        return repr(self)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise CannotSend("A Credential cannot be pickled: it would put the password in a file or on the wire.")
