"""Users who sign in: real azure-identity credentials and MSAL applications as clients of the authority."""

from __future__ import annotations

import base64
import json
import webbrowser
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    AuthenticationRequiredError,
    DeviceCodeCredential,
    InteractiveBrowserCredential,
)
from entra_clients import FormBrowser, options

from azjobs.simulator.certificates import make_identity
from azjobs.simulator.control import ControlClient
from azjobs.simulator.threaded import SimulatorThread

# MSAL tells everyone to leave passwords alone; here they are the shortest way to an account.
pytestmark = pytest.mark.filterwarnings("ignore:This API has been deprecated:DeprecationWarning")

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
HOME, PARTNER = "10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002"
STRICT, CLOSED = "10000000-0000-4000-8000-000000000003", "10000000-0000-4000-8000-000000000004"
USER, PASSWORD = "ada@home.example", "a-long-password"
SUBSCRIPTION = "20000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    # With the real clock: the clients compare the times of tokens with theirs.
    with SimulatorThread(tmp_path_factory.mktemp("users"), identity=make_identity()) as simulator:
        yield simulator.endpoint


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "AZURE_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    # MSAL asks for the realm of a user at the host without its port, unless it found once that the host has no realms.
    monkeypatch.setattr(msal.authority.Authority, "_domains_without_user_realm_discovery", {"localhost"})


@pytest.fixture
def control(running):
    client = ControlClient.of(running)
    client.reset()
    client.directory(
        tenants=[
            {"id": HOME, "name": "Home"},
            {"id": PARTNER, "name": "Partner"},
            {"id": STRICT, "name": "Strict", "needs_mfa": True},
            {"id": CLOSED, "name": "Closed", "blocked": True},
        ],
        subscriptions=[{"id": SUBSCRIPTION, "name": "Partner's", "tenant_id": PARTNER}],
        users=[
            {
                "username": USER,
                "tenant_id": HOME,
                "password": PASSWORD,
                "guest_of": [PARTNER, STRICT, CLOSED],
                "rights": {f"/subscriptions/{SUBSCRIPTION}": "Owner"},
            }
        ],
    )
    client.browser(USER)
    client.device_codes(interval_s=1)
    return client


@pytest.fixture
def endpoint(running, control):
    return running


@pytest.fixture
def browser(endpoint, monkeypatch):
    made = FormBrowser(endpoint["ca_file"])
    monkeypatch.setattr(webbrowser, "_browsers", {"form": [None, made]})
    monkeypatch.setattr(webbrowser, "_tryorder", ["form"])
    monkeypatch.setattr("azure.identity._credentials.browser._open_browser", made.open)
    return made


def scope_of(endpoint):
    return f"{endpoint['url']}/.default"


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def application(endpoint, tenant="organizations", **more):
    return msal.PublicClientApplication(
        AZURE_CLI,
        authority=f"{endpoint['url']}/{tenant}",
        instance_discovery=False,
        verify=endpoint["ca_file"],
        **more,
    )


def sign_in(endpoint, tenant="organizations", **more):
    """Return an MSAL application with the user's account in its cache, and the account."""
    app = application(endpoint, tenant, **more)
    result = app.acquire_token_by_username_password(USER, PASSWORD, [scope_of(endpoint)])
    assert "access_token" in result, result
    return app, app.get_accounts()[0]


def silent(app, account, endpoint, tenant):
    """Return what MSAL gets for the account in a tenant by the refresh token in its cache."""
    there = application(endpoint, tenant, token_cache=app.token_cache)
    return there.acquire_token_silent_with_error([scope_of(endpoint)], account, force_refresh=True)


@pytest.mark.slow
def test_a_browser_signs_a_user_in(endpoint, browser):
    """InteractiveBrowserCredential gets a token of the user's own tenant, by code, PKCE and a posted form."""
    with InteractiveBrowserCredential(tenant_id="organizations", timeout=20, **options(endpoint)) as credential:
        record = credential.authenticate(scopes=[scope_of(endpoint)])
        claims = claims_of(credential.get_token(scope_of(endpoint)).token)
    assert (record.username, record.tenant_id) == (USER, HOME)
    assert (claims["upn"], claims["tid"], claims["idtyp"], claims["appid"]) == (USER, HOME, "user", AZURE_CLI)
    assert "code_challenge=" in browser.visited[0]


