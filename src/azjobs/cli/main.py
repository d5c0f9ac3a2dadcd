"""Run one command line: find the command, read its parameters, run it, say what went wrong.

It imports what the one command needs and nothing more: looking at jobs must cost
little more than starting Python.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from azjobs.commands.names import is_cmdlet
from azjobs.commands.table import commands_of, find_command, suggest

if TYPE_CHECKING:
    from azjobs.cli.shell import Shell
    from azjobs.core.errors import InvalidInput

COMPLETE_VARIABLE = "_AZJOBS_COMPLETE"
INTERRUPTED = 130
HELP = ("--help", "-h", "help")
VERSION = ("--version", "-V")


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line, this process's own by default, and return its exit code."""
    words = list(sys.argv[1:] if words is None else words)
    if COMPLETE_VARIABLE in os.environ:
        from azjobs.cli.completion import complete  # noqa: PLC0415 - only a shell asks for it

        return complete(os.environ[COMPLETE_VARIABLE])
    page = _page(words)
    if page is not None:
        sys.stdout.write(page)
        return 0
    return _run(words)


def _page(words: list[str]) -> str | None:
    """Return the page that was asked for instead of a command, if one was."""
    if words and words[0] in VERSION:
        from azjobs.core.version import VERSION as NUMBER  # noqa: PLC0415 - most invocations do not ask

        return f"azjobs {NUMBER}\n"
    if not words or words[0] in HELP:
        from azjobs.cli.overview import overview  # noqa: PLC0415 - same

        return overview()
    noun = commands_of(words[0])
    if noun and (len(words) == 1 or words[1] in HELP):
        from azjobs.cli.overview import noun_help  # noqa: PLC0415 - same

        return noun_help(words[0].lower(), noun)
    return None


def _run(words: list[str]) -> int:
    from azjobs.cli.shell import Shell  # noqa: PLC0415 - a page of help needs none

    shell = Shell()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _teller(shell)
            return _dispatch(shell, words)
    except KeyboardInterrupt as stop:
        shell.say(str(stop) or "Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - a user gets one sentence, and the rest with --debug
        from azjobs.cli.failures import report  # noqa: PLC0415 - most invocations do not fail

        return report(shell, error, is_debug=shell.wishes.is_debug or "--debug" in words)


def _teller(shell: Shell) -> Callable[..., None]:
    """Return what shows a warning: one of ours as a sentence, any other as Python does."""
    show = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if category.__module__.startswith("azjobs."):
            shell.say(str(message))
        else:
            show(message, category, *where, **more)

    return tell


def _dispatch(shell: Shell, words: list[str]) -> int:
    found = find_command(words)
    if found is None:
        raise _unknown(words)
    from azjobs.cli.faces import face_of  # noqa: PLC0415 - a page of help needs none

    command, count = found
    face = face_of(command)
    rest = words[count:]
    if not rest and not face.has_required:
        return face.run(shell, {})  # without words there is nothing to read, and a parser costs a third of the time
    from azjobs.cli.options import read_line  # noqa: PLC0415 - see above

    line = read_line(command, face.function, rest, is_cmdlet_form=count == 1 and words[0].lower() != command.path[0])
    if line is None:
        return 0
    shell.wishes = line.wishes
    return face.run(shell, line.arguments)


def _unknown(words: list[str]) -> InvalidInput:
    from azjobs.core.errors import InvalidInput  # noqa: PLC0415 - most lines begin with a command

    shown = words[0] if is_cmdlet(words[0]) and words[0][:1].isupper() else " ".join(words[:2])
    if shown.startswith("-"):
        return InvalidInput(f"A command comes before {words[0]}. Type: azjobs --help")
    meant = suggest(words)
    hint = f"Did you mean azjobs {meant}?" if meant else "Type: azjobs --help"
    return InvalidInput(f"There is no command azjobs {shown}. {hint}")
