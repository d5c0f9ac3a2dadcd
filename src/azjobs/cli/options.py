"""Make click's parser and help of one command from its parameters, and read a line with it.

Pure but for files named as `@FILE` in JSON parameters.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from azjobs.cli.output import Format
from azjobs.cli.shell import Wishes
from azjobs.cli.trap import refuse_passwords
from azjobs.cli.words import Choice, ContextName, JobId, Seconds
from azjobs.commands.names import nearest, option_name
from azjobs.commands.parameters import SEVERAL, Kind, Parameter, PowerShellOption, parameters_of
from azjobs.commands.table import Command
from azjobs.core.errors import InvalidInput

COMMON = (
    Parameter("output", Kind.CHOICE, None, "Form of the output.", choices=tuple(form.value for form in Format)),
    Parameter("query", Kind.TEXT, None, "JMESPath expression to apply to the output."),
    Parameter("quiet", Kind.SWITCH, False, "Only ids, one a line."),
    Parameter("debug", Kind.SWITCH, False, "Details of an error, with its traceback."),
)
HELP = Parameter("help", Kind.SWITCH, False, "Show this.")
SHORT = {"output": "-o", "quiet": "-q", "help": "-h"}
FORCE = Parameter("force", Kind.SWITCH, False, "Do not ask for confirmation.")
PASSWORD_STDIN = Parameter(
    "password_stdin",
    Kind.SWITCH,
    False,
    "Read the password from the first line of stdin; the credential is then the user name.",
)
_TYPES: dict[Kind, click.ParamType[Any]] = {
    Kind.TEXT: click.STRING,
    Kind.INTEGER: click.INT,
    Kind.NUMBER: click.FLOAT,
    Kind.SECONDS: Seconds(),
    Kind.TEXTS: click.STRING,
    Kind.INTEGERS: click.INT,
    Kind.PAIRS: click.STRING,
    Kind.JSON: click.STRING,
    Kind.CREDENTIAL: click.STRING,
    Kind.CONTEXT: ContextName(),
    Kind.JOB: JobId(),
    Kind.JOBS: JobId(),
}
_METAVARS = {Kind.PAIRS: "KEY=VALUE", Kind.JSON: "JSON|@FILE", Kind.CREDENTIAL: "NAME", Kind.CONTEXT: "NAME"}


class Line(NamedTuple):
    """What was typed: arguments by parameter, only those that were given, and the wishes about the output."""

    arguments: dict[str, Any]
    wishes: Wishes


def shell_parameters(command: Command, function: Callable[..., Any]) -> list[Parameter]:
    """Return what the command takes in the shell: its function's parameters, and what the shell adds."""
    found: list[Parameter] = []
    for parameter in parameters_of(function):
        if parameter.kind is Kind.SECRET:
            found.append(_from_stdin(parameter))
        else:
            found.append(parameter)
        if parameter.kind is Kind.CREDENTIAL:
            found.append(PASSWORD_STDIN)
    names = {parameter.name for parameter in found}
    return found + ([FORCE] if command.confirms and "force" not in names else [])


def powershell_options(parameters: Sequence[Parameter]) -> list[PowerShellOption]:
    """Return the options as `cmdlet_form` wants them, the common ones among them."""
    return [
        PowerShellOption(
            (*p.names, *([SHORT[p.name][1:]] if p.name in SHORT else [])),
            takes_value=p.kind is not Kind.SWITCH,
            takes_several=p.kind in SEVERAL,
        )
        for p in (*parameters, *COMMON, HELP)
        if not p.is_rest
    ]


def read_line(
    command: Command, function: Callable[..., Any], words: Sequence[str], *, is_cmdlet_form: bool
) -> Line | None:
    """Read the words after the command; None when help was asked for and shown.

    Raises:
        InvalidInput: they do not fit.
    """
    refuse_passwords(words)
    parameters = shell_parameters(command, function)
    if is_cmdlet_form:
        from azjobs.cli.cmdlet_form import to_options  # noqa: PLC0415 - the other form is read without it

        words = to_options(command.cmdlet, words, powershell_options(parameters), confirms=command.confirms)
    parser = build(command, parameters, help_text(function))
    try:
        with parser.make_context(f"azjobs {command.words}", list(words)) as context:
            given = context.params
    except click.exceptions.Exit:
        return None
    except click.UsageError as problem:
        raise InvalidInput(usage_sentence(command, parameters, problem)) from problem
    output = given.pop("output")
    wishes = Wishes(Format(output) if output else None, *(given.pop(name) for name in ("query", "quiet", "debug")))
    return Line(_arguments(command, parameters, given), wishes)


def usage_sentence(command: Command, parameters: Sequence[Parameter], problem: click.UsageError) -> str:
    """Return what is wrong with a line in one sentence, with the nearest option where one is unknown."""
    if isinstance(problem, click.NoSuchOption):
        known = [option_name(name) for p in (*parameters, *COMMON, HELP) for name in p.names]
        meant = nearest(problem.option_name, known)
        hint = f"Did you mean {meant}?" if meant else f"Type: azjobs {command.words} --help"
        return f"azjobs {command.words} has no option {problem.option_name}. {hint}"
    text = problem.format_message().rstrip(".")
    return f"azjobs {command.words}: {text[:1].lower()}{text[1:]}. Type: azjobs {command.words} --help"


