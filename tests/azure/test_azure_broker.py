"""Tokens are fetched once for many, renewed in time, and refused in one sentence without a secret in it."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from msgspec.structs import replace

from azjobs.azure.broker import SignInReplaced, TokenBroker
from azjobs.azure.credentials import build
from azjobs.azure.refusals import SignInUnavailable
from azjobs.azure.user_credential import UserCache
from azjobs.core.claims import parse_claims, tenant_of
from azjobs.core.errors import SignInFailed
from azjobs.core.signin import SignIn
from terminal import wait_until


class Clock:
    """The real time, moved."""

    def __init__(self) -> None:
        self.offset_s = 0.0

    def __call__(self) -> float:
        """Epoch seconds."""
        return time.time() + self.offset_s


class HourlyCredential:
    """Gives a new token at each question, good for an hour by the given clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.given = 0

    def get_token(self, *scopes: str, claims: str | None = None, **kwargs: Any) -> AccessToken:
        """As azure-core defines it."""
        self.given += 1
        return AccessToken(f"token-{self.given}", int(self.clock()) + 3600)


def using(work: Callable[[TokenBroker], Awaitable[Any]], **options: Any) -> Any:
    async def run() -> Any:
        broker = TokenBroker(**options)
        try:
            return await work(broker)
        finally:
            await broker.close()

    return asyncio.run(run())


def asker(cloud: Any, sign_in: SignIn | None = None, **secrets: str) -> Callable[..., Awaitable[Any]]:
    async def given() -> Mapping[str, str]:
        return {**cloud.secrets, **secrets}

    async def ask(broker: TokenBroker, **options: Any) -> Any:
        scope = cloud.context.environment.scope
        return await broker.fetch(sign_in or cloud.sign_in, scope, secrets=given, **options)

    return ask


def refusal(cloud: Any, sign_in: SignIn | None = None, **secrets: str) -> Exception:
    with pytest.raises((SignInFailed, SignInUnavailable)) as caught:
        using(asker(cloud, sign_in, **secrets))
    return caught.value


def test_five_hundred_askers_cause_one_token_request(cloud: Any) -> None:
    """Many who ask at once share one fetch; who asks later gets the same token from the cache."""
    ask = asker(cloud)

    async def work(broker: TokenBroker) -> list[Any]:
        first = await asyncio.gather(*(ask(broker) for _ in range(500)))
        return [*first, await ask(broker)]

    tokens = using(work)
    assert len({t.token for t in tokens}) == 1
    assert cloud.token_requests() == 1
    assert tenant_of(parse_claims(tokens[0].token)) == cloud.endpoint["tenant_id"]


def test_an_asker_who_goes_away_does_not_stop_the_fetch_of_the_others(cloud: Any) -> None:
    """Cancelling one waiter leaves the shared fetch alone."""
    ask = asker(cloud)

    async def work(broker: TokenBroker) -> Any:
        impatient = asyncio.create_task(ask(broker))
        patient = asyncio.create_task(ask(broker))
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    assert using(work).token
    assert cloud.token_requests() == 1


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_a_token_is_renewed_before_it_expires_and_not_much_earlier(cloud: Any, chance: float) -> None:
    """Five minutes before the end the cached token is still given, three minutes before a new one."""
    clock = Clock()
    credential = HourlyCredential(clock)
    ask = asker(cloud)

    async def work(broker: TokenBroker) -> list[str]:
        tokens = []
        for offset_s in (0, 3600 - 900, 3600 - 300, 3600 - 180):
            clock.offset_s = offset_s
            tokens.append((await ask(broker)).token)
        return tokens

    found = using(work, clock=clock, chance=lambda: chance, build=lambda _sign_in, _secrets: credential)
    assert found == ["token-1", "token-1", "token-1", "token-2"]


def test_a_token_of_a_short_life_is_kept_for_most_of_it(cloud: Any) -> None:
    """With a life of a minute it is renewed in the last tenth, not at each question."""
    cloud.control.token_lifetime(60)
    ask, clock = asker(cloud), Clock()

    async def work(broker: TokenBroker) -> list[int]:
        counts = []
        for offset_s in (0, 50, 57, 58):
            clock.offset_s = offset_s
            await ask(broker)
            counts.append(cloud.token_requests())
        return counts

    assert using(work, clock=clock, chance=lambda: 1.0) == [1, 1, 2, 2]


