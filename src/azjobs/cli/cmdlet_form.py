"""Read parameters as PowerShell writes them, `-Name MyVm -AsJob`, into the options that click reads. Pure.

A single dash, any case, any beginning that is unambiguous; `-Name:Value`;
`-Switch:$false`; `-Name '$true'`; `1,2,3` for a parameter that takes several. What has two dashes
or none passes as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from azjobs.commands.names import nearest, option_name, pascal_name
from azjobs.commands.parameters import PowerShellOption
from azjobs.core.errors import InvalidInput

_PARAMETER = re.compile(r"-([A-Za-z]\w*)(?::(.*))?", re.DOTALL)
_TRUE, _FALSE = ("$true", "true", "1"), ("$false", "false", "0")
CONFIRM = "confirm"


def to_options(cmdlet: str, words: Sequence[str], options: Sequence[PowerShellOption], *, confirms: bool) -> list[str]:
    """Return `words` with every PowerShell parameter as a long option.

    `confirms`: whether the command asks before it acts.

    Raises:
        InvalidInput: a parameter is unknown, ambiguous or lacks its value.
    """
    given: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*given, word, *rest]
        match = _PARAMETER.fullmatch(word)
        if match is None:
            given.append(word)
        else:
            given += _option(cmdlet, match[1], match[2], rest, options, confirms=confirms)
    return given


def _option(
    cmdlet: str,
    name: str,
    value: str | None,
    rest: Iterator[str],
    options: Sequence[PowerShellOption],
    *,
    confirms: bool,
) -> list[str]:
    if name.lower() == CONFIRM:
        return _confirm(cmdlet, value, confirms=confirms)
    option = _find(cmdlet, name, options)
    long = option_name(option.names[0])
    shown = f"-{pascal_name(option.names[0])}"
    if not option.takes_value:
        return [long] if _switch(shown, value) else []
    if value is None:
        value = next(rest, None)
        if value is None or _PARAMETER.fullmatch(value):
            raise InvalidInput(f"{shown} of {cmdlet} needs a value.")
    if value.lower() in ("$true", "$false"):  # quoted, so that the shell left it alone
        value = value[1:].lower()
    if option.takes_several:
        return [f"{long}={part}" for part in value.split(",") if part]
    return [f"{long}={value}"]


def _confirm(cmdlet: str, value: str | None, *, confirms: bool) -> list[str]:
    if value == "":
        raise InvalidInput("-Confirm: has no value (the shell took $false for a variable of its own). Use --force.")
    if not _switch("-Confirm", value):
        return ["--force"] if confirms else []
    if confirms:
        return []
    raise InvalidInput(f"{cmdlet} does not ask for confirmation. To look first, use -WhatIf.")


def _switch(shown: str, value: str | None) -> bool:
    if value is None or value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    if value == "":
        raise InvalidInput(
            f"{shown}: has no value (the shell took $true for a variable of its own). Use {shown} alone."
        )
    raise InvalidInput(f"{shown} is on or off; '{value}' is neither $true nor $false.")


def _find(cmdlet: str, name: str, options: Sequence[PowerShellOption]) -> PowerShellOption:
    found = _candidates(name, options)
    if len(found) == 1:
        return found[0]
    known = [pascal_name(n) for option in options for n in option.names]
    if found:
        which = ", ".join(f"-{pascal_name(option.names[0])}" for option in found)
        raise InvalidInput(f"-{name} of {cmdlet} is ambiguous: {which}.")
    meant = nearest(name, known)
    hint = f"Did you mean -{meant}?" if meant else f"Type: azjobs {cmdlet} --help"
    raise InvalidInput(f"{cmdlet} has no parameter -{name}. {hint}")


def _candidates(name: str, options: Sequence[PowerShellOption]) -> list[PowerShellOption]:
    """Return the option of that name, else all whose name begins so."""
    plain = name.replace("_", "").lower()
    names = [(option, n.replace("_", "").lower()) for option in options for n in option.names]
    exact = [option for option, n in names if n == plain]
    return exact[:1] or list(dict.fromkeys(option for option, n in names if n.startswith(plain)))
