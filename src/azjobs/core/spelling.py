"""Spell out what a function takes by `**options: Unpack[SomeTypedDict]`, so that several can share it. Pure.

The types and words stay written once; help, notebooks and the shell see every parameter.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

#: What parameters of many commands are for, where a command does not say it in its own words; they stand last.
SHARED = {
    "az_context": "The context to act in; the current one when not given.",
    "expect_tenant": "Act only if the context is in this tenant, by name or id.",
    "expect_subscription": "Act only if the context is of this subscription, by name or id.",
    "labels": "What to find the job by, such as env=dev.",
    "time_limit": "After how many seconds the job is stopped, and has failed.",
    "notify_command": "A command to run once the job has ended, whether or not anybody waits; no shell runs it.",
    "throttle_limit": "How many targets are at work at once; all when not given.",
    "fail_fast": "Once a target has failed, begin no other.",
    "max_targets": "Refuse when there are more targets than this.",
    "override_protection": "Remove or stop it although it is protected under this name.",
}
_ENTRY = re.compile(r"    (?:    )?(\w+): (.*)")


def spell_out(function: F) -> F:
    """Show what `**options: Unpack[SomeTypedDict]` takes as parameters of their own, in the signature and docstring.

    What is called so refuses any other: a name that is misspelt must not be passed over.
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
    names = {p.name for p in (*known, *added)}

    @functools.wraps(function)
    def checked(*args: Any, **given: Any) -> Any:
        if not names.issuperset(given):
            wrong = next(name for name in given if name not in names)
            raise TypeError(f"{function.__name__}() got an unexpected keyword argument {wrong!r}")
        return function(*args, **given)

    vars(checked)["__signature__"] = signature.replace(parameters=[*by_position, *required, *added, *others])
    text, header, own = _parts(function)
    entries = _parts(options)[2].rstrip().splitlines()
    said = parameter_docs(options.__doc__ or "")
    shared = [f"    {p.name}: {SHARED[p.name]}" for p in added if p.name in SHARED and p.name not in said]
    checked.__doc__ = text + header + "".join(f"{line}\n" for line in (*entries, *shared)) + own
    return cast("F", checked)


def _parts(documented: object) -> tuple[str, str, str]:
    """Cut a docstring at its `Args:`, without the indentation that Python 3.13 and newer do not keep."""
    return inspect.cleandoc(documented.__doc__ or "").partition("Args:\n")


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
