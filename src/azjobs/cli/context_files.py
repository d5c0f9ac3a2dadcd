"""The shell's faces of saving contexts to a file and importing them."""

from __future__ import annotations

from typing import Literal

from azjobs.cli.contexts import context_row, context_rows_table
from azjobs.cli.shell import Shell
from azjobs.session.accounts import context_files
from azjobs.session.contexts import choosing as contexts


def save_az_context(shell: Shell, path: str, *, force: bool = False, with_credential: bool = False) -> int:
    """Write the contexts of this session to a file, mode 0600; it holds no token and no secret.

    Args:
        shell: the invocation.
        path: The file.
        force: Replace a file that is there.
        with_credential: Not possible; there to say why.
    """
    saved = context_files.save_az_context(path, force=force, with_credential=with_credential)
    shell.say(f"Saved {_count(len(saved))} to {path}, without sign-ins.")
    return 0


def import_az_context(shell: Shell, path: str, *, scope: Literal["Process", "CurrentUser"] | None = None) -> int:
    """Take over contexts from a file that 'context save' or Azure PowerShell wrote.

    They bring no sign-in: sign in as their accounts to use them. A context that is there already stays as it is.
    Built-in environments mean what they always do, whatever the file says; contexts of environments that are not known
    here are left out.

    Args:
        shell: the invocation.
        path: The file.
        scope: CurrentUser: save them, and the file's default as the default; Process: for this session only.
    """
    found = context_files.import_az_context(path, scope=scope)
    shell.say(f"Imported {_count(len(found))}. For those not signed in yet, type: azjobs account connect")
    current = contexts.get_az_context()
    shell.show([context_row(one.value, current) for one in found], context_rows_table)
    return 0


def _count(number: int) -> str:
    return "1 context" if number == 1 else f"{number} contexts"
