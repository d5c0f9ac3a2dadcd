"""Let `input` and `getpass` of a job ask its user: there is no terminal, so the job is Blocked until it is answered."""

from __future__ import annotations

import builtins
import getpass
from typing import Any

from azjobs.process.capture import JobStreams
from azjobs.process.runtime import JobRuntime


def replace_input(runtime: JobRuntime, streams: JobStreams, *, has_stdin: bool) -> None:
    """Ask by `runtime` from now on. What was begun on a line of standard output is a part of the question.

    `has_stdin`: a standard input was given, which `input` reads to its end, as in any program.
    """

    def ask(prompt: object, *, is_hidden: bool) -> str:
        text = streams.take_unfinished() + str(prompt)
        streams.flush()
        # What cannot be sent (a name of a file in no encoding) is shown as its escape.
        return runtime.ask(text.encode("utf-8", "backslashreplace").decode(), is_hidden=is_hidden)

    def input_(prompt: object = "", /) -> str:
        """Ask the job's user for a line, and return it without its end."""
        return ask(prompt, is_hidden=False)

    def getpass_(prompt: str = "Password: ", stream: object = None, **_options: Any) -> str:  # noqa: ARG001 - as getpass
        """Ask the job's user for a line that nobody is to see, and return it without its end."""
        return ask(prompt, is_hidden=True)

    if not has_stdin:
        builtins.input = input_
    for name in ("getpass", "unix_getpass", "fallback_getpass"):
        setattr(getpass, name, getpass_)
