"""What a sign-in does goes by the network of whoever signed in: their proxy, their certificate authority."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure_servers import Proxy, serving
from msgspec.structs import replace

from azjobs.azure.broker import TokenBroker
from azjobs.azure.refusals import SignInUnavailable
from azjobs.azure.route import Route, route_to
from azjobs.azure.sender import Sender
from azjobs.azure.transport import AiohttpTransport, Unsent
from azjobs.core.arm import Request
from azjobs.core.context import AZURE_CLOUD, SignInKey, host_of
from azjobs.core.errors import AzJobsError
from azjobs.core.signin import SignIn

ARM = "https://management.azure.com"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with serving(Proxy()) as server:
        yield server


def way(url: str = ARM, secrets: dict[str, str] | None = None, **network: str) -> Route:
    return route_to(url, SignIn(SignInKey("c", "a", "t"), "K", AZURE_CLOUD, **network), secrets or {})


@pytest.mark.parametrize(
    ("no_proxy", "is_direct"),
    [
        ("", False),
        ("management.azure.com", True),
        ("MANAGEMENT.AZURE.COM", True),
        (".azure.com", True),
        ("azure.com", True),
        ("*.azure.com", True),
        ("example.org, azure.com", True),
        ("example.org azure.com", True),
        ("azure.com:443", True),
        ("azure.com:8443", False),
        ("*", True),
        ("ment.azure.com", False),
        ("management.azure.com.example.org", False),
        (",", False),
        ("10.0.0.0/8", False),
    ],
)
def test_no_proxy_names_hosts_and_domains(no_proxy: str, *, is_direct: bool) -> None:
    """Exactly or as a whole suffix, in any case, with a port or without."""
    assert way(proxy="http://p:1", no_proxy=no_proxy) == Route("" if is_direct else "http://p:1")


def test_no_proxy_names_addresses_and_networks() -> None:
    """An address is compared by number."""
    assert way("https://10.1.2.3", proxy="http://p:1", no_proxy="10.0.0.0/8") == Route()
    assert way("https://11.1.2.3", proxy="http://p:1", no_proxy="10.0.0.0/8,10.0.0.1") == Route("http://p:1")
    assert way("https://[fd00::1]:444", proxy="http://p:1", no_proxy="[fd00::1]") == Route()


def test_a_proxy_with_a_password_is_the_secret_one() -> None:
    """It is used in place of the one in the description, and not shown."""
    found = way(secrets={"proxy": "http://ada:hunter2@p:1"}, proxy="http://p:1")
    assert found.proxy == "http://ada:hunter2@p:1"
    assert "hunter2" not in repr(found)


def test_the_embedded_cloud_is_never_behind_a_proxy(cloud: Any) -> None:
    """It is on loopback, and trusted by its own authority only."""
    sign_in = replace(cloud.sign_in, proxy="http://p:1", ca_file="/corporate.pem")
    assert route_to(cloud.endpoint["url"], sign_in, {}) == Route("", cloud.endpoint["ca_file"])


def not_embedded(cloud: Any, **network: str) -> tuple[Any, SignIn]:
    """The same cloud as one that is somewhere: its authority is trusted by the one who signed in, not by itself."""
    environment = replace(cloud.context.environment, is_simulator=False, ca_file="")
    context = replace(cloud.context, environment=environment)
    return context, replace(cloud.sign_in, environment=environment, ca_file=cloud.endpoint["ca_file"], **network)


async def used(context: Any, sign_in: SignIn, secrets: dict[str, str]) -> int:
    """Get a token and read something of Azure, each by the route of the sign-in; returns the status."""
    transport, broker = AiohttpTransport(), TokenBroker()

    async def given() -> dict[str, str]:
        return secrets

    try:
        token = await broker.fetch(sign_in, context.environment.scope, secrets=given)
        route = route_to(context.environment.resource_manager_url, sign_in, secrets)
        request = Request("GET", "/subscriptions?api-version=2022-12-01")
        reply, _ = await Sender(transport).send(request, context, token.token, {}, route=route)
        return reply.status
    finally:
        await broker.close()
        await transport.close()


def test_token_and_request_go_through_the_proxy_and_trust_the_private_authority(cloud: Any, proxy: Proxy) -> None:
    """Both are tunnelled, and nothing of the daemon's own variables is needed."""
    context, sign_in = not_embedded(cloud, proxy=proxy.url)
    assert asyncio.run(used(context, sign_in, cloud.secrets)) == 200
    assert set(proxy.targets) == {host_of(cloud.endpoint["url"])}
    assert len(proxy.targets) >= 2


