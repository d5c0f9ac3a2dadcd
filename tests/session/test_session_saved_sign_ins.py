"""A person signs in once for all tenants, and is still signed in after keeper and daemon were killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from msgspec.structs import replace

import azjobs as az
from azjobs.azure.interactive import CLIENT_ID, Interaction
from azjobs.core.claims import parse_claims
from azjobs.core.context import (
    Account,
    AccountType,
    ContextValue,
    Environment,
    SignInKey,
    Subscription,
    Tenant,
    default_name,
)
from azjobs.core.secret import SecureString
from azjobs.core.signin import SignIn
from azjobs.core.wire import DropSignIn, GetToken, Ok, PutSignIn, SignedIn, Token
from azjobs.session.link import local as local_module
from azjobs.session.link.local import local
from terminal import DEADLINE_S, Home

USERNAME = "ada@contoso.com"
VAULT = "https://vault.azure.net"
TENANTS = {f"t-{n}": f"00000000-0000-4000-8000-{n:012}" for n in range(12)}


class Entra:
    """The embedded cloud with one person, a guest in many tenants; each refresh token is good once."""

    def __init__(self, home: Home) -> None:
        home.start_cloud()
        self.endpoint = home.endpoint
        self.cloud = home.cloud
        self.cloud.directory(
            tenants=[{"id": id, "name": name} for name, id in TENANTS.items()],
            users=[{"username": USERNAME, "tenant_id": TENANTS["t-0"], "guest_of": list(TENANTS.values())[1:]}],
            resources=[VAULT],
        )
        self.cloud.strict_rotation()
        self.cloud.device_codes(interval_s=1, approve_as=USERNAME)
        self.home_account_id = ""

    def environment(self) -> Environment:
        """The embedded cloud, as one that is somewhere."""
        end = self.endpoint
        return Environment("Persons", end["url"], end["authority_url"], ca_file=end["ca_file"])

    def sign_in(self, tenant: str = "t-0") -> str:
        """Sign the person in by device code; returns the token cache."""
        key = SignInKey("persons", "", TENANTS[tenant])
        attempt = Interaction(SignIn(key, "UserCredential", self.environment()), {}, timeout_s=DEADLINE_S)
        person = attempt.by_device_code(lambda _: None)
        self.home_account_id = person.home_account_id
        return person.cache.reveal()


@pytest.fixture
def entra(home: Home) -> Entra:
    """Each test kills what it wants, in a home and a cloud of its own."""
    return Entra(home)


def sign_in_of(entra: Entra, tenant: str, *, is_saved: bool = True, brings: bool = True) -> SignIn:
    arguments = {"client_id": CLIENT_ID, "home_account_id": entra.home_account_id, "username": USERNAME}
    key = SignInKey("persons", USERNAME, TENANTS[tenant])
    names = ("token_cache",) if brings else ()
    return SignIn(key, "UserCredential", entra.environment(), arguments, names, is_saved=is_saved)


def put(entra: Entra, tenant: str, *, cache: str = "", scope: str = "user", is_saved: bool = True) -> SignedIn:
    sign_in = sign_in_of(entra, tenant, is_saved=is_saved, brings=bool(cache))
    secrets = {"token_cache": SecureString(cache)} if cache else {}
    return local().client.ask(PutSignIn(0, sign_in, secrets, scope), SignedIn)


def context_of(entra: Entra, tenant: str, scope: str = "user") -> ContextValue:
    cloud = sign_in_of(entra, tenant).environment
    account = Account(USERNAME, AccountType.USER)
    value = ContextValue("", account, Tenant(TENANTS[tenant]), cloud, Subscription("s-1", "Production"), scope)
    return replace(value, name=default_name(value))


def token(entra: Entra, tenant: str, *, scopes: tuple[str, ...] = (), scope: str = "user") -> dict[str, Any]:
    found = local().client.ask(GetToken(0, context_of(entra, tenant, scope), scopes), Token)
    return parse_claims(found.token.reveal())


def tid(entra: Entra, tenant: str, **more: Any) -> str:
    """The tenant of a token, by the name it has here."""
    found = token(entra, tenant, **more)["tid"]
    return next(name for name, id in TENANTS.items() if id == found)


def drop(entra: Entra, tenant: str, scope: str = "user") -> None:
    local().client.ask(DropSignIn(0, sign_in_of(entra, tenant).key, scope), Ok)


def restart(home: Home) -> None:
    """As after a restart of the machine: nothing of the home runs any more, but for the cloud."""
    local_module.close_all()
    os.kill(home.process("keeper.py"), signal.SIGSTOP)  # each of the two starts the other one again
    home.kill("_main.daemon")
    home.kill("keeper.py")
    deadline_at = time.monotonic() + DEADLINE_S
    while any("_main.daemon" in line or "keeper" in line for line in home.pids().values()):
        assert time.monotonic() < deadline_at, home.pids()
        time.sleep(0.01)


def kept(home: Home) -> dict[str, Any]:
    file = home.folder / "sign-ins.json"
    return json.loads(file.read_text())["entries"] if file.exists() else {}


def test_one_sign_in_serves_every_tenant_of_the_person(entra: Entra) -> None:
    """Signed in to one, tokens of the others are had without asking; each is of its tenant."""
    signed_in = put(entra, "t-1", cache=entra.sign_in())
    assert (signed_in.tenant, signed_in.account) == (TENANTS["t-1"], Account(USERNAME, AccountType.USER))
    assert [tid(entra, tenant) for tenant in ("t-1", "t-2", "t-3")] == ["t-1", "t-2", "t-3"]
    assert put(entra, "t-4").tenant == TENANTS["t-4"]


def test_refreshes_of_many_tenants_never_race_with_the_rotation(entra: Entra) -> None:
    """Each refresh token is good once: many tenants at a time, and none is refused."""
    put(entra, "t-0", cache=entra.sign_in())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: tid(entra, f"t-{n}"), range(12)))
    assert found == list(TENANTS)


def test_a_person_is_signed_in_again_after_keeper_and_daemon_were_killed(entra: Entra, home: Home) -> None:
    """Also with the refresh token that took the place of the first one, and in every tenant."""
    put(entra, "t-1", cache=entra.sign_in())
    token(entra, "t-2")
    restart(home)
    assert tid(entra, "t-1") == "t-1"
    assert tid(entra, "t-3", scopes=(f"{VAULT}/.default",)) == "t-3"
    restart(home)
    assert tid(entra, "t-4") == "t-4"


def test_the_warning_comes_once_and_says_where_the_tokens_are(entra: Entra, home: Home) -> None:
    """There is no keyring here; the file is for its user only, and another tenant warns no more."""
    file = home.folder / "sign-ins.json"
    warning = put(entra, "t-1", cache=entra.sign_in()).text
    assert warning == (
        f"There is no keyring here: the sign-in of {USERNAME} is kept in {file}, where whoever can read your files "
        "can read it. To keep it in memory only, sign in with --scope Process."
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert put(entra, "t-2").text == ""
    assert put(entra, "t-1", cache=entra.sign_in()).text == ""


def test_what_is_not_saved_is_in_no_file(entra: Entra, home: Home) -> None:
    """The sign-in of a session lives in the keeper: the daemon may be killed, the keeper may not."""
    cache = entra.sign_in()
    assert put(entra, "t-1", cache=cache, scope="py:1", is_saved=False).text == ""
    home.kill("_main.daemon")
    assert tid(entra, "t-2", scope="py:1") == "t-2"
    assert kept(home) == {}
    (entry,) = json.loads(cache)["RefreshToken"].values()
    files = [f for f in home.folder.rglob("*") if f.is_file() and "simulator" not in f.parts]
    assert not [f for f in files if entry["secret"].encode() in f.read_bytes()]
    restart(home)
    with pytest.raises(az.NotSignedIn, match=r"The sign-in of ada@contoso\.com is gone"):
        token(entra, "t-1", scope="py:1")


def test_signing_out_of_every_tenant_leaves_nothing(entra: Entra, home: Home) -> None:
    """With the last one the tokens are gone: from the disk, from memory, for tenants that came by themselves."""
    put(entra, "t-1", cache=entra.sign_in())
    put(entra, "t-2")
    token(entra, "t-3")
    drop(entra, "t-1")
    with pytest.raises(az.NotSignedIn):
        token(entra, "t-1")
    assert tid(entra, "t-2") == "t-2"
    drop(entra, "t-2")
    assert not (home.folder / "sign-ins.json").exists()
    for tenant in ("t-2", "t-3"):
        with pytest.raises(az.NotSignedIn):
            token(entra, tenant)
    home.kill("_main.daemon")
    with pytest.raises(az.NotSignedIn):
        token(entra, "t-3")


@pytest.mark.parametrize("scope", ["user", "py:1"])
def test_who_signed_out_of_a_tenant_is_not_signed_in_to_it_by_another_daemon(
    entra: Entra, home: Home, scope: str
) -> None:
    """Others of the person's tenants are still held; signing in to it again works, and nothing is left in the end."""
    is_saved = scope == "user"
    put(entra, "t-1", cache=entra.sign_in(), scope=scope, is_saved=is_saved)
    put(entra, "t-2", scope=scope, is_saved=is_saved)
    drop(entra, "t-1", scope)
    for again in [lambda: home.kill("_main.daemon"), *([lambda: restart(home)] if is_saved else [])]:
        again()
        with pytest.raises(az.NotSignedIn):
            token(entra, "t-1", scope=scope)
        assert tid(entra, "t-2", scope=scope) == "t-2"
    assert put(entra, "t-1", scope=scope, is_saved=is_saved).tenant == TENANTS["t-1"]
    home.kill("_main.daemon")
    assert tid(entra, "t-1", scope=scope) == "t-1"
    for tenant in ("t-1", "t-2"):
        drop(entra, tenant, scope)
    with sqlite3.connect(home.folder / "store.db") as store:
        assert store.execute("SELECT count(*) FROM sign_ins").fetchone() == (0,)


