"""Be inside a job: the contexts that it was granted and no others, its secrets, its way to tokens.

`prepare` is called in the job's process before the user's code; what it is
given is listed in `daemon.processes.job_processes`.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from azjobs.core.context import ContextValue
from azjobs.core.errors import DaemonUnavailable, Refused
from azjobs.core.questions import PROMPT_CAP
from azjobs.core.secret import Credential, SecureString
from azjobs.core.wire import AskUser, Line
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import Grants, enter_job, local
from azjobs.store.stand_in import load_layout

FIRST_PAUSE_S, LAST_PAUSE_S = 0.1, 30.0  # guesses: a daemon is back in a moment, or when somebody has seen to it


def prepare(runtime: dict[str, Any]) -> Runtime:
    """Make this process the job that `runtime` describes."""
    contexts = msgspec.convert(runtime["grants"], tuple[ContextValue, ...])
    own = msgspec.convert(runtime["context"], ContextValue | None)
    grants = Grants(own=own, contexts=contexts, autosave=bool(runtime["autosave"]), key=str(runtime["job_key"]))
    enter_job(load_layout(Path(runtime["home"])), str(runtime["session"]), grants)
    return Runtime(contexts, dict(runtime["secrets"]))


class Runtime:
    """What travelled beside the job's pickle (`session.submitting.baggage` has the names)."""

    def __init__(self, contexts: tuple[ContextValue, ...], secrets: dict[str, str]) -> None:
        self._contexts = contexts
        self._secrets = secrets

    def resolve(self, name: str) -> object:
        """Return what a persistent id stands for.

        Raises:
            LookupError: nothing.
        """
        kind, _, rest = name.partition(":")
        match kind:
            case "context":
                return Context(self._contexts[int(rest)])
            case "secret":
                return SecureString(self._secrets[rest])
            case "credential":
                secret, _, username = rest.partition(":")
                return Credential(username, SecureString(self._secrets[secret]))
            case "tokens":
                return Context(self._contexts[int(rest)]).credential
            case "async-tokens":
                return Context(self._contexts[int(rest)]).async_credential
        raise LookupError(f"This job was granted nothing under the name {name!r}.")

    def persistent(self, _value: object) -> str | None:
        """Nothing travels beside a result: secrets refuse to be pickled by themselves."""
        return None

    def scope(self) -> AbstractContextManager[object]:
        """Nothing more: what is current follows from the grants."""
        return nullcontext()

    def ask(self, prompt: str, *, is_hidden: bool) -> str:
        """Ask the user for a line; waits as long as a person takes, over any daemon's end.

        Raises:
            EOFError: the job is being stopped, so nobody will answer.
        """
        question, pause_s = AskUser(0, str(uuid4()), prompt[:PROMPT_CAP], is_hidden), FIRST_PAUSE_S
        while True:
            try:
                return local().client.ask(question, Line).line.reveal()
            except Refused as refused:
                raise EOFError(str(refused)) from None
            except DaemonUnavailable:
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LAST_PAUSE_S)

    def __repr__(self) -> str:
        return f"<Runtime with {len(self._contexts)} contexts>"