def test_a_proxy_gets_the_password_of_the_secret(cloud: Any, proxy: Proxy) -> None:
    """By Basic authentication, from both sides of the daemon."""
    context, sign_in = not_embedded(cloud)
    secrets = {**cloud.secrets, "proxy": f"http://ada:hunter2@{proxy.address}"}
    sign_in = replace(sign_in, secret_names=("client_secret", "proxy"))
    assert asyncio.run(used(context, sign_in, secrets)) == 200
    shown = base64.b64encode(b"ada:hunter2").decode()
    assert len(proxy.shown) == len(proxy.targets) >= 2
    assert set(proxy.shown) == {f"Basic {shown}"}


def test_hosts_that_are_exempt_are_reached_directly(cloud: Any, proxy: Proxy) -> None:
    """The proxy is not even asked."""
    context, sign_in = not_embedded(cloud, proxy=proxy.url, no_proxy="localhost")
    assert asyncio.run(used(context, sign_in, cloud.secrets)) == 200
    assert proxy.targets == []


def test_without_its_authority_the_cloud_is_not_trusted(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the daemon's own variables say counts for nothing."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", cloud.endpoint["ca_file"])
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    context, sign_in = not_embedded(cloud)
    assert asyncio.run(used(context, sign_in, cloud.secrets)) == 200
    with pytest.raises(SignInUnavailable, match="cannot be reached"):
        asyncio.run(used(context, replace(sign_in, ca_file=""), cloud.secrets))


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("407 Proxy Authentication Required", "the proxy asks for a user name and a password"),
        ("403 Forbidden", r"the proxy refused to connect \(HTTP 403\)"),
    ],
)
def test_a_proxy_that_refuses_is_told_and_nothing_was_sent(cloud: Any, proxy: Proxy, refusal: str, words: str) -> None:
    """The request may go out again: it never reached the service."""
    proxy.refusal = refusal
    with pytest.raises(Unsent, match=words):
        asyncio.run(sent_by(cloud, proxy.url))


def test_a_proxy_that_is_not_there_is_told_without_its_password(cloud: Any) -> None:
    """Nothing was sent, and the sentence is about the proxy."""
    with pytest.raises(Unsent, match="its proxy does not answer") as caught:
        asyncio.run(sent_by(cloud, "http://ada:hunter2@127.0.0.1:1"))
    assert "hunter2" not in str(caught.value)


async def sent_by(cloud: Any, proxy: str) -> AzJobsError | None:
    transport = AiohttpTransport()
    try:
        url = cloud.endpoint["url"]
        await transport.send("GET", url, {}, None, timeout_s=5, ca_file=cloud.endpoint["ca_file"], proxy=proxy)
    finally:
        await transport.close()
    return None


def test_a_token_is_told_to_be_out_of_reach_without_the_proxys_password(cloud: Any, tmp_path: Path) -> None:
    """What requests says of a proxy has its address."""
    assert tmp_path
    _, sign_in = not_embedded(cloud)
    sign_in = replace(sign_in, secret_names=("client_secret", "proxy"))
    secrets = {**cloud.secrets, "proxy": "http://ada:hunter2@127.0.0.1:1"}
    with pytest.raises(SignInUnavailable) as caught:
        asyncio.run(used(cloud.context, sign_in, secrets))
    assert "hunter2" not in str(caught.value)
