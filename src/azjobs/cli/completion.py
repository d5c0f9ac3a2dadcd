"""Complete what is being typed: nouns, verbs, cmdlets, options and their choices, from the table.

click has the scripts of the shells and their protocol; this gives it the
commands, each built only when it is reached.
"""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class
from click.shell_completion import shell_complete as run_completion

from azjobs.cli import options
from azjobs.cli.faces import face_of
from azjobs.commands.table import COMMANDS, Command, commands_of

PROGRAM = "azjobs"
VARIABLE = "_AZJOBS_COMPLETE"


class Noun(click.Group):
    """A noun, and the commands below it."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the verbs."""
        return [command.path[1] for command in commands_of(self.name or "")]

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a verb."""
        found = next((c for c in commands_of(self.name or "") if c.path[1] == cmd_name), None)
        return _built(found) if found else None

    def shell_complete(self, _ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the verbs with their summaries."""
        commands = commands_of(self.name or "")
        return [CompletionItem(c.path[1], help=c.summary) for c in commands if c.path[1].startswith(incomplete)]


class Root(click.Group):
    """All of azjobs."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the nouns."""
        return list(dict.fromkeys(command.path[0] for command in COMMANDS))

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a noun, a command of one word, or a cmdlet."""
        for command in COMMANDS:
            if command.path == (cmd_name,) or command.cmdlet.lower() == cmd_name.lower():
                return _built(command)
        return Noun(cmd_name) if commands_of(cmd_name) else None

    def shell_complete(self, _ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer nouns; cmdlets as soon as a capital shows that one is meant."""
        if incomplete[:1].isupper():
            found = [c for c in COMMANDS if c.cmdlet.lower().startswith(incomplete.lower()) and c.cmdlet]
            return [CompletionItem(command.cmdlet, help=command.summary) for command in found]
        return [CompletionItem(noun) for noun in self.list_commands(_ctx) if noun.startswith(incomplete)]


def complete(instruction: str) -> int:
    """Answer a shell's question; `instruction` is the value of the variable that it set, as `bash_complete`."""
    return run_completion(Root(PROGRAM), {}, PROGRAM, VARIABLE, instruction)


def script(shell: str) -> str:
    """Return the script that makes a shell ask."""
    kind = get_completion_class(shell)
    assert kind is not None
    completer = kind(Root(PROGRAM), {}, PROGRAM, VARIABLE)
    # click's own source() runs the shell to check its version, which may not be installed here.
    return completer.source_template % completer.source_vars()


def _built(command: Command) -> click.Command:
    function = face_of(command).function
    return options.build(command, options.shell_parameters(command, function), options.help_text(function))
