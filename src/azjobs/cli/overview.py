"""The pages that show all commands: `azjobs --help`, a noun's help. Made from the table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from azjobs.cli.tables import Column, layout
from azjobs.commands.table import COMMANDS, GROUPS, Command

USAGE = """\
Azure operations as background jobs: they go on when the terminal closes.

Usage: azjobs NOUN VERB [OPTIONS]        azjobs vm new --name MyVm --credential admin --as-job
   or  azjobs Verb-AzNoun -Parameter …   azjobs New-AzVM -Name MyVm -Credential admin -AsJob
"""
CLOSING = """
azjobs NOUN --help      what a noun can do
azjobs NOUN VERB --help what a command takes
azjobs --version        the version

Output is a table on a terminal and JSON otherwise: --output table|json|jsonl|tsv|yaml, --query JMESPATH, -q for ids.
Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not signed in or refused, 5 timed out (jobs go on),
6 some failed, 130 interrupted (jobs go on).
"""


def overview() -> str:
    """Return the screen of `azjobs --help`."""
    parts = [USAGE]
    for group in GROUPS:
        rows = [[f"  {noun}", "  ".join(verbs)] for noun, verbs in _nouns(group)]
        parts.append(f"\n{group}\n" + layout([Column(""), Column("")], rows, has_header=False, gap=3))
    return "".join(parts) + CLOSING


def noun_help(noun: str, commands: Iterable[Command]) -> str:
    """Return what a noun can do."""
    rows = [[f"  {command.words}", command.summary, command.cmdlet] for command in commands]
    table = layout([Column(""), Column(""), Column("")], rows, has_header=False, gap=3)
    return f"Usage: azjobs {noun} VERB [OPTIONS]\n\n{table}\nazjobs {noun} VERB --help says more.\n"


def command_rows(commands: Sequence[Command]) -> list[dict[str, object]]:
    """Return the commands as data, for `azjobs commands`."""
    return [
        {
            "name": command.words,
            "cmdlet": command.cmdlet or None,
            "python": f"{command.python_name}()" if command.function else None,
            "asJob": command.can_be_job,
            "summary": command.summary,
        }
        for command in commands
    ]


def command_table(rows: Sequence[dict[str, object]]) -> str:
    """Return the table of `azjobs commands`."""
    columns = [Column("Command"), Column("Cmdlet"), Column("Job"), Column("Summary")]
    cells = [
        [str(row["name"]), str(row["cmdlet"] or ""), "yes" if row["asJob"] else "", str(row["summary"])] for row in rows
    ]
    return layout(columns, cells)


def _nouns(group: str) -> list[tuple[str, list[str]]]:
    nouns: dict[str, list[str]] = {}
    for command in COMMANDS:
        if command.group == group:
            nouns.setdefault(command.path[0], []).extend(command.path[1:])
    return list(nouns.items())