def test_an_old_token_is_given_out_while_no_new_one_can_be_had(cloud: Any) -> None:
    """The sign-in service is away: while the old token has life left nobody is kept waiting, then it is said."""
    clock = Clock()

    class Cut(HourlyCredential):
        def get_token(self, *scopes: str, claims: str | None = None, **kwargs: Any) -> AccessToken:
            if self.given:
                raise ServiceRequestError("no route to host")
            return super().get_token(*scopes)

    ask, credential = asker(cloud), Cut(clock)

    async def work(broker: TokenBroker) -> list[str]:
        tokens = []
        for left_s in (3600, 100):
            clock.offset_s = 3600 - left_s
            tokens.append((await ask(broker)).token)
        clock.offset_s = 3600 - 10
        with pytest.raises(SignInUnavailable, match="no route to host"):
            await ask(broker)
        return tokens

    assert using(work, clock=clock, build=lambda _sign_in, _secrets: credential) == ["token-1", "token-1"]


def test_closing_ends_what_is_under_way(cloud: Any) -> None:
    """A daemon that goes away waits for no asker; the thread that asks ends by itself."""
    cloud.control.fault("/oauth2/", {"delay_s": 0.2})

    async def run() -> asyncio.Task[Any]:
        broker = TokenBroker()
        asking = asyncio.create_task(asker(cloud)(broker))
        await asyncio.to_thread(cloud.control.wait_for_requests, path_regex="/oauth2/")
        await broker.close()
        await asyncio.wait([asking])
        return asking

    assert asyncio.run(run()).cancelled()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("sign-in")])


def test_a_claims_challenge_brings_a_new_token(cloud: Any) -> None:
    """Tokens are kept apart by the claims they were asked with."""
    ask = asker(cloud)

    async def work(broker: TokenBroker) -> None:
        await ask(broker)
        await ask(broker, claims='{"access_token": {"nbf": {"essential": true}}}')

    using(work)
    assert cloud.token_requests() == 2


def test_sign_ins_of_one_account_by_two_sessions_are_kept_apart(cloud: Any) -> None:
    """A wrong secret in one session is not hidden by the right one of another."""
    right, wrong = asker(cloud), asker(cloud, client_secret="wrong")

    async def work(broker: TokenBroker) -> None:
        await right(broker, owner="one")
        with pytest.raises(SignInFailed):
            await wrong(broker, owner="two")

    using(work)


def test_after_a_refusal_the_secret_is_asked_for_again(cloud: Any) -> None:
    """A credential that was refused is not kept: the next try uses what is known then."""
    secret = {"client_secret": "wrong"}

    async def given() -> Mapping[str, str]:
        return secret

    async def work(broker: TokenBroker) -> Any:
        scope = cloud.context.environment.scope
        with pytest.raises(SignInFailed):
            await broker.fetch(cloud.sign_in, scope, secrets=given)
        secret.update(cloud.secrets)
        return await broker.fetch(cloud.sign_in, scope, secrets=given)

    assert using(work).token


def test_a_forgotten_sign_in_is_asked_for_anew(cloud: Any) -> None:
    """Forgetting drops tokens and credential, also of a fetch that is under way: who waits for it is told at once."""
    ask = asker(cloud)

    async def work(broker: TokenBroker) -> None:
        await ask(broker)
        broker.forget(cloud.sign_in.key, "somebody else")
        await ask(broker)
        assert cloud.token_requests() == 1
        broker.forget(cloud.sign_in.key)
        under_way = asyncio.create_task(ask(broker))
        await asyncio.sleep(0)
        broker.forget(cloud.sign_in.key)
        with pytest.raises(SignInReplaced):
            await under_way
        await ask(broker)

    using(work)
    assert cloud.token_requests() == 3


class HeldCredential:
    """Answers when it is let go: with a token, or by refusing."""

    def __init__(self, *, refuses: bool) -> None:
        self.refuses = refuses
        self.is_asked, self.is_let_go = threading.Event(), threading.Event()
        self.is_closed = False

    def get_token(self, *scopes: str, claims: str | None = None, **kwargs: Any) -> AccessToken:
        """As azure-core defines it."""
        self.is_asked.set()
        assert self.is_let_go.wait(20)
        if self.refuses:
            raise ClientAuthenticationError("AADSTS7000215: Invalid client secret provided.")
        return AccessToken("good", int(time.time()) + 3600)

    def close(self) -> None:
        """As azure-identity's do."""
        self.is_closed = True