@pytest.mark.slow
def test_msal_itself_signs_a_user_in_by_the_browser(endpoint, browser):
    """MSAL's own interactive sign-in, which takes posted forms only, ends with an account."""
    app = application(endpoint)
    result = app.acquire_token_interactive([scope_of(endpoint)], timeout=20)
    assert result["id_token_claims"]["preferred_username"] == USER
    assert app.get_accounts()[0]["home_account_id"].endswith(f".{HOME}")
    assert browser.visited


@pytest.mark.slow
def test_who_declines_at_the_browser_is_not_signed_in(endpoint, control, browser):
    """The refusal of the one at the browser reaches the program."""
    control.browser(USER, "decline")
    with (
        InteractiveBrowserCredential(tenant_id=HOME, timeout=20, **options(endpoint)) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS65004"),
    ):
        credential.get_token(scope_of(endpoint))
    assert browser.visited


@pytest.mark.slow
def test_a_device_code_is_approved_elsewhere(endpoint, control):
    """DeviceCodeCredential shows the code, polls, and has a token after somebody approved."""
    shown = []

    def show(page, user_code, _expires_on):
        shown.append(page)
        control.approve_device(user_code, USER)

    with DeviceCodeCredential(prompt_callback=show, tenant_id=PARTNER, **options(endpoint)) as credential:
        claims = claims_of(credential.get_token(scope_of(endpoint)).token)
    assert shown == [f"{endpoint['url']}/devicelogin"]
    assert (claims["tid"], claims["unique_name"]) == (PARTNER, USER)
    assert "upn" not in claims


@pytest.mark.slow
def test_a_device_code_can_be_declined(endpoint, control):
    """Whoever declines ends the waiting."""
    with (
        DeviceCodeCredential(
            prompt_callback=lambda _page, code, _until: control.decline_device(code),
            tenant_id=HOME,
            **options(endpoint),
        ) as credential,
        pytest.raises(ClientAuthenticationError, match="denied"),
    ):
        credential.get_token(scope_of(endpoint))


def test_a_device_that_waits_gets_the_word_for_each_state(endpoint, control):
    """authorization_pending, slow_down and expired_token come as RFC 8628 and Entra word them."""
    app = application(endpoint)
    control.device_codes(interval_s=60, enforce_interval=True)
    flow = app.initiate_device_flow([scope_of(endpoint)])
    once = {"exit_condition": lambda _flow: True}
    assert app.acquire_token_by_device_flow(flow, **once)["error"] == "authorization_pending"
    flow["latest_attempt_at"] = 0
    assert app.acquire_token_by_device_flow(flow, **once)["error"] == "slow_down"
    control.device_codes(expires_in_s=0)
    flow = app.initiate_device_flow([scope_of(endpoint)])
    assert app.acquire_token_by_device_flow(flow, **once)["error_codes"] == [70020]


def test_one_refresh_token_serves_every_tenant_of_the_user(endpoint):
    """A user signed in at home gets tokens of another tenant silently, with the object id of there."""
    app, account = sign_in(endpoint)
    at_home, abroad = silent(app, account, endpoint, HOME), silent(app, account, endpoint, PARTNER)
    claims = [claims_of(one["access_token"]) for one in (at_home, abroad)]
    assert [one["tid"] for one in claims] == [HOME, PARTNER]
    assert claims[0]["oid"] != claims[1]["oid"]
    assert abroad["token_source"] == "identity_provider"


def test_refresh_tokens_rotate_and_the_old_one_stays_good_unless_told_otherwise(endpoint, control):
    """As with Entra an old refresh token is good after it was used; under strict rotation it is refused."""
    app = application(endpoint)
    first = app.acquire_token_by_username_password(USER, PASSWORD, [scope_of(endpoint)])["refresh_token"]
    second = app.acquire_token_by_refresh_token(first, [scope_of(endpoint)])["refresh_token"]
    assert second != first
    assert "access_token" in app.acquire_token_by_refresh_token(first, [scope_of(endpoint)])
    control.strict_rotation()
    assert app.acquire_token_by_refresh_token(first, [scope_of(endpoint)])["error_codes"] == [70000]
    assert "access_token" in app.acquire_token_by_refresh_token(second, [scope_of(endpoint)])


