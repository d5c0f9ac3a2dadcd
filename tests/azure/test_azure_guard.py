"""The guard by itself: no spelling of an address, a path or a token gets by it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from yarl import URL

from azjobs.azure import guard
from azjobs.core.context import (
    AZURE_CHINA_CLOUD,
    AZURE_CLOUD,
    BUILT_IN_ENVIRONMENTS,
    Account,
    AccountType,
    ContextValue,
    Environment,
    Subscription,
    Tenant,
)
from azjobs.core.errors import WrongTarget

OWN = "11111111-1111-4111-8111-11111111111a"
OTHER = "99999999-9999-4999-8999-99999999999b"
TENANT = "22222222-2222-4222-8222-22222222222c"
STACK = Environment("Stack", "https://management.local.azurestack.external", "https://login.example/adfs")
CONTEXT = ContextValue(
    "Rehearsal",
    Account("ana@contoso.com", AccountType.USER),
    Tenant(TENANT, "Contoso"),
    AZURE_CLOUD,
    Subscription(OWN, "Rehearsal"),
)
CLAIMS = {"tid": TENANT, "oid": "o-1", "aud": "https://management.azure.com/"}


def jwt(**claims: object) -> str:
    return f"e30.{urlsafe_b64encode(msgspec.json.encode(claims)).decode().rstrip('=')}.sig"


def is_written(path: str, context: ContextValue = CONTEXT) -> bool:
    try:
        guard.check_write(context.environment.resource_manager_url + path, context, jwt(**CLAIMS))
    except WrongTarget:
        return False
    return True


def is_read(url: str, context: ContextValue = CONTEXT, **claims: object) -> bool:
    try:
        guard.check_read(url, context, jwt(**{**CLAIMS, **claims}))
    except WrongTarget:
        return False
    return True


# Hosts


@given(
    user=st.sampled_from(["", "management.azure.com@", "u:p@", "@"]),
    host=st.sampled_from(["management.azure.com", "evil.example", "MANAGEMENT.azure.com"]) | st.text(max_size=12),
    suffix=st.sampled_from(["", ".", ".evil.example", "%2eevil.example", "%00", "\\.evil.example", "\u3002evil", "#"]),
    port=st.sampled_from(["", ":443", ":444", ":0443", ":", ":x", ":443@evil.example"]),
    scheme=st.sampled_from(["https", "http", "HTTPS", "https:", "ftp", ""]),
    rest=st.text(max_size=8),
)
def test_what_passes_goes_to_the_environments_host_by_the_reading_of_who_sends_it(
    user: str, host: str, suffix: str, port: str, scheme: str, rest: str
) -> None:
    """Whatever address passes, the library that sends it takes it to the environment's host and port by https."""
    url = f"{scheme}://{user}{host}{suffix}{port}/{rest}"
    if is_read(url):
        target = URL(url, encoded=True)
        assert (target.scheme, target.host, target.port) == ("https", "management.azure.com", 443)
        assert target.user is None
        assert target.password is None


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://management.azure.com/x", id="plain-http"),
        pytest.param("https://management.azure.com:8443/x", id="another-port"),
        pytest.param("https://management.azure.com@evil.example/x", id="user-information"),
        pytest.param("https://me@management.azure.com/x", id="user-information-here"),
        pytest.param("https://management.azure.com.evil.example/x", id="longer-name"),
        pytest.param("https://management.azure.com./x", id="root-dot"),
        pytest.param("https://management%2eazure.com/x", id="encoded-dot"),
        pytest.param("https://m\u0430nagement.azure.com/x", id="cyrillic-letter"),
        pytest.param("https://xn--mnagement-v6g.azure.com/x", id="punycode"),
        pytest.param("https://management\u3002azure.com/x", id="ideographic-dot"),
        pytest.param("https://management.azure.com\\@evil.example/x", id="backslash"),
        pytest.param("https:\t//management.azure.com/x", id="tab"),
        pytest.param("//management.azure.com/x", id="no-scheme"),
        pytest.param("https://[::1]/x", id="ipv6"),
        pytest.param("https://[::1", id="half-an-address"),
        pytest.param("https://management.chinacloudapi.cn/x", id="another-cloud"),
        pytest.param("", id="nothing"),
    ],
)
def test_an_address_outside_the_environment_is_refused(url: str) -> None:
    """By name, port, scheme, user information, encoding or look-alike."""
    with pytest.raises(WrongTarget):
        guard.check_read(url, CONTEXT, jwt(**CLAIMS))


def test_the_environments_own_address_passes_in_any_case_and_with_its_port() -> None:
    """What is the same host by the rules of URLs is the same host here."""
    assert is_read("https://Management.Azure.com:443/subscriptions?api-version=1")
    assert is_read(STACK.resource_manager_url + "/x", replace(CONTEXT, environment=STACK))


