"""The cmdlet is understood as it is typed in PowerShell."""

from __future__ import annotations

import pytest

from azjobs.cli.cmdlet_form import to_options
from azjobs.cli.faces import face_of
from azjobs.cli.options import powershell_options, read_line, shell_parameters
from azjobs.commands.table import find_command
from azjobs.core.errors import InvalidInput


def options_of(cmdlet: str):
    found = find_command([cmdlet])
    assert found is not None
    command = found[0]
    return command, powershell_options(shell_parameters(command, face_of(command).function))


def converted(cmdlet: str, *words: str) -> list[str]:
    """What click reads of a line in PowerShell's form."""
    command, options = options_of(cmdlet)
    return to_options(command.cmdlet, words, options, confirms=command.confirms)


def refusal(cmdlet: str, *words: str) -> str:
    """Why a line is refused."""
    with pytest.raises(InvalidInput) as caught:
        converted(cmdlet, *words)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["-Name", "MyVm", "-AsJob"], ["--name=MyVm", "--as-job"]),
        (["-name:MyVm"], ["--name=MyVm"]),
        (["-NAME", "MyVm", "-asj"], ["--name=MyVm", "--as-job"]),
        (["-ResourceGroupName", "rg"], ["--resource-group-name=rg"]),
        (["-AzContext", "Staging"], ["--context=Staging"]),
        (["-DefaultProfile", "Staging"], ["--context=Staging"]),
        (["-OpenPorts", "80,443"], ["--open-ports=80", "--open-ports=443"]),
        (["-AsJob:$true"], ["--as-job"]),
        (["-AsJob:$false"], []),
        (["-WhatIf"], ["--what-if"]),
        (["-Confirm:$false"], []),
        (["MyVm", "--as-job", "-q"], ["MyVm", "--as-job", "--quiet"]),
        (["-o", "json"], ["--output=json"]),
        (["-Name", "MyVm", "--", "-Name", "x"], ["--name=MyVm", "--", "-Name", "x"]),
        (["-Name:"], ["--name="]),
    ],
)
def test_parameters_become_options(words, options):
    """A single dash, any case, any clear beginning, a colon, lists by commas, $true and $false."""
    assert converted("New-AzVM", *words) == options


def test_an_exact_name_wins_over_longer_ones_that_begin_so():
    """-Id is -Id; a comma separates several."""
    assert converted("Get-Job", "-Id", "1,2") == ["--id=1", "--id=2"]
    assert converted("Start-AzVM", "-Name", "a", "-Job", "b") == ["--name=a", "--job-name=b"]


def test_a_confirmation_that_is_switched_off_is_force():
    """-Confirm:$false on a command that asks is --force; -Confirm is what happens anyway."""
    assert converted("Remove-AzResourceGroup", "prod", "-Confirm:$false") == ["prod", "--force"]
    assert converted("Remove-AzResourceGroup", "prod", "-Confirm") == ["prod"]


def test_a_confirmation_whose_value_a_shell_ate_names_force():
    """`-Confirm:` with nothing after it is what is left of -Confirm:$false in bash."""
    assert refusal("Remove-AzVM", "-Confirm:") == (
        "-Confirm: has no value (the shell took $false for a variable of its own). Use --force."
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-Nmae", "x"], "New-AzVM has no parameter -Nmae. Did you mean -Name?"),
        (["-Frobnicate"], "New-AzVM has no parameter -Frobnicate. Type: azjobs New-AzVM --help"),
        (["-Subnet", "x"], "-Subnet of New-AzVM is ambiguous: -SubnetName, -SubnetAddressPrefix."),
        (["-Name"], "-Name of New-AzVM needs a value."),
        (["-Name", "-AsJob"], "-Name of New-AzVM needs a value."),
        (["-AsJob:maybe"], "-AsJob is on or off; 'maybe' is neither $true nor $false."),
        (["-AsJob:"], "-AsJob: has no value (the shell took $true for a variable of its own). Use -AsJob alone."),
        (["-Confirm"], "New-AzVM does not ask for confirmation. To look first, use -WhatIf."),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(words, sentence):
    """The sentence names the parameter, and the nearest one or what to type."""
    assert refusal("New-AzVM", *words) == sentence


def test_both_forms_say_the_same():
    """`New-AzVM -Name MyVm -Credential admin -AsJob` is `vm new --name MyVm --credential admin --as-job`."""
    command, _ = options_of("New-AzVM")
    function = face_of(command).function
    typed = read_line(command, function, ["-Name", "MyVm", "-Cred", "admin", "-AsJob"], is_cmdlet_form=True)
    plain = read_line(command, function, ["--name", "MyVm", "--credential", "admin", "--as-job"], is_cmdlet_form=False)
    assert typed == plain
    assert plain is not None
    assert plain.arguments == {"name": "MyVm", "credential": "admin", "as_job": True}
