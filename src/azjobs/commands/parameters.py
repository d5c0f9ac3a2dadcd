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
from typing import Any, NamedTuple, TypeVar

from azjobs.commands.table import SHELL

F = TypeVar("F", bound=Callable[..., Any])


class Kind(StrEnum):
    """How a value is written in the shell."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
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

#: Annotations, without `None`, and how they are written in the shell.
KINDS = {
    "str": Kind.TEXT,
    "int": Kind.INTEGER,
    "float": Kind.NUMBER,
    "bool": Kind.SWITCH,
    "Path": Kind.TEXT,
    "TokenCredential": Kind.CREDENTIAL,
    "Sequence[str]": Kind.TEXTS,
    _WORDS: Kind.TEXTS,
    "Sequence[int]": Kind.INTEGERS,
    "Mapping[str,str]": Kind.PAIRS,
    "Json": Kind.JSON,
    "Credential": Kind.CREDENTIAL,
    "SecureString": Kind.SECRET,
    "Context": Kind.CONTEXT,
    "ContextName": Kind.CONTEXT,
    "Job[Any]": Kind.JOB,
    "JobId": Kind.JOB,
    "Sequence[JobId]": Kind.JOBS,
}
SEVERAL = (Kind.TEXTS, Kind.INTEGERS, Kind.PAIRS, Kind.JOBS)
#: What a parameter is called in the shell where that is shorter.
SHOWN = {"az_context": "context", "file_path": "file"}
#: Further names of a parameter, from Azure PowerShell's aliases.
ALIASES = {
    "active_directory_authority": ("active_directory_endpoint", "active_directory"),
    "arm_endpoint": ("arm_url",),
    "audience": ("active_directory_service_endpoint_resource_id",),
    "az_context": ("default_profile",),
    "resource_group_name": ("resource_group",),
    "resource_manager_url": ("resource_manager_endpoint", "resource_manager"),
    "tenant": ("tenant_id", "domain"),
    "subscription": ("subscription_id", "subscription_name"),
    "timeout": ("timeout_sec",),
}
#: What parameters of many commands are for, where a command does not say it in its own words; they stand last.
SHARED = {
    "az_context": "The context to act in; the current one when not given.",
    "expect_tenant": "Act only if the context is in this tenant, by name or id.",
    "expect_subscription": "Act only if the context is of this subscription, by name or id.",
    "override_protection": "Remove or stop it although it is protected under this name.",
}
_LITERAL = re.compile(r"Literal\[(.*)\]")
_ENTRY = re.compile(r"    (?:    )?(\w+): (.*)")


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


def spell_out(function: F) -> F:
    """Show what `**options: Unpack[SomeTypedDict]` takes as parameters of their own, in the signature and docstring.

    The types stay written once; help, notebooks and the shell see every parameter.
    """
    signature = inspect.signature(function)
    known = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    packed = next(p for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD)
    options = function.__globals__[str(packed.annotation).removeprefix("Unpack[").removesuffix("]")]
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if reference.__forward_arg__ == "bool" else None,
            annotation=reference.__forward_arg__,
        )
        for name, reference in sorted(options.__annotations__.items(), key=lambda item: item[0] in SHARED)
    ]
    by_position = [p for p in known if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    required = [p for p in known if p not in by_position and p.default is inspect.Parameter.empty]
    others = [p for p in known if p not in by_position and p not in required]
    vars(function)["__signature__"] = signature.replace(parameters=[*by_position, *required, *added, *others])
    text, header, own = (function.__doc__ or "").partition("    Args:\n")
    entries = (options.__doc__ or "").partition("    Args:\n")[2].rstrip().splitlines()
    said = parameter_docs(options.__doc__ or "")
    shared = [f"        {p.name}: {SHARED[p.name]}" for p in added if p.name in SHARED and p.name not in said]
    function.__doc__ = text + header + "".join(f"{line}\n" for line in (*entries, *shared)) + own
    return function


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


def parameter_docs(docstring: str) -> dict[str, str]:
    """Return what the `Args:` of a docstring says, by parameter; lines are joined."""
    docs: dict[str, str] = {}
    name, inside = "", False
    for line in inspect.cleandoc(docstring).splitlines():
        if line == "Args:":
            inside = True
        elif inside and line and not line.startswith(" "):
            break
        elif inside and (entry := _ENTRY.fullmatch(line)) and not line.startswith("        "):
            name = entry[1]
            docs[name] = entry[2].strip()
        elif inside and name and line.strip():
            docs[name] += " " + line.strip()
    return docs
