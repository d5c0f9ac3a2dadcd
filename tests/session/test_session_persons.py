"""People who sign in with a device code: in all their tenants, against the embedded cloud's real sign-in pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import azjobs as az
from azjobs.session.accounts import interactive
from azjobs.session.link import local as local_module
from persons import Person, add_person
from terminal import Home

SIMULATOR = "AzureSimulator"


@pytest.fixture
def cloud(live: Home) -> Iterator[Home]:
    """The embedded cloud, in which whoever is told of approves device codes at once."""
    live.start_cloud()
    yield live
    live.cloud.device_codes(approve_as="", interval_s=5, expires_in_s=900)


def approve(home: Home, person: Person) -> None:
    home.cloud.device_codes(approve_as=person.username, interval_s=1)


def connect(*, scope: Any = "Process", **more: Any) -> az.Context:
    return az.connect_az_account(environment=SIMULATOR, use_device_authentication=True, scope=scope, **more)


def names() -> set[str]:
    return {one.name for one in az.get_az_context(list_available=True)}


def test_a_person_signs_in_to_every_tenant_with_one_code(cloud: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """The message is MSAL's own, on stderr; each tenant has its context, the person's own id there, and tokens."""
    ana = add_person(
        cloud, "ana", {"Ana Home": {"subscriptions": ["H1"]}, "Ana Guest": {"subscriptions": ["G1", "G2"]}}
    )
    approve(cloud, ana)
    context = connect()
    heard = capsys.readouterr()
    assert "enter the code" in heard.err
    assert heard.out == ""
    assert (context.name, context.account.id, context.account.type.value) == ("H1", ana.username, "User")
    assert names() == {"H1", "G1", "G2"}
    guest = az.get_az_context("G1")
    assert guest.tenant.id == ana.tenants["Ana Guest"]
    assert guest.credential.get_token().token != context.credential.get_token().token
    assert guest.value.object_id
    assert guest.value.object_id != context.value.object_id


def test_a_tenant_that_refuses_is_a_warning_and_the_rest_go_on(cloud: Home) -> None:
    """The warning says how to sign in there; nothing of that tenant is kept."""
    tenants = {"Home": {"subscriptions": ["H"]}, "Closed": {"subscriptions": ["C"], "blocked": True}}
    bea = add_person(cloud, "bea", {**tenants, "Guest": {"subscriptions": ["G"]}})
    approve(cloud, bea)
    closed = bea.tenants["Closed"]
    told = rf"^Tenant Closed \({closed}\) was left out: .* type: azjobs account connect --tenant {closed}$"
    with pytest.warns(az.SignInWarning, match=told):
        connect()
    assert names() == {"H", "G"}


@pytest.mark.slow
def test_forty_tenants_give_forty_contexts_where_all_are_wanted(cloud: Home) -> None:
    """25 at most unless more are asked for; the chosen one is among them."""
    many = {f"T{n:02}": {"subscriptions": [f"S{n:02}"]} for n in range(40)}
    cyd = add_person(cloud, "cyd", many)
    approve(cloud, cyd)
    assert connect(subscription="S33").name == "S33"
    assert len(names()) == 25
    connect(max_context_population=-1)
    assert len(names()) == 40
    assert az.get_az_context().name == "S33"


def test_a_tenant_that_is_named_is_the_only_one(cloud: Home) -> None:
    """A guest's tenant, too."""
    dan = add_person(cloud, "dan", {"Home": {"subscriptions": ["H"]}, "Guest": {"subscriptions": ["G"]}})
    approve(cloud, dan)
    assert connect(tenant=dan.tenants["Guest"]).name == "G"
    assert names() == {"G"}


def test_a_subscription_is_found_in_any_tenant_and_an_unknown_one_saves_nothing(cloud: Home) -> None:
    """Of a name in two tenants the id must be given."""
    tenants = {"Home": {"subscriptions": ["H"]}, "Guest": {"subscriptions": ["G"]}}
    eve = add_person(cloud, "eve", tenants)
    cloud.cloud.directory(
        subscriptions=[{"id": eve.subscriptions["G"], "name": "H", "tenant_id": eve.tenants["Guest"]}]
    )
    approve(cloud, eve)
    with pytest.raises(az.InvalidInput, match=r"Several subscriptions are called h: in Home .*, Guest "):
        connect(subscription="h")
    with pytest.raises(az.ContextNotFound, match="sees no subscription Nowhere"):
        connect(subscription="Nowhere")
    assert names() == set()
    assert connect(subscription=eve.subscriptions["G"], skip_context_population=True).tenant.name == "Guest"
    assert len(names()) == 1


def test_a_disabled_subscription_is_chosen_with_a_warning(cloud: Home) -> None:
    """Where there is no other, or where it is named."""
    fay = add_person(cloud, "fay", {"Home": {"subscriptions": ["Off"], "state": "Disabled"}})
    approve(cloud, fay)
    with pytest.warns(az.SignInWarning, match="The subscription Off is Disabled"):
        assert connect().name == "Off"


def test_who_signs_out_is_forgotten_in_every_tenant(cloud: Home) -> None:
    """And signs in to all of them again."""
    gus = add_person(cloud, "gus", {"Home": {"subscriptions": ["H"]}, "Guest": {"subscriptions": ["G"]}})
    approve(cloud, gus)
    connect()
    guest = az.get_az_context("G")
    assert az.disconnect_az_account(gus.username).id == gus.username
    assert names() == set()
    with pytest.raises(az.NotSignedIn):
        guest.credential.get_token()
    connect()
    assert names() == {"H", "G"}


def test_nobody_who_signs_in_in_time_is_told_and_saves_nothing(cloud: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit ends the wait."""
    monkeypatch.setattr(interactive, "TIMEOUT_S", 0.5)
    cloud.cloud.device_codes(approve_as="", interval_s=1)
    with pytest.raises(az.SignInFailed, match=r"Nobody signed in within 0\.5 s; nothing was saved"):
        connect()
    assert names() == set()


def test_tokens_of_a_person_lie_in_no_file_of_a_session_that_saves_nothing(cloud: Home) -> None:
    """The cache goes to the daemon's memory and the keeper's."""
    hal = add_person(cloud, "hal", {"Home": {"subscriptions": ["H"]}})
    approve(cloud, hal)
    connect()
    files = [p for p in cloud.folder.rglob("*") if p.is_file() and "simulator" not in p.parts]
    assert [p for p in files if b"refresh" in p.read_bytes().lower() and hal.username.encode() in p.read_bytes()] == []
    assert az.get_az_context().credential.get_token().token


def test_without_a_browser_the_sentence_says_what_to_add(live: Home) -> None:
    """No desktop, no BROWSER."""
    with pytest.raises(az.InvalidInput, match=r"no browser can be opened here\. Add --use-device-authentication"):
        az.connect_az_account(environment=SIMULATOR, account_id="ana@contoso.com")


def test_a_person_whose_sign_in_is_saved_without_a_keyring_is_told_where(cloud: Home) -> None:
    """Once; the next session is signed in, too."""
    ida = add_person(cloud, "ida", {"Home": {"subscriptions": ["H"]}, "Guest": {"subscriptions": ["G"]}})
    approve(cloud, ida)
    with pytest.warns(az.SignInWarning, match="There is no keyring here") as heard:
        context = connect(scope="CurrentUser")
    assert len(heard) == 1
    assert context.value.scope == "user"
    local_module.close_all()
    local_module._memories.clear()
    assert az.get_az_context("G").credential.get_token().token
