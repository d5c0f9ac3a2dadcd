"""A. Signing in and contexts: the transcripts, as users type them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from terminal import Home, Python, Shell, matches

STAGING = "22222222-2222-4222-8222-222222222222"
PRODUCTION = "33333333-3333-4333-8333-333333333333"


@pytest.fixture
def three_subscriptions(home: Home, shell: Shell) -> Shell:
    """Signed in where the account sees Rehearsal, Staging and Production."""
    assert shell("azjobs account connect --environment AzureSimulator").code == 0
    home.add_subscriptions(Staging=STAGING, Production=PRODUCTION)
    done = shell("azjobs account connect --environment AzureSimulator --subscription Production --scope CurrentUser")
    assert done.code == 0, done
    return shell


def test_a1_signing_in_to_the_embedded_cloud_starts_it(shell: Shell) -> None:
    """A1: one command signs in, and says who, where, and that it is the embedded cloud."""
    done = shell("azjobs account connect --environment AzureSimulator")
    assert done.code == 0, done
    assert "Signed in as azjobs-demo, tenant Contoso, subscription Rehearsal. [SIMULATOR]" in done.out + done.err
    table = shell.tty("azjobs context get").out
    assert matches("* Rehearsal azjobs-demo Contoso AzureSimulator…", table), table


def test_a2_python_signs_in_with_a_service_principal_or_a_credential_object(home: Home, python: Python) -> None:
    """A2: an azure-identity credential, or an application id and a secret, gives a context."""
    done = python(
        """
        from azure.identity import ClientSecretCredential
        az.connect_az_account(environment="AzureSimulator")
        import json, os, pathlib
        end = json.loads(pathlib.Path(os.environ["AZJOBS_HOME"], "simulator", "endpoint.json").read_text())
        print(az.connect_az_account(
            service_principal=True, tenant=end["tenant_id"], environment="AzureSimulator",
            credential=az.Credential(end["client_id"], az.SecureString(end["client_secret"]))))
        credential = ClientSecretCredential(
            end["tenant_id"], end["client_id"], end["client_secret"], authority=end["url"],
            disable_instance_discovery=True, connection_verify=end["ca_file"])
        context = az.connect_az_account(credential=credential, environment="AzureSimulator", subscription="Rehearsal")
        print(context.name)
        """
    )
    assert done.code == 0, done
    first, second = done.out.strip().splitlines()
    assert matches("<Context 'Rehearsal' account=… tenant=… subscription=… environment=AzureSimulator>", first)
    assert second.startswith("Rehearsal")


def test_a3_a_command_without_a_sign_in_says_what_to_type(shell: Shell, python: Python) -> None:
    """A3: exit 4, one sentence on stderr, nothing on stdout; Python raises NotSignedIn with the same sentence."""
    done = shell("azjobs vm get")
    assert (done.code, done.out, done.err.strip()) == (4, "", "Not signed in. Type: azjobs account connect")
    raised = python("try: az.get_az_vm()\nexcept az.NotSignedIn as error: print(error)")
    assert raised.out.strip() == "Not signed in. Type: azjobs account connect"


def test_a4_choosing_a_context_changes_this_terminal_only(three_subscriptions: Shell, home: Home) -> None:
    """A4: the other terminal stays where it is; --scope CurrentUser changes the default of new sessions."""
    one, two = three_subscriptions, Shell(home, "terminal-2")
    assert one("azjobs context select Staging").code == 0
    current = "azjobs context get --output json --query '[?current].name'"
    assert two(current).json == ["Production"]
    assert one(current).json == ["Staging"]
    assert one("azjobs context select Staging --scope CurrentUser").code == 0
    assert Shell(home, "terminal-3")(current).json == ["Staging"]


def test_a5_without_autosave_the_session_is_signed_in_and_nothing_is_saved(shell: Shell, home: Home) -> None:
    """A5: the sign-in works for this session and for its jobs, and another session knows nothing of it."""
    done = shell("azjobs context-autosave disable --scope Process")
    told = "Contexts and sign-ins of this session are no longer saved; they end with it."
    assert (done.code, told in done.out + done.err) == (0, True), done
    assert shell("azjobs account connect --environment AzureSimulator").code == 0
    home.cloud.time("at-once")
    created = shell("azjobs credential get --name admin --username vmadmin --password-stdin", stdin="Pa55-word-long\n")
    assert created.code == 0, created
    submitted = shell("azjobs vm new --name MyVm --credential admin --as-job -q")
    assert (submitted.code, submitted.out.strip()) == (0, "1"), submitted
    assert shell("azjobs job wait 1").code == 0
    assert Shell(home, "terminal-2")("azjobs vm get").code == 4
    assert (
        not (home.folder / "contexts.json").exists() or "Rehearsal" not in (home.folder / "contexts.json").read_text()
    )


def test_two_homes_know_nothing_of_each_other(make_home: Callable[[str], Home]) -> None:
    """A sign-in belongs to its home."""
    one, two = Shell(make_home("one"), "t"), Shell(make_home("two"), "t")
    assert one("azjobs account connect --environment AzureSimulator").code == 0
    assert two("azjobs vm get").code == 4
