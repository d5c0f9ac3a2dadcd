"""Tenants, subscriptions and access tokens of the account, against the embedded cloud."""

from __future__ import annotations

import pickle
import time
from datetime import UTC, datetime

import pytest

import azjobs as az
from azjobs.core.claims import parse_claims
from persons import Person, add_person
from terminal import Home

STAGING = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def eve(live: Home) -> Person:
    """A person with two tenants, signed in for this session; one more tenant refuses."""
    live.start_cloud()
    person = add_person(
        live,
        "eve",
        {
            "Eve Home": {"subscriptions": ["E1"]},
            "Eve Guest": {"subscriptions": ["E2", "E3"]},
            "Eve Closed": {"subscriptions": ["E4"], "blocked": True},
        },
    )
    live.cloud.device_codes(approve_as=person.username, interval_s=1)
    with pytest.warns(az.SignInWarning, match="Eve Closed"):
        az.connect_az_account(environment="AzureSimulator", use_device_authentication=True, scope="Process")
    live.cloud.device_codes(approve_as="", interval_s=5, expires_in_s=900)
    return person


def test_an_application_sees_its_tenant_and_subscriptions(live: Home) -> None:
    """Those that are new since it signed in, too; contexts stay as they are."""
    context = az.connect_az_account(environment="AzureSimulator", max_context_population=0)
    live.add_subscriptions(Staging=STAGING)
    assert [(one.name, one.default_domain) for one in az.get_az_tenant()] == [("Contoso", "contoso.example")]
    assert {one.name for one in az.get_az_subscription()} == {"Rehearsal", "Staging"}
    one = az.get_az_subscription(STAGING)
    assert (one.name, one.state, one.tenant_id) == ("Staging", "Enabled", context.tenant.id)
    assert az.get_az_subscription(subscription_name="staging") == [one]
    assert az.get_az_subscription(subscription_name="nowhere") == []
    assert az.get_az_context(list_available=True) == [context]
    assert az.set_az_context(subscription_object=one).name == "Staging"
    with pytest.raises(az.ResourceNotFound, match="azjobs-demo sees no subscription 00"):
        az.get_az_subscription("00")
    with pytest.raises(az.ResourceNotFound, match="belongs to no tenant Moon"):
        az.get_az_tenant("Moon")
    with pytest.raises(az.InvalidInput, match="in one way"):
        az.get_az_subscription("x", subscription_name="y")  # type: ignore[call-overload]
    az.clear_az_context()


def test_a_person_sees_every_tenant_but_for_one_that_refuses(eve: Person) -> None:
    """That one is a warning."""
    assert {one.name for one in az.get_az_tenant()} == {"Eve Home", "Eve Guest", "Eve Closed"}
    with pytest.warns(az.SignInWarning, match=r"Tenant Eve Closed was left out: "):
        assert {one.name for one in az.get_az_subscription()} == {"E1", "E2", "E3"}
    guest = eve.tenants["Eve Guest"]
    assert {one.name for one in az.get_az_subscription(tenant_id=guest)} == {"E2", "E3"}
    assert az.get_az_tenant(guest.upper()).name == "Eve Guest"
    with pytest.raises(az.AzJobsError):
        az.get_az_subscription(tenant_id="Eve Closed")


def test_an_access_token_is_covered_and_says_whose_it_is(live: Home) -> None:
    """Its text is given by reveal() only, and it cannot be pickled."""
    context = az.connect_az_account(environment="AzureSimulator")
    found = az.get_az_access_token()
    assert isinstance(found, az.AccessToken)
    text = found.token.reveal()
    assert text.count(".") == 2
    assert text not in repr(found)
    assert (found.tenant_id, found.user_id, found.type) == (context.tenant.id, context.account.id, "Bearer")
    assert datetime.fromtimestamp(time.time(), UTC) < found.expires_on
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(found)
    by_address = az.get_az_access_token(resource_url=f"{live.endpoint['url']}/.default", az_context="Rehearsal")
    assert by_address.tenant_id == context.tenant.id
    with pytest.raises(az.InvalidInput, match="There is no resource type Moon"):
        az.get_az_access_token("Moon")
    with pytest.raises(az.InvalidInput, match="address of KeyVault in AzureSimulator is not known here"):
        az.get_az_access_token("keyvault")
    with pytest.raises(az.ContextNotFound, match="has no context in tenant t-9"):
        az.get_az_access_token(tenant_id="t-9")


def test_a_person_has_tokens_of_every_tenant(eve: Person) -> None:
    """By its name or id; each token is of that tenant."""
    guest = eve.tenants["Eve Guest"]
    for name in ("Eve Guest", guest):
        found = az.get_az_access_token(tenant_id=name)
        assert found.tenant_id == guest
        assert parse_claims(found.token.reveal())["tid"] == guest