def test_a_refusal_that_comes_late_leaves_the_next_credential_alone(cloud: Any) -> None:
    """Somebody signs in again while the former secret is still being asked with: the new credential stays open."""
    former, later = HeldCredential(refuses=True), HeldCredential(refuses=False)
    ask = asker(cloud)

    async def work(broker: TokenBroker) -> Any:
        is_told = asyncio.Event()

        async def tell() -> None:
            is_told.set()

        first = asyncio.create_task(ask(broker, build=lambda *_: former, on_fetched=tell))
        assert await asyncio.to_thread(former.is_asked.wait, 20)
        broker.forget(cloud.sign_in.key)
        second = asyncio.create_task(ask(broker, build=lambda *_: later))
        assert await asyncio.to_thread(later.is_asked.wait, 20)
        former.is_let_go.set()
        await is_told.wait()
        await asyncio.sleep(0)  # the refusal is dealt with right after it is told
        later.is_let_go.set()
        with pytest.raises(SignInReplaced):
            await first
        return await second, later.is_closed

    token, is_closed = using(work)
    assert (token.token, is_closed) == ("good", False)


def test_a_wrong_secret_is_said_in_one_sentence_that_does_not_hold_it(cloud: Any) -> None:
    """Neither the exception nor its traceback shows the secret that was tried."""
    problem = refusal(cloud, client_secret="hunter2-hunter2")
    assert isinstance(problem, SignInFailed)
    account = cloud.endpoint["client_id"]
    assert str(problem).startswith(f"The client secret of {account} is wrong")
    assert "AADSTS7000215" in str(problem)
    shown = "".join(traceback.format_exception(problem))
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"client_id": "00000000-0000-0000-0000-000000000001"}, "no application", id="unknown-application"),
        pytest.param({"tenant_id": "00000000-0000-0000-0000-000000000001"}, "no tenant", id="unknown-tenant"),
    ],
)
def test_what_does_not_exist_is_said(cloud: Any, changed: dict[str, str], words: str) -> None:
    """An unknown application and an unknown tenant are told apart."""
    sign_in = replace(cloud.sign_in, arguments={**cloud.sign_in.arguments, **changed})
    problem = refusal(cloud, sign_in)
    assert isinstance(problem, SignInFailed)
    assert f"There is {words}" in str(problem)
    assert "azjobs account connect" in str(problem)


def test_an_authority_that_cannot_be_reached_is_no_refusal(cloud: Any) -> None:
    """Trying again can help: another type of error, which says so."""
    environment = replace(cloud.sign_in.environment, authority_url="https://localhost:1")
    problem = refusal(cloud, replace(cloud.sign_in, environment=environment))
    assert isinstance(problem, SignInUnavailable)
    assert "cannot be reached" in str(problem)


@pytest.mark.parametrize("action", [{"status": 429, "retry_after": 1}, {"status": 503}, "reset-before"])
def test_an_overloaded_authority_is_no_refusal(cloud: Any, action: Any) -> None:
    """Throttled, failing, or cutting the line: the sign-in itself may be in order."""
    cloud.control.fault("/oauth2/", action)
    assert isinstance(refusal(cloud), SignInUnavailable)


