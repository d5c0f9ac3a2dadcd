"""A command that expects another tenant or subscription than the context's asks nobody anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import azjobs as az
from terminal import Home

VARIABLES = ("AZJOBS_EXPECT_TENANT", "AZJOBS_EXPECT_SUBSCRIPTION")


@pytest.fixture
def arrived(signed_in: Home) -> Callable[[], int]:
    """How many requests the cloud has seen."""
    return lambda: len(signed_in.cloud.requests())


def test_another_tenant_or_subscription_is_a_wrong_target_and_nothing_is_asked(
    signed_in: Home, arrived: Callable[[], int]
) -> None:
    """The sentence names both; reads, writes, jobs and rehearsals alike."""
    before, jobs = arrived(), len(az.get_job())
    tenant = signed_in.endpoint["tenant_id"]
    told = rf"Expected tenant Fabrikam, but the context Rehearsal is in Contoso \({tenant}\); nothing was sent."
    with pytest.raises(az.WrongTarget, match=told):
        az.new_az_resource_group("g", "eastus", expect_tenant="Fabrikam")
    for call in (
        lambda: az.new_az_resource_group("g", "eastus", expect_tenant="Fabrikam", as_job=True),
        lambda: az.new_az_resource_group("g", "eastus", expect_tenant="Fabrikam", what_if=True),
        lambda: az.get_az_vm(expect_tenant="Fabrikam"),
        lambda: az.get_az_resource_group(expect_subscription="Production"),
        lambda: az.stop_az_vm("vm", expect_subscription="Production"),
        lambda: az.start_job(print, expect_subscription="Production"),
        lambda: az.invoke_az_rest_method("PUT", "/subscriptions/x?api-version=1", expect_subscription="Production"),
    ):
        with pytest.raises(az.WrongTarget, match="Expected"):
            call()
    assert (arrived(), len(az.get_job())) == (before, jobs)


def test_what_is_expected_may_be_a_name_or_an_id_in_any_case(signed_in: Home) -> None:
    """Then the command acts."""
    end = signed_in.endpoint
    az.get_az_resource_group(expect_tenant="contoso", expect_subscription=end["subscription_id"].upper())
    az.get_az_resource_group(expect_tenant=end["tenant_id"], expect_subscription="REHEARSAL")


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_holds_for_every_command_of_the_process(
    arrived: Callable[[], int], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a pipeline; what a command itself expects does not replace it."""
    monkeypatch.setenv(variable, "Production")
    before = arrived()
    for call in (
        az.get_az_vm,
        lambda: az.new_az_resource_group("g", "eastus", expect_tenant="Contoso", expect_subscription="Rehearsal"),
        lambda: az.start_job(print),
    ):
        with pytest.raises(az.WrongTarget, match="Production"):
            call()
    assert arrived() == before
    monkeypatch.setenv(variable, "Contoso" if "TENANT" in variable else "Rehearsal")
    assert isinstance(az.get_az_resource_group(), list)


def test_a_context_that_is_wrong_can_still_be_changed(signed_in: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is expected does not stand in the way of choosing the right context."""
    monkeypatch.setenv("AZJOBS_EXPECT_SUBSCRIPTION", "Production")
    assert az.select_az_context("Rehearsal").name == "Rehearsal"
    assert az.set_az_context("Rehearsal").name == "Rehearsal"
