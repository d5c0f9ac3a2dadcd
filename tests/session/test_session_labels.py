"""Jobs are labelled, and found again by their labels."""

from __future__ import annotations

import sys

import pytest

import azjobs as az
from azjobs.core.errors import InvalidInput
from terminal import Home, Shell


def test_a_job_keeps_the_labels_it_was_given(home: Home) -> None:
    """Functions, scripts and commands alike; they are found by them."""
    labels = {"env": "dev", "team": "blau & grün"}
    one = az.start_job(abs, argument_list=[-1], labels=labels)
    two = az.start_job(command=[sys.executable, "-V"], labels={"env": "prod"})
    three = az.start_job(command=[sys.executable, "-V"])
    assert (one.labels, two.labels, three.labels) == (labels, {"env": "prod"}, {})
    assert az.get_job(label={"team": "blau*"}) == [one]
    assert az.get_job(label={"env": "*"}) == [one, two]
    assert (one.parent, one.child_jobs) == (None, [])
    az.wait_job(label={"env": "dev"}, timeout=30)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"labels": "env=dev"}, 'Labels are text by text, such as {"env": "dev"}, not \'env=dev\'.'),
        ({"labels": {"env": 1}}, "Labels are text by text"),
        ({"labels": {"a=b": "c"}}, "'a=b' is no name of a label: it is empty or has a '='."),
        ({"throttle_limit": 0}, "The throttle limit is how many jobs run at once, 1 or more, not 0."),
        ({"time_limit": 0}, "The time limit is a number of seconds above 0, not 0."),
        ({"time_limit": "5"}, "The time limit is a number of seconds above 0, not '5'."),
        ({"notify_command": ""}, "There is no program '' to notify with. No job exists."),
        ({"notify_command": 5}, "The notify command is a text or its words, not 5. No job exists."),
        ({"initialization_script": 5}, "A script is a path, not 5. No job was started."),
        ({"argument_list": "ab"}, "argument_list is a list of arguments, such as ['ab'], not a text."),
        ({"time_limit": float("nan")}, "The time limit is a number of seconds above 0"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_starts_nothing(home: Home, asked: dict[str, object], sentence: str) -> None:
    """And is said in one sentence."""
    with pytest.raises(InvalidInput) as refusal:
        az.start_job(abs, **{"argument_list": [-1], **asked})  # type: ignore[call-overload]
    assert sentence in str(refusal.value)
    assert az.get_job() == []


def test_the_shell_labels_in_the_same_way(home: Home, shell: Shell) -> None:
    """By KEY=VALUE, as often as there are labels, and tells of them in JSON."""
    assert shell("azjobs job start --label env=dev --label team=blue -q -- true").out == "1\n"
    assert shell("azjobs Start-Job -Label env=prod -Queue nightly -Quiet -- true").out == "2\n"
    found = shell("azjobs job get --label env=dev --output json").json
    assert [(job["id"], job["labels"], job["queue"]) for job in found] == [(1, {"env": "dev", "team": "blue"}, None)]
    assert shell("azjobs job get 2").json["queue"] == "nightly"
    assert (found[0]["parentId"], found[0]["childJobs"]) == (None, None)
    done = shell("azjobs job start --label env -- true")
    assert (done.code, done.err) == (2, "--label takes KEY=VALUE, not 'env'.\n")


def test_azure_jobs_and_the_children_of_batches_are_labelled_too(signed_in: Home) -> None:
    """In Python and in the shell; a child has the labels of its batch, and is listed with it only."""
    labels, shell = {"env": "dev", "test": "labels"}, Shell(signed_in, "labels")
    before = len(az.get_job())
    one = az.new_az_resource_group("labelled-1", "eastus", as_job=True, labels=labels)
    connect = "azjobs account connect --environment AzureSimulator >/dev/null"
    asked = "--label env=dev --label test=labels --label of=shell"
    done = shell(f"{connect} && azjobs resource-group new labelled-2 --location eastus {asked} --as-job -q")
    two = az.get_job(int(done.out))
    az.wait_job([one, two], timeout=30)
    assert (one.labels, two.labels) == (labels, {**labels, "of": "shell"})
    batch = az.remove_az_resource_group(["labelled-1", "labelled-2"], as_job=True, labels=labels)
    batch.result(30)
    assert [child.labels for child in batch.child_jobs] == [labels, labels]
    assert az.get_job(label=labels) == [one, two, batch]
    assert az.wait_job(label={"of": "*"}, timeout=30) == [two]
    with pytest.raises(InvalidInput, match="is no name of a label"):
        az.new_az_resource_group("labelled-3", "eastus", as_job=True, labels={"": "x"})
    assert len(az.get_job()) == before + 3
    az.remove_job([one, two, batch])
