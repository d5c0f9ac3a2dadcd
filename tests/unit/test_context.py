"""A context's identity, its hosts, and what it is called."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azjobs.core.context import (
    AZURE_CLOUD,
    BUILT_IN_ENVIRONMENTS,
    Account,
    AccountType,
    ContextKey,
    ContextValue,
    Environment,
    SignInKey,
    Subscription,
    Tenant,
    default_name,
    host_of,
)


def make_context(**changes: Any) -> ContextValue:
    """Return a context in Azure."""
    values: dict[str, Any] = {
        "name": "Production",
        "account": Account("Me@Contoso.com", AccountType.USER),
        "tenant": Tenant("T1", "Contoso"),
        "environment": AZURE_CLOUD,
        "subscription": Subscription("S1", "Production"),
    }
    return ContextValue(**{**values, **changes})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        pytest.param("https://management.azure.com/subscriptions", "management.azure.com:443", id="plain"),
        pytest.param("HTTPS://Management.Azure.com", "management.azure.com:443", id="without-case"),
        pytest.param("https://h:8443/x", "h:8443", id="a-port"),
        pytest.param("https://[::1]:99/x", "::1:99", id="ipv6"),
        pytest.param("https://h:0/", "h:0", id="port-0-is-not-443"),
        pytest.param("http://h/x", "", id="not-https"),
        pytest.param("//h/x", "", id="no-scheme"),
        pytest.param("/subscriptions", "", id="a-path"),
        pytest.param("https:///x", "", id="no-host"),
        pytest.param("https://user@h/x", "", id="a-user"),
        pytest.param("https://@h/x", "", id="an-empty-user"),
        pytest.param("https://h\\@evil/x", "", id="a-backslash"),
        pytest.param("https://management.azure.com.evil/x", "management.azure.com.evil:443", id="a-longer-name"),
        pytest.param("https://h:99999/", "", id="a-port-out-of-range"),
        pytest.param("https://h:abc/", "", id="a-port-that-is-none"),
        pytest.param("https://[::1/", "", id="half-an-ipv6-address"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_host_is_that_of_an_absolute_https_url(url: str, host: str):
    """Anything that could be read in two ways has no host."""
    assert host_of(url) == host


@given(st.text() | st.text().map(lambda text: f"https://{text}"))
def test_host_of_any_text_is_some_text(url: str):
    """No text, from whatever reply, is an error."""
    host_of(url)


def test_environment_without_https_has_no_hosts():
    """No token goes to an environment that is not https, nor to a URL that has no host either."""
    environment = Environment("Own", "http://localhost:8080", "http://localhost:8080")
    assert environment.hosts == frozenset()
    assert host_of("http://localhost:8080") not in environment.hosts


def test_built_in_environments_have_a_host_and_a_scope():
    """Each cloud has its own host; its scope is that of its Resource Manager."""
    hosts = [host for environment in BUILT_IN_ENVIRONMENTS for host in environment.hosts]
    assert len(set(hosts)) == len(BUILT_IN_ENVIRONMENTS) == 3
    assert AZURE_CLOUD.scope == "https://management.azure.com/.default"
    assert Environment("E", "https://h/", "").scope == "https://h/.default"


def test_identity_is_without_case_and_without_name():
    """Two contexts are the same one by what they point to, whatever they are called."""
    context = make_context()
    same = make_context(name="other", account=Account("me@contoso.COM", AccountType.USER, "Me"), tenant=Tenant("t1"))
    assert context.key == same.key == ContextKey("azurecloud", "me@contoso.com", "t1", "s1")
    assert context.sign_in_key == same.sign_in_key == SignInKey("azurecloud", "me@contoso.com", "t1")
    assert str(context.sign_in_key) == "azurecloud|me@contoso.com|t1"
    assert make_context(subscription=None).key.subscription == ""
    assert make_context(subscription=Subscription("S2")).key != context.key
    assert make_context(subscription=Subscription("S2")).sign_in_key == context.sign_in_key
    assert make_context(environment=BUILT_IN_ENVIRONMENTS[1]).sign_in_key != context.sign_in_key


def test_labels_are_what_says_most():
    """Names where they are known, else ids; without a subscription there is none to show."""
    full = make_context(account=Account("id", AccountType.MANAGED_SERVICE, "Demo"))
    bare = make_context(account=Account("id", AccountType.USER), tenant=Tenant("T1"), subscription=Subscription("S1"))
    assert (full.account_label, full.tenant_label, full.subscription_label) == ("Demo", "Contoso", "Production")
    assert (bare.account_label, bare.tenant_label, bare.subscription_label) == ("id", "T1", "S1")
    assert make_context(subscription=None).subscription_label == ""


def test_default_name_says_as_much_as_it_must():
    """The subscription's name, then tenant, account and id are added while the name is taken, in any case."""
    context, taken, names = make_context(), set[str](), []
    for _ in range(6):
        names.append(default_name(context, frozenset(taken)))
        taken.add(names[-1].upper())
    assert names == [
        "Production",
        "Production - Contoso",
        "Production - Contoso - Me@Contoso.com",
        "Production - Contoso - Me@Contoso.com (S1)",
        "Production - Contoso - Me@Contoso.com (S1) 2",
        "Production - Contoso - Me@Contoso.com (S1) 3",
    ]
    assert default_name(make_context(subscription=None)) == "Contoso"


def test_context_survives_json():
    """A stored context is read as it was written."""
    for context in (make_context(), make_context(subscription=None, scope="session-1")):
        assert msgspec.json.decode(msgspec.json.encode(context), type=ContextValue) == context