@pytest.mark.parametrize(("reason", "number"), [("revoked", 50173), ("inactive", 700082), ("sign-in-frequency", 70043)])
def test_a_lost_refresh_token_says_why(endpoint, control, reason, number):
    """Revocation, inactivity and sign-in frequency have their own numbers; a new sign-in ends each."""
    app, account = sign_in(endpoint)
    control.revoke(USER, reason=reason)
    assert silent(app, account, endpoint, HOME)["error_codes"] == [number]
    app, account = sign_in(endpoint)
    assert "access_token" in silent(app, account, endpoint, HOME)


def test_a_refresh_token_expires(endpoint, control):
    """The life of refresh tokens can be set, down to nothing."""
    control.refresh_lifetime(0)
    app, account = sign_in(endpoint)
    assert silent(app, account, endpoint, HOME)["error_codes"] == [700082]


@pytest.mark.slow
def test_a_tenant_that_needs_mfa_asks_for_an_interactive_sign_in(endpoint, browser):
    """Silently AADSTS50076; after a sign-in straight in that tenant the same account gets its tokens silently."""
    app, account = sign_in(endpoint)
    refused = silent(app, account, endpoint, STRICT)
    assert (refused["error"], refused["error_codes"]) == ("interaction_required", [50076])
    assert json.loads(refused["claims"])["access_token"]
    strict = application(endpoint, STRICT, token_cache=app.token_cache)
    strict.acquire_token_interactive([scope_of(endpoint)], timeout=20)
    account = strict.get_accounts()[0]
    assert claims_of(silent(strict, account, endpoint, STRICT)["access_token"])["amr"] == ["pwd", "mfa"]
    assert "access_token" in silent(strict, account, endpoint, PARTNER)
    assert browser.visited


@pytest.mark.slow
def test_without_a_second_factor_the_browser_does_not_get_in(endpoint, control, browser):
    """A user without a second factor is refused where one is needed."""
    control.browser(USER, mfa=False)
    result = application(endpoint, STRICT).acquire_token_interactive([scope_of(endpoint)], timeout=20)
    assert "AADSTS500121" in result["error_description"]
    assert browser.visited


def test_azure_identity_asks_for_authentication_where_mfa_is_needed(endpoint, browser):
    """A credential that must not ask raises AuthenticationRequiredError for such a tenant."""
    with InteractiveBrowserCredential(
        tenant_id=HOME,
        additionally_allowed_tenants=["*"],
        timeout=20,
        disable_automatic_authentication=True,
        **options(endpoint),
    ) as credential:
        credential.authenticate(scopes=[scope_of(endpoint)])
        with pytest.raises(AuthenticationRequiredError):
            credential.get_token(scope_of(endpoint), tenant_id=STRICT)
    assert browser.visited


def test_a_tenant_closed_by_conditional_access_lets_nobody_in(endpoint):
    """AADSTS53003 reaches the program."""
    app, account = sign_in(endpoint)
    assert silent(app, account, endpoint, CLOSED)["error_codes"] == [53003]


@pytest.mark.parametrize(
    ("tenant", "username", "password", "number"),
    [
        pytest.param(HOME, USER, "wrong", 50126, id="wrong-password"),
        pytest.param(HOME, "nobody@home.example", "x", 50034, id="unknown-user"),
        pytest.param(STRICT, USER, PASSWORD, 50076, id="mfa"),
        pytest.param(CLOSED, USER, PASSWORD, 53003, id="conditional-access"),
    ],
)
def test_a_password_that_does_not_do_has_its_number(endpoint, tenant, username, password, number):
    """Every refusal of a password has the number that Entra has for it."""
    result = application(endpoint, tenant).acquire_token_by_username_password(username, password, [scope_of(endpoint)])
    assert result["error_codes"] == [number]


def test_a_disabled_user_and_a_stranger_are_refused(endpoint, control):
    """AADSTS50057 and AADSTS50020."""
    control.directory(
        users=[
            {"username": "off@home.example", "tenant_id": HOME, "password": "x", "disabled": True},
            {"username": "here@home.example", "tenant_id": HOME, "password": "x"},
        ]
    )
    numbers = [
        application(endpoint, tenant).acquire_token_by_username_password(name, "x", [scope_of(endpoint)])["error_codes"]
        for tenant, name in ((HOME, "off@home.example"), (PARTNER, "here@home.example"))
    ]
    assert numbers == [[50057], [50020]]


