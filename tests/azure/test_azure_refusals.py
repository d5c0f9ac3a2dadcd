"""A refusal of a sign-in is one sentence that says who must do what; no text of Entra brings a token along."""

from __future__ import annotations

import asyncio
import socket

import pytest

from azjobs.azure import route
from azjobs.azure.broker import TokenBroker
from azjobs.azure.refusals import SignInUnavailable, clean, explain
from azjobs.core.context import Environment, SignInKey
from azjobs.core.errors import SignInFailed
from azjobs.core.signin import SignIn

TRACE = " Trace ID: 1 Correlation ID: 2 Timestamp: 3"


def said(text: str, *, is_network: bool = False) -> Exception:
    return explain(text, account="app", tenant="contoso", is_network=is_network)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("AADSTS7000215: Invalid client secret provided.", "The client secret of app is wrong"),
        ("AADSTS7000222: The provided client secret keys are expired.", "The client secret of app has expired"),
        ("AADSTS700016: Application not found.", "There is no application app in tenant contoso"),
        ("AADSTS90002: Tenant not found.", "There is no tenant contoso"),
        ("Unable to get authority configuration for https://x/y", "There is no tenant contoso"),
        ("AADSTS50076: you must use multi-factor authentication", "app must prove itself to tenant contoso"),
        ("AADSTS50079: enrol", "app must first register a second factor"),
        ("AADSTS50057: disabled", "app is disabled"),
        ("AADSTS999999: Something new.", "The sign-in of app was refused: AADSTS999999: Something new."),
        ("Please run 'az login' to set up an account", "The sign-in of app was refused: Please run 'az login'"),
    ],
)
def test_a_refusal_is_said_in_one_sentence_with_what_to_type(text: str, words: str) -> None:
    """The sentence names account or tenant, and ends with the command."""
    problem = said("Authentication failed: " + text + TRACE)
    assert isinstance(problem, SignInFailed)
    assert str(problem).startswith(words)
    assert str(problem).endswith("Type: azjobs account connect")
    assert "Trace" not in str(problem)


@pytest.mark.parametrize(
    "text", ["AADSTS90033: transient", "AADSTS50196: loop", "HTTP Error: 429", "HTTP Error: 503", "HTTP Error: 500"]
)
def test_an_overload_can_be_tried_again(text: str) -> None:
    """These are about the service, not about the account."""
    assert isinstance(said(text), SignInUnavailable)


def test_no_answer_at_all_can_be_tried_again() -> None:
    """A refused connection says nothing about the sign-in, whatever its text."""
    assert isinstance(said("Connection refused", is_network=True), SignInUnavailable)


def test_the_account_is_named_even_where_it_is_not_known() -> None:
    """An empty account or tenant does not leave a hole in the sentence."""
    assert str(explain("AADSTS50057: x", account="", tenant="")).startswith("This account is disabled. (AADSTS50057)")


@pytest.mark.parametrize(
    "secret", ["eyJhbGciOiJSUzI1NiIs.eyJ0aWQiOiIx.c2ln", "0.AXoAlaoL-" + "x" * 60, "a" * 64 + "=="]
)
def test_what_looks_like_a_token_is_masked(secret: str) -> None:
    """Whatever a service puts into its message, no token comes through."""
    assert secret not in clean(f"Bad token {secret} given")
    assert secret not in str(said(f"failed with {secret}"))


def test_a_long_text_is_cut_to_its_first_line() -> None:
    """A page of HTML does not become an error message."""
    text = clean("first line\n" + "<p>" * 1000)
    assert text == "first line."
    assert len(clean("word " * 500)) <= 301


def test_a_sign_in_service_that_takes_the_connection_and_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trying again later can help, and the broker's threads are not held for minutes."""
    monkeypatch.setattr(route, "CONNECT_TIMEOUT_S", 0.2)
    monkeypatch.setattr(route, "READ_TIMEOUT_S", 0.2)

    async def ask(url: str) -> None:
        key = SignInKey("silent", "app", "00000000-0000-4000-8000-000000000001")
        arguments = {"tenant_id": key.tenant, "client_id": key.tenant}
        sign_in = SignIn(key, "ClientSecretCredential", Environment("Silent", url, url), arguments, ("client_secret",))

        async def secrets() -> dict[str, str]:
            return {"client_secret": "a~secret"}

        broker = TokenBroker()
        try:
            await broker.fetch(sign_in, "https://silent/.default", secrets=secrets)
        finally:
            await broker.close()

    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(SignInUnavailable, match=r"cannot be reached.*timed out"),
    ):
        asyncio.run(ask(f"https://localhost:{silent.getsockname()[1]}"))
