"""The shell's faces of renaming, removing and clearing contexts: they ask where more would be lost than is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from azjobs.cli.confirmation import Declined
from azjobs.cli.contexts import context_row, context_rows_table
from azjobs.cli.shell import Shell
from azjobs.core import keeping
from azjobs.core.context import ContextValue
from azjobs.core.errors import ConfirmationRequired
from azjobs.session.accounts import keeping_contexts
from azjobs.session.contexts import choosing as contexts
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import local

if TYPE_CHECKING:  # annotations are read as text
    from azjobs.commands.parameters import ContextName


def rename_az_context(
    shell: Shell, source_name: ContextName, target_name: str, *, force: bool = False, pass_thru: bool = False
) -> int:
    """Give a context another name; the default and the choices of sessions follow it.

    Args:
        shell: the invocation.
        source_name: The context's name.
        target_name: Its new name.
        force: Take the new name from another context, which is removed.
        pass_thru: Show the renamed context.
    """
    renamed = keeping_contexts.rename_az_context(source_name, target_name, force=force, pass_thru=True)
    assert renamed is not None  # pass_thru says so
    return _show(shell, renamed, is_wanted=pass_thru)


def remove_az_context(shell: Shell, name: ContextName, *, force: bool = False, pass_thru: bool = False) -> int:
    """Remove a context. With the last one of an account in a tenant, the account is signed out there.

    Before the default or the current context is removed it asks; there is none afterwards.

    Args:
        shell: the invocation.
        name: The context's name.
        force: Do not ask.
        pass_thru: Show the context that was removed.
    """
    here = local()
    context = keeping_contexts.find_context(here, name, None)
    current = contexts.get_az_context()
    is_current = current is not None and current == Context(context)
    is_default = keeping.is_default(here.profile.load(), context)
    if (is_current or is_default) and not force:
        what = "the current one" if is_current else "the default"
        _confirm(shell, f"Remove context {context.name}, {what}? [y/N]")
    removed = keeping_contexts.remove_az_context(name, pass_thru=True)
    assert removed is not None  # pass_thru says so
    return _show(shell, removed, is_wanted=pass_thru)


def clear_az_context(
    shell: Shell,
    *,
    force: bool = False,
    pass_thru: bool = False,
    scope: Literal["Process", "CurrentUser"] | None = None,
) -> int:
    """Forget all contexts, and sign out every account that they are of. Environments and settings stay.

    Args:
        shell: the invocation.
        force: Do not ask.
        pass_thru: Print true.
        scope: CurrentUser: the saved ones and this session's; Process: this session's only, after which the saved ones
            are seen again; else autosave decides.
    """
    gone = keeping_contexts.contexts_to_clear(local(), scope)
    if gone and not force:
        _confirm(shell, f"Forget {_count(gone)} and sign out? [y/N]", not_done="Not cleared")
    keeping_contexts.clear_az_context(scope=scope)
    shell.say(f"Forgot {_count(gone)}.")
    if pass_thru:
        shell.show(True)
    return 0


def _count(gone: tuple[ContextValue, ...]) -> str:
    accounts = len({(c.account.id.lower(), c.environment.name.lower()) for c in gone})
    contexts_text = "1 context" if len(gone) == 1 else f"{len(gone)} contexts"
    return f"{contexts_text} of 1 account" if accounts == 1 else f"{contexts_text} of {accounts} accounts"


def _confirm(shell: Shell, question: str, *, not_done: str = "Not removed") -> None:
    if not shell.stdin.isatty():
        raise ConfirmationRequired(f"{not_done}: confirmation needs a terminal. Add --force.")
    if shell.ask(question).lower() not in ("y", "yes"):
        raise Declined(f"{not_done}: it was not confirmed.")


def _show(shell: Shell, context: Context, *, is_wanted: bool) -> int:
    if is_wanted or shell.wishes.output is not None or shell.wishes.is_quiet or shell.wishes.query is not None:
        shell.show(context_row(context.value, contexts.get_az_context()), context_rows_table)
    return 0
