"""Start a function, a script or a command as a job: in a process of its own that nobody needs to wait for."""

from __future__ import annotations

import inspect
import os
import sys
import time
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, TypeVar, Unpack, overload
from uuid import uuid4

import msgspec

from azjobs.core.context import ContextValue
from azjobs.core.errors import HomeUnusable, InvalidInput, PolicyIgnored
from azjobs.core.job import Job as Row
from azjobs.core.job import Notice, ProcessKind, ProcessWork, Queue
from azjobs.core.labels import check_labels
from azjobs.core.spelling import spell_out
from azjobs.core.wire import Accepted, Submit
from azjobs.process.cap import cap_bytes_of
from azjobs.process.interpreter import interpreter_key
from azjobs.process.package import Package, pack
from azjobs.session.autosave import is_autosave_on
from azjobs.session.baggage import Baggage
from azjobs.session.blocks import innermost
from azjobs.session.context import Context
from azjobs.session.contexts import current_value, resolve_context
from azjobs.session.environment import import_path, sendable_environment
from azjobs.session.expectations import Expected, check_expected
from azjobs.session.identity import SESSION_VARIABLE
from azjobs.session.jobs import Job
from azjobs.session.keeping_jobs import policy_of
from azjobs.session.local import Local, local
from azjobs.session.notices import CommandWords, notice_of
from azjobs.session.session_file import make_job_session
from azjobs.session.standard_input import stdin_of
from azjobs.session.terms import check_time_limit

T = TypeVar("T")
Y = TypeVar("Y")
PathLike = str | os.PathLike[str]
DEFAULT_QUEUE = "default"  # of those who give a limit and no name


class Starting(TypedDict, total=False):
    """How any job is started.

    Args:
        name: the job's name.
        az_context: the context it acts in; the current one where autosave is on.
        expect_tenant: start it only if that context is in this tenant, by name or id.
        expect_subscription: start it only if that context is of this subscription, by name or id.
        working_directory: where it runs; here when not given.
        labels: what to find it by, such as {"env": "dev"}.
        queue: the queue in which it waits for its turn; it waits for none when not given.
        throttle_limit: how many jobs of that queue run at once from now on; 5 until somebody says it.
        time_limit: after how many seconds it is stopped, and has failed.
        notify_command: a program and its words, run once the job has ended, whether or not anybody waits.
        output_cap_mb: how much of its output is kept, in MB (1 000 000 bytes); by the home's policy when not given,
            inf for all. What comes after that is dropped, and a warning of the job says so.
        input_object: what it reads from standard input, empty otherwise: text, bytes, or things that are a line each.
    """

    name: str | None
    az_context: Context | str | None
    expect_tenant: str | None
    expect_subscription: str | None
    working_directory: PathLike | None
    labels: Mapping[str, str] | None
    queue: str | None
    throttle_limit: int | None
    time_limit: float | None
    notify_command: CommandWords | None
    output_cap_mb: float | None
    input_object: str | bytes | Iterable[object] | None


class _Terms(NamedTuple):
    """The same, understood."""

    name: str
    own: ContextValue | None
    folder: str
    labels: dict[str, str]
    queue: Queue | None
    time_limit_s: float | None
    output_cap_bytes: int | None
    stdin: bytes | None
    notice: Notice | None


@overload
def start_job(
    function: Callable[..., Iterator[Y]] | Callable[..., AsyncIterator[Y]],
    *,
    argument_list: Sequence[Any] = (),
    keyword_arguments: Mapping[str, Any] | None = None,
    initialization_script: Callable[[], Any] | PathLike | None = None,
    **how: Unpack[Starting],
) -> Job[list[Y]]: ...
@overload
def start_job(
    function: Callable[..., Coroutine[Any, Any, T]],
    *,
    argument_list: Sequence[Any] = (),
    keyword_arguments: Mapping[str, Any] | None = None,
    initialization_script: Callable[[], Any] | PathLike | None = None,
    **how: Unpack[Starting],
) -> Job[T]: ...
@overload
def start_job(
    function: Callable[..., T],
    *,
    argument_list: Sequence[Any] = (),
    keyword_arguments: Mapping[str, Any] | None = None,
    initialization_script: Callable[[], Any] | PathLike | None = None,
    **how: Unpack[Starting],
) -> Job[T]: ...
@overload
def start_job(*, command: Sequence[str], **how: Unpack[Starting]) -> Job[str | bytes]: ...
@overload
def start_job(
    *,
    file_path: PathLike,
    argument_list: Sequence[Any] = (),
    initialization_script: Callable[[], Any] | PathLike | None = None,
    **how: Unpack[Starting],
) -> Job[str | bytes]: ...
@spell_out
def start_job(
    function: Callable[..., Any] | None = None,
    *,
    argument_list: Sequence[Any] = (),
    keyword_arguments: Mapping[str, Any] | None = None,
    file_path: PathLike = "",
    command: Sequence[str] = (),
    initialization_script: Callable[[], Any] | PathLike | None = None,
    **how: Unpack[Starting],
) -> Job[Any]:
    """Start a function, a Python script or a command as a job, and return it at once.

    It runs in a process of its own, with this program's interpreter, environment
    and folder, and goes on when this program ends. It may act in the context it
    is given and in each one found in its arguments or closure, and in no other.

    Args:
        function: what to run; what it returns or yields is the job's output.
        argument_list: its arguments in order; a script's words. Credentials and contexts travel by a private channel.
        keyword_arguments: its arguments by name.
        file_path: a Python script, run as the main program.
        command: a program and its words; no shell is involved.
        initialization_script: a function, or a Python file, that runs before it in the same process. If it fails, the
            job has failed. What it prints and yields is output too; what it returns is not. What a file defines a
            script finds defined, and a function in the module `__main__`.

    Raises:
        CannotSend: an argument cannot be sent to another process; it is named, and no job exists.
        InvalidInput: there is no such script, program or folder, or a limit is none; no job exists.
        WrongTarget: the context is not the expected one; no job exists.
    """
    here = local()
    if (function is not None) + bool(file_path) + bool(command) != 1:
        raise InvalidInput("A job is a function, a script (file_path=) or a command (command=): give one of them.")
    terms = _terms(here, how)
    first = initialization_script
    if function is not None:
        submit = _function(here, function, tuple(argument_list), dict(keyword_arguments or {}), first, terms)
    elif keyword_arguments:
        raise InvalidInput("keyword_arguments are for functions; a script takes words in argument_list.")
    elif file_path:
        words = (_script(file_path), *map(str, argument_list))
        submit = _program(here, ProcessKind.FILE, words, terms, first)
    elif first is not None:
        raise InvalidInput(
            'initialization_script is for functions and scripts. A command is a shell\'s: "first; then".'
        )
    else:
        submit = _program(here, ProcessKind.COMMAND, _command(command, terms.folder, argument_list), terms)
    return Job(here.client.ask(submit, Accepted).job.uuid, here)


