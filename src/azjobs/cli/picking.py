"""Let a person choose the subscription, as Azure PowerShell does since Az 12; never in pipelines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from azjobs.cli.shell import Shell
from azjobs.core.context import ContextValue
from azjobs.core.errors import InvalidInput

MOST_SHOWN = 50  # guess: what a person still reads; the others are reached by --subscription


def picker(shell: Shell) -> Callable[[Sequence[ContextValue], ContextValue], ContextValue] | None:
    """Return what asks which subscription; None where stdin or stderr is no terminal."""
    if not (shell.stdin is not None and shell.stdin.isatty() and shell.stderr.isatty()):
        return None
    return lambda found, proposed: _pick(shell, found, proposed)


def _pick(shell: Shell, found: Sequence[ContextValue], proposed: ContextValue) -> ContextValue:
    shown = list(found[:MOST_SHOWN])
    if proposed not in shown:
        shown.append(proposed)
    width = max(len(one.subscription_label) for one in shown)
    for number, one in enumerate(shown, 1):
        mark = "*" if one is proposed else " "
        shell.say(f"{mark}{number:>3}  {one.subscription_label:<{width}}  {one.tenant_label}")
    left = len(found) - len(shown)
    if left > 0:
        shell.say(f"      and {left} more: --subscription takes their names")
    default = shown.index(proposed) + 1
    answer = shell.ask(f"Which subscription? Its number, or Enter for {default}:")
    if not answer:
        return proposed
    if not answer.isascii() or not answer.isdigit() or not 1 <= int(answer) <= len(shown):
        raise InvalidInput(f"'{answer}' is none of the numbers 1 to {len(shown)}. Nothing was saved.")
    return shown[int(answer) - 1]
