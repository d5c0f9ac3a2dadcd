"""So much of a job's output is kept and no more, and it says so; the job itself does not notice."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

import azjobs as az
from azjobs.core.errors import InvalidInput, OutputIncomplete
from azjobs.core.journal import CAPPED
from azjobs.session.link.local import local
from terminal import Home, Shell, wait_until

CAP_MB = 1.0
CAP_BYTES = 1_000_000
SENTENCE = "The output has reached its cap of 1 MB: what is written from now on is not kept. The job goes on."
LINES = 20_000
#: By how much the cap may be missed: a piece of 64 KB, half as much again where every other byte ends a line.
SLACK_BYTES = 128 * 1024


@pytest.fixture(autouse=True)
def _in_home(home: Home) -> None:
    """Every test has a home of its own."""


def kept_bytes(job: az.Job[object]) -> int:
    """What all output files of a job take of the disk."""
    journal = local().layout.journal_file(job.uuid)
    files = [path for path in journal.parent.glob(f"{job.uuid}.*") if path.suffix not in (".cursor", ".capped")]
    return sum(path.stat().st_size for path in files)


def notices(received: az.Received[object]) -> list[str]:
    """The warnings that more is not kept."""
    return [warning.text for warning in received.warnings if warning.category == CAPPED]


def prints_lines() -> str:
    """Print, then return."""
    for number in range(LINES):
        print(f"{number:099}")  # noqa: T201 - the job prints
    return "the value"


def yields_values() -> Iterator[str]:
    """Yield far more than is kept."""
    for number in range(LINES):
        yield f"{number:099}"


def yields_objects() -> Iterator[bytes]:
    """Yield what is kept beside the journal."""
    for _ in range(100):
        yield os.urandom(100_000)


def writes_past_python() -> None:
    """As C code does, with a line by Python at the end."""
    for number in range(LINES):
        os.write(1, b"%099d\n" % number)
    print("the last line")  # noqa: T201 - as above


@pytest.mark.parametrize("work", [prints_lines, yields_values, yields_objects, writes_past_python])
def test_no_more_than_the_cap_is_kept_of_a_function(work: Callable[[], object]) -> None:
    """Whatever way it takes out; the job completes, and one warning has the number."""
    job = az.start_job(work, output_cap_mb=CAP_MB)
    az.wait_job(job)
    received = az.receive_job(job)
    assert (job.state, notices(received)) == ("Completed", [SENTENCE])
    assert kept_bytes(job) <= CAP_BYTES + SLACK_BYTES + (4_000_000 if work is writes_past_python else 0)


def test_the_beginning_of_the_output_is_what_is_kept() -> None:
    """Up to the cap, without a hole."""
    job = az.start_job(prints_lines, output_cap_mb=CAP_MB)
    az.wait_job(job)
    lines = [int(record.text) for record in az.receive_job(job).information]
    assert lines == list(range(len(lines)))
    assert 0.5 * CAP_BYTES < len(lines) * 100 < CAP_BYTES


def test_value_and_error_are_kept_beyond_the_cap() -> None:
    """What a job comes to is no output that it could write too much of."""

    def fails() -> None:
        prints_lines()
        raise ValueError("what went wrong")

    good, bad = (az.start_job(work, output_cap_mb=0) for work in (prints_lines, fails))
    assert good.result(timeout=30) == "the value"
    az.wait_job(bad)
    assert (bad.state, bad.error and bad.error.message) == ("Failed", "what went wrong")
    assert [error.message for error in az.receive_job(bad).errors] == ["what went wrong"]


def test_a_value_that_is_not_all_says_so() -> None:
    """The list of what was yielded, the standard output of a command."""
    for job in (
        az.start_job(yields_values, output_cap_mb=CAP_MB),
        az.start_job(command=["seq", "1000000"], output_cap_mb=CAP_MB),
    ):
        with pytest.warns(OutputIncomplete, match="this value is not all of it"):
            job.result(timeout=30)


def test_a_command_that_writes_for_ever_is_capped_and_goes_on(shell: Shell) -> None:
    """It never waits for anybody; its errors, which come late, are there."""
    code = "i=0; yes | head -c 5000000; echo the reason >&2; echo more; exec yes"
    assert shell(f"azjobs job start -q --output-cap-mb 1 -- sh -c '{code}'").out == "1\n"
    job = az.get_job(1)
    errors: list[str] = []

    def has_said_why() -> bool:
        errors.extend(error.message for error in az.receive_job(job).errors)
        return "the reason" in errors

    wait_until(has_said_why, what="the error is received")
    size = kept_bytes(job)
    assert CAP_BYTES - SLACK_BYTES <= size <= CAP_BYTES + SLACK_BYTES
    assert job.state == "Running"
    az.stop_job(job)
    assert (kept_bytes(job) - size < 1000, job.state) == (True, "Stopped")


def test_a_child_that_writes_for_ever_past_python_is_cut_back(shell: Shell) -> None:
    """Nobody can count it but from outside: what it takes stays bounded, and the warning comes while it runs."""
    job = az.start_job(lambda: subprocess.run(["yes"], check=False).returncode, output_cap_mb=CAP_MB)
    journal = local().layout.journal_file(job.uuid)
    wait_until(lambda: journal.with_suffix(".capped").exists(), what="the cap is reached")
    frozen = int(journal.with_suffix(".capped").read_text().split()[0])
    out = journal.with_suffix(".out")
    sizes = [0]

    def is_cut() -> bool:
        sizes.append(out.stat().st_size)
        return sizes[-1] < sizes[-2]

    wait_until(is_cut, what="the file is cut back")
    assert SENTENCE in shell("azjobs job receive 1").err
    again = shell("azjobs job receive 1")
    assert (again.out, again.err) == ("", ""), "beyond its frozen length nothing is read"
    az.stop_job(job)
    assert (job.state, out.stat().st_size) == ("Stopped", frozen)


def test_what_a_job_left_behind_is_held_to_its_cap_too() -> None:
    """It writes on into the files of a job that has completed."""
    job = az.start_job(lambda: subprocess.Popen(["yes"]).pid, output_cap_mb=CAP_MB)
    pid = job.result(timeout=30)
    journal = local().layout.journal_file(job.uuid)
    try:
        wait_until(lambda: journal.with_suffix(".capped").exists(), what="the cap is reached")
        frozen = int(journal.with_suffix(".capped").read_text().split()[0])
    finally:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: journal.with_suffix(".out").stat().st_size == frozen, what="it is cut back")
    assert job.state == "Completed"
    assert notices(az.receive_job(job)) == [SENTENCE]


def test_a_killed_daemon_is_followed_by_one_that_holds_jobs_to_their_caps(home: Home) -> None:
    """The cap is known from the store."""
    job = az.start_job(lambda: subprocess.run(["yes"], check=False).returncode, output_cap_mb=CAP_MB)
    journal = local().layout.journal_file(job.uuid)
    wait_until(lambda: journal.with_suffix(".capped").exists(), what="the cap is reached")
    home.kill("_main.daemon")
    frozen = int(journal.with_suffix(".capped").read_text().split()[0])
    az.stop_job(job)
    assert journal.with_suffix(".out").stat().st_size == frozen


def test_without_a_cap_everything_is_kept() -> None:
    """And inf says so."""
    for cap_mb in (None, float("inf")):
        job = az.start_job(prints_lines, output_cap_mb=cap_mb)
        az.wait_job(job)
        received = az.receive_job(job)
        assert (len(received.information), received.warnings) == (LINES, [])


def test_the_policy_of_the_home_caps_jobs_that_have_no_cap_of_their_own(shell: Shell) -> None:
    """From the moment at which it is set; one of their own wins, also where it is higher."""
    before = az.start_job(prints_lines)
    assert shell(f"azjobs job-policy set --output-cap-bytes {CAP_BYTES}").code == 0
    jobs = [before, az.start_job(prints_lines), az.start_job(prints_lines, output_cap_mb=float("inf"))]
    az.wait_job(jobs)
    assert [notices(az.receive_job(job)) for job in jobs] == [[], [SENTENCE], []]


def test_a_policy_that_cannot_be_read_holds_up_no_job(home: Home) -> None:
    """It is said that the job has no cap."""
    (home.folder / "policy.json").write_text("{}}")
    (home.folder / "policy.json").chmod(0o600)
    with pytest.warns(az.PolicyIgnored, match=r"policy\.json.*The output of this job has no cap\."):
        job = az.start_job(lambda: 1)
    assert job.result(timeout=30) == 1


@pytest.mark.parametrize("cap_mb", [-1.0, float("nan")])
def test_what_is_no_size_is_refused_in_a_sentence(cap_mb: float) -> None:
    """And there is no job."""
    with pytest.raises(InvalidInput, match="MB from 0 on, or inf for no limit, not"):
        az.start_job(print, output_cap_mb=cap_mb)
    assert az.get_job() == []


def test_removing_a_capped_job_leaves_nothing() -> None:
    """Not even the file with its lengths."""
    job = az.start_job(prints_lines, output_cap_mb=CAP_MB)
    az.wait_job(job)
    az.remove_job(job)
    assert list(local().layout.journals_folder.iterdir()) == []
