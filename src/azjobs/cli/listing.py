"""The shell's faces of what tells about azjobs itself: its commands, its completion scripts."""

from __future__ import annotations

from typing import Literal

from azjobs.cli.overview import command_rows, command_table
from azjobs.cli.shell import Shell
from azjobs.commands.table import COMMANDS


def commands(shell: Shell, *, as_job: bool = False, page: Literal["man", "markdown"] | None = None) -> int:
    """List the commands.

    Args:
        shell: the invocation.
        as_job: Only those that can run as jobs.
        page: Print the manual page (for man) or the reference (in Markdown) instead.
    """
    if page is not None:
        from azjobs.cli.pages import man_page, reference  # noqa: PLC0415 - they import every command

        shell.write(man_page() if page == "man" else reference())
        return 0
    shell.show(command_rows([c for c in COMMANDS if c.can_be_job or not as_job]), command_table)
    return 0


def completion(shell: Shell, name: Literal["bash", "zsh", "fish"]) -> int:
    """Print the completion script for a shell.

    In bash, for example: 'azjobs completion bash > ~/.local/share/bash-completion/completions/azjobs'

    Args:
        shell: the invocation.
        name: The shell.
    """
    from azjobs.cli.completion import script  # noqa: PLC0415 - it imports click's own

    shell.write(script(name))
    return 0


def demo(shell: Shell) -> int:  # noqa: ARG001 - every face takes it
    """Show what azjobs does: machines as jobs on the embedded cloud, in a throw-away home.

    No account is needed, and nothing of yours is touched.

    Args:
        shell: the invocation.
    """
    from azjobs.cli.demo import run  # noqa: PLC0415 - it imports all of azjobs

    return run()
