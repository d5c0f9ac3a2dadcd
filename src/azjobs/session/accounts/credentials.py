"""Ask for user names and passwords without showing them, and keep named ones for the session."""

from __future__ import annotations

import os
import sys

from azjobs.core.errors import CredentialNotFound, InvalidInput
from azjobs.core.secret import Credential, SecureString
from azjobs.core.wire import CredentialNames, FindCredential, Ok, PutCredential
from azjobs.session.link.local import local
from azjobs.session.link.named_secret import NamedSecret


def get_credential(
    username: str = "", *, message: str = "", password: SecureString | None = None, name: str = ""
) -> Credential:
    """Return a user name with its password, asking for what is missing on the terminal, without echo.

    Args:
        username: the user name.
        message: what to say before asking.
        password: the password, where it is at hand; never asked for then.
        name: keep it for this session under this name too.

    Raises:
        InvalidInput: there is no terminal to ask on.
    """
    if not username:
        username = _ask("User name: ", message, is_secret=False)
        message = ""
    if password is None:
        password = SecureString(_ask(f"Password for {username}: ", message, is_secret=True))
    credential = Credential(username, password)
    if name:
        put_named_credential(name, credential)
    return credential


def put_named_credential(name: str, credential: Credential) -> None:
    """Keep a credential in memory under a name, for this session; it replaces one of the same name."""
    if not name.strip():
        raise InvalidInput("A named credential needs a name.")
    here = local()
    here.require_session()
    here.client.ask(PutCredential(0, name, credential.username, credential.password), Ok)


def find_named_credential(name: str) -> Credential:
    """Return a named credential of this session; its password stays where it is, and is filled in where it is used.

    Raises:
        CredentialNotFound: there is none of that name.
    """
    found = named_credentials(name)
    if not found:
        raise CredentialNotFound(
            f"No credential {name} in this session. Type: azjobs credential get --name {name} --username USER"
        )
    known, username = next(iter(found.items()))
    return Credential(username, NamedSecret(known))


def named_credentials(name: str = "") -> dict[str, str]:
    """Return user names by the names of this session's credentials; of the one name when given."""
    return local().client.ask(FindCredential(0, name), CredentialNames).usernames


def _ask(prompt: str, message: str, *, is_secret: bool) -> str:
    """Ask a person; getpass asks on the terminal itself, whatever stdin is, and a notebook's kernel in its page."""
    if not _has_person():
        raise InvalidInput(
            f"{prompt.rstrip(': ')} cannot be asked for: there is no terminal. Pass password= as SecureString, "
            "or use --password-stdin."
        )
    import getpass  # noqa: PLC0415 - only where somebody is asked

    if message:
        sys.stderr.write(f"{message}\n")
    if is_secret:
        return getpass.getpass(prompt)
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return input()


def _has_person() -> bool:
    if "ipykernel" in sys.modules:
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
