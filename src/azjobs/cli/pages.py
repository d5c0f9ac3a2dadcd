"""The manual page and the reference page, made from the table and the signatures. It imports every command."""

from __future__ import annotations

from azjobs.cli.faces import face_of
from azjobs.cli.options import COMMON, help_text, shell_parameters
from azjobs.cli.overview import CLOSING, USAGE
from azjobs.commands.names import option_name, pascal_name
from azjobs.commands.parameters import SEVERAL, Kind, Parameter
from azjobs.commands.table import COMMANDS, GROUPS, Command
from azjobs.core.version import VERSION

EXIT_CODES = (
    ("0", "done"),
    ("1", "failed"),
    ("2", "wrong usage; nothing was changed"),
    ("3", "not found"),
    ("4", "not signed in, or refused"),
    ("5", "timed out; the jobs go on"),
    ("6", "some ended well and some failed"),
    ("130", "interrupted; the jobs go on"),
)
HEADER = """\
# Commands

<!-- Made by `azjobs commands --page markdown`; a test fails when it is not up to date. -->

Every command has three faces: `Verb-AzNoun -Parameter` as in PowerShell, `verb_az_noun(parameter=)` in Python,
`azjobs noun verb --parameter` in the shell. The shell takes the first form too.
"""


def reference() -> str:
    """Return the reference in Markdown."""
    parts = [HEADER]
    for group in GROUPS:
        parts.append(f"\n## {group}\n")
        parts += [_section(command) for command in COMMANDS if command.group == group]
    parts.append("\n## Output\n\nEvery command takes these.\n\n" + _parameter_table(list(COMMON)))
    parts.append("\n## Exit codes\n\n| code | meaning |\n|---|---|\n")
    parts += [f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES]
    return "".join(parts)


def man_page() -> str:
    """Return the manual page azjobs(1) in roff."""
    lines = [f'.TH AZJOBS 1 "" "azjobs {VERSION}"', ".SH NAME", "azjobs \\- Azure operations as background jobs"]
    lines += [".SH SYNOPSIS", ".nf", *map(_roff, USAGE.splitlines()[2:]), ".fi", ".SH DESCRIPTION"]
    lines += [_roff(line) for line in CLOSING.strip().split("\n\n")[1].splitlines()]
    for group in GROUPS:
        lines.append(f".SH {_roff(group.upper())}")
        for command in COMMANDS:
            if command.group == group:
                lines += _man_entry(command)
    lines.append(".SH EXIT STATUS")
    for code, meaning in EXIT_CODES:
        lines += [".TP", _roff(code), _roff(meaning)]
    return "\n".join(lines) + "\n"


def _section(command: Command) -> str:
    function = face_of(command).function
    parameters = shell_parameters(command, function)
    names = [f"`azjobs {_usage(command, parameters)}`"]
    if command.function:
        names.append(f"`{command.python_name}()`")
    if command.cmdlet:
        names.append(f"`{command.cmdlet}`")
    claims = ["can be a job"] if command.can_be_job else []
    claims += ["asks before it acts"] if command.confirms else []
    claims += [f"can be cancelled at Azure: {command.can_cancel}"] if command.can_cancel else []
    claim = ", ".join(claims)
    claim = f"\n{claim[:1].upper()}{claim[1:]}.\n" if claims else ""
    table = f"\n{_parameter_table(parameters)}" if parameters else ""
    return f"\n### {command.words}\n\n{' · '.join(names)}\n\n{help_text(function)}\n{claim}{table}"


def _usage(command: Command, parameters: list[Parameter]) -> str:
    words = [f"{p.name.upper()}..." if p.kind in SEVERAL else p.name.upper() for p in parameters if p.is_positional]
    return " ".join([command.words, *(f"[{word}]" for word in words)])


def _parameter_table(parameters: list[Parameter]) -> str:
    rows = [
        f"| `{option_name(p.names[0])}` | `-{pascal_name(p.name)}` | {_doc(p)} |\n" for p in parameters if not p.is_rest
    ]
    return "| option | as in PowerShell | |\n|---|---|---|\n" + "".join(rows) if rows else ""


def _doc(parameter: Parameter) -> str:
    text = parameter.doc
    if parameter.choices:
        text += f" One of {', '.join(parameter.choices)}."
    if parameter.kind in SEVERAL:
        text += " May be given several times."
    if parameter.default not in (None, "", (), False):
        text += f" Default: {parameter.default}."
    if parameter.is_required:
        text += " Required."
    return text.replace("|", "\\|")


def _man_entry(command: Command) -> list[str]:
    function = face_of(command).function
    parameters = shell_parameters(command, function)
    lines = [f".SS {_roff(_usage(command, parameters))}", _roff(help_text(function))]
    if command.cmdlet:
        lines += [".br", _roff(f"As in PowerShell: {command.cmdlet}")]
    for parameter in parameters:
        if not parameter.is_rest:
            value = "" if parameter.kind is Kind.SWITCH else f" {parameter.name.upper()}"
            lines += [".TP", f"\\fB{_roff(option_name(parameter.names[0]))}\\fR{_roff(value)}", _roff(_doc(parameter))]
    return lines


def _roff(text: str) -> str:
    """Return text as roff: hyphens and backslashes as they are, no line taken for a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())
