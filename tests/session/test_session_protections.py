"""What is protected stays, whoever asks, until its name is given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import azjobs as az
from terminal import Home

LIMIT_S = 30.0
VERSION = "?api-version=2024-03-01"


@pytest.fixture
def prod(signed_in: Home) -> Iterator[str]:
    """A resource group prod, protected; returns its path."""
    signed_in.cloud.time("at-once", kinds={"group-delete": {"mode": "at-once"}})  # other tests hold it
    az.new_az_resource_group("prod", "eastus")
    az.add_az_protection(resource_group_name="prod")
    yield f"/subscriptions/{signed_in.endpoint['subscription_id']}/resourceGroups/prod"
    az.remove_az_protection(resource_group_name="prod")


def deletes(home: Home) -> int:
    return len(home.cloud.requests(method="DELETE"))


def test_what_is_protected_is_not_removed_by_any_command(signed_in: Home, prod: str) -> None:
    """By its own command, as a job, or by any request: refused, and nothing is sent."""
    before = deletes(signed_in)
    told = "Resource group prod is protected, so it is not removed. .* add --override-protection prod"
    with pytest.raises(az.ResourceProtected, match=told):
        az.remove_az_resource_group("prod")
    job = az.remove_az_resource_group("PROD", as_job=True)
    assert isinstance(job.exception(LIMIT_S), az.JobFailed)
    assert job.error is not None
    assert job.error.code == "ResourceProtected"
    for path in (prod + VERSION, signed_in.endpoint["url"] + prod.upper().replace("/SUBSCR", "/subscr") + VERSION):
        with pytest.raises(az.ResourceProtected):
            az.invoke_az_rest_method("DELETE", path)
    assert deletes(signed_in) == before


def test_a_job_whose_first_request_shows_it_is_never_taken(signed_in: Home, prod: str) -> None:
    """The answer comes at submit: no job exists."""
    before = {job.uuid for job in az.get_job()}
    with pytest.raises(az.ResourceProtected):
        az.invoke_az_rest_method("DELETE", prod + VERSION, as_job=True)
    assert {job.uuid for job in az.get_job()} == before


def test_the_name_of_the_protection_lets_it_through(signed_in: Home, prod: str) -> None:
    """In any case; another name does not."""
    with pytest.raises(az.ResourceProtected):
        az.remove_az_resource_group("prod", override_protection="production")
    assert az.remove_az_resource_group("prod", override_protection=["Prod"]).status == "Succeeded"


def test_a_protection_that_is_added_while_a_job_waits_holds_for_it(signed_in: Home) -> None:
    """It is looked at when the request is about to go out, not when the job was submitted."""
    az.new_az_resource_group("later", "eastus")
    put_off = {"status": 429, "retry_after": 0}
    signed_in.cloud.fault("/later", put_off, method="GET", times=1000)
    before = len(signed_in.cloud.requests())
    job = az.remove_az_resource_group("later", as_job=True)
    signed_in.cloud.wait_for_requests(since=before, path_regex="/later", count=1, answered=True)
    az.add_az_protection(resource_group_name="later")
    signed_in.cloud.clear_faults()
    try:
        assert isinstance(job.exception(LIMIT_S), az.JobFailed)
        assert job.error is not None
        assert job.error.code == "ResourceProtected"
    finally:
        az.remove_az_protection(resource_group_name="later")
    assert az.get_az_resource_group("later").name == "later"


def test_where_it_cannot_be_known_what_is_protected_nothing_is_removed(signed_in: Home) -> None:
    """A file of protections that cannot be read is no permission; what is not a removal goes on."""
    az.new_az_resource_group("unknown", "eastus")
    context = az.get_az_context()
    saved = signed_in.folder / "contexts.json"
    good = saved.read_bytes()
    saved.write_bytes(good[:-20])
    before = deletes(signed_in)
    try:
        job = _submit_by(context, "DELETE", signed_in)
        assert "It cannot be known what is protected" in job
        assert _submit_by(context, "GET", signed_in) == "200"
    finally:
        saved.write_bytes(good)
    assert deletes(signed_in) == before


def _submit_by(context: az.Context | None, method: str, home: Home) -> str:
    """Ask the daemon itself: the session would stumble over the file as well."""
    from azjobs.core.job import Job, PlanWork  # noqa: PLC0415 - only here
    from azjobs.core.wire import Accepted, Read, Result, Submit  # noqa: PLC0415 - only here
    from azjobs.session.link.local import local  # noqa: PLC0415 - only here

    assert context is not None
    path = f"/subscriptions/{home.endpoint['subscription_id']}/resourceGroups/unknown{VERSION}"
    plan, arguments = "invoke-az-rest-method@1", {"method": method, "path": path}
    if method == "GET":
        return str(local().client.ask(Read(0, plan, arguments, context.value), Result).value["statusCode"])
    row = Job(
        uuid="0b7f3a52-0000-4000-8000-000000000001",
        name="remove",
        command="remove",
        session="t",
        submitted_at=0.0,
        work=PlanWork(plan, arguments),
        context=context.value,
        grants=(context.value,),
    )
    with pytest.raises(az.ResourceProtected) as refused:
        local().client.ask(Submit(0, row), Accepted)
    return str(refused.value)


def test_protections_are_kept_once_and_for_every_session(signed_in: Home) -> None:
    """A subscription is known by its id from then on; what is not protected cannot be taken off."""
    added = az.add_az_protection(subscription="rehearsal")
    assert (added.value, added.subscription_id) == ("rehearsal", signed_in.endpoint["subscription_id"])
    az.add_az_protection(subscription=signed_in.endpoint["subscription_id"])
    az.add_az_protection(name="db-*", subscription="Rehearsal")
    assert [str(one) for one in az.get_az_protection()] == [
        f"subscription {signed_in.endpoint['subscription_id']}",
        "the name db-*",
    ]
    az.remove_az_protection(subscription="Rehearsal")
    with pytest.raises(az.NotFound, match=r"The name db-\* is not protected"):
        az.remove_az_protection(name="db-*")
    az.remove_az_protection(name="DB-*", subscription="Rehearsal")
    assert az.get_az_protection() == []


@pytest.mark.parametrize("what", [{}, {"name": "a", "resource_group_name": "b"}, {"subscription": "Unheard of"}])
def test_what_cannot_be_protected_is_said_and_changes_nothing(signed_in: Home, what: dict[str, str]) -> None:
    """Nothing, two things at once, a subscription whose id nobody here knows."""
    with pytest.raises(az.InvalidInput):
        az.add_az_protection(**what)
    assert az.get_az_protection() == []
