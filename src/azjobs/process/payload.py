"""Send a function to another process of the same interpreter, and keep what it returns.

cloudpickle carries the code. What must not travel in a pickle (secrets,
contexts) is given a persistent id by the caller's `persistent` and comes back
through the receiver's `resolve`. Objects known to hold a credential or a token
are refused in either direction: payloads and results lie in files.
"""

from __future__ import annotations

import inspect
import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any

import cloudpickle

from azjobs.core.errors import AzJobsError, CannotSend

Persistent = Callable[[object], str | None]
Resolve = Callable[[str], object]

# Every class of these modules holds a credential, a token, or a client that holds one.
_CREDENTIAL_MODULES = ("azure.identity", "azure.core.credentials", "azure.core.pipeline", "msal")
_NO_FILE = "<dynamic-code>"  # cloudpickle's own name for it


class CannotKeep(AzJobsError):
    """The value cannot be written down."""


def dump(
    function: Callable[..., Any],
    args: Sequence[object] = (),
    kwargs: Mapping[str, object] | None = None,
    *,
    persistent: Persistent = lambda _: None,
) -> bytes:
    """Pickle a call. `persistent` names what travels by the private channel, None for the rest.

    Raises:
        CannotSend: something in it cannot be sent; the message names the argument.
    """
    kwargs = dict(kwargs or {})
    try:
        return _dump((function, tuple(args), kwargs), persistent)
    except Exception as error:
        raise CannotSend(_explain(function, args, kwargs, persistent, error)) from error


def load(payload: bytes, resolve: Resolve) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """Open a call: (function, positional arguments, named arguments)."""
    function, args, kwargs = load_value(payload, resolve)
    return function, args, kwargs


def dump_value(value: object, persistent: Persistent = lambda _: None) -> bytes:
    """Pickle a returned or yielded value.

    Raises:
        CannotKeep: it cannot be pickled; the message says what and why.
    """
    try:
        return _dump(value, persistent)
    except Exception as error:
        raise CannotKeep(f"A value of type {_type_name(value)} cannot be kept: {_reason(error)}") from error


def load_value(data: bytes, resolve: Resolve | None = None) -> Any:
    """Open a pickled value."""
    return _Unpickler(io.BytesIO(data), resolve or _resolve_nothing).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, resolve: Resolve) -> None:
        super().__init__(file)  # bytes of the same user, from a 0600 file or channel
        self._resolve = resolve

    def persistent_load(self, pid: str) -> object:
        return self._resolve(pid)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle ships no types
    def __init__(self, file: io.BytesIO, persistent: Persistent) -> None:
        super().__init__(file)
        self._persistent = persistent

    def persistent_id(self, obj: object) -> str | None:
        name = self._persistent(obj)
        if name is None and type(obj).__module__.startswith(_CREDENTIAL_MODULES):
            raise CannotSend(
                f"{_type_name(obj)} holds a credential or a token, which must not be written to a file. "
                "Pass the context instead."
            )
        return name

    def reducer_override(self, obj: object) -> Any:
        """Keep the file of a function's code, which cloudpickle 3.1.3 leaves out: tracebacks of jobs show its lines."""
        if isinstance(obj, CodeType):
            rebuild, parts = self.dispatch_table[CodeType](obj)
            return rebuild, tuple(obj.co_filename if part == _NO_FILE else part for part in parts)
        return super().reducer_override(obj)


def _dump(value: object, persistent: Persistent) -> bytes:
    file = io.BytesIO()
    _Pickler(file, persistent).dump(value)
    return file.getvalue()


def _explain(
    function: Callable[..., Any],
    args: Sequence[object],
    kwargs: Mapping[str, object],
    persistent: Persistent,
    error: Exception,
) -> str:
    """Find the argument at fault by trying each alone."""
    names = _parameter_names(function, len(args))
    for label, value in [*zip(names, args, strict=True), *((f"'{name}'", value) for name, value in kwargs.items())]:
        reason = _why_not(value, persistent)
        if reason is not None:
            return f"Argument {label} ({_type_name(value)}) cannot be sent to another process: {reason}"
    name = getattr(function, "__qualname__", repr(function))
    reason = _reason(_first_closure_error(function, persistent) or error)
    return f"The function {name} cannot be sent to another process: {reason}"


def _parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    """Name positional arguments as the signature does, and number what it does not name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]  # some builtins have no signature
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = [f"'{p.name}'" for p in parameters if p.kind in positional][:count]
    return known + [str(number) for number in range(len(known) + 1, count + 1)]


def _why_not(value: object, persistent: Persistent) -> str | None:
    try:
        _dump(value, persistent)
    except Exception as error:  # noqa: BLE001 - any class's own pickling may raise anything
        return _reason(error)
    return None


def _first_closure_error(function: Callable[..., Any], persistent: Persistent) -> Exception | None:
    """A variable that the function uses from outside is named, since nobody passed it as an argument."""
    try:
        used = inspect.getclosurevars(function)
    except (TypeError, ValueError):
        return None
    for name, value in {**used.globals, **used.nonlocals}.items():
        if not inspect.ismodule(value) and (reason := _why_not(value, persistent)) is not None:
            return CannotSend(f"it uses '{name}' ({_type_name(value)}): {reason}")
    return None


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if text.endswith((".", "!")) else f"{text}."


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _resolve_nothing(name: str) -> object:
    raise pickle.UnpicklingError(f"nothing is granted under the name {name!r}")