def _terms(here: Local, how: Starting) -> _Terms:
    own = _own_context(here, how.get("az_context"))
    check_expected(own, Expected(how.get("expect_tenant") or "", how.get("expect_subscription") or ""))
    folder = _folder(how.get("working_directory") or "")
    return _Terms(
        how.get("name") or "",
        own,
        folder,
        check_labels(how.get("labels") or {}),
        queue_of(how.get("queue"), how.get("throttle_limit")),
        check_time_limit(how.get("time_limit")),
        _cap_bytes(here, how.get("output_cap_mb")),
        stdin_of(how.get("input_object")),
        notice_of(how.get("notify_command"), folder),
    )


def _cap_bytes(here: Local, cap_mb: float | None) -> int | None:
    if cap_mb is not None:
        return cap_bytes_of(cap_mb)
    try:
        return policy_of(here).output_cap_bytes
    except HomeUnusable as error:  # nothing that the job itself needs
        warnings.warn(PolicyIgnored(f"{error} The output of this job has no cap."), stacklevel=5)
        return None


def queue_of(name: str | None, throttle_limit: int | None) -> Queue | None:
    """Return the queue in which a job waits, None for none; a limit alone is one of the queue "default".

    Raises:
        InvalidInput: the limit lets none run.
    """
    if throttle_limit is not None and throttle_limit < 1:
        raise InvalidInput(f"throttle_limit is how many jobs run at once, 1 or more, not {throttle_limit}.")
    return Queue(name or DEFAULT_QUEUE, throttle_limit) if name or throttle_limit is not None else None


def _own_context(here: Local, az_context: Context | str | None) -> ContextValue | None:
    """The one given, else the one of `with context:`; else the current one, where it outlives the session anyway."""
    if az_context is not None:
        return resolve_context(az_context).value
    if is_autosave_on(here) or here.grants is not None:
        return current_value(here)
    return innermost()


def _function(
    here: Local,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    first: Callable[[], Any] | PathLike | None,
    terms: _Terms,
) -> Submit:
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


def _package(first: Callable[[], Any] | PathLike | None, baggage: Baggage, terms: _Terms, call: bytes = b"") -> Package:
    if callable(first):
        from azjobs.process.payload import dump  # noqa: PLC0415 - as in `_function`

        return Package(call, dump(first, persistent=baggage.name_of), stdin=terms.stdin)
    return Package(call, first_file=_script(first) if first is not None else "", stdin=terms.stdin)


def _program(
    here: Local,
    kind: ProcessKind,
    words: tuple[str, ...],
    terms: _Terms,
    first: Callable[[], Any] | PathLike | None = None,
) -> Submit:
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


def _row(here: Local, command: str, work: ProcessWork, grants: Sequence[ContextValue], terms: _Terms) -> Row:
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


def _work(kind: ProcessKind, terms: _Terms, **more: Any) -> ProcessWork:
    interpreter = msgspec.to_builtins(interpreter_key())
    return ProcessWork(kind, terms.folder, _umask(), interpreter, output_cap_bytes=terms.output_cap_bytes, **more)


def _does_yield(*functions: object) -> bool:
    return any(inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one) for one in functions)


def _script(file_path: PathLike) -> str:
    path = Path(file_path).absolute()
    try:
        with path.open("rb"):
            return str(path)
    except OSError as error:
        raise InvalidInput(f"The script {path} cannot be read: {error.strerror}. No job was started.") from error


def _command(command: Sequence[str], folder: str, argument_list: Sequence[Any]) -> tuple[str, ...]:
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


def _folder(working_directory: PathLike) -> str:
    try:
        folder = Path(working_directory).absolute() if working_directory else Path.cwd()
    except FileNotFoundError:
        raise InvalidInput("The working directory of this program is gone. No job was started.") from None
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}. No job was started.")
    return str(folder)


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