def test_a_public_client_must_be_known(endpoint, control):
    """An application nobody registered is AADSTS700016; once registered it signs users in."""
    url = f"{endpoint['url']}/{HOME}"
    made = [
        msal.PublicClientApplication("my-app", authority=url, instance_discovery=False, verify=endpoint["ca_file"])
        for _ in range(2)
    ]
    refused = made[0].acquire_token_by_username_password(USER, PASSWORD, [scope_of(endpoint)])
    assert refused["error_codes"] == [700016]
    control.directory(public_clients=[{"client_id": "my-app"}])
    assert "access_token" in made[1].acquire_token_by_username_password(USER, PASSWORD, [scope_of(endpoint)])


def manager(endpoint, path, token):
    answer = requests.get(
        f"{endpoint['url']}{path}?api-version=2022-12-01",
        headers={"authorization": f"Bearer {token}"},
        verify=endpoint["ca_file"],
        timeout=20,
    )
    return answer.status_code, answer.json()


def test_a_user_sees_every_tenant_but_the_subscriptions_of_one_at_a_time(endpoint):
    """`/tenants` lists where the user belongs, `/subscriptions` what the token's own tenant trusts."""
    app, account = sign_in(endpoint)
    tokens = [silent(app, account, endpoint, tenant)["access_token"] for tenant in (HOME, PARTNER)]
    listed = [one["tenantId"] for one in manager(endpoint, "/tenants", tokens[0])[1]["value"]]
    assert listed == [HOME, PARTNER, STRICT, CLOSED]
    assert manager(endpoint, "/subscriptions", tokens[0])[1]["value"] == []
    assert [one["subscriptionId"] for one in manager(endpoint, "/subscriptions", tokens[1])[1]["value"]] == [
        SUBSCRIPTION
    ]


def test_a_user_acts_where_the_rights_are_and_with_a_token_of_that_tenant(endpoint, control):
    """A token of another tenant is a 401, a user without rights gets a 403, and the journal names who asked."""
    app, account = sign_in(endpoint)
    tokens = [silent(app, account, endpoint, tenant)["access_token"] for tenant in (HOME, PARTNER)]
    groups = f"/subscriptions/{SUBSCRIPTION}/resourcegroups"
    assert manager(endpoint, groups, tokens[0])[1]["error"]["code"] == "InvalidAuthenticationTokenTenant"
    assert manager(endpoint, groups, tokens[1])[0] == 200
    assert control.requests(path_regex="resourcegroups$")[-1]["object_id"] == claims_of(tokens[1])["oid"]
    control.directory(users=[{"username": "eve@home.example", "tenant_id": PARTNER, "password": "x"}])
    token = application(endpoint, PARTNER).acquire_token_by_username_password(
        "eve@home.example", "x", [scope_of(endpoint)]
    )["access_token"]
    status, body = manager(endpoint, groups, token)
    assert (status, "eve@home.example" in body["error"]["message"]) == (403, True)


def test_the_journal_says_how_each_token_was_asked_for(endpoint, control):
    """Grant, client and object id of every token request stand in the journal; no secret does."""
    app, account = sign_in(endpoint)
    token = silent(app, account, endpoint, HOME)["access_token"]
    asked = control.requests(path_regex="/oauth2/v2.0/token$")
    assert [one["grant"] for one in asked] == ["password", "refresh_token"]
    assert {one["client_id"] for one in asked} == {AZURE_CLI}
    assert {one["object_id"] for one in asked} == {claims_of(token)["oid"]}
    assert PASSWORD not in json.dumps(asked)


@pytest.mark.parametrize("path", ["/oauth2/v2.0/devicecode$", "/oauth2/v2.0/token$"])
def test_a_throttled_sign_in_says_when_to_come_back(endpoint, control, path):
    """Planted faults strike the authority's endpoints, with Retry-After."""
    control.fault(path, {"status": 429, "retry_after": 7}, method="POST")
    url = f"{endpoint['url']}/{HOME}{path.rstrip('$')}"
    answer = requests.post(url, {"client_id": AZURE_CLI}, verify=endpoint["ca_file"], timeout=20)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def authorize(endpoint, **changed):
    query = {
        "client_id": AZURE_CLI,
        "response_type": "code",
        "redirect_uri": "http://localhost:8400",
        "scope": f"{scope_of(endpoint)} openid offline_access",
        "state": "a-state",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    } | changed
    sent = {name: value for name, value in query.items() if value is not None}
    url = f"{endpoint['url']}/{HOME}/oauth2/v2.0/authorize"
    return requests.get(url, sent, verify=endpoint["ca_file"], timeout=20, allow_redirects=False)


