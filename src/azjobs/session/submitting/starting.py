"""Start a function, a script or a command as a job: in a process of its own that nobody needs to wait for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar, Unpack, overload

from azjobs.core.errors import InvalidInput
from azjobs.core.job import ProcessKind
from azjobs.core.spelling import spell_out
from azjobs.core.wire import Accepted
from azjobs.session.jobs.job import Job
from azjobs.session.link.local import local
from azjobs.session.submitting.process_jobs import command_words, function_job, program_job, script_path
from azjobs.session.submitting.start_terms import PathLike, Starting, start_terms

T = TypeVar("T")
Y = TypeVar("Y")


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
    if isinstance(argument_list, str | bytes):
        raise InvalidInput(f"argument_list is a list of arguments, such as [{argument_list!r}], not a text.")
    terms = start_terms(here, how)
    first = initialization_script
    if function is not None:
        submit = function_job(here, function, tuple(argument_list), dict(keyword_arguments or {}), first, terms)
    elif keyword_arguments:
        raise InvalidInput("keyword_arguments are for functions; a script takes words in argument_list.")
    elif file_path:
        words = (script_path(file_path), *map(str, argument_list))
        submit = program_job(here, ProcessKind.FILE, words, terms, first)
    elif first is not None:
        raise InvalidInput(
            'initialization_script is for functions and scripts. A command is a shell\'s: "first; then".'
        )
    else:
        submit = program_job(here, ProcessKind.COMMAND, command_words(command, terms.folder, argument_list), terms)
    return Job(here.client.ask(submit, Accepted).job.uuid, here)
