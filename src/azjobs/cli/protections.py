"""The shell's faces of protections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azjobs.cli.shell import Shell
from azjobs.cli.tables import Column, layout
from azjobs.core.protection import Protection
from azjobs.session.contexts import protections


def add_az_protection(shell: Shell, *, subscription: str = "", resource_group_name: str = "", name: str = "") -> int:
    """Protect something: no command of azjobs removes or stops it, or anything in it, unless told by name.

    It holds for this user on this machine; a lock of Azure holds for everybody.
    What is removed with a group that is not protected itself is not seen.

    Args:
        shell: the invocation.
        subscription: The subscription, by name or id; with a group or name, where that is protected.
        resource_group_name: A resource group.
        name: What has this name, whatever it is; with * and ? for several.
    """
    added = protections.add_az_protection(subscription=subscription, resource_group_name=resource_group_name, name=name)
    return _said(shell, added, "is protected: it is removed or stopped only with --override-protection.")


def get_az_protection(shell: Shell) -> int:
    """Say what is protected.

    Args:
        shell: the invocation.
    """
    shell.show([protection_json(one) for one in protections.get_az_protection()], _table)
    return 0


def remove_az_protection(shell: Shell, *, subscription: str = "", resource_group_name: str = "", name: str = "") -> int:
    """Protect something no longer.

    Args:
        shell: the invocation.
        subscription: The subscription, as it was given; with a group or name, where that is protected.
        resource_group_name: A resource group.
        name: What has this name, as it was given.
    """
    removed = protections.remove_az_protection(
        subscription=subscription, resource_group_name=resource_group_name, name=name
    )
    return _said(shell, removed, "is protected no longer.")


def protection_json(protection: Protection) -> dict[str, Any]:
    """Return a protection as data."""
    return {
        "kind": protection.kind.value,
        "value": protection.value,
        "subscriptionId": protection.subscription_id or None,
    }


def _said(shell: Shell, protection: Protection, what: str) -> int:
    text = str(protection)
    shell.say(f"{text[:1].upper()}{text[1:]} {what}")
    if shell.wishes.output is not None:
        shell.show(protection_json(protection))
    return 0


def _table(rows: Any) -> str:
    found: Sequence[dict[str, Any]] = rows
    cells = [[row["kind"], row["value"], row["subscriptionId"] or ""] for row in found]
    return layout([Column("Kind"), Column("Value"), Column("Subscription")], cells)
