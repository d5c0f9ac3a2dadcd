"""A. Signing in and contexts: the transcripts, as users type them."""

from __future__ import annotations

import json
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


def test_a4_a_terminal_that_is_at_work_is_told_of_another_default_and_stays(three_subscriptions: Shell) -> None:
    """A4: one line on stderr, once; AZJOBS_CONTEXT and --context go before what the session has."""
    home = three_subscriptions.home
    one, two = three_subscriptions, Shell(home, "terminal-2")
    where = "azjobs context get --output json --query '[?current].name'"
    assert two(where).json == ["Production"]
    assert one("azjobs context select Staging --scope CurrentUser").code == 0
    told = two(where)
    sentence = "The saved default context is now Staging; this session goes on in Production. To follow, type: "
    assert (told.json, told.err) == (["Production"], sentence + 'azjobs context select "Staging"\n')
    again = two(where)
    assert (again.json, again.err) == (["Production"], "")
    assert two(f"AZJOBS_CONTEXT=Rehearsal {where}").json == ["Rehearsal"]
    made = two("AZJOBS_CONTEXT=Rehearsal azjobs resource-group new g --location eastus --context Staging")
    assert made.code == 0, made
    assert {r["subscription_id"] for r in home.cloud.requests(method="PUT")} == {STAGING}
    wrong = two("AZJOBS_CONTEXT=Elsewhere azjobs vm get")
    assert wrong.code == 3
    assert "AZJOBS_CONTEXT names the context Elsewhere" in wrong.err


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


def test_a6_a_pool_inside_a_with_block_never_acts_in_the_saved_default(
    three_subscriptions: Shell, home: Home, python: Python
) -> None:
    """A6: its threads would fall back to Production; they are refused, and nothing is asked of anyone."""
    home.cloud.time("at-once")
    done = python(
        """
        from concurrent.futures import ThreadPoolExecutor
        staging = az.get_az_context("Staging")
        def stop(name):
            return az.stop_az_vm(resource_group_name="g", name=name)
        with ThreadPoolExecutor(2) as pool:
            with staging:
                try: list(pool.map(stop, ["a", "b"]))
                except az.AmbiguousContext as error: print(error)
        """
    )
    assert done.code == 0, done
    assert matches(
        "…inside `with context:`…pass az_context=, or submit with contextvars.copy_context()…",
        done.out.strip(),
    ), done
    assert not [r for r in home.cloud.requests() if "virtualMachines" in r["path"]]


def test_a6_a_copied_context_takes_the_block_along(three_subscriptions: Shell, home: Home, python: Python) -> None:
    """A6: what the sentence says to type works: the group is made in Staging."""
    home.cloud.time("at-once")
    done = python(
        """
        from concurrent.futures import ThreadPoolExecutor
        from contextvars import copy_context
        with ThreadPoolExecutor(2) as pool, az.get_az_context("Staging"):
            pool.submit(copy_context().run, az.new_az_resource_group, name="g", location="eastus").result()
        """
    )
    assert done.code == 0, done
    assert {r["subscription_id"] for r in home.cloud.requests(method="PUT")} == {STAGING}


def test_two_homes_know_nothing_of_each_other(make_home: Callable[[str], Home]) -> None:
    """A sign-in belongs to its home."""
    one, two = Shell(make_home("one"), "t"), Shell(make_home("two"), "t")
    assert one("azjobs account connect --environment AzureSimulator").code == 0
    assert two("azjobs vm get").code == 4


@pytest.fixture
def gone_astray(signed_in: Shell, home: Home) -> Shell:
    """Signed in to Contoso, and then the sign-in's source begins to give tokens of another tenant, as a tool's would.

    The demo account's sign-in is read where the embedded cloud publishes it.
    """
    other = home.add_principal("Fabrikam", subscriptions=1)
    endpoint_file = home.folder / "simulator" / "endpoint.json"
    told = {"tenant_id": other["tenant"], "client_id": other["client"], "client_secret": other["secret"]}
    endpoint_file.write_text(json.dumps({**home.endpoint, **told}))
    assert signed_in("azjobs daemon stop").code == 0  # the next one has no token yet
    return signed_in


