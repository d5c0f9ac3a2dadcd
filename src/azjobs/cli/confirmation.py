"""Ask before something is removed or stopped: on a terminal only, with the context named."""

from __future__ import annotations

from typing import Any

from azjobs.cli.shell import Shell
from azjobs.commands.azure_work import care_of
from azjobs.commands.table import Command
from azjobs.core.errors import AzJobsError, ConfirmationRequired
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.contexts.context import Context
from azjobs.session.submitting.expectations import check_expected
from azjobs.session.submitting.plans import read_plan

GROUP_REMOVAL = "Remove-AzResourceGroup"
#: What is said where it did not happen, by the verb of the command.
NOT_DONE = {"remove": "Not removed", "stop": "Not stopped"}


class Declined(AzJobsError):
    """It was not confirmed; nothing was changed."""


def confirm(shell: Shell, command: Command, arguments: dict[str, Any], count: int | None = None) -> None:
    """Ask whether the command is to act; `count`: on how many targets, None for one that is named.

    Raises:
        ConfirmationRequired: there is no terminal to ask on.
        Declined: the answer was no.
    """
    not_done = NOT_DONE[command.path[-1]]
    if not shell.stdin.isatty():
        raise ConfirmationRequired(f"{not_done}: confirmation needs a terminal. Add --force.")
    context = resolve_context(arguments.get("az_context"))
    check_expected(context.value, care_of(arguments).expected)
    if command.cmdlet == GROUP_REMOVAL and count is not None:
        answer = shell.ask(f"Remove {count} resource groups with all that is in them {place(context)}? Type {count}:")
        is_confirmed = answer.strip() == str(count)
    elif command.cmdlet == GROUP_REMOVAL:
        name = str(arguments["name"])
        found = read_plan(
            "count-az-resources@1",
            {"subscription_id": context.subscription.id if context.subscription else "", "name": name},
            context=context,
        )
        answer = shell.ask(group_question(name, int(found["count"]), context))
        is_confirmed = answer.lower() == name.lower()
    else:
        what = str(arguments.get("name") or arguments.get("id") or "") if count is None else f"{count} machines"
        answer = shell.ask(machine_question(command.path[-1], what, context, is_one=count is None))
        is_confirmed = answer.lower() in ("y", "yes")
    if not is_confirmed:
        raise Declined(f"{not_done}: it was not confirmed.")


def group_question(name: str, count: int, context: Context) -> str:
    """Return the question before a resource group is removed."""
    resources = " (empty)" if not count else " and its one resource" if count == 1 else f" and its {count} resources"
    return f"Remove resource group {name}{resources} {place(context)}? Type its name to confirm:"


def machine_question(verb: str, what: str, context: Context, *, is_one: bool) -> str:
    """Return the question before machines are stopped or removed."""
    noun = "virtual machine " if is_one else ""
    return f"{verb.capitalize()} {noun}{what.rsplit('/', 1)[-1]} {place(context)}? [y/N]"


def place(context: Context) -> str:
    """Return where it would happen."""
    return place_of(context.value.subscription_label, context.value.tenant_label)


def place_of(subscription: str, tenant: str) -> str:
    """Return where something would happen, by the names of subscription and tenant."""
    return f"in subscription {subscription} (tenant {tenant})"