def build(command: Command, parameters: Sequence[Parameter], text: str = "") -> _Parser:
    """Return click's command. `text` is what its help says before the options."""
    made: list[click.Parameter] = []
    for parameter in parameters:
        if parameter.is_positional:
            made.append(_argument(parameter))
        if not parameter.is_rest:
            made.append(_option(parameter))
    made += [_option(parameter) for parameter in COMMON]
    return _Parser(
        name=command.words,
        params=made,
        help=text or command.summary,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 120},
        options_metavar="[OPTIONS]",
        azjobs_command=command,
    )


def help_text(function: Callable[..., Any]) -> str:
    """Return the part of a docstring that is for everyone: all before its sections."""
    lines: list[str] = []
    for line in inspect.cleandoc(function.__doc__ or "").splitlines():
        if line in ("Args:", "Raises:", "Returns:", "Yields:"):
            break
        lines.append(line)
    return "\n".join(lines).strip().replace("`", "'")


class _Parser(click.Command):
    """One command; its help ends with its names in the two other faces."""

    def __init__(self, *, azjobs_command: Command, **settings: Any) -> None:
        super().__init__(**settings)
        self._command = azjobs_command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the command's own options before those that every command has."""
        common = {option_name(parameter.name) for parameter in (*COMMON, HELP)}
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                (own if common.isdisjoint(parameter.opts) else shared).append(record)
        for title, records in (("Options", own), ("Output", shared)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say what Azure lets one cancel; name the same command in Python and PowerShell."""
        if self._command.can_cancel:
            formatter.write_paragraph()
            formatter.write_text(f"'azjobs job stop --cancel' cancels at Azure: {self._command.can_cancel}.")
        if self._command.cmdlet:
            formatter.write_paragraph()
            python = f"In Python: azjobs.{self._command.python_name}(). " if self._command.function else ""
            formatter.write_text(f"{python}As in PowerShell: azjobs {self._command.cmdlet} -Parameter value")


def _argument(parameter: Parameter) -> click.Argument:
    several = parameter.kind in SEVERAL
    return click.Argument(
        [_positional(parameter)],
        required=False,
        nargs=-1 if several else 1,
        type=click.UNPROCESSED if parameter.is_rest else _type(parameter),
        metavar=f"[{parameter.name.upper().rstrip('_')}{'...' if several else ''}]",
    )


def _option(parameter: Parameter) -> click.Option:
    names = [option_name(name) for name in parameter.names]
    if parameter.name in SHORT:
        names.append(SHORT[parameter.name])
    if parameter.kind is Kind.SWITCH:
        if parameter.default is True:
            names = [f"{names[0]}/--no-{names[0][2:]}", *names[1:]]
        return click.Option([*names, parameter.name], is_flag=True, default=None, help=parameter.doc)
    is_choice = parameter.kind is Kind.CHOICE
    default = parameter.default
    shown = f" [default: {default}]" if default not in (None, "", ()) and not isinstance(default, bool) else ""
    return click.Option(
        [*names, parameter.name],
        type=_type(parameter),
        multiple=True,
        callback=None if parameter.kind in SEVERAL else _once,
        metavar=f"[{'|'.join(parameter.choices)}]" if is_choice else _METAVARS.get(parameter.kind),
        help=parameter.doc + shown,
    )


def _once(_: click.Context, option: click.Parameter, values: tuple[Any, ...]) -> Any:
    """Refuse a second value: click would go by the last, and say nothing of those before it."""
    if len(values) > 1:
        raise click.UsageError(f"{option.opts[0]} is given twice.")
    return values[0] if values else None


def _type(parameter: Parameter) -> click.ParamType[Any]:
    return Choice(parameter.choices) if parameter.kind is Kind.CHOICE else _TYPES[parameter.kind]


def _arguments(command: Command, parameters: Sequence[Parameter], given: dict[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for parameter in parameters:
        value = _value(command, parameter, given)
        if value not in (None, ()):
            arguments[parameter.name] = value
        elif parameter.is_required:
            raise InvalidInput(f"azjobs {command.words} needs {option_name(parameter.names[0])}.")
    return arguments


def _positional(parameter: Parameter) -> str:
    return f"positional_{parameter.name}"


def _value(command: Command, parameter: Parameter, given: dict[str, Any]) -> Any:
    """Return what was given by name or by position; None or () when it was not."""
    by_name = given.get(parameter.name)
    by_position = given.get(_positional(parameter)) if parameter.is_positional else None
    if by_name not in (None, ()) and by_position not in (None, ()):
        if parameter.kind not in SEVERAL:
            raise InvalidInput(f"azjobs {command.words}: {option_name(parameter.name)} is given twice.")
        by_name = (*by_name, *by_position)
        by_position = None
    value = by_position if by_name in (None, ()) else by_name
    if value in (None, ()):
        return value
    match parameter.kind:
        case Kind.PAIRS:
            return dict(_pair(parameter, text) for text in value)
        case Kind.JSON:
            return _json(parameter, value)
        case _:
            return value


def _pair(parameter: Parameter, text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise InvalidInput(f"{option_name(parameter.names[0])} takes KEY=VALUE, not '{text}'.")
    return key, value


def _json(parameter: Parameter, text: str) -> Any:
    name = option_name(parameter.names[0])
    data: bytes | str = text
    if text.startswith("@"):
        try:
            data = Path(text[1:]).read_bytes()
        except OSError as error:
            raise InvalidInput(f"{name}: {text[1:]} cannot be read: {error.strerror}.") from error
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"{name} is not JSON: {error}.") from error


def _from_stdin(parameter: Parameter) -> Parameter:
    doc = f"{parameter.doc} It is read from the first line of stdin."
    return parameter._replace(name=f"{parameter.name}_stdin", kind=Kind.SWITCH, default=False, doc=doc)
