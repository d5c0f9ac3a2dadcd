"""Jobs are found by what they are called, what they are and when they ended, children of batches only where wanted."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import azjobs as az
from azjobs.core.errors import InvalidInput, JobNotFound
from azjobs.core.job import BatchWork, Job, ProcessKind, ProcessWork
from azjobs.core.states import Completed, Failed, JobState, State
from azjobs.store.sqlite import SqliteStore
from terminal import Home, Shell

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
WORK = ProcessWork(ProcessKind.COMMAND, "/", 0o22, arguments=("true",))
BATCH = "00000000-0000-4000-8000-00000000ba7c"


def ended(hour: int, *, is_failed: bool = False) -> State:
    """Ended so many hours after noon."""
    at = (NOON + timedelta(hours=hour)).timestamp()
    return Failed(at - 60, at, az.Fault("Bad", "It went wrong.")) if is_failed else Completed(at - 60, at)


@pytest.fixture
def jobs(home: Home) -> Home:
    """1 and 2 of one session, 3 a batch with the children 4 and 5, 6 that is called as the child 4 is."""
    made: list[tuple[str, dict[str, Any]]] = [
        ("nightly", {"command": "python report.py", "labels": {"env": "dev", "team": "blue"}, "state": ended(4)}),
        ("weekly", {"command": "python sum.py", "labels": {"env": "prod"}, "state": ended(1, is_failed=True)}),
        ("Stop-AzVM x2", {"uuid": BATCH, "work": BatchWork({JobState.COMPLETED: 1, JobState.FAILED: 1})}),
        ("Stop-AzVM one", {"parent": BATCH, "state": ended(2)}),
        ("Stop-AzVM two", {"parent": BATCH, "state": ended(3, is_failed=True)}),
        ("stop-azvm ONE", {"state": ended(0), "session": "named:terminal-1"}),
    ]
    common = {"command": "true", "session": "s", "submitted_at": NOON.timestamp(), "work": WORK}
    with contextlib.closing(SqliteStore(home.folder / "store.db")) as store:
        for number, (name, more) in enumerate(made):
            state = {"state": ended(3, is_failed=True)}
            store.add(Job(**{"uuid": f"u{number}", "name": name} | common | state | more), is_attached=False)
        store.commit()
    return home


def ids(found: list[az.Job[Any]]) -> list[int | None]:
    return [job.id for job in found]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, [1, 2, 3, 6]),
        ({"state": "failed"}, [2, 3]),
        ({"state": JobState.STOPPED}, []),
        ({"command": " PYTHON report.py "}, [1]),
        ({"command": "python *"}, [1, 2]),
        ({"command": "perl *"}, []),
        ({"label": {"env": "dev"}}, [1]),
        ({"label": {"env": "*"}}, [1, 2]),
        ({"label": {"env": "dev", "team": "red"}}, []),
        ({"name": "NIGHT*"}, [1]),
        ({"name": "no*"}, []),
        ({"name": "weekly", "state": "Completed"}, []),
        ({"newest": 2}, [1, 3]),
        ({"newest": 1, "state": "Completed"}, [1]),
        ({"newest": 1, "command": "python s*"}, [2]),
        ({"newest": 9}, [1, 2, 3, 6]),
        ({"before": NOON + timedelta(hours=1)}, [6]),
        ({"after": NOON + timedelta(hours=1)}, [1, 3]),
        ({"after": "2026-01-31T13:00:01Z", "before": "2026-01-31T17:00:00+01:00"}, [3]),
        ({"has_more_data": True}, []),
        ({"has_more_data": False, "state": "Completed"}, [1, 6]),
        ({"include_child_job": True}, [1, 2, 3, 4, 5, 6]),
        ({"include_child_job": True, "newest": 2}, [1, 5]),
        ({"child_job_state": "Failed"}, [1, 2, 3, 5, 6]),
        ({"child_job_state": "Failed", "command": "python *"}, [1, 2]),
    ],
    ids=str,
)
def test_a_listing_is_narrowed_down(jobs: Home, asked: dict[str, Any], wanted: list[int]) -> None:
    """By all that is given; nothing found is an empty list; the order is that of the ids."""
    assert ids(az.get_job(**asked)) == wanted


def test_a_time_without_an_offset_is_local(jobs: Home) -> None:
    """As text and as a datetime."""
    local_time = (NOON + timedelta(hours=3, minutes=30)).astimezone().replace(tzinfo=None)
    assert ids(az.get_job(after=local_time)) == ids(az.get_job(after=local_time.isoformat())) == [1]


def test_children_are_found_where_they_are_named(jobs: Home) -> None:
    """By id and instance id; by name where no other job is called so; by no pattern."""
    assert az.get_job(4).name == "Stop-AzVM one"
    assert ids(az.get_job("stop-azvm two")) == [5]
    assert ids(az.get_job("stop-azvm one")) == [6]
    assert ids(az.get_job("stop-azvm *")) == [3, 6]
    assert ids(az.get_job(BATCH.upper())) == [3]
    assert ids(az.get_job([BATCH], include_child_job=True)) == [3, 4, 5]


def test_each_job_that_is_not_there_is_named(jobs: Home) -> None:
    """And nothing is done to the others."""
    missing = "No job 99, no job nobody. Type: azjobs job get"
    for act in (az.get_job, az.wait_job, az.receive_job, az.stop_job, az.remove_job):
        with pytest.raises(JobNotFound) as refusal:
            act([1, 99, "nobody", "no*"])  # type: ignore[operator]
        assert str(refusal.value) == missing
    with pytest.raises(JobNotFound, match="No job nobody"):
        az.get_job(name="nobody")
    assert len(az.get_job()) == 4


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"newest": 0}, "Newest is how many jobs, 1 or more, not 0."),
        ({"before": "yesterday"}, "before is a time such as 2026-01-31T17:00 or 2026-01-31T17:00Z, not yesterday."),
        ({"after": 5}, "after is a time such as"),
        ({"state": "Gone"}, "There is no state Gone."),
        ({"child_job_state": "Gone"}, "There is no state Gone."),
        ({"label": "env=dev"}, "Labels are text by text, such as"),
        ({"session": "that"}, "session is all or this, not that."),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_said(jobs: Home, asked: dict[str, Any], sentence: str) -> None:
    """In one sentence."""
    with pytest.raises(InvalidInput) as refusal:
        az.get_job(**asked)
    assert sentence in str(refusal.value)


def test_nothing_is_done_where_nothing_says_to_which(jobs: Home) -> None:
    """Waiting, receiving, stopping and removing are for the jobs that are meant."""
    for act in (az.wait_job, az.receive_job, az.stop_job, az.remove_job):
        with pytest.raises(InvalidInput, match="Say which jobs"):
            act()
    assert len(az.get_job()) == 4


def test_jobs_are_waited_for_and_removed_by_what_they_are(jobs: Home) -> None:
    """The same selectors serve every job command."""
    assert ids(az.wait_job(label={"env": "*"})) == [1, 2]
    assert ids(az.stop_job(state="Failed")) == [2, 3]
    assert az.receive_job(command="python *") == []
    az.remove_job(command="python *", state="Failed")
    assert ids(az.get_job()) == [1, 3, 6]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("job get --newest 2", "1 3"),
        ("job get --before 2026-01-31T13:00Z", "6"),
        ("job get --after 2026-01-31T15:30Z", "1"),
        ("job get --label env=* --state failed", "2"),
        ("job get --command 'python *'", "1 2"),
        ("job get --include-child-job", "1 2 3 4 5 6"),
        ("job get 3 --child-job-state Failed", "3 5"),
        ("job get --has-more-data true", ""),
        ("job get --all", "6"),
        ("job wait --label env=dev", "1"),
        ("Get-Job -Newest 2", "1 3"),
        ("Get-Job -IncludeChildJob -Name 'Stop-AzVM x*'", "3 4 5"),
        ("Get-Job -HasMoreData '$false' -State Completed", "1 6"),
        ("Get-Job -Id 1,2 -Command 'python s*'", "2"),
        (f"Get-Job -InstanceId {BATCH}", "3"),
        (f"job get --instance-id {BATCH}", "3"),
    ],
)
def test_the_shell_selects_in_the_same_way(jobs: Home, shell: Shell, line: str, wanted: str) -> None:
    """In its own form and in PowerShell's."""
    done = shell(f"azjobs {line} -q")
    assert (done.out.split(), done.err) == (wanted.split(), ""), done
    assert done.code == 0


