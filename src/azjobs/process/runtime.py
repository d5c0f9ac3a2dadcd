"""Let the layer above prepare a job process before the user's code runs.

The start message names a hook, "module:function"; it is called with the
message's `runtime` and returns a `JobRuntime`. So this layer knows neither
contexts nor tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, Protocol, cast


class JobRuntime(Protocol):
    """What a job process is given beside its code."""

    def resolve(self, name: str) -> object:
        """Return what travels under a persistent id of the payload: a secret, a context."""

    def persistent(self, value: object) -> str | None:
        """Give a persistent id to what must not be pickled with a result; raise to refuse it; None for the rest."""

    def scope(self) -> AbstractContextManager[object]:
        """Return what is entered around the user's code."""

    def ask(self, prompt: str, *, is_hidden: bool) -> str:
        """Ask the user for a line; waits as long as a person takes. Raises EOFError: nobody will answer."""


Prepare = Callable[[dict[str, Any]], JobRuntime]


class BareRuntime:
    """Nothing is granted."""

    def resolve(self, name: str) -> object:
        """Nothing has a name."""
        raise LookupError(f"This job was granted nothing under the name {name!r}.")

    def persistent(self, _value: object) -> str | None:
        """Nothing travels apart."""
        return None

    def scope(self) -> AbstractContextManager[object]:
        """Nothing stands around the user's code."""
        return nullcontext()

    def ask(self, _prompt: str, *, is_hidden: bool) -> str:  # noqa: ARG002 - by its name
        """There is nobody to ask: as `input` says where there is no more input."""
        raise EOFError("EOF when reading a line")


def prepare_runtime(hook: str, runtime: dict[str, Any]) -> JobRuntime:
    """Call the hook named in a start message; without one nothing is granted.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such function.
    """
    if not hook:
        return BareRuntime()
    module, _, function = hook.partition(":")
    return cast("Prepare", getattr(import_module(module), function))(runtime)
