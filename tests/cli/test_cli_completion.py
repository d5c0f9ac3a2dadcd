"""Shells complete nouns, verbs, cmdlets, options and choices."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from azjobs.cli.completion import complete
from azjobs.core.context import AZURE_CLOUD, Account, AccountType, ContextValue, Subscription, Tenant
from azjobs.core.profile import Profile

CONTEXT = ContextValue(
    "x", Account("me", AccountType.USER), Tenant("t", "Contoso"), AZURE_CLOUD, Subscription("s", "Production")
)


@pytest.fixture
def completed(cli_home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What a shell is offered for the last word of a line."""

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        assert complete("bash_complete") == 0
        found = [entry.partition(",")[2] for entry in capsys.readouterr().out.splitlines()]
        return [word for word in found if word]

    return ask


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("azjobs re", ["resource-group", "rest"]),
        ("azjobs vm re", ["restart", "remove"]),
        ("azjobs New-", ["New-AzVM", "New-AzResourceGroup"]),
        ("azjobs vm new --as", ["--as-job"]),
        ("azjobs New-AzVM --as", ["--as-job"]),
        ("azjobs vm new --os-type ", ["Windows", "Linux"]),
        ("azjobs job get --output js", ["json", "jsonl"]),
        ("azjobs vm start --allocation", []),
    ],
)
def test_a_word_is_completed(completed, line, offered):
    """From the table and the signature, so that nothing that is offered is refused."""
    assert completed(line) == offered


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(run, name):
    """It asks the program itself, by the variable that the program looks for."""
    done = run("completion", name)
    assert done.code == 0
    assert f"_AZJOBS_COMPLETE={name}_complete" in done.out
    assert "azjobs" in done.out


def test_the_program_answers_a_shell(run, monkeypatch: pytest.MonkeyPatch):
    """By the variable alone, whatever the line."""
    monkeypatch.setenv("_AZJOBS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "azjobs da")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert run() == (0, "plain,daemon\n", "")


def test_names_of_contexts_are_completed(completed, run, cli_home: Path):
    """From the saved contexts; no daemon is asked."""
    run("context", "get")
    contexts = tuple(msgspec.structs.replace(CONTEXT, name=name) for name in ("Production", "Pilot", "Staging"))
    (cli_home / "contexts.json").write_bytes(msgspec.json.encode(Profile(contexts=contexts, default="Pilot")))
    (cli_home / "contexts.json").chmod(0o600)
    assert sorted(completed("azjobs context select p")) == ["Pilot", "Production"]
    assert completed("azjobs vm get --context st") == ["Staging"]


def test_without_jobs_no_job_is_offered(completed):
    """An empty home is no error while one types."""
    assert completed("azjobs job wait ") == []
