"""How the network of whoever signs in is left: proxies, exemptions, certificate authorities."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from azjobs.core.context import AZURE_CLOUD, Environment
from azjobs.core.errors import InvalidInput
from azjobs.session.accounts.network import Network, network_of

SIMULATOR = Environment("AzureSimulator", "https://localhost:1", "https://localhost:1", is_simulator=True)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, Network()),
        ({"HTTPS_PROXY": "http://proxy:3128"}, Network("http://proxy:3128")),
        ({"ALL_PROXY": "proxy:3128", "NO_PROXY": ".corp"}, Network("http://proxy:3128", ".corp")),
        ({"https_proxy": "http://one:1", "HTTPS_PROXY": "http://two:2"}, Network("http://one:1")),
        ({"HTTPS_PROXY": "", "ALL_PROXY": "http://all:1"}, Network("http://all:1")),
        ({"HTTP_PROXY": "http://plain:1"}, Network()),
        ({"NO_PROXY": "x"}, Network()),
    ],
)
def test_a_proxy_is_taken_from_the_variables_that_other_tools_read(
    variables: dict[str, str], expected: Network
) -> None:
    """Lower case first, as curl does; HTTP_PROXY is not for https."""
    assert network_of(AZURE_CLOUD, variables) == expected


def test_a_proxy_with_a_password_is_a_secret() -> None:
    """It stands in no field that is stored or shown."""
    network = network_of(AZURE_CLOUD, {"HTTPS_PROXY": "http://me:Pa55word@proxy:3128"})
    assert network.secrets["proxy"].reveal() == "http://me:Pa55word@proxy:3128"
    assert "Pa55word" not in repr(network)


def test_the_first_bundle_of_certificate_authorities_counts(tmp_path: Path) -> None:
    """REQUESTS_CA_BUNDLE before SSL_CERT_FILE before CURL_CA_BUNDLE."""
    one, two = tmp_path / "one.pem", tmp_path / "two.pem"
    one.touch()
    two.touch()
    assert network_of(AZURE_CLOUD, {"SSL_CERT_FILE": str(one), "CURL_CA_BUNDLE": str(two)}).ca_file == str(one)
    assert network_of(AZURE_CLOUD, {"SSL_CERT_FILE": str(one), "REQUESTS_CA_BUNDLE": str(two)}).ca_file == str(two)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SSL_CERT_FILE": "/nonexistent/ca.pem"}, "SSL_CERT_FILE names /nonexistent/ca.pem, which cannot be read"),
        ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY is no address of a proxy"),
        ({"HTTPS_PROXY": "http://me:Pa55word@host:port"}, "HTTPS_PROXY is no address of a proxy"),
    ],
)
def test_a_variable_that_leads_nowhere_is_named_without_its_password(variables: dict[str, str], sentence: str) -> None:
    """Else every request would fail, later and elsewhere."""
    with pytest.raises(InvalidInput) as caught:
        network_of(AZURE_CLOUD, variables)
    assert str(caught.value).startswith(sentence)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in told.stack if "azjobs/session" in frame.filename]
    assert frames
    assert "Pa55word" not in str(caught.value) + str([frame.locals for frame in frames])


def test_the_embedded_cloud_is_reached_directly() -> None:
    """It is on this machine."""
    assert network_of(SIMULATOR, {"HTTPS_PROXY": "http://proxy:1", "SSL_CERT_FILE": "/nonexistent"}) == Network()