def test_a_person_who_signs_in_again_is_the_new_one_in_every_tenant(entra: Entra) -> None:
    """The refresh token before was withdrawn: t-2 goes on with the new one without being signed in to."""
    put(entra, "t-1", cache=entra.sign_in())
    put(entra, "t-2")
    entra.cloud.revoke(USERNAME)
    with pytest.raises(az.SignInFailed, match=r"The sign-in of ada@contoso\.com was withdrawn.*AADSTS50173"):
        token(entra, "t-2", scopes=(f"{VAULT}/.default",))
    put(entra, "t-1", cache=entra.sign_in())
    assert tid(entra, "t-2", scopes=(f"{VAULT}/.default",)) == "t-2"


def test_two_accounts_of_one_name_do_not_take_each_others_tokens(entra: Entra, home: Home) -> None:
    """A personal account is called as one of work is: both give tokens, and who signs out of one leaves none of it."""
    put(entra, "t-1", cache=entra.sign_in())
    work = token(entra, "t-1")["oid"]
    entra.cloud.directory(users=[{"username": "ada@home.example", "tenant_id": TENANTS["t-9"]}])
    entra.cloud.device_codes(interval_s=1, approve_as="ada@home.example")
    of_work, tenant = entra.home_account_id, "t-9"
    personal_cache = entra.sign_in(tenant)
    put(entra, tenant, cache=personal_cache)
    of_home, personal = entra.home_account_id, token(entra, tenant)["oid"]
    vault = (f"{VAULT}/.default",)
    for again in (lambda: None, lambda: restart(home)):
        again()
        assert token(entra, "t-1", scopes=vault)["oid"] == work
        assert token(entra, tenant, scopes=vault)["oid"] == personal
    assert personal != work
    drop(entra, tenant)
    (file,) = kept(home)
    assert of_home not in str(kept(home)[file])
    assert of_work in str(kept(home)[file])
    assert token(entra, "t-2")["oid"] == token(entra, "t-2", scopes=vault)["oid"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"needs_mfa": True}, r"ada@contoso\.com must prove itself to tenant .* by a second factor.*AADSTS50076"),
        ({"blocked": True}, r"A conditional access policy keeps ada@contoso\.com out\. .AADSTS53003"),
        ({"disabled": True}, r"ada@contoso\.com is disabled"),
        (None, r"ada@contoso\.com is not known in tenant|There is no account ada@contoso\.com in tenant"),
    ],
)
def test_a_tenant_that_refuses_is_told_in_its_own_sentence(
    entra: Entra, changed: dict[str, bool] | None, sentence: str
) -> None:
    """The rest of the tenants go on, and nothing of the refused one is kept."""
    refusing = [] if changed is None else [{"tenant_id": TENANTS["t-9"], **changed}]
    guest_of = [id for name, id in TENANTS.items() if name not in ("t-0", "t-9")]
    person = {"username": USERNAME, "tenant_id": TENANTS["t-0"], "guest_of": [*guest_of, *refusing]}
    entra.cloud.directory(users=[person])
    put(entra, "t-1", cache=entra.sign_in())
    with pytest.raises(az.SignInFailed, match=sentence):
        put(entra, "t-9")
    assert tid(entra, "t-2") == "t-2"


