"""An invocation writes data to stdout, says the rest on stderr, and asks on terminals only."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from azjobs.cli.confirmation import group_question, machine_question
from azjobs.cli.output import Format
from azjobs.cli.progress import line_of, progress_line
from azjobs.cli.shell import Shell, Wishes
from azjobs.core.context import AZURE_CLOUD, Account, AccountType, ContextValue, Subscription, Tenant
from azjobs.core.errors import ConfirmationRequired, InvalidInput
from azjobs.session.contexts.context import Context
from azjobs.session.submitting.plans import Progress

PLAIN = Wishes()
ROWS = [{"id": 7, "name": "x"}]
PRODUCTION = Context(
    ContextValue(
        "Production",
        Account("me@contoso.com", AccountType.USER),
        Tenant("t", "Contoso"),
        AZURE_CLOUD,
        Subscription("s", "Production"),
    )
)


@pytest.fixture
def make(terminal) -> Callable[..., Shell]:
    """Make a shell of streams in memory; those that are named are terminals."""

    def make_shell(*terminals: str, wishes: Wishes = PLAIN, stdin: str = "", **environment: str) -> Shell:
        def stream(name: str, text: str = "") -> io.StringIO:
            return terminal(text) if name in terminals else io.StringIO(text)

        return Shell(
            wishes,
            stdin=stream("stdin", stdin),
            stdout=stream("stdout"),
            stderr=stream("stderr"),
            environment={"TERM": "xterm", **environment},
        )

    return make_shell


def out(shell: Shell) -> str:
    """What was written to stdout."""
    return shell.stdout.getvalue()


def err(shell: Shell) -> str:
    """What was said on stderr."""
    return shell.stderr.getvalue()


def test_a_table_on_a_terminal_and_json_otherwise(make):
    """Unless a form is asked for."""
    on_terminal, piped, asked = make("stdout"), make(), make("stdout", wishes=Wishes(Format.JSONL))
    for shell in (on_terminal, piped, asked):
        shell.show(ROWS)
    assert out(on_terminal) == "Id  Name\n7   x\n"
    assert out(piped) == '[\n  {\n    "id": 7,\n    "name": "x"\n  }\n]\n'
    assert out(asked) == '{"id":7,"name":"x"}\n'


def test_quiet_prints_ids_only_also_of_what_a_query_found(make):
    """One a line."""
    quiet, queried = make(wishes=Wishes(is_quiet=True)), make(wishes=Wishes(query="[].name", is_quiet=True))
    quiet.show(ROWS)
    queried.show(ROWS)
    assert (out(quiet), out(queried)) == ("7\n", "x\n")


@pytest.mark.parametrize(
    ("environment", "has_colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(make, environment, has_colour):
    """NO_COLOR and a dumb terminal switch it off, as does a pipe."""
    assert make("stdout", **environment).has_colour is has_colour
    assert make(**environment).has_colour is False


def test_what_is_said_goes_to_stderr(make):
    """Never into the data."""
    shell = make()
    shell.say("Signed in.")
    assert (out(shell), err(shell)) == ("", "Signed in.\n")


def test_a_question_needs_a_terminal(make):
    """With one the answer comes back without blanks; the question stands on stderr."""
    shell = make("stdin", stdin=" prod \n")
    assert shell.ask("Type its name to confirm:") == "prod"
    assert err(shell) == "Type its name to confirm: "
    with pytest.raises(ConfirmationRequired):
        make().ask("?")


def test_a_password_is_the_first_line_of_stdin(make):
    """Its line end is not part of it; blanks are."""
    assert make(stdin=" p w \r\nnext\n").ask_secret("", is_on_stdin=True).reveal() == " p w "


def test_a_password_that_is_not_there_is_refused(make):
    """An empty line, and no terminal to ask on."""
    with pytest.raises(InvalidInput, match=r"The password is empty\."):
        make(stdin="\n").ask_secret("", is_on_stdin=True)
    with pytest.raises(InvalidInput, match=r"there is no terminal to ask on\. Add --password-stdin\."):
        make().ask_secret("Password: ", is_on_stdin=False)


@pytest.mark.parametrize(
    ("count", "question"),
    [
        (14, "Remove resource group prod and its 14 resources in"),
        (1, "Remove resource group prod and its one resource in"),
        (0, "Remove resource group prod (empty) in"),
    ],
)
def test_the_question_before_a_group_is_removed(count, question):
    """It names the group, how much is in it, and where that is."""
    asked = group_question("prod", count, PRODUCTION)
    assert asked == f"{question} subscription Production (tenant Contoso)? Type its name to confirm:"


def test_the_question_before_machines_are_stopped():
    """One by its name, many by their number."""
    one = machine_question("stop", "/subscriptions/s/x/MyVm", PRODUCTION, is_one=True)
    assert one == "Stop virtual machine MyVm in subscription Production (tenant Contoso)? [y/N]"
    many = machine_question("remove", "3 machines", PRODUCTION, is_one=False)
    assert many == "Remove 3 machines in subscription Production (tenant Contoso)? [y/N]"


def test_progress_is_one_line_that_is_written_over_and_gone_at_the_end(make):
    """On a terminal only."""
    shell = make("stderr")
    with progress_line(shell) as show:
        assert show is not None
        show(Progress("New-AzVM MyVm", "creating virtualMachines/MyVm", 40.0, ""))
    said = err(shell)
    assert said.startswith("\r\x1b[K0:00 New-AzVM MyVm 40 %: creating virtualMachines/MyVm")
    assert said.endswith("\r\x1b[K")
    with progress_line(make()) as show:
        assert show is None


def test_progress_without_a_percentage_invents_none():
    """Only what the service says is shown."""
    assert line_of(Progress("New-AzVM x", "", None, ""), 61.0) == "1:01 New-AzVM x"