def test_an_environment_without_an_address_is_spoken_to_by_nobody() -> None:
    """An address that is none does not make another one that is none its own."""
    broken = replace(CONTEXT, environment=replace(STACK, resource_manager_url="nonsense"))
    assert not is_read("nonsense/x", broken)
    assert not is_read("", broken)


# Clouds


@pytest.mark.parametrize("built_in", BUILT_IN_ENVIRONMENTS, ids=lambda e: e.name)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"resource_manager_url": "https://evil.example"}, id="resource-manager"),
        pytest.param({"authority_url": "https://evil.example"}, id="authority"),
        pytest.param({"audience": "https://vault.azure.net"}, id="audience"),
        pytest.param({"ca_file": "/tmp/ca.pem"}, id="certificate-authority"),
    ],
)
def test_a_built_in_cloud_is_where_it_always_is(built_in: Environment, change: dict[str, str]) -> None:
    """A file that gives a well-known name another address moves nothing: reads, writes and sign-ins are refused."""
    for name in (built_in.name, built_in.name.lower()):
        moved = replace(built_in, name=name, **change)
        context = replace(CONTEXT, environment=moved)
        assert not is_read(moved.resource_manager_url + "/x", context)
        with pytest.raises(WrongTarget):
            guard.check_environment(context, moved)
        guard.check_environment(replace(CONTEXT, environment=replace(built_in, name=name)), built_in)


def test_a_sign_in_is_used_in_the_cloud_that_it_is_for() -> None:
    """Two clouds of one name are two clouds: the context's must be where the sign-in's is."""
    context = replace(CONTEXT, environment=STACK)
    with_slash = replace(STACK, name="stack", resource_manager_url=STACK.resource_manager_url + "/")
    guard.check_environment(context, with_slash)
    for change in (
        {"resource_manager_url": "https://management.evil.example"},
        {"authority_url": "https://login.evil.example"},
        {"audience": "https://management.evil.example"},
        {"ca_file": "/another/ca.pem"},
    ):
        with pytest.raises(WrongTarget, match="nothing was sent"):
            guard.check_environment(context, replace(STACK, **change))


# Tokens


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        pytest.param({"tid": OTHER}, "for tenant 9", id="another-tenant"),
        pytest.param({"tid": None}, "for no tenant", id="no-tenant"),
        pytest.param({"tid": [TENANT]}, "for no tenant", id="tenants"),
        pytest.param({"oid": "o-2"}, "object id o-2", id="another-account"),
        pytest.param({"oid": None}, "of no account", id="no-account"),
        pytest.param({"aud": "https://vault.azure.net"}, "for https://vault.azure.net", id="another-service"),
        pytest.param({"aud": "https://management.chinacloudapi.cn"}, "chinacloudapi", id="another-cloud"),
        pytest.param({"aud": "https://management.azure.com.evil.example"}, "evil", id="longer-name"),
        pytest.param({"aud": None}, "for nobody", id="no-audience"),
        pytest.param({"aud": ["https://management.azure.com/"]}, "for nobody", id="audiences"),
    ],
)
def test_a_token_of_another_tenant_account_or_service_is_refused(claims: dict[str, Any], told: str) -> None:
    """Each claim counts by itself; what does not tell is no proof."""
    with pytest.raises(WrongTarget, match=told):
        guard.check_token(jwt(**{**CLAIMS, **claims}), replace(CONTEXT, object_id="o-1"))


def test_a_read_is_refused_as_somebody_else_and_not_for_want_of_a_proof() -> None:
    """A token that says another tenant or account reads nothing; one that says nothing may."""
    url, known = AZURE_CLOUD.resource_manager_url + "/x", replace(CONTEXT, object_id="o-1")
    assert not is_read(url, known, tid=OTHER)
    assert not is_read(url, known, oid="o-2")
    assert is_read(url, known, oid=None)
    assert is_read(url, replace(CONTEXT, tenant=Tenant("contoso.com")), tid=OTHER)  # its id is not known yet
    guard.check_read(url, known, "opaque")


