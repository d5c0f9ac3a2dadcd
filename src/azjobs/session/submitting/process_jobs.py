"""Make of a function, a script or a command what the daemon takes: a job, its payload, its secrets, its environment."""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from azjobs.core.context import ContextValue
from azjobs.core.errors import InvalidInput
from azjobs.core.job import Job as Row
from azjobs.core.job import ProcessKind, ProcessWork
from azjobs.core.wire import Submit
from azjobs.process.interpreter import interpreter_key
from azjobs.process.package import Package, pack
from azjobs.session.contexts.autosave import is_autosave_on
from azjobs.session.link.environment import import_path, sendable_environment
from azjobs.session.link.identity import SESSION_VARIABLE
from azjobs.session.link.local import Local
from azjobs.session.link.session_file import make_job_session
from azjobs.session.submitting.baggage import Baggage
from azjobs.session.submitting.start_terms import PathLike, StartTerms


def function_job(
    here: Local,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    first: Callable[[], Any] | PathLike | None,
    terms: StartTerms,
) -> Submit:
    """Return the job of a function.

    Raises:
        CannotSend: an argument cannot be sent to another process; it is named.
        InvalidInput: it is no function.
    """
    from azjobs.process.payload import dump  # noqa: PLC0415 - cloudpickle costs a command line 15 ms

    if not callable(function):
        raise InvalidInput(f"A job runs a function, not {type(function).__name__}.")
    baggage = Baggage(terms.own)
    package = _package(first, baggage, terms, dump(function, args, kwargs, persistent=baggage.name_of))
    azure = "azure.core" in sys.modules
    work = _work(ProcessKind.FUNCTION, terms, yields=_does_yield(function, first), azure=azure, secrets=baggage.asks)
    row = _row(here, getattr(function, "__qualname__", repr(function)), work, baggage.grants, terms)
    return Submit(
        0,
        row,
        secrets=baggage.clear,
        named=baggage.named,
        payload=pack(package),
        environment=sendable_environment(),
        sys_path=import_path(),
    )


def program_job(
    here: Local,
    kind: ProcessKind,
    words: tuple[str, ...],
    terms: StartTerms,
    first: Callable[[], Any] | PathLike | None = None,
) -> Submit:
    """Return the job of a script or a command, by its words; `first` runs before a script, in its process."""
    import shlex  # noqa: PLC0415 - functions need none

    own, baggage = terms.own, Baggage(terms.own)
    payload = pack(_package(first, baggage, terms))
    work = _work(kind, terms, arguments=words, secrets=baggage.asks)
    row = _row(here, shlex.join(words), work, baggage.grants, terms)
    environment = sendable_environment()
    if kind is ProcessKind.COMMAND:  # azjobs typed inside it acts where the job does
        environment[SESSION_VARIABLE] = make_job_session(here.layout, row.uuid, own, autosave=row.autosave)
    sys_path = import_path()[1:] if kind is ProcessKind.FILE else ()  # the script's own folder comes first instead
    return Submit(
        0,
        row,
        secrets=baggage.clear,
        named=baggage.named,
        payload=payload,
        environment=environment,
        sys_path=sys_path,
    )


def command_words(command: Sequence[str], folder: str, argument_list: Sequence[Any]) -> tuple[str, ...]:
    """Return the words of a command.

    Raises:
        InvalidInput: it is text, or there is no such program.
    """
    import shutil  # noqa: PLC0415 - functions need none

    if isinstance(command, str):
        raise InvalidInput('A command is a list of words, as ["python", "report.py"]: no shell takes it apart.')
    if argument_list:
        raise InvalidInput("A command's words stand in command=; argument_list is for functions and scripts.")
    words = tuple(map(str, command))
    program = words[0] if os.sep not in words[0] else str(Path(folder, words[0]))
    if shutil.which(program) is None:
        raise InvalidInput(f"There is no program {words[0]}. No job was started.")
    return words


def script_path(file_path: PathLike) -> str:
    """Return the whole path of a script that can be read.

    Raises:
        InvalidInput: it cannot.
    """
    if not isinstance(file_path, str | os.PathLike):
        raise InvalidInput(f"A script is a path, not {file_path!r}. No job was started.")
    path = Path(file_path).absolute()
    try:
        with path.open("rb"):
            return str(path)
    except OSError as error:
        raise InvalidInput(f"The script {path} cannot be read: {error.strerror}. No job was started.") from error


def _package(
    first: Callable[[], Any] | PathLike | None, baggage: Baggage, terms: StartTerms, call: bytes = b""
) -> Package:
    if callable(first):
        from azjobs.process.payload import dump  # noqa: PLC0415 - as in `function_job`

        return Package(call, dump(first, persistent=baggage.name_of), stdin=terms.stdin)
    return Package(call, first_file=script_path(first) if first is not None else "", stdin=terms.stdin)


def _row(here: Local, command: str, work: ProcessWork, grants: Sequence[ContextValue], terms: StartTerms) -> Row:
    return Row(
        uuid=str(uuid4()),
        name=terms.name,
        command=command,
        session=here.key,
        submitted_at=time.time(),
        work=work,
        context=terms.own,
        grants=tuple(grants),
        autosave=is_autosave_on(here),
        labels=terms.labels,
        queue=terms.queue,
        time_limit_s=terms.time_limit_s,
        notice=terms.notice,
    )


def _work(kind: ProcessKind, terms: StartTerms, **more: Any) -> ProcessWork:
    interpreter = msgspec.to_builtins(interpreter_key())
    return ProcessWork(kind, terms.folder, _umask(), interpreter, output_cap_bytes=terms.output_cap_bytes, **more)


def _does_yield(*functions: object) -> bool:
    return any(inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one) for one in functions)


def _umask() -> int:
    """Read the file mode mask; to set it, as elsewhere, would disturb other threads for a moment."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - one small read
            line = next(line for line in status if line.startswith("Umask:"))
        return int(line.split()[1], 8)
    except (OSError, StopIteration):
        mask = os.umask(0o077)
        os.umask(mask)
        return mask