def test_a_sign_in_that_was_not_used_for_long_is_told(entra: Entra) -> None:
    """Entra says so with a number of its own."""
    put(entra, "t-1", cache=entra.sign_in())
    entra.cloud.revoke(USERNAME, reason="inactive")
    with pytest.raises(az.SignInFailed, match=r"has expired after a time without use.*AADSTS700082"):
        token(entra, "t-2")


def test_a_tenant_without_a_person_who_brought_tokens_is_not_signed_in(entra: Entra) -> None:
    """There is nothing to begin with, and what is no cache is refused."""
    with pytest.raises(az.NotSignedIn):
        put(entra, "t-1")
    with pytest.raises(az.SignInFailed, match="cannot be read"):
        put(entra, "t-1", cache="[]")


def test_a_context_whose_cloud_has_moved_gets_no_token(entra: Entra) -> None:
    """The name of the cloud is the same, its Resource Manager is not that of the sign-in."""
    put(entra, "t-1", cache=entra.sign_in())
    value = context_of(entra, "t-1")
    moved = replace(value, environment=replace(value.environment, resource_manager_url="https://evil.test"))
    with pytest.raises(az.WrongTarget, match=r"evil\.test, its sign-in is for https://localhost"):
        local().client.ask(GetToken(0, moved), Token)