def test_a_token_is_good_by_any_name_of_its_resource_manager() -> None:
    """With or without a slash, by the older address, by the application's id; in the public clouds only."""
    for audience in (
        "https://management.azure.com",
        "https://management.azure.com/",
        "https://management.core.windows.net/",
        "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    ):
        guard.check_token(jwt(**{**CLAIMS, "aud": audience, "oid": "O-1"}), replace(CONTEXT, object_id="o-1"))
    china = replace(CONTEXT, environment=AZURE_CHINA_CLOUD)
    guard.check_token(jwt(**{**CLAIMS, "aud": "https://management.core.chinacloudapi.cn/"}), china)
    stack = replace(CONTEXT, environment=replace(STACK, audience="https://management.stack.onmicrosoft.com/guid"))
    guard.check_token(jwt(**{**CLAIMS, "aud": "https://management.stack.onmicrosoft.com/guid"}), stack)
    with pytest.raises(WrongTarget):
        guard.check_token(jwt(**{**CLAIMS, "aud": guard.SERVICE_MANAGEMENT_ID}), stack)


# Paths


def encoded(text: str, which: list[bool]) -> str:
    """Percent-encode some characters of a text."""
    return "".join(f"%{ord(c):02X}" if is_on else c for c, is_on in zip(text, which, strict=False))


@given(
    before=st.sampled_from(["", "/", "/.", "/x/..", "/providers/..", "/providers/a.b/%2e%2e/.."]),
    word=st.sampled_from(["subscriptions", "SUBSCRIPTIONS", "\u017fubscriptions", "subscription\u017f"]),
    which=st.lists(st.booleans(), min_size=14, max_size=14),
    separator=st.sampled_from(["/", "//", "%2F", "\\", "/./", "/%2E/"]),
    subscription=st.sampled_from([OTHER, OTHER.upper(), OTHER + "%20", OTHER + "%00", "%39" + OTHER[1:]]),
)
def test_no_spelling_of_a_path_leads_a_write_to_another_subscription(
    before: str, word: str, which: list[bool], separator: str, subscription: str
) -> None:
    """Encoded, doubled, folded, in other letters: it is refused."""
    spelled = quote(word) if not word.isascii() else encoded(word, which)
    assert not is_written(f"{before}/{spelled}{separator}{subscription}/resourceGroups/g?api-version=1")
    assert not is_written(f"/providers/Microsoft.Management/managementGroups/m/{spelled}{separator}{subscription}")


SEGMENT = st.text(st.characters(codec="ascii"), max_size=6)


@given(st.lists(SEGMENT | SEGMENT.map(lambda text: quote(text, safe="")), max_size=5))
def test_a_write_that_passes_goes_where_it_is_read_to_go(more: list[str]) -> None:
    """Whatever stands behind it, a path that passes is in the context's subscription for the library that sends it."""
    tail = "".join(f"/{part}" for part in more)
    if is_written(f"/subscriptions/{OWN}{tail}"):
        url = URL(f"https://management.azure.com/subscriptions/{OWN}{tail}", encoded=True)
        assert url.path.split("/")[:3] == ["", "subscriptions", OWN]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("//subscriptions/" + OTHER, id="doubled-slash"),
        pytest.param("/./subscriptions/" + OTHER, id="dot"),
        pytest.param("/x/../subscriptions/" + OTHER, id="dot-dot"),
        pytest.param("/x/%2e%2e/subscriptions/" + OTHER, id="encoded-dots"),
        pytest.param("/%2Fsubscriptions/" + OTHER, id="encoded-slash"),
        pytest.param("/subscriptions%2F" + OTHER, id="encoded-slash-inside"),
        pytest.param("/x\\..\\subscriptions/" + OTHER, id="backslash"),
        pytest.param("/%73ubscriptions/" + OTHER, id="encoded-letter"),
        pytest.param("/%2573ubscriptions/" + OTHER, id="encoded-twice"),
        pytest.param("/SUBSCRIPTIONS/" + OTHER, id="upper-case"),
        pytest.param("/%C5%BFubscriptions/" + OTHER, id="long-s"),
        pytest.param("/subscriptions/" + OTHER + "%00", id="control-character"),
        pytest.param("/batch", id="requests-inside-a-request"),
        pytest.param("/tenants", id="no-provider"),
        pytest.param("/", id="nothing"),
        pytest.param("/providers/Microsoft.Management/managementGroups/m/subscriptions/" + OTHER, id="moved-elsewhere"),
    ],
)
def test_a_path_that_leads_elsewhere_or_could_be_read_in_two_ways_is_refused(path: str) -> None:
    """However a subscription is spelled, a write reaches only the context's own."""
    with pytest.raises(WrongTarget):
        guard.check_subscription(AZURE_CLOUD.resource_manager_url + path + "?api-version=1", CONTEXT)


def test_the_tenants_level_is_open_to_every_context_of_the_tenant() -> None:
    """Below /providers/ the tenant is the boundary; a subscription named there is the context's own."""
    group = "/providers/Microsoft.Management/managementGroups/m"
    bare = replace(CONTEXT, subscription=None)
    assert is_written(group, bare)
    assert is_written(f"{group}/subscriptions/{OWN.upper()}")
    assert not is_written(f"{group}/subscriptions/{OWN}", bare)
    assert not is_written(f"/subscriptions/{OWN}/resourceGroups/g", bare)
    with pytest.raises(WrongTarget, match="has no subscription"):
        guard.check_subscription(f"https://management.azure.com/subscriptions/{OTHER}/x", bare)


def test_a_resource_may_have_subscriptions_of_its_own() -> None:
    """API Management calls something else a subscription: inside the context's subscription it is only a word."""
    service = f"/subscriptions/{OWN}/resourceGroups/g/providers/Microsoft.ApiManagement/service/s"
    assert is_written(f"{service}/subscriptions/{OTHER}")
