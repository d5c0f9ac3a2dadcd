"""Values of Python become JSON and tables for the shell; errors become sentences and exit codes."""

from __future__ import annotations

import datetime as dt
import io

import pytest

from azjobs.cli.accounts import signed_in
from azjobs.cli.daemon import status_json, status_text, stop_sentences
from azjobs.cli.failures import exit_code_of, report
from azjobs.cli.many import parse_ids
from azjobs.cli.shell import Shell
from azjobs.cli.value_json import camel_case, value_json
from azjobs.cli.value_tables import value_table
from azjobs.core import errors
from azjobs.core.context import AZURE_CLOUD, Account, AccountType, ContextValue, Environment, Subscription, Tenant
from azjobs.core.errors import Fault, InvalidInput, RequestFailed
from azjobs.core.models import ActionResult, VirtualMachine
from azjobs.core.plan import PlannedWrite
from azjobs.core.wire import DaemonStatus

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/MyVm"
MACHINE = {
    "id": ID,
    "name": "MyVm",
    "location": "eastus",
    "type": "Microsoft.Compute/virtualMachines",
    "tags": {"env": "dev"},
    "etag": "W/1",
    "properties": {"hardwareProfile": {"vmSize": "Standard_D2s_v3"}, "provisioningState": "Succeeded"},
}


def test_a_model_has_its_fields_in_camel_case_and_the_services_own_beside_them():
    """A query reaches both; nothing that the service sent is lost."""
    value = value_json(VirtualMachine.from_json(MACHINE))
    assert (value["resourceGroupName"], value["vmSize"], value["powerState"]) == ("g", "Standard_D2s_v3", None)
    assert value["properties"] == MACHINE["properties"]
    assert value["etag"] == "W/1"
    assert "raw" not in value


def test_any_value_has_a_json():
    """What JSON cannot hold is its text, bytes are base64."""

    class Odd:
        def __str__(self) -> str:
            return "odd"

    value = {1: (Odd(), b"\xff"), "at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "none": None}
    assert value_json(value) == {"1": ["odd", "/w=="], "at": "2026-01-02T00:00:00Z", "none": None}


def test_camel_case():
    """The first word stays small."""
    assert camel_case("resource_group_name") == "resourceGroupName"


def test_machines_have_a_table_of_their_own():
    """Columns that are empty for all are left out."""
    rows = value_json([VirtualMachine.from_json(MACHINE)])
    assert value_table(rows) == (
        "Name  ResourceGroup  Location  Size             State\n"
        "MyVm  g              eastus    Standard_D2s_v3  Succeeded\n"
    )


def test_what_was_done_and_what_would_be_done_have_theirs():
    """An action by its result, a rehearsal by its steps."""
    done = ActionResult.from_json({"name": "MyVm", "action": "start", "status": "Succeeded", "resourceGroupName": "g"})
    assert value_table(value_json(done)) == (
        "Action  Name  ResourceGroup  Status\nstart   MyVm  g              Succeeded\n"
    )
    plan = [PlannedWrite("reuse", "resource group g"), PlannedWrite("create", "virtualMachines/MyVm", "PUT", "/x")]
    assert value_table(value_json(plan)) == (
        "Action  Resource\nreuse   resource group g\ncreate  virtualMachines/MyVm\n"
    )


def test_other_values_have_the_plain_table():
    """A list of nothing is no table at all."""
    assert value_table([{"x": 1}]) == "X\n1\n"
    assert value_table([]) == ""


@pytest.mark.parametrize(
    ("text", "count"),
    [(f'["{ID}"]', 1), (f'[{{"id": "{ID}"}}]', 1), (f"{ID}\n\n{ID}2\n", 2), (f"{ID}\n{ID}\n", 1), ("[]", 0), ("", 0)],
)
def test_ids_come_as_json_or_one_a_line(text, count):
    """As `vm get` prints them in any form; one that comes twice is meant once."""
    assert len(parse_ids(text)) == count


@pytest.mark.parametrize("text", ["MyVm\n", '["x"]', "[1", f"{ID}\nnonsense"])
def test_an_id_that_is_none_stops_all_before_anything_begins(text):
    """Nothing is stopped by halves."""
    with pytest.raises(InvalidInput):
        parse_ids(text)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("x"), 2),
        (errors.ConfirmationRequired(), 2),
        (errors.JobNotFound(), 3),
        (errors.NotSignedIn(), 4),
        (errors.WrongTarget(), 4),
        (errors.WaitTimedOut(), 5),
        (errors.JobNotFinished(), 1),
        (RequestFailed("x", fault=Fault("ResourceNotFound", "", http_status=404)), 3),
        (RequestFailed("x", fault=Fault("AuthorizationFailed", "", http_status=403)), 4),
        (RequestFailed("x", fault=Fault("QuotaExceeded", "", http_status=409)), 1),
        (RequestFailed("x", fault=Fault("WrongTarget", "")), 4),
        (errors.JobFailed("x", fault=Fault("ResourceNotFound", "", http_status=404)), 1),
        (ZeroDivisionError(), 1),
    ],
)
def test_every_error_has_its_exit_code(error, code):
    """1 failed, 2 usage, 3 not found, 4 not signed in or refused, 5 timed out."""
    assert exit_code_of(error) == code


