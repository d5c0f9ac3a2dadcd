"""Wrong lines are one sentence on stderr and exit code 2; pages of help are stdout and 0. No daemon is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from azjobs.cli import main as cli_main
from azjobs.core.version import VERSION

PASSWORDS = "Passwords are not taken as arguments (others can see them). Use --password-stdin or a named credential."


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("frobnicate", "There is no command azjobs frobnicate. Type: azjobs --help"),
        ("vm nwe", "There is no command azjobs vm nwe. Did you mean azjobs vm new?"),
        ("new vm --name x", "There is no command azjobs new vm. Did you mean azjobs vm new?"),
        ("Nwe-AzVM -Name x", "There is no command azjobs Nwe-AzVM. Did you mean azjobs New-AzVM?"),
        ("--output json job get", "A command comes before --output. Type: azjobs --help"),
        ("vm new --nmae MyVm", "azjobs vm new has no option --nmae. Did you mean --name?"),
        ("vm new --frobnicate", "azjobs vm new has no option --frobnicate. Type: azjobs vm new --help"),
        ("vm new", "azjobs vm new needs --name."),
        ("vm new MyVm", "azjobs vm new needs --credential."),
        ("vm new MyVm --name MyVm --credential x", "azjobs vm new: --name is given twice."),
        ("job remove --state Failed --state Running", "azjobs job remove: --state is given twice."),
        ("job get -o json --output table", "azjobs job get: --output is given twice."),
        ("vm new MyVm --credential x --password y", PASSWORDS),
        ("vm new MyVm --credential x --password=y", PASSWORDS),
        ("New-AzVM MyVm -Password y", PASSWORDS),
        ("credential get --username x --password y", PASSWORDS),
        ("account connect --service-principal --client-secret y", PASSWORDS),
        ("vm new MyVm --credential x --tag env", "--tag takes KEY=VALUE, not 'env'."),
        ("rest PUT /x?api-version=1 --payload {", "--payload is not JSON: Input data was truncated."),
        (
            "rest PUT /x?api-version=1 --payload @/nonexistent/v.json",
            "--payload: /nonexistent/v.json cannot be read: No such file or directory.",
        ),
        ("rest PUT /x", "'/x' has no api-version: add ?api-version=DATE."),
        ("vm new MyVm --credential x --os-type", "azjobs vm new: option '--os-type' requires an argument"),
        ("job get --output xml", "azjobs job get: invalid value for '--output'"),
        ("job wait --timeout soon 1", "azjobs job wait: invalid value for '--timeout'"),
        (
            "job wait --timeout -1 1",
            "azjobs job wait: invalid value for '--timeout' / '--timeout-sec': '-1' is no number",
        ),
        (
            "job result 1 --timeout nan",
            "azjobs job result: invalid value for '--timeout' / '--timeout-sec': 'nan' is no",
        ),
        ("Wait-Job -Id 1 -Timeout -1", "azjobs job wait: invalid value for '--timeout' / '--timeout-sec': '-1' is no"),
        ("job wait", "Say which jobs: ids, names or patterns; --all for those of this session, --everywhere for all."),
        ("job start", "Say what to run: azjobs job start -- COMMAND WORD…, or --file SCRIPT.py"),
        ("job start -- /nonexistent/program", "There is no program /nonexistent/program. No job was started."),
        ("resource-group remove prod", "Not removed: confirmation needs a terminal. Add --force."),
        ("Remove-AzResourceGroup prod", "Not removed: confirmation needs a terminal. Add --force."),
        ("vm stop MyVm", "Not stopped: confirmation needs a terminal. Add --force."),
        ("Remove-AzVM MyVm -Confirm:", "-Confirm: has no value"),
        ("account connect", "Say how to sign in: no browser can be opened here. Add --use-device-authentication"),
        ("account connect --access-token eyJ0", PASSWORDS),
        ("account connect --certificate-password x", PASSWORDS),
        ("account connect --certificate-path c.pem", "A certificate signs in an application: give application_id=."),
        ("account connect --from aws", "azjobs account connect: invalid value for '--from'"),
        ("vm stop --force", "Say which machine: by its name, or by its id."),
        ("vm stop --id x --force", "'x' is not the id of a Microsoft.Compute/virtualMachines"),
        ("vm get a --id b", "Say which machine in one way: by its name, a pattern, its id or a job."),
        ("resource-group new bad/name eastus", "The resource group name 'bad/name' has '/'"),
    ],
)
def test_a_wrong_line_is_one_sentence_and_exit_2(run, line: str, sentence: str):
    """The sentence says what is wrong, and what was probably meant or what to type."""
    done = run(*line.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(sentence)
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        ("vm get", 4, "Not signed in. Type: azjobs account connect"),
        ("vm start MyVm --as-job --what-if", 4, "Not signed in. Type: azjobs account connect"),
        ("vm start MyVm --as-job", 4, "Not signed in. Type: azjobs account connect"),
        ("job get 99", 3, "No job 99. Type: azjobs job get"),
        ("job receive nightly", 3, "No job nightly. Type: azjobs job get"),
        ("context get Nowhere", 3, "No context Nowhere. Type: azjobs context get"),
        ("context select Nowhere", 3, "No context Nowhere. Type: azjobs context get"),
        ("job get --state Sleeping", 2, "There is no state Sleeping."),
    ],
)
def test_what_is_not_there_has_its_exit_code(run, line: str, code: int, sentence: str):
    """3 for what is not found, 4 for who is not signed in; stdout stays empty."""
    done = run(*line.split())
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(sentence)


def test_a_pattern_without_a_hit_is_empty(run):
    """A wildcard that fits nothing is no error."""
    assert run("job", "get", "New-*") == (0, "[]\n", "")


def test_an_empty_home_has_no_jobs_and_no_contexts(run, cli_home: Path):
    """Looking needs no daemon, and starts none."""
    assert run("job", "get") == (0, "[]\n", "")
    assert run("job", "get", "--output", "table") == (0, "", "")
    assert run("context", "get") == (0, "[]\n", "")
    assert run("daemon", "status") == (0, '{\n  "isRunning": false\n}\n', "")
    stopped = run("daemon", "stop")
    assert (stopped.code, stopped.err) == (0, "No daemon runs. The next command that needs it starts it.\n")
    assert not (cli_home / "store.db").exists()


def test_a_password_of_another_program_is_its_own(run):
    """What follows `--` is not ours to read: only the program is missing here."""
    done = run("job", "start", "--", "/nonexistent/program", "--password", "x")
    assert done.err == "There is no program /nonexistent/program. No job was started.\n"


def test_autosave_is_told_in_the_words_of_the_contract(run):
    """Disabling it for this session says what that means; the setting can be read."""
    done = run("context-autosave", "disable", "--scope", "Process")
    assert (done.code, done.out) == (0, "")
    assert done.err == "Contexts and sign-ins of this session are no longer saved; they end with it.\n"
    assert run("context-autosave-setting", "get", "--query", "mode").out == '"Process"\n'
    assert run("Enable-AzContextAutosave", "-Scope", "Process").err == "Contexts and sign-ins are saved from now on.\n"
    assert run("context-autosave-setting", "get", "--query", "mode").out == '"CurrentUser"\n'


def test_details_of_a_fault_of_ours_come_with_debug(run, monkeypatch: pytest.MonkeyPatch):
    """What nobody foresaw is one sentence that asks for a report; --debug adds the traceback."""
    monkeypatch.setattr("azjobs.session.link.home.open_home", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("azjobs.session.link.local.open_home", lambda *_, **__: 1 / 0)
    done = run("job", "get")
    assert (done.code, done.out) == (1, "")
    assert done.err == "ZeroDivisionError: division by zero. This is a fault of azjobs: please report it.\n"
    assert "Traceback (most recent call last)" in run("job", "get", "--debug").err


def test_the_version_is_told(run):
    """One line."""
    assert run("--version") == (0, f"azjobs {VERSION}\n", "")


def test_the_overview_is_one_clear_screen(run):
    """Every noun is on it, in at most 40 lines of at most 120 letters; `azjobs` alone shows it too."""
    done = run("--help")
    lines = done.out.splitlines()
    assert done.code == 0
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120
    for noun in ("job", "vm", "resource-group", "rest", "account", "context", "credential", "daemon", "completion"):
        assert any(line.split()[:1] == [noun] for line in lines)
    assert run().out == done.out
    assert run("help").out == done.out


def test_a_noun_alone_lists_its_verbs(run):
    """With the cmdlet of each."""
    done = run("resource-group")
    assert done.code == 0
    assert done.out == (
        "Usage: azjobs resource-group VERB [OPTIONS]\n"
        "\n"
        "  resource-group new      Create a resource group.                         New-AzResourceGroup\n"
        "  resource-group get      Show resource groups.                            Get-AzResourceGroup\n"
        "  resource-group remove   Remove a resource group and all that is in it.   Remove-AzResourceGroup\n"
        "\n"
        "azjobs resource-group VERB --help says more.\n"
    )
    assert run("resource-group", "--help").out == done.out


def test_the_help_of_a_command_lists_its_options_and_its_other_names(run):
    """It is made from the signature and the docstring, and reads the same in both forms."""
    done = run("vm", "stop", "--help")
    assert done.code == 0
    assert done.out.startswith("Usage: azjobs vm stop [OPTIONS] [NAME...]\n\n  Stop a virtual machine and release")
    for text in (
        "--stay-provisioned",
        "--as-job",
        "--force ",
        "--context, --az-context",
        "-o, --output",
        "-q, --quiet",
    ):
        assert text in done.out
    assert "In Python: azjobs.stop_az_vm()." in done.out
    assert run("Stop-AzVM", "-h").out == done.out


def test_the_commands_that_can_be_jobs_are_listed(run):
    """`azjobs commands --as-job`, with cmdlet and function of each."""
    done = run("commands", "--as-job", "--query", "[].[name, cmdlet, python]", "--output", "tsv")
    assert done.out == (
        "vm new\tNew-AzVM\tnew_az_vm()\n"
        "vm start\tStart-AzVM\tstart_az_vm()\n"
        "vm stop\tStop-AzVM\tstop_az_vm()\n"
        "vm restart\tRestart-AzVM\trestart_az_vm()\n"
        "vm remove\tRemove-AzVM\tremove_az_vm()\n"
        "resource-group new\tNew-AzResourceGroup\tnew_az_resource_group()\n"
        "resource-group remove\tRemove-AzResourceGroup\tremove_az_resource_group()\n"
        "rest\tInvoke-AzRestMethod\tinvoke_az_rest_method()\n"
    )


def test_an_interrupted_command_ends_with_130(run, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C is one line on stderr, never a traceback."""

    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_main, "_dispatch", interrupt)
    assert run("job", "get") == (130, "", "Interrupted.\n")
