"""Jobs are shown with the columns of the contract, from the JSON of the contract."""

from __future__ import annotations

import pytest

from azjobs.cli.exit_codes import exit_code
from azjobs.cli.job_tables import elapsed, job_table, powershell_table
from azjobs.core.context import AZURE_CLOUD, Account, AccountType, ContextValue, Subscription, Tenant
from azjobs.core.errors import Fault
from azjobs.core.job import Job, PlanWork, ProcessKind, ProcessWork
from azjobs.core.job_json import job_json, time_json
from azjobs.core.questions import ask_for_secrets
from azjobs.core.states import Blocked, Completed, Failed, JobState, NotStarted, Running

CONTEXT = ContextValue(
    "Rehearsal",
    Account("app-id", AccountType.SERVICE_PRINCIPAL, "azjobs-demo"),
    Tenant("t-id", "Contoso"),
    AZURE_CLOUD,
    Subscription("s-id", "Rehearsal"),
)
FAULT = Fault("QuotaExceeded", "Too many cores.", "virtualMachines/Big", 409, "c-id", left=("resource group Big",))


def row(number: int, name: str, state, *, target: str = "", has_context: bool = True, more: bool = False, work=None):
    """The JSON of a job."""
    job = Job(
        uuid=f"uuid-{number}",
        id=number,
        name=name,
        command="New-AzVM",
        session="s",
        submitted_at=0.0,
        work=work or PlanWork("new-az-vm@1"),
        state=state,
        context=CONTEXT if has_context else None,
        target=target,
    )
    return job_json(job, name=name, state=job.state_name, has_more_data=more)


def test_the_table_is_the_contracts():
    """Id Name State Context Target Elapsed More; ids stand right, an ended job has the time it took."""
    nightly = ProcessWork(ProcessKind.COMMAND, "/", 0o022)
    rows = [
        row(1, "New-AzVM MyVm", Completed(100.0, 342.5), target="MyVm", more=True),
        row(12, "nightly", Running(1000.0), more=True, work=nightly),
        row(13, "later", NotStarted(), has_context=False),
    ]
    assert job_table(rows, now=1031.0) == (
        "Id  Name           State       Context    Target  Elapsed  More\n"
        " 1  New-AzVM MyVm  Completed   Rehearsal  MyVm    4:02     yes\n"
        "12  nightly        Running     Rehearsal          0:31     yes\n"
        "13  later          NotStarted\n"
    )


def test_the_table_with_powershells_columns():
    """Id Name PSJobTypeName State HasMoreData Location Command."""
    text = powershell_table([row(1, "New-AzVM MyVm", Running(0.0), more=True)])
    assert text == (
        "Id  Name           PSJobTypeName        State    HasMoreData  Location   Command\n"
        " 1  New-AzVM MyVm  AzureLongRunningJob  Running  True         localhost  New-AzVM\n"
    )


def test_states_have_colour_only_when_asked():
    """The colour surrounds the state and moves no column."""
    rows = [row(1, "a", Failed(0.0, 1.0, FAULT)), row(2, "b", Running(0.0))]
    plain, coloured = job_table(rows, 2.0), job_table(rows, 2.0, has_colour=True)
    assert "\x1b[31mFailed\x1b[0m   Rehearsal" in coloured
    assert coloured.replace("\x1b[31m", "").replace("\x1b[36m", "").replace("\x1b[0m", "") == plain


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0, "0:00"), (9.9, "0:09"), (61, "1:01"), (3599, "59:59"), (3600, "1:00:00"), (90_061, "25:01:01"), (-3, "0:00")],
)
def test_times_are_minutes_and_seconds_then_hours(duration_s, text):
    """A clock that was set back shows no negative time."""
    assert elapsed(duration_s) == text


def test_the_json_has_every_key_in_camel_case():
    """What there is nothing to say about is null, never missing."""
    value = row(3, "New-AzVM Big", Failed(0.0, 4.25, FAULT), target="Big")
    assert list(value) == [
        *("id", "instanceId", "name", "jobType", "state", "remoteState", "hasMoreData", "context", "target"),
        *(
            "command",
            "labels",
            "parentId",
            "lostParentId",
            "childJobs",
            "queue",
            "location",
            "statusMessage",
            "percentComplete",
        ),
        *("submitTime", "beginTime", "endTime", "question", "error"),
    ]
    assert value["error"] == {
        "code": "QuotaExceeded",
        "message": "Too many cores.",
        "target": "virtualMachines/Big",
        "httpStatus": 409,
        "correlationId": "c-id",
        "left": ["resource group Big"],
    }
    assert (value["beginTime"], value["endTime"]) == ("1970-01-01T00:00:00.000Z", "1970-01-01T00:00:04.250Z")
    assert (value["remoteState"], value["question"]) == (None, None)
    assert value["context"]["subscription"] == "Rehearsal"
    assert value["context"]["account"] == "azjobs-demo"


def test_a_blocked_job_shows_its_question():
    """What it waits for, what to type for this very job, and the names of the secrets it needs."""
    value = row(7, "New-AzVM x", Blocked(0.0, ask_for_secrets({"password": "The password of vmadmin"}, ["password"])))
    text = "The password of vmadmin must be given again: azjobs job answer 7"
    assert value["statusMessage"] == text
    assert value["question"] == {"kind": "secret", "text": text, "names": ["password"], "prompt": None}


def test_no_time_is_null():
    """A job that has not begun has no time of its beginning."""
    assert time_json(None) is None


@pytest.mark.parametrize(
    ("states", "is_any", "code"),
    [
        ([JobState.COMPLETED, JobState.COMPLETED], False, 0),
        ([JobState.FAILED], False, 1),
        ([JobState.FAILED, JobState.STOPPED], False, 1),
        ([JobState.COMPLETED, JobState.FAILED], False, 6),
        ([JobState.COMPLETED, JobState.RUNNING], False, 5),
        ([JobState.FAILED, JobState.BLOCKED], False, 5),
        ([], False, 0),
        ([JobState.COMPLETED, JobState.RUNNING], True, 0),
        ([JobState.FAILED, JobState.RUNNING], True, 1),
        ([JobState.RUNNING], True, 5),
    ],
)
def test_the_exit_code_of_waiting(states, is_any, code):
    """0 all ended well, 1 they failed, 6 some did, 5 still running."""
    assert exit_code(states, is_any=is_any) == code