def test_a_code_goes_back_by_redirect_and_is_good_once(endpoint):
    """With response_mode query the answer is a redirect; the code is exchanged once, with its verifier only."""
    back = authorize(endpoint)
    sent = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    form = {
        "grant_type": "authorization_code",
        "client_id": AZURE_CLI,
        "code": sent["code"],
        "redirect_uri": "http://localhost:8400",
        "code_verifier": "wrong",
    }
    url = f"{endpoint['url']}/{HOME}/oauth2/v2.0/token"
    given = {"verify": endpoint["ca_file"], "timeout": 20}
    wrong = requests.post(url, form, **given).json()
    form["code_verifier"] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # the pair of RFC 7636, appendix B
    good, again = (requests.post(url, form, **given).json() for _ in range(2))
    assert (back.status_code, sent["state"]) == (302, "a-state")
    assert wrong["error_codes"] == [501481]
    assert {"access_token", "id_token", "refresh_token", "client_info"} <= set(good)
    assert again["error_codes"] == [54005]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"code_challenge": None}, "AADSTS9002325", id="no-pkce"),
        pytest.param({"code_challenge_method": "plain"}, "AADSTS501491", id="plain-pkce"),
        pytest.param({"response_type": "token"}, "AADSTS700054", id="implicit"),
        pytest.param({"prompt": "none"}, "AADSTS50058", id="no-session"),
        pytest.param({"scope": "https://elsewhere.example/.default"}, "AADSTS500011", id="other-resource"),
    ],
)
def test_authorize_sends_its_refusals_back(endpoint, changed, words):
    """A wrong request is answered to the program that made it, with its state."""
    sent = dict(parse_qsl(urlsplit(authorize(endpoint, **changed).headers["location"]).query))
    assert words in sent["error_description"]
    assert sent["state"] == "a-state"
    assert "code" not in sent


def test_authorize_sends_nothing_to_a_stranger(endpoint):
    """Only loopback is returned to; any other address gets a page with the refusal, and no redirect."""
    answer = authorize(endpoint, redirect_uri="https://evil.example/")
    assert answer.status_code == 400
    assert "AADSTS50011" in answer.text
    assert "location" not in answer.headers


def test_the_page_for_device_codes_lets_in_who_sits_at_the_browser(endpoint):
    """Whoever types the code on the page that the message names is signed in."""
    app = application(endpoint, HOME)
    flow = app.initiate_device_flow([scope_of(endpoint)])
    given = {"verify": endpoint["ca_file"], "timeout": 20}
    assert "<form" in requests.get(flow["verification_uri"], **given).text
    typed = {"user_code": flow["user_code"]}
    assert "signed in" in requests.get(flow["verification_uri"], typed, **given).text
    assert requests.get(flow["verification_uri"], typed, **given).status_code == 400
    assert "access_token" in app.acquire_token_by_device_flow(flow)


def test_common_leads_to_the_tenant_of_the_user(endpoint):
    """Discovery of `common` names no tenant; the tokens are of the user's own."""
    url = f"{endpoint['url']}/common/v2.0/.well-known/openid-configuration"
    configuration = requests.get(url, verify=endpoint["ca_file"], timeout=20).json()
    assert configuration["issuer"] == f"{endpoint['url']}/{{tenantid}}/v2.0"
    assert configuration["device_authorization_endpoint"].endswith("/common/oauth2/v2.0/devicecode")
    result = application(endpoint, "common").acquire_token_by_username_password(USER, PASSWORD, [scope_of(endpoint)])
    assert claims_of(result["access_token"])["tid"] == HOME


def test_the_metadata_of_the_cloud_has_both_forms(endpoint):
    """The array of 2022-09-01 leads to manager and authority; the object of 2015-01-01 to the authority."""
    url, given = f"{endpoint['url']}/metadata/endpoints", {"verify": endpoint["ca_file"], "timeout": 20}
    [new] = requests.get(url, {"api-version": "2022-09-01"}, **given).json()
    old = requests.get(url, {"api-version": "2015-01-01"}, **given).json()
    assert new["resourceManager"] == f"{endpoint['url']}/"
    assert new["authentication"]["loginEndpoint"] == old["authentication"]["loginEndpoint"] == f"{endpoint['url']}/"
    assert new["authentication"]["tenant"] == "common"
    assert "storage" in new["suffixes"]
    assert "galleryEndpoint" in old
