"""One invocation in the shell: its streams, what was asked of its output, and how it asks people.

Data goes to stdout, everything else to stderr. Colour and movement are for
terminals only; `NO_COLOR` [no-color.org] and `TERM=dumb` switch colour off.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from azjobs.cli.output import Format, TableOf, ids, query, render
from azjobs.core.errors import ConfirmationRequired, InvalidInput

if TYPE_CHECKING:
    from azjobs.core.secret import SecureString


ERASE = "\r\x1b[K"  # the line that the cursor is in [invisible-island.net/xterm/ctlseqs]


class Wishes(NamedTuple):
    """What the options that every command has say about the output."""

    output: Format | None = None
    query: str | None = None
    is_quiet: bool = False
    is_debug: bool = False


def _nowhere() -> TextIO:
    """Python has no stream at all where the shell closed it (`>&-`)."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open as long as the process is


class Shell:
    """Where an invocation reads and writes."""

    def __init__(
        self,
        wishes: Wishes = Wishes(),  # noqa: B008 - immutable
        *,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.wishes = wishes
        self.stdin = stdin if stdin is not None else sys.stdin
        self.stdout = stdout or sys.stdout or _nowhere()
        self.stderr = stderr or sys.stderr or _nowhere()
        for stream in (self.stdout, self.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter must not stop a command
        environment = os.environ if environment is None else environment
        self.has_colour = (
            self.stdout.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") not in (None, "dumb")
        )

    @property
    def form(self) -> Format:
        """The form of output: as asked, else a table on a terminal and JSON otherwise."""
        return self.wishes.output or (Format.TABLE if self.stdout.isatty() else Format.JSON)

    @property
    def width(self) -> int | None:
        """Columns of the terminal that stdout is, else None."""
        if not self.stdout.isatty():
            return None
        import shutil  # noqa: PLC0415 - for tables on terminals only

        return shutil.get_terminal_size().columns or None

    def show(self, value: Any, table_of: TableOf | None = None) -> None:
        """Write a value to stdout as it was asked for."""
        if self.wishes.is_quiet:
            text = ids(value if self.wishes.query is None else query(value, self.wishes.query))
        elif self.wishes.query is not None:
            text = render(query(value, self.wishes.query), self.form)
        else:
            text = render(value, self.form, table_of)
        self.write(text)

    def write(self, text: str) -> None:
        """Write text to stdout at once."""
        self.stdout.write(text)
        self.stdout.flush()

    def say(self, sentence: str) -> None:
        """Tell people something, on stderr."""
        self.stderr.write(sentence + "\n")
        self.stderr.flush()

    def ask(self, question: str) -> str:
        """Ask for a line on the terminal; "" when it is closed.

        Raises:
            ConfirmationRequired: there is no terminal.
        """
        if not self.stdin.isatty():
            raise ConfirmationRequired
        self.stderr.write(question + " ")
        self.stderr.flush()
        return self.stdin.readline().strip()

    @property
    def has_somebody(self) -> bool:
        """Whether somebody can be asked: there is a terminal to read from and to be seen on."""
        return self.stdin.isatty() and self.stderr.isatty()

    def ask_line(self, prompt: str, *, is_hidden: bool) -> str | None:
        """Ask for a line, as it is typed, without its end; None when the terminal is closed (Ctrl-D)."""
        try:
            if is_hidden:
                return _read_hidden(prompt, self.stderr)
            self.stderr.write(prompt)
            self.stderr.flush()
            line = self.stdin.readline()
        except EOFError:
            line = ""
        if not line:
            self.stderr.write("\n")  # what is said next does not stand beside the prompt
            return None
        return line.removesuffix("\n")

    def ask_secret(
        self, prompt: str, *, is_on_stdin: bool, instead: str = "--password-stdin", may_be_empty: bool = False
    ) -> SecureString:
        """Read a secret: the first line of stdin where that was said, else from the terminal without echo.

        Raises:
            InvalidInput: it was not given, or there is no terminal to ask on; `instead` is what to add.
        """
        from azjobs.core.secret import SecureString  # noqa: PLC0415 - few commands ask

        if is_on_stdin:
            text = self.stdin.readline().rstrip("\r\n")
        elif self.stdin.isatty():
            text = _read_hidden(prompt, self.stderr)
        else:
            raise InvalidInput(f"A password is needed, and there is no terminal to ask on. Add {instead}.")
        if not text and not may_be_empty:
            raise InvalidInput("The password is empty.")
        return SecureString(text)


def _read_hidden(prompt: str, stream: TextIO) -> str:
    from getpass import getpass  # noqa: PLC0415 - few commands ask

    return getpass(prompt, stream)
