"""The three faces of a command have their names by one rule, and the table keeps it."""

from __future__ import annotations

import inspect
import typing

import pytest

from azjobs.cli.faces import FACES, face_of
from azjobs.cli.options import shell_parameters
from azjobs.commands import names
from azjobs.commands.parameters import Kind, kind_of
from azjobs.commands.table import COMMANDS, Command, commands_of, find_command, suggest
from azjobs.core.spelling import parameter_docs

IDS = [command.words for command in COMMANDS]


@pytest.mark.parametrize(
    ("cmdlet", "python", "shell"),
    [
        ("New-AzVM", "new_az_vm", ("vm", "new")),
        ("Remove-AzResourceGroup", "remove_az_resource_group", ("resource-group", "remove")),
        ("Connect-AzAccount", "connect_az_account", ("account", "connect")),
        ("Disable-AzContextAutosave", "disable_az_context_autosave", ("context-autosave", "disable")),
        ("Get-Credential", "get_credential", ("credential", "get")),
        ("Start-Job", "start_job", ("job", "start")),
        ("Invoke-AzRestMethod", "invoke_az_rest_method", ("rest",)),
    ],
)
def test_a_cmdlet_names_its_function_and_its_shell_command(cmdlet, python, shell):
    """`Verb-AzNoun` is `verb_az_noun()` in Python and `azjobs noun verb` in the shell."""
    assert names.python_name(cmdlet) == python
    assert names.shell_path(cmdlet) == shell


@pytest.mark.parametrize("command", COMMANDS, ids=IDS)
def test_every_command_of_the_table_can_be_run_from_the_shell(command: Command):
    """Each has a face, and every parameter of it has a form in the shell and an explanation."""
    face = face_of(command)
    assert shell_parameters(command, face.function) is not None
    assert callable(face.run)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.function], ids=lambda c: c.cmdlet)
def test_every_cmdlet_is_a_documented_python_function_of_its_name(command: Command):
    """The function that the table names exists, bears the cmdlet's name, and explains each of its parameters."""
    function = command.load()
    assert function.__name__ == names.python_name(command.cmdlet)
    explained = parameter_docs(function.__doc__ or "")
    taken = [
        p.name for p in inspect.signature(function).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    assert set(taken) <= set(explained)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.can_be_job], ids=lambda c: c.cmdlet)
def test_every_command_that_can_be_a_job_takes_as_job_and_a_rehearsal(command: Command):
    """`as_job`, `job_name`, `what_if` and `az_context` are parameters of each."""
    taken = inspect.signature(command.load()).parameters
    assert {"as_job", "job_name", "what_if", "az_context"} <= set(taken)


def test_the_signature_that_is_shown_spells_out_every_option():
    """`help(new_az_vm)` lists the options that the function takes as a TypedDict."""
    command = find_command(["vm", "new"])
    assert command is not None
    shown = inspect.signature(command[0].load())
    assert "image" in shown.parameters
    assert "options" not in shown.parameters
    assert len(typing.get_overloads(command[0].load())) == 3


def test_faces_stand_for_commands_of_the_table_only():
    """No face is left over from a command that is gone."""
    assert set(FACES) <= {command.words for command in COMMANDS}


def test_a_command_is_found_in_both_forms_in_any_case_and_by_its_aliases():
    """`vm new`, `VM New`, `new-azvm` and an alias of PowerShell mean one command."""
    new_vm = find_command(["vm", "new", "--name", "x"])
    assert new_vm is not None
    assert new_vm[1] == 2
    assert find_command(["new-azvm"]) == (new_vm[0], 1)
    assert find_command(["VM", "New"]) == new_vm
    for alias, words in ((["gjb"], "job get"), (["Login-AzAccount"], "account connect")):
        found = find_command(alias)
        assert found is not None
        assert (found[0].words, found[1]) == (words, 1)


def test_commands_of_a_noun():
    """A noun lists its verbs; a word that is none lists nothing."""
    assert [command.path[1] for command in commands_of("resource-group")] == ["new", "get", "remove"]
    assert commands_of("nothing") == []


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["vm", "nwe"], "vm new"),
        (["mv", "new"], "vm new"),
        (["new", "vm"], "vm new"),
        (["resource-grup", "get"], "resource-group get"),
        (["Nwe-AzVM"], "New-AzVM"),
        (["jbo"], "job"),
        (["frobnicate"], ""),
    ],
)
def test_the_command_that_was_probably_meant(words, meant):
    """Slips of a letter and a swapped noun and verb are recognised; nothing is made up."""
    assert suggest(words) == meant


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("nam", ["name", "size"], "name"),
        ("siez", ["name", "size"], "size"),
        ("resource", ["resource-group-name", "name"], "resource-group-name"),
        ("x", ["name"], ""),
    ],
)
def test_the_nearest_word(word, known, meant):
    """A beginning, or a word a slip away, is taken for what was meant."""
    assert names.nearest(word, known) == meant


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("str | None", Kind.TEXT),
        ("Context | str | None", Kind.CONTEXT),
        ("Job[Any] | int | str | None", Kind.JOB),
        ("int | str", Kind.TEXT),
        ("str | Sequence[str]", Kind.TEXTS),
        ("Mapping[str, str] | None", Kind.PAIRS),
        ("Callable[..., Any]", None),
    ],
)
def test_an_annotation_says_how_a_value_is_written(annotation, kind):
    """One member of a union counts; what the shell cannot write has no kind."""
    assert kind_of(annotation)[0] == kind


def test_a_literal_is_a_choice_between_its_words():
    """`Literal` gives the words that may be said, in their order."""
    assert kind_of('Literal["Windows", "Linux"] | None') == (Kind.CHOICE, ("Windows", "Linux"))


def test_explanations_may_run_over_several_lines():
    """The Args of a docstring are read up to the next section, continuation lines joined."""
    text = "Do it.\n\nArgs:\n    one: The first\n        of them.\n    two: The second.\n\nRaises:\n    E: never.\n"
    assert parameter_docs(text) == {"one": "The first of them.", "two": "The second."}