def test_the_private_authority_wins_over_the_environments_bundle(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """REQUESTS_CA_BUNDLE and a proxy of the environment do not come between a sign-in and its own authority."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/etc/ssl/certs/ca-certificates.crt")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert using(asker(cloud)).token


def test_a_token_does_not_show_itself(cloud: Any) -> None:
    """A token in a log line or a traceback says until when it is good, and no more."""
    token = using(asker(cloud))
    assert token.token not in f"{token!r} {token}"
    assert "until" in repr(token)


def test_a_foreign_error_of_a_credential_becomes_a_sentence(cloud: Any) -> None:
    """Whatever a credential raises, who asks gets `SignInFailed`."""

    class Broken(HourlyCredential):
        def get_token(self, *scopes: str, claims: str | None = None, **kwargs: Any) -> Any:
            raise FileNotFoundError("no token file")

    async def work(broker: TokenBroker) -> Any:
        return await asker(cloud)(broker)

    with pytest.raises(SignInFailed, match="no token file"):
        using(work, build=lambda _sign_in, _secrets: Broken(Clock()))


def test_a_throttled_sign_in_service_is_left_alone_for_as_long_as_it_asked(cloud: Any) -> None:
    """Until then nobody's question reaches it; the sentence says how long, and then it is asked again."""
    cloud.control.fault("/oauth2/", {"status": 429, "retry_after": 40})
    ask, clock = asker(cloud), Clock()

    async def work(broker: TokenBroker) -> Any:
        with pytest.raises(SignInUnavailable, match=r"asks for fewer sign-ins.* 40 s") as caught:
            await ask(broker)
        assert caught.value.delay_s == 40
        clock.offset_s = 38
        with pytest.raises(SignInUnavailable):
            await ask(broker)
        assert cloud.token_requests() == 1
        broker.forget(cloud.sign_in.key)  # signing in again may be tried at once
        return await ask(broker)

    assert using(work, clock=clock).token
    assert cloud.token_requests() == 2


def test_a_token_of_some_seconds_is_renewed_though_its_credential_keeps_it(cloud: Any) -> None:
    """A credential of azure-identity gives its own token to the last second; a job needs the next one before."""
    clock = Clock()
    made: list[int] = []
    ends_at = [int(clock()) + 5, int(clock()) + 60]

    class Keeps:
        """Gives one token for good, as a cache does."""

        def __init__(self) -> None:
            made.append(1)
            self.number = len(made)

        def get_token(self, *_: str, **__: Any) -> AccessToken:
            return AccessToken(f"token-{self.number}", ends_at[self.number - 1])

    ask = asker(cloud)

    async def work(broker: TokenBroker) -> list[str]:
        first = (await ask(broker)).token
        clock.offset_s = 4.9
        return [first, (await ask(broker)).token]

    assert using(work, clock=clock, build=lambda _sign_in, _secrets: Keeps()) == ["token-1", "token-2"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"secrets": [{"value": "old-secret", "expires_at": 1_000_000_000}]}, "has expired: make a new one"),
        ({"secret": "another"}, "is wrong: use the secret's value"),
        ({"secret": "old-secret", "disabled": True}, "is disabled"),
        ({"secret": "old-secret", "blocked": True}, "conditional access policy keeps"),
    ],
)
def test_each_state_of_an_application_has_its_own_sentence(cloud: Any, more: dict[str, Any], words: str) -> None:
    """The account is named, the secret is not, and the number of Entra is there to look up."""
    application = {"tenant_id": cloud.endpoint["tenant_id"], "client_id": "33333333-3333-4333-8333-333333333333"}
    cloud.control.directory(principals=[{**application, **more}])
    problem = refusal(cloud, replace(cloud.sign_in, arguments=application), client_secret="old-secret")
    assert isinstance(problem, SignInFailed)
    assert words in str(problem)
    assert "AADSTS" in str(problem)
    assert "old-secret" not in str(problem)


class WaitingCredential:
    """Gives no token before it is let go."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def get_token(self, *scopes: str, claims: str | None = None, **kwargs: Any) -> AccessToken:
        """As azure-core defines it."""
        self.may_go_on.wait(60)
        return AccessToken("late", int(time.time()) + 3600)


def in_tenants(sign_in: SignIn, account: str, count: int) -> list[SignIn]:
    keys = [replace(sign_in.key, account=account, tenant=f"{account}-{n}") for n in range(count)]
    return [replace(sign_in, key=key) for key in keys]


def test_an_account_that_hangs_in_many_tenants_keeps_no_other_account_waiting(cloud: Any) -> None:
    """A hundred of its questions hold a few threads; another account has its token meanwhile."""
    hanging = WaitingCredential()

    def build_one(sign_in: SignIn, secrets: Mapping[str, str]) -> Any:
        return hanging if sign_in.key.account == "hanging" else build(sign_in, secrets)

    async def work(broker: TokenBroker) -> Any:
        waiting = [asyncio.ensure_future(asker(cloud, s)(broker)) for s in in_tenants(cloud.sign_in, "hanging", 100)]
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(20):
                return await asker(cloud)(broker)
        finally:
            hanging.may_go_on.set()
            await asyncio.gather(*waiting)

    assert using(work, build=build_one).token


def test_a_credential_that_takes_long_to_be_built_keeps_nobody_waiting(cloud: Any) -> None:
    """As one whose certificate lies on a disk that does not answer: the event loop goes on."""
    slow = threading.Event()
    (late,) = in_tenants(cloud.sign_in, "slow", 1)

    def build_one(sign_in: SignIn, secrets: Mapping[str, str]) -> Any:
        if sign_in.key.account == "slow":
            assert slow.wait(20), "the loop stood still meanwhile"
        return build(cloud.sign_in, secrets)

    async def work(broker: TokenBroker) -> tuple[Any, Any]:
        waiting = asyncio.ensure_future(asker(cloud, late)(broker))
        await asyncio.sleep(0)
        other = await asker(cloud)(broker)
        slow.set()
        return other, await waiting

    assert all(token.token for token in using(work, build=build_one))


def test_a_persons_cache_can_be_taken_while_a_fetch_waits_for_an_answer() -> None:
    """What is handed back to the keeper waits for no sign-in service."""
    cache = UserCache("{}")
    with cache.lock:
        taker = threading.Thread(target=cache.take, daemon=True)
        taker.start()
        taker.join(10)
        assert not taker.is_alive()
