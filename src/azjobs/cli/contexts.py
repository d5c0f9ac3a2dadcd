"""The shell's faces of contexts: in the shell "this session" is the terminal session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from azjobs.cli.shell import Shell
from azjobs.cli.tables import Column, layout
from azjobs.core.context import ContextValue
from azjobs.core.job_json import context_json
from azjobs.session.accounts import setting_contexts
from azjobs.session.contexts import autosave
from azjobs.session.contexts import choosing as contexts
from azjobs.session.contexts.context import Context

if TYPE_CHECKING:  # annotations are read as text
    from azjobs.commands.parameters import ContextName

ENDS_WITH_SESSION = "Contexts and sign-ins of this session are no longer saved; they end with it."
ENDS_WITH_NEW_SESSIONS = "Contexts and sign-ins of new sessions are no longer saved; they end with their session."
IS_SAVED = "Contexts and sign-ins are saved from now on."


def get_az_context(shell: Shell, name: ContextName | None = None, *, list_available: bool = False) -> int:
    """List the contexts of this session; the current one is marked.

    Args:
        shell: the invocation.
        name: Only the context of this name.
        list_available: List all, which is what happens without a name anyway.
    """
    current = contexts.get_az_context()
    if name is not None and not list_available:
        found = contexts.get_az_context(name)
        assert found is not None  # an unknown name raises
        shell.show(context_row(found.value, current), context_rows_table)
        return 0
    values = [context.value for context in contexts.get_az_context(name, list_available=True)]
    if name is None and current is not None and current not in [Context(value) for value in values]:
        values.insert(0, current.value)  # chosen here, and removed elsewhere since
    shell.show([context_row(value, current) for value in values], context_rows_table)
    return 0


def select_az_context(shell: Shell, name: ContextName, *, scope: Literal["Process", "CurrentUser"] = "Process") -> int:
    """Make a context the current one of this session.

    Args:
        shell: the invocation.
        name: The context's name.
        scope: CurrentUser: make it the saved default of new sessions too.
    """
    return _chosen(shell, contexts.select_az_context(name, scope=scope))


def set_az_context(
    shell: Shell,
    subscription: str = "",
    *,
    tenant: str = "",
    context: ContextName | None = None,
    name: str = "",
    force: bool = False,
    scope: Literal["Process", "CurrentUser"] = "Process",
) -> int:
    """Make the context of a subscription the current one of this session.

    A subscription that has no context yet gets one, if the account sees it.

    Args:
        shell: the invocation.
        subscription: The subscription's name or id.
        tenant: The tenant's name or id, where the subscription alone is not enough.
        context: A context, by its name, in place of its subscription.
        name: What the context is to be called from now on.
        force: Take that name from another context, which is removed.
        scope: CurrentUser: make it the saved default of new sessions too.
    """
    chosen = setting_contexts.set_az_context(
        subscription, tenant=tenant, context=context, name=name, force=force, scope=scope
    )
    return _chosen(shell, chosen)


def enable_az_context_autosave(shell: Shell, *, scope: Literal["Process", "CurrentUser"] = "CurrentUser") -> int:
    """Save contexts and sign-ins that are made from now on.

    What this session has of its own stays its own and ends with it: sign in again to save it.

    Args:
        shell: the invocation.
        scope: Process: for this session only; CurrentUser: for new ones too.
    """
    return _set(shell, autosave.enable_az_context_autosave(scope=scope), IS_SAVED)


def disable_az_context_autosave(shell: Shell, *, scope: Literal["Process", "CurrentUser"] = "CurrentUser") -> int:
    """Let contexts and sign-ins that are made from now on end with their session; what is saved stays.

    Args:
        shell: the invocation.
        scope: Process: for this session only; CurrentUser: for new ones too.
    """
    sentence = ENDS_WITH_SESSION if scope == "Process" else ENDS_WITH_NEW_SESSIONS
    return _set(shell, autosave.disable_az_context_autosave(scope=scope), sentence)


def get_az_context_autosave_setting(shell: Shell, *, scope: Literal["Process", "CurrentUser"] = "Process") -> int:
    """Say whether contexts and sign-ins are saved, and where.

    Args:
        shell: the invocation.
        scope: Process: what holds in this session; CurrentUser: what new sessions begin with.
    """
    shell.show(_setting(autosave.get_az_context_autosave_setting(scope=scope)))
    return 0


def context_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return contexts for people, the current one with a star."""
    cells = [
        [
            "* " + row["name"] if row["current"] else "  " + row["name"],
            row["account"],
            row["tenant"],
            row["environment"],
        ]
        for row in rows
    ]
    return layout([Column("")] * 4, cells, gap=3, has_header=False)


def context_rows_table(value: Any) -> str:
    """Return one context or several for people."""
    return context_table(value if isinstance(value, list) else [value])


def context_row(value: ContextValue, current: Context | None) -> dict[str, Any]:
    """Return a context as JSON, with whether it is the current one."""
    return {**context_json(value), "current": current is not None and Context(value) == current}


def _chosen(shell: Shell, context: Context) -> int:
    if shell.wishes.output is not None or shell.wishes.is_quiet:
        shell.show(context_row(context.value, context), context_rows_table)
    return 0


def _set(shell: Shell, setting: autosave.AutosaveSetting, sentence: str) -> int:
    shell.say(sentence)
    if shell.wishes.output is not None:
        shell.show(_setting(setting))
    return 0


def _setting(setting: autosave.AutosaveSetting) -> dict[str, Any]:
    return {
        "mode": setting.mode,
        "contextDirectory": setting.context_directory,
        "contextFile": setting.context_file,
        "cacheDirectory": setting.cache_directory,
        "cacheFile": setting.cache_file,
    }