def principal(home: Home, *, may_be_unencrypted: bool) -> tuple[SignIn, ContextValue, dict[str, SecureString]]:
    home.start_cloud()
    end = home.endpoint
    cloud = Environment("Real", end["url"], end["authority_url"], ca_file=end["ca_file"])
    account = Account(end["client_id"], AccountType.SERVICE_PRINCIPAL)
    context = ContextValue("Real", account, Tenant(end["tenant_id"]), cloud)
    arguments = {"tenant_id": end["tenant_id"], "client_id": end["client_id"]}
    sign_in = SignIn(
        context.sign_in_key,
        "ClientSecretCredential",
        cloud,
        arguments,
        ("client_secret",),
        is_saved=True,
        may_be_unencrypted=may_be_unencrypted,
    )
    return sign_in, context, {"client_secret": SecureString(end["client_secret"])}


@pytest.mark.parametrize("may_be_unencrypted", [False, True])
def test_a_service_principals_secret_outlives_the_keeper_only_where_that_was_asked_for(
    home: Home, *, may_be_unencrypted: bool
) -> None:
    """Else there is no file, and after a restart the sentence says to sign in again."""
    sign_in, context, secrets = principal(home, may_be_unencrypted=may_be_unencrypted)
    warning = local().client.ask(PutSignIn(0, sign_in, secrets), SignedIn).text
    assert bool(warning) is may_be_unencrypted
    assert bool(kept(home)) is may_be_unencrypted
    restart(home)
    if may_be_unencrypted:
        assert local().client.ask(GetToken(0, context), Token).token
        local().client.ask(DropSignIn(0, sign_in.key), Ok)
        assert not (home.folder / "sign-ins.json").exists()
    else:
        with pytest.raises(az.NotSignedIn, match="Type: azjobs account connect"):
            local().client.ask(GetToken(0, context), Token)


def test_what_a_newer_version_saved_stays_as_it_is(entra: Entra, home: Home) -> None:
    """Nothing is saved over it, and the sentence says what to do: a sign-in of the session works."""
    file, newer = home.folder / "sign-ins.json", '{"format": 99, "entries": []}\n'
    file.write_text(newer)
    file.chmod(0o600)
    cache = entra.sign_in()
    with pytest.raises(az.StoreTooNew, match=r"sign-ins\.json was written by a newer.*or sign in with --scope Process"):
        put(entra, "t-1", cache=cache)
    with pytest.raises(az.NotSignedIn):
        token(entra, "t-1")
    put(entra, "t-1", cache=cache, scope="py:1", is_saved=False)
    assert tid(entra, "t-2", scope="py:1") == "t-2"
    assert file.read_text() == newer