def test_an_error_of_azure_has_its_code_and_correlation_id_in_the_details():
    """The sentence first, what a support case needs after it; the traceback only with --debug."""
    fault = Fault("QuotaExceeded", "Too many cores.", http_status=409, correlation_id="c-1")
    stream = io.StringIO()
    shell = Shell(stdout=io.StringIO(), stderr=stream, environment={})
    code = report(
        shell, RequestFailed("New-AzVM Big failed: QuotaExceeded. Too many cores.", fault=fault), is_debug=False
    )
    assert code == 1
    assert stream.getvalue() == (
        "New-AzVM Big failed: QuotaExceeded. Too many cores.\nDetails: QuotaExceeded, HTTP 409, correlation id c-1\n"
    )


CONTEXT = ContextValue(
    "Rehearsal",
    Account("app", AccountType.SERVICE_PRINCIPAL, "azjobs-demo"),
    Tenant("t", "Contoso"),
    Environment("AzureSimulator", "https://localhost:1", "https://localhost:1/t", is_simulator=True),
    Subscription("s", "Rehearsal"),
)


def test_signing_in_is_told_in_the_words_of_the_contract():
    """The embedded cloud is marked; an account without a subscription is told so."""
    assert signed_in(CONTEXT) == "Signed in as azjobs-demo, tenant Contoso, subscription Rehearsal. [SIMULATOR]"
    bare = ContextValue("x", Account("me", AccountType.USER), Tenant("t", "Contoso"), AZURE_CLOUD)
    assert signed_in(bare) == "Signed in as me, tenant Contoso; it sees no subscription."


def test_the_daemon_tells_which_jobs_go_on_without_it():
    """And which wait; without any it says so, and without a daemon how one comes."""
    status = DaemonStatus(1, 42, "0.1.0", 7, 0.0, going_on=("2 nightly",), waiting=("3 New-AzVM Big",))
    assert stop_sentences(status) == [
        "The daemon has stopped.",
        "Going on without it: 2 nightly.",
        "Waiting until the next command starts it again: 3 New-AzVM Big.",
    ]
    assert "In processes of their own: 2 nightly.\nDone by the daemon: 3 New-AzVM Big.\n" in status_text(status)
    assert "No job is unfinished.\n" in status_text(DaemonStatus(1, 42, "0.1.0", 7, 0.0))
    assert status_text(None) == "No daemon runs. The next command that needs it starts it.\n"
    assert status_json(status) == {
        "isRunning": True,
        "pid": 42,
        "version": "0.1.0",
        "startTime": "1970-01-01T00:00:00.000Z",
        "goingOn": ["2 nightly"],
        "waiting": ["3 New-AzVM Big"],
        "troubles": [],
    }
