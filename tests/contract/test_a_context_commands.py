"""A. Keeping contexts: the transcripts of renaming, removing, carrying and adding, as users type them."""

from __future__ import annotations

from pathlib import Path

from terminal import Home, Shell, matches

STAGING = "22222222-2222-4222-8222-222222222222"


def test_a_context_is_renamed_and_removed_as_it_is_typed(signed_in: Shell, home: Home) -> None:
    """It asks only before the default or the current one goes, and nothing takes its place."""
    home.add_subscriptions(Staging=STAGING)
    shell = signed_in
    assert shell("azjobs context set Staging --name blue").code == 0
    assert shell("azjobs context rename Rehearsal green").code == 0
    assert shell.tty("azjobs context get").out.split()[:2] == ["green", "azjobs-demo"]
    asked = shell.tty("azjobs context remove blue", ("Remove context blue, the current one? [y/N]", "n"))
    assert asked.code == 1
    assert "Not removed: it was not confirmed." in asked.out
    assert shell.tty("azjobs context remove blue", ("[y/N]", "y")).code == 0
    done = shell("azjobs context remove green --force")
    assert matches("azjobs-demo is signed out of tenant Contoso: green was the last context there. …", done.err)
    done = shell("azjobs vm get")
    assert (done.code, done.err.strip()) == (4, "Not signed in. Type: azjobs account connect")


def test_contexts_are_carried_in_a_file(signed_in: Shell, tmp_path: Path) -> None:
    """Out and in again; the file is for its owner and holds no secret."""
    file = tmp_path / "contexts.json"
    done = signed_in(f"azjobs context save {file}")
    assert (done.code, done.out) == (0, "")
    assert done.err.strip() == f"Saved 1 context to {file}, without sign-ins."
    assert signed_in("azjobs context clear --force").err.strip() == "Forgot 1 context of 1 account."
    done = signed_in(f"azjobs context import {file} --output json --query '[].name'")
    assert done.json == ["Rehearsal"]
    done = signed_in("azjobs vm get")
    assert (done.code, done.out) == (4, "")
    assert signed_in("azjobs account connect --environment AzureSimulator").code == 0
    assert signed_in("azjobs context get --output json --query '[].name'").json == ["Rehearsal"]


def test_a_cloud_is_added_by_its_arm_endpoint(signed_in: Shell, home: Home) -> None:
    """Its metadata is fetched, and it is listed beside the others."""
    end = home.endpoint
    done = signed_in(f"azjobs environment add Stack --arm-endpoint {end['url']} --ca-file {end['ca_file']}")
    assert done.code == 0, done
    names = signed_in("azjobs environment get --output json --query '[].name'").json
    assert names == ["AzureCloud", "AzureChinaCloud", "AzureUSGovernment", "AzureSimulator", "Stack"]
    assert signed_in("azjobs Remove-AzEnvironment -Name Stack").err.strip() == "Removed environment Stack."
    done = signed_in("azjobs environment remove AzureCloud")
    assert (done.code, done.out) == (2, "")


def test_what_the_account_sees_is_listed_and_its_token_is_not_shown_unasked(signed_in: Shell, home: Home) -> None:
    """Tables on a terminal, JSON elsewhere; the token only with --show-token."""
    shown = signed_in.tty("azjobs subscription get").out
    assert matches("Name Id TenantId State Rehearsal … Enabled", shown), shown
    assert matches(
        "Name Id DefaultDomain Category Contoso … contoso.example Home", signed_in.tty("azjobs tenant get").out
    )
    found = signed_in("azjobs access-token get").json
    assert set(found) == {"expiresOn", "tenantId", "userId", "type"}
    token = signed_in("azjobs access-token get --show-token").out
    assert token.count(".") == 2
    assert len(token.split()) == 1
