"""Name an interpreter, so that a job runs in the same one as its caller.

Two parts: `Interpreter` is told by the caller, may be stored, and holds nothing
of the environment; the variables that change how an interpreter starts or loads
are taken from the job's environment when it starts. Together they are the key of
a warm parent.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

import msgspec

from azjobs.core.errors import InvalidInput
from azjobs.core.version import VERSION

# sys.flags and the options that set them [docs.python.org/3/using/cmdline.html]; a flag above 1 repeats its letter.
_FLAG_OPTIONS = {
    "debug": "d",
    "dont_write_bytecode": "B",
    "no_user_site": "s",
    "no_site": "S",
    "ignore_environment": "E",
    "verbose": "v",
    "bytes_warning": "b",
    "optimize": "O",
    "isolated": "I",
    "safe_path": "P",
}
_IMPLIED_BY_ISOLATED = ("no_user_site", "ignore_environment", "safe_path")
_PREFIXES = (b"PYTHON", b"LD_", b"DYLD_", b"LC_")
_NAMES = (b"LANG", b"LANGUAGE", b"HOME", b"TZ")


class Interpreter(msgspec.Struct, frozen=True):
    """An interpreter and how it was started. `options` are its command line options, without those about a program."""

    executable: str
    prefix: str
    azjobs_version: str
    options: tuple[str, ...] = ()


@cache
def interpreter_key() -> Interpreter:
    """Return the interpreter that runs this.

    Raises:
        InvalidInput: it does not know its own program, as embedded ones may not.
    """
    if not sys.executable:
        raise InvalidInput(
            "This Python does not know its own program (sys.executable is empty); jobs cannot run in it."
        )
    return Interpreter(sys.executable, sys.prefix, VERSION, (*_flags(), *_x_options(), *_warn_options()))


def relevant_environment(environ: Mapping[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Pick the variables that an interpreter looks at before any code of ours runs, sorted by name."""
    picked = ((name, value) for name, value in environ.items() if name.startswith(_PREFIXES) or name in _NAMES)
    return tuple(sorted(picked))


def _flags() -> list[str]:
    isolated = bool(sys.flags.isolated)
    options = []
    for name, letter in _FLAG_OPTIONS.items():
        count = int(getattr(sys.flags, name))
        if count and not (isolated and name in _IMPLIED_BY_ISOLATED):
            options.append("-" + letter * count)
    return options


def _x_options() -> list[str]:
    # sys._xoptions is documented, in spite of its name.
    return [f"-X{name}" if value is True else f"-X{name}={value}" for name, value in sorted(sys._xoptions.items())]  # noqa: SLF001


def _warn_options() -> list[str]:
    return [f"-W{option}" for option in sys.warnoptions]
