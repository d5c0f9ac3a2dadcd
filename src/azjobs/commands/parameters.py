"""What a command takes, read from the signature and docstring of its function.

Nothing is written down twice: parser, help, completion and reference are made
from these. Annotations are read as text (the modules postpone their
evaluation), so that looking at a command imports no type that it mentions.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from azjobs.commands.table import SHELL
from azjobs.core.spelling import parameter_docs


class Kind(StrEnum):
    """How a value is written in the shell."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    SECONDS = "seconds"  # from 0 on
    SWITCH = "switch"
    CHOICE = "choice"
    TEXTS = "texts"  # may be given several times
    INTEGERS = "integers"
    PAIRS = "pairs"  # KEY=VALUE, several times
    JSON = "json"  # JSON, or @FILE
    CREDENTIAL = "credential"  # the name of one of this session, or a user name with --password-stdin
    SECRET = "secret"  # noqa: S105 - never an argument: asked for, or read from stdin
    CONTEXT = "context"  # the name of one
    JOB = "job"  # its id or name
    JOBS = "jobs"  # ids, names, patterns


#: All that is left of the line, as it is: the words of another program's command.
Words = Sequence[str]
_WORDS = "Words"
#: What the shell's own functions take in place of the objects of Python.
JobId = str
ContextName = str
Seconds = float

#: Annotations, without `None`, and how they are written in the shell.
KINDS = {
    "str": Kind.TEXT,
    "int": Kind.INTEGER,
    "float": Kind.NUMBER,
    "Seconds": Kind.SECONDS,
    "bool": Kind.SWITCH,
    "Path": Kind.TEXT,
    "TokenCredential": Kind.CREDENTIAL,
    "Sequence[str]": Kind.TEXTS,
    "Names": Kind.TEXTS,
    _WORDS: Kind.TEXTS,
    "Sequence[int]": Kind.INTEGERS,
    "Mapping[str,str]": Kind.PAIRS,
    "Json": Kind.JSON,
    "Credential": Kind.CREDENTIAL,
    "SecureString": Kind.SECRET,
    "CommandWords": Kind.TEXT,
    "Context": Kind.CONTEXT,
    "ContextName": Kind.CONTEXT,
    "Job[Any]": Kind.JOB,
    "JobId": Kind.JOB,
    "Sequence[JobId]": Kind.JOBS,
}
SEVERAL = (Kind.TEXTS, Kind.INTEGERS, Kind.PAIRS, Kind.JOBS)
#: What a parameter is called in the shell where that is shorter.
SHOWN = {"az_context": "context", "file_path": "file", "input_file": "input", "labels": "label"}
#: Further names of a parameter, from Azure PowerShell's aliases.
ALIASES = {
    "active_directory_authority": ("active_directory_endpoint", "active_directory"),
    "arm_endpoint": ("arm_url",),
    "audience": ("active_directory_service_endpoint_resource_id",),
    "az_context": ("default_profile",),
    "input_file": ("input_object",),
    "resource_group_name": ("resource_group",),
    "resource_manager_url": ("resource_manager_endpoint", "resource_manager"),
    "tenant": ("tenant_id", "domain"),
    "subscription": ("subscription_id", "subscription_name"),
    "time_limit": ("timeout_sec",),
    "timeout": ("timeout_sec",),
}
_LITERAL = re.compile(r"Literal\[(.*)\]")


class Parameter(NamedTuple):
    """One parameter: its name in Python, how it is written, and what it is for.

    `is_positional`: it may be given without its name, in the order of the
    signature; `is_rest`: it takes all that is left of the line.
    """

    name: str
    kind: Kind
    default: Any
    doc: str
    is_required: bool = False
    is_positional: bool = False
    is_rest: bool = False
    choices: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names it goes by in the shell, the one that is shown first."""
        names = (SHOWN.get(self.name, self.name), self.name, *ALIASES.get(self.name, ()))
        if self.kind in (Kind.JOB, Kind.JOBS) and self.name == "id":
            names = (*names, "instance_id")  # a job is found by both
        return tuple(dict.fromkeys(names))


class PowerShellOption(NamedTuple):
    """One option as PowerShell's form needs it: its names in snake_case, the shell's first, and what follows it."""

    names: tuple[str, ...]
    takes_value: bool = True
    takes_several: bool = False


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a function in the order of its signature.

    Raises:
        TypeError: an annotation has no form in the shell, or a parameter no word in the docstring.
    """
    docs = parameter_docs(function.__doc__ or "")
    return [
        parameter
        for p in inspect.signature(function).parameters.values()
        if (parameter := _parameter(function, p, docs)) is not None
    ]


def _parameter(function: Callable[..., Any], p: inspect.Parameter, docs: dict[str, str]) -> Parameter | None:
    text = str(p.annotation)
    if text == SHELL:
        return None
    kind, choices = kind_of(text)
    if kind is None:
        raise TypeError(f"{function.__qualname__}: '{p.name}: {text}' has no form in the shell")
    if p.name not in docs:
        raise TypeError(f"{function.__qualname__}: '{p.name}' is not explained under Args")
    return Parameter(
        p.name,
        kind,
        None if p.default is inspect.Parameter.empty else p.default,
        docs[p.name],
        is_required=p.default is inspect.Parameter.empty,
        is_positional=p.kind is not inspect.Parameter.KEYWORD_ONLY,
        is_rest=text == _WORDS,
        choices=choices,
    )


def kind_of(annotation: str) -> tuple[Kind | None, tuple[str, ...]]:
    """Return how an annotation is written in the shell, with its choices; (None, ()) when it cannot be.

    Of a union one member counts: `str | Sequence[str]` may be given several times,
    `Context | str` is a context by its name, `int | str` is text.
    """
    literal = _LITERAL.search(annotation)
    if literal is not None:
        return Kind.CHOICE, tuple(word.strip("\"' ") for word in literal[1].split(","))
    members = [member.strip().replace(" ", "") for member in annotation.split("|")]
    kinds = [KINDS[member] for member in members if member in KINDS]
    for kind in (*SEVERAL, Kind.CONTEXT, Kind.JOB, Kind.TEXT):
        if kind in kinds:
            return kind, ()
    return (kinds[0] if kinds else None), ()
