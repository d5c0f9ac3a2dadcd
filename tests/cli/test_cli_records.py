"""What a job said is given back as it was: output on stdout, the other streams on stderr."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from azjobs.cli.job_records import Replay, error_text
from azjobs.cli.output import Format
from azjobs.cli.shell import Shell, Wishes
from azjobs.core import journal
from azjobs.core.errors import Fault
from azjobs.core.job import Job, PlanWork, ProcessKind, ProcessWork
from azjobs.core.journal import (
    DataChunk,
    Debug,
    Error,
    Information,
    JsonValue,
    Output,
    Progress,
    Record,
    Stamp,
    TextChunk,
    Verbose,
)
from azjobs.core.layout import Layout
from azjobs.core.states import Running
from azjobs.process.cursor import Position
from azjobs.process.reader import Entry
from azjobs.session.jobs.views import JobView

AT = Stamp(0.0)
PLAIN = Wishes()


def view(work, tmp_path: Path, name: str = "Job3") -> JobView:
    """A job as it is seen."""
    row = Job(uuid="u", id=3, name=name, command="c", session="s", submitted_at=0.0, work=work, state=Running(0.0))
    return JobView(row, Layout(tmp_path), is_daemon_alive=True)


@pytest.fixture
def function_job(tmp_path: Path) -> JobView:
    """A job that runs a function."""
    return view(ProcessWork(ProcessKind.FUNCTION, "/", 0o022), tmp_path)


@pytest.fixture
def azure_job(tmp_path: Path) -> JobView:
    """A job that makes a machine."""
    return view(PlanWork("new-az-vm@1"), tmp_path, "New-AzVM Big")


def replayed(of: JobView, *records: Record, wishes: Wishes = PLAIN) -> tuple[bytes, str]:
    """What stdout and stderr have after these records."""
    raw = io.BytesIO()
    shell = Shell(
        wishes,
        stdin=io.StringIO(),
        stdout=io.TextIOWrapper(raw, encoding="utf-8", newline=""),
        stderr=io.StringIO(),
        environment={},
    )
    replay = Replay(shell)
    replay.deliver(of, [Entry(record, Position()) for record in records])
    replay.close()
    shell.stdout.flush()
    return raw.getvalue(), shell.stderr.getvalue()


def test_a_commands_output_passes_byte_for_byte(function_job):
    """Text and bytes in the order they came, with the line ends they had."""
    out, err = replayed(
        function_job, Output(AT, TextChunk("a\r\nü ")), Output(AT, DataChunk(b"\xff\x00")), Output(AT, TextChunk("z"))
    )
    assert (out, err) == ("a\r\nü ".encode() + b"\xff\x00z", "")


def test_values_are_one_a_line(function_job):
    """Text as it is, everything else as JSON."""
    records = [Output(AT, JsonValue(value)) for value in ("plain", 1, {"a": [None]}, True)]
    assert replayed(function_job, *records)[0] == b'plain\n1\n{"a":[null]}\ntrue\n'


def test_the_other_streams_go_to_stderr_with_their_names(function_job):
    """In the one order; progress is the job's present status, debug is for --debug."""
    records = [
        Information(AT, "starting", True),
        Information(AT, " up"),
        journal.Warning(AT, "careful"),
        Verbose(AT, "detail"),
        Debug(AT, "deep"),
        Progress(AT, "copy"),
        Error(AT, "", "from stderr"),
    ]
    out, err = replayed(function_job, *records)
    assert (out, err) == (b"", "starting up\nWARNING: careful\nVERBOSE: detail\nfrom stderr\n")
    assert "DEBUG: deep\n" in replayed(function_job, *records, wishes=Wishes(is_debug=True))[1]


def test_a_form_that_needs_all_values_waits_for_them(function_job):
    """`--output json` is one array, a query sees all values."""
    records = [Output(AT, JsonValue(1)), Output(AT, JsonValue(2))]
    assert replayed(function_job, *records, wishes=Wishes(Format.JSON))[0] == b"[\n  1,\n  2\n]\n"
    assert replayed(function_job, *records, wishes=Wishes(query="[1]"))[0] == b"2\n"
    assert replayed(function_job, *records, wishes=Wishes(Format.JSONL))[0] == b"1\n2\n"


def test_nothing_new_prints_nothing(function_job):
    """Neither on stdout nor on stderr."""
    assert replayed(function_job) == (b"", "")


def test_a_failed_azure_job_says_what_failed_and_where_the_details_are(azure_job):
    """The two lines of the contract."""
    fault = Fault(
        "QuotaExceeded",
        "Approved Standard_D family cores: 100, needed: 128 (eastus)",
        left=("resource group Big", "virtualNetworks/Big"),
    )
    out, err = replayed(azure_job, Error(AT, fault.code, fault.message, fault=fault))
    assert out == b""
    assert err == (
        "New-AzVM Big failed: QuotaExceeded. Approved Standard_D family cores: 100, needed: 128 (eastus). "
        "Created and left: resource group Big, virtualNetworks/Big.\n"
        "Details: azjobs job get 3 --debug\n"
    )


def test_an_exception_says_its_type_and_where_the_traceback_is(function_job):
    """A logged error has neither."""
    text = error_text(function_job, Error(AT, "ValueError", "no such day", "Traceback ..."))
    assert text == "ValueError: no such day\nDetails: azjobs job get 3 --debug\n"
    assert error_text(function_job, Error(AT, "root", "logged")) == "root: logged\n"


def test_a_machine_that_a_job_made_is_shown_with_its_fields(azure_job):
    """The flat names, and the service's own beside them."""
    body = {"id": "/subscriptions/s/resourceGroups/g/x/y/z/MyVm", "name": "MyVm", "properties": {"vmId": "1"}}
    out, _ = replayed(azure_job, Output(AT, JsonValue(body)), wishes=Wishes(query="[0].[name, vmId, properties.vmId]"))
    assert out == b'[\n  "MyVm",\n  "1",\n  "1"\n]\n'
