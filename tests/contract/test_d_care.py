"""D. Care: the transcripts, as users type them."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from terminal import Home, Python, Shell, matches, wait_until

PASSWORD = "Pa55-word-long"


@pytest.fixture
def admin(signed_in: Shell) -> Shell:
    """The shell, signed in, with a credential named admin."""
    done = signed_in("azjobs credential get --name admin --username vmadmin --password-stdin", stdin=f"{PASSWORD}\n")
    assert done.code == 0, done
    return signed_in


def test_d1_removal_asks_with_the_context_named(admin: Shell) -> None:
    """D1: the group, how much is in it, where; only its name goes on."""
    assert admin("azjobs vm new --name prod --credential admin").code == 0
    question = "in subscription Rehearsal (tenant Contoso)? Type its name to confirm:"
    refused = admin.tty("azjobs resource-group remove prod", (question, "other"))
    assert refused.code != 0
    assert matches("Remove resource group prod and its … resources in subscription…", refused.out), refused
    assert admin("azjobs resource-group get --name prod").code == 0
    assert admin.tty("azjobs resource-group remove prod", (question, "prod")).code == 0
    assert admin("azjobs resource-group get --name prod").code == 3


def test_d1_without_a_terminal_nothing_is_removed_unless_forced(admin: Shell, python: Python) -> None:
    """D1: exit 2 and one sentence; --force, and a Python call, are confirmations."""
    for name in ("prod", "test"):
        assert admin(f"azjobs resource-group new --name {name} --location eastus").code == 0
    done = admin("azjobs resource-group remove prod </dev/null")
    assert (done.code, done.err.strip()) == (2, "Not removed: confirmation needs a terminal. Add --force.")
    assert admin("azjobs resource-group remove prod --force").code == 0
    assert python('az.remove_az_resource_group("test")').code == 0
    assert admin("azjobs resource-group get --output json").json == []


def test_d2_what_if_shows_the_plan_and_sends_no_write(admin: Shell, home: Home) -> None:
    """D2: each resource with create or reuse, and not one write in the cloud's journal."""
    assert admin("azjobs resource-group new --name MyVm --location eastus").code == 0
    before = len(home.cloud.effects())
    done = admin.tty("azjobs vm new --name MyVm --credential admin --what-if")
    assert done.code == 0, done
    for action, label in (
        ("reuse", "resource group MyVm"),
        ("create", "virtualNetworks/MyVm"),
        ("create", "networkSecurityGroups/MyVm"),
        ("create", "networkInterfaces/MyVm"),
        ("create", "virtualMachines/MyVm"),
    ):
        assert any(matches(f"{action} {label}…", line) for line in done.out.splitlines()), done
    assert len(home.cloud.effects()) == before
    eaten = admin("azjobs Remove-AzVM -Name MyVm -Confirm:")
    assert eaten.code == 2
    assert "--force" in eaten.err


def test_d3_a_password_is_never_an_argument(shell: Shell) -> None:
    """D3: exit 2, and the sentence says what to use instead."""
    done = shell("azjobs vm new --name MyVm --credential vmadmin --password x")
    told = "Passwords are not taken as arguments (others can see them). Use --password-stdin or a named credential."
    assert (done.code, done.err.strip()) == (2, told)


def test_d4_a_killed_daemon_still_finds_the_password(admin: Shell, home: Home) -> None:
    """D4: killed before the last request, and everything completes."""
    home.cloud.time("seconds", seconds=1.0)
    assert admin("azjobs vm new --name MyVm --credential admin --as-job -q").out == "1\n"
    wait_until(lambda: any("virtualnetworks" in e["resource_id"] for e in home.cloud.effects()))
    home.kill("_main.daemon")
    assert admin("azjobs job wait 1").code == 0
    assert admin("azjobs vm get --name MyVm").code == 0