def test_the_shell_shows_what_is_there_and_ends_with_3(jobs: Home, shell: Shell) -> None:
    """Where it only reads; what waits, stops or removes does nothing then."""
    done = shell("azjobs job get 1 99 nobody -q")
    assert done == (3, "1\n", "No job 99, no job nobody. Type: azjobs job get\n")
    assert shell("azjobs job receive 1 99").code == 3
    for word in ("wait", "stop", "remove"):
        done = shell(f"azjobs job {word} 1 99 -q")
        assert done == (3, "", "No job 99. Type: azjobs job get\n")
    assert shell("azjobs job get 1 -q").out == "1\n"


@pytest.mark.parametrize(
    "asked",
    [{"job": ""}, {"job": ["nightly", ""]}, {"name": ""}, {"state": ""}, {"command": ""}],
    ids=str,
)
def test_an_empty_text_means_no_job_and_never_all(jobs: Home, asked: dict[str, Any]) -> None:
    """It is most often a variable that nobody has set; naming a session beside it changes nothing."""
    for act in (az.get_job, az.wait_job, az.receive_job, az.stop_job, az.remove_job):
        for more in ({}, {"session": "all"}):
            with pytest.raises(InvalidInput, match="empty"):
                act(**asked, **more)  # type: ignore[operator]
    assert len(az.get_job()) == 4


def test_an_empty_label_is_that_of_the_jobs_that_have_it_empty(jobs: Home) -> None:
    """And not every value of it: `--label env=$ENV` with nothing in ENV must not mean all of them."""
    assert az.get_job(label={"env": ""}) == []
    az.remove_job(label={"env": ""})
    assert ids(az.get_job()) == [1, 2, 3, 6]


def test_what_is_no_job_is_named(jobs: Home) -> None:
    """In place of a traceback from the depths."""
    with pytest.raises(InvalidInput, match=r"A job is named by its id, its name or itself, not by 1\.5\."):
        az.get_job(1.5)  # type: ignore[call-overload]


@pytest.mark.parametrize("line", ["''", "1 ''", "--name ''", "--state '' --all", "'*' --command ''"])
def test_an_empty_word_in_the_shell_is_refused(jobs: Home, shell: Shell, line: str) -> None:
    """Nothing is stopped or removed by `azjobs job remove "$ID"` where ID is not set."""
    for verb in ("get", "stop", "remove"):
        done = shell(f"azjobs job {verb} {line}")
        assert (done.code, done.out) == (2, "")
        assert "empty" in done.err
    assert shell.tty("azjobs job get --state ''").code == 2
    assert shell("azjobs job get -q").out == "1\n2\n3\n6\n"
