"""The shell's face of named credentials: asked for once, kept in memory for this session."""

from __future__ import annotations

from azjobs.cli.shell import Shell
from azjobs.core.errors import InvalidInput
from azjobs.core.secret import Credential, SecureString
from azjobs.session.accounts import credentials


def get_credential(
    shell: Shell, username: str = "", *, name: str = "", message: str = "", password_stdin: bool = False
) -> int:
    """Keep a user name and its password for this session, in memory only; without a name, list those kept.

    Args:
        shell: the invocation.
        username: The user name.
        name: What the credential is to be called; the user name when not given.
        message: What to say before asking.
        password_stdin: Read the password from the first line of stdin.
    """
    if not (username or name):
        known = credentials.named_credentials()
        shell.show([{"name": one, "username": known[one]} for one in sorted(known)])
        return 0
    if not username:
        raise InvalidInput("azjobs credential get needs --username.")
    secret: SecureString | None = None
    if password_stdin:
        secret = shell.ask_secret("", is_on_stdin=True)
    found = credentials.get_credential(username, message=message, password=secret, name=name or username)
    if shell.wishes.output is not None or shell.wishes.is_quiet:
        shell.show({"name": name or username, "username": found.username})
    return 0


def credential_of(shell: Shell, name: str, *, is_on_stdin: bool) -> Credential:
    """Return the credential that a command was given: a named one, or a user name whose password is on stdin.

    Raises:
        CredentialNotFound: no such name in this session.
    """
    if is_on_stdin:
        return Credential(name, shell.ask_secret("", is_on_stdin=True))
    return credentials.find_named_credential(name)