def test_d4_without_the_keeper_the_job_asks_for_the_password(admin: Shell, home: Home) -> None:
    """D4: Blocked, and an answer lets it go on."""
    home.cloud.time("seconds", seconds=1.0)
    assert admin("azjobs vm new --name MyVm --credential admin --as-job -q").out == "1\n"
    wait_until(lambda: any("virtualnetworks" in e["resource_id"] for e in home.cloud.effects()))
    home.kill("keeper.py")

    def state() -> str:
        found: str = admin("azjobs job get 1 --output json").json["state"]
        return found

    wait_until(lambda: state() == "Blocked", what="the job is Blocked")
    assert admin("azjobs job answer 1 --password-stdin", stdin=f"{PASSWORD}\n").code == 0
    assert admin("azjobs job wait 1").code == 0


def test_d5_the_daemon_tells_how_it_is_and_what_its_end_means(shell: Shell) -> None:
    """D5: status and stop; a process job goes on without it."""
    assert shell("azjobs job start --name nightly -q -- sleep 60").out == "1\n"
    assert shell("azjobs daemon status").code == 0
    stopped = shell("azjobs daemon stop")
    assert stopped.code == 0
    assert "nightly" in stopped.out + stopped.err
    assert shell("azjobs job get 1 --output json").json["state"] == "Running"


def test_d6_a_store_of_a_newer_version_is_left_alone(shell: Shell, home: Home) -> None:
    """D6: one sentence, and nothing changed."""
    assert shell("azjobs job start -q -- true").code == 0
    assert shell("azjobs job wait 1").code == 0
    home.end()
    store = home.folder / "store.db"
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = store.read_bytes()
    for line in ("azjobs job get", "azjobs job start -q -- true"):
        done = shell(line)
        assert done.code == 1, done
        assert len(done.err.strip().splitlines()) == 1, done
        assert "newer" in done.err
    assert store.read_bytes() == before


def test_d6_a_home_that_cannot_be_used_is_one_sentence(shell: Shell, home: Home) -> None:
    """D6: where the home should be is a file."""
    shutil.rmtree(home.folder)
    home.folder.write_text("not a folder")
    done = shell("azjobs job start -q -- true")
    assert done.code != 0
    assert len(done.err.strip().splitlines()) == 1, done
    assert str(home.folder) in done.err
    home.folder.unlink()
    home.folder.mkdir()


def test_d7_output_is_a_table_on_a_terminal_and_json_otherwise(shell: Shell) -> None:
    """D7: the formats, a query, no colour, and only ids on request."""
    assert shell("azjobs job start --name one -q -- true").out == "1\n"
    assert shell("azjobs job wait 1").code == 0
    assert shell("azjobs job get").json[0]["name"] == "one"
    assert shell.tty("azjobs job get").out.startswith("Id")
    assert shell("azjobs job get --query '[].name' --output tsv").out == "one\n"
    assert shell("azjobs job get --output yaml").out.startswith("- ")
    assert shell("azjobs job get --output jsonl").out.count("\n") == 1
    assert shell("azjobs job get -q").out == "1\n"
    assert "\x1b[" not in shell.tty("NO_COLOR=1 azjobs job get").out


def test_d8_the_commands_that_can_run_as_jobs_are_listed(shell: Shell) -> None:
    """D8: by their names."""
    listed = shell("azjobs commands --as-job").out
    for name in ("New-AzVM", "Start-AzVM", "Stop-AzVM", "Restart-AzVM", "Remove-AzVM", "Invoke-AzRestMethod"):
        assert name in listed
    assert "Get-AzContext" not in listed


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("azjobs frobnicate", 2),
        ("azjobs vm new --nmae MyVm", 2),
        ("azjobs job get 99", 3),
        ("azjobs context select Nowhere", 3),
        ("azjobs account connect --environment Nowhere", 2),
        ("azjobs resource-group new --name 'bad name?' --location eastus", 2),
        ("azjobs job start --file /nonexistent/report.py", 2),
        ("azjobs vm new --name MyVm --credential nobody --as-job", 3),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(signed_in: Shell, home: Home, line: str, code: int) -> None:
    """Whatever is wrong is said in one sentence, with the right exit code, and nothing has changed."""
    before = len(home.cloud.effects())
    done = signed_in(line)
    assert done.code == code, done
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1, done
    assert "Traceback" not in done.err
    assert len(home.cloud.effects()) == before
    assert signed_in("azjobs job get --output json").json == []