def test_a7_a_token_of_another_tenant_writes_nothing(gone_astray: Shell, python: Python, home: Home) -> None:
    """A7: exit 4, one sentence that names both tenants; Python raises WrongTarget; a job fails with it."""
    before = len(home.cloud.requests(path_regex="/subscriptions"))
    told = "The token is for tenant …, the context Rehearsal is for Contoso (…); nothing was sent."
    subscription = home.endpoint["subscription_id"]
    for line in (
        "azjobs resource-group new g eastus",
        f"azjobs rest PUT '/subscriptions/{subscription}/resourceGroups/g?api-version=2024-03-01' --payload '{{}}'",
        "azjobs vm get",
    ):
        done = gone_astray(line)
        assert (done.code, done.out) == (4, ""), done
        assert matches(f"…{told}…", done.err), done.err
    raised = python(
        """
        try: az.new_az_resource_group("g", "eastus")
        except az.WrongTarget as error: print(error)
        job = az.new_az_resource_group("g", "eastus", as_job=True)
        az.wait_job(job)
        print(job.state, job.error.code, job.error.message)
        """
    )
    assert raised.code == 0, raised
    call, job = raised.out.strip().splitlines()
    assert matches(told, call)
    assert matches(f"Failed WrongTarget {told}", job), job
    assert len(home.cloud.requests(path_regex="/subscriptions")) == before


def test_a_pipeline_says_which_tenant_and_subscription_it_expects(signed_in: Shell, home: Home) -> None:
    """--expect-tenant and --expect-subscription, or their variables: exit 4, and nothing is asked of anybody."""
    before = len(home.cloud.requests())
    told = "Expected tenant Fabrikam, but the context Rehearsal is in Contoso (…); nothing was sent."
    for line in (
        "azjobs resource-group new g eastus --expect-tenant Fabrikam",
        "azjobs New-AzResourceGroup -Name g -Location eastus -ExpectTenant Fabrikam",
        "azjobs job start --expect-tenant Fabrikam -- true",
        "AZJOBS_EXPECT_TENANT=Fabrikam azjobs vm get",
    ):
        done = signed_in(line)
        assert (done.code, done.out) == (4, ""), done
        assert matches(told, done.err), done.err
    done = signed_in("azjobs vm get --expect-subscription Production")
    assert (done.code, "Expected subscription Production" in done.err) == (4, True), done
    assert len(home.cloud.requests()) == before
    assert signed_in("azjobs vm get --expect-tenant contoso --expect-subscription rehearsal").code == 0


def test_what_is_protected_is_removed_by_its_name_only(signed_in: Shell, home: Home) -> None:
    """Azjobs protection: refused with exit 4 and what to type, for one target and for many; --override-protection."""
    assert signed_in("azjobs resource-group new prod eastus").code == 0
    done = signed_in("azjobs protection add --resource-group-name prod")
    said = "Resource group prod is protected: it is removed or stopped only with --override-protection."
    assert (done.code, done.out, done.err.strip()) == (0, "", said), done
    told = (
        "Resource group prod is protected, so it is not removed. "
        "To remove it all the same add --override-protection prod."
    )
    refused = signed_in("azjobs resource-group remove prod --force")
    assert (refused.code, refused.out, refused.err.strip()) == (4, "", told), refused
    group = f"/subscriptions/{home.endpoint['subscription_id']}/resourceGroups/prod"
    assert signed_in(f"azjobs rest DELETE '{group}?api-version=2024-03-01'").code == 4
    machine = f"{group}/providers/Microsoft.Compute/virtualMachines/web"
    many = signed_in("azjobs vm stop --id - --force", stdin=f"{machine}\n")
    assert many.code != 0, many
    assert "Resource group prod is protected, so virtualMachines/web is not stopped." in many.err, many
    assert not home.cloud.requests(method="DELETE")
    assert not home.cloud.requests(method="POST", path_regex="/deallocate")
    assert signed_in("azjobs protection get --output json").json == [
        {"kind": "resource-group", "value": "prod", "subscriptionId": None}
    ]
    assert signed_in("azjobs resource-group remove prod --force --override-protection PROD").code == 0
    assert signed_in("azjobs protection remove --resource-group-name prod").code == 0
    assert signed_in("azjobs protection get --output json").json == []
