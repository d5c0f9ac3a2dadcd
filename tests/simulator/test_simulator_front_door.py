"""What every request of the resource manager meets: token, tenant, subscription, api-version, rights, names."""

from __future__ import annotations

import uuid

import pytest

TENANT2 = "2f000000-0000-4000-8000-000000000002"
SUB2 = "5b000000-0000-4000-8000-000000000002"
JSON = "application/json"


@pytest.fixture
def other_tenant(control, wire) -> str:
    """A token of another tenant, which has a subscription of its own."""
    control.directory(
        tenants=[{"id": TENANT2, "name": "Fabrikam"}],
        subscriptions=[{"id": SUB2, "name": "Production", "tenant_id": TENANT2}],
        principals=[
            {"tenant_id": TENANT2, "client_id": "app2", "secret": "s2", "rights": {f"/subscriptions/{SUB2}": "Owner"}}
        ],
    )
    return wire.sign_in(tenant=TENANT2, client_id="app2", client_secret="s2").body["access_token"]


@pytest.fixture
def sign_in_with(control, wire, endpoint):
    """A function that makes a principal with these rights and returns its token."""

    def sign_in(rights: dict[str, str]) -> str:
        principal = {"tenant_id": endpoint["tenant_id"], "client_id": "app3", "secret": "s3", "rights": rights}
        control.directory(principals=[principal])
        return wire.sign_in(client_id="app3", client_secret="s3").body["access_token"]

    return sign_in


def test_no_token_is_a_401_that_says_where_to_sign_in(wire, endpoint):
    """Without a token the reply challenges, with the tenant of the subscription in its authority."""
    answer = wire.raw("GET", f"{wire.sub}?api-version=2024-11-01")
    assert (answer.status, answer.code) == (401, "AuthenticationFailed")
    assert f'authorization_uri="{endpoint["url"]}/{endpoint["tenant_id"]}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        pytest.param("Basic YTpi", "AuthenticationFailedInvalidHeader", id="another-scheme"),
        pytest.param("Bearer not.a.token", "InvalidAuthenticationToken", id="no-token"),
        pytest.param("Bearer e30.e30.AAAA", "InvalidAuthenticationToken", id="no-algorithm"),
    ],
)
def test_a_token_that_is_none_is_refused(wire, header, code):
    """What is no token of this authority is a 401."""
    answer = wire.raw("GET", f"{wire.sub}?api-version=2024-11-01", headers={"authorization": header})
    assert (answer.status, answer.code) == (401, code)


def test_a_changed_token_is_refused(wire):
    """A token whose claims were changed does not match its signature."""
    header, claims, signature = wire.token.split(".")
    changed = claims[:-2] + ("AA" if claims[-2:] != "AA" else "BB")
    assert wire.get(wire.sub, token=f"{header}.{changed}.{signature}").code == "InvalidAuthenticationToken"


def test_a_token_expires(wire, control, clock):
    """A token is good up to its expiry and refused from then on."""
    control.token_lifetime(5)
    token = wire.sign_in().body["access_token"]
    assert wire.get(wire.sub, token=token).status == 200
    clock.move(6)
    assert wire.get(wire.sub, token=token).code == "ExpiredAuthenticationToken"


def test_a_token_of_a_principal_that_is_gone_is_refused(wire, control, other_tenant):
    """After a reset nobody knows the application any more; its token opens nothing."""
    control.reset()
    assert wire.get(wire.sub, token=other_tenant).code == "InvalidAuthenticationToken"


def test_a_token_of_another_tenant_is_refused_before_anything_else(wire, other_tenant):
    """A subscription trusts its own tenant only, and the refusal names the right authority."""
    answer = wire.get(wire.sub, token=other_tenant)
    assert (answer.status, answer.code) == (401, "InvalidAuthenticationTokenTenant")
    assert wire.endpoint["tenant_id"] in answer.message
    assert wire.get(f"/subscriptions/{SUB2}", token=other_tenant).status == 200


def test_an_unknown_subscription_is_404_and_a_malformed_one_400(wire):
    """The subscription is looked up before the path behind it."""
    assert wire.get(f"/subscriptions/{uuid.uuid4()}/resourceGroups").code == "SubscriptionNotFound"
    assert wire.get("/subscriptions/none/resourceGroups").code == "InvalidSubscriptionId"


@pytest.mark.parametrize(
    ("version", "code"),
    [
        (None, "MissingApiVersionParameter"),
        ("latest", "InvalidApiVersionParameter"),
        ("2024-13-01", "InvalidApiVersionParameter"),
        ("2024-1-1", "InvalidApiVersionParameter"),
    ],
)
def test_the_api_version_must_be_there_and_a_date(wire, version, code):
    """A request without an api-version, or with one that is no date, is a 400."""
    answer = wire.get(wire.sub, api_version=version)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("version", ["2016-02-01", "2026-04-01", "2025-03-01-preview"])
def test_any_date_is_an_api_version(wire, version):
    """Clients of any age are answered."""
    assert wire.get(wire.sub, api_version=version).status == 200


def test_every_reply_carries_the_ids_of_correlation(wire):
    """The caller's correlation id comes back; request and routing ids are new each time."""
    sent = {
        "x-ms-correlation-request-id": "11111111-2222-4333-8444-555555555555",
        "x-ms-client-request-id": "66666666-7777-4888-8999-000000000000",
        "x-ms-return-client-request-id": "true",
    }
    first, second = wire.get(wire.sub, headers=sent), wire.get(wire.sub, headers=sent)
    assert first.headers["x-ms-correlation-request-id"] == sent["x-ms-correlation-request-id"]
    assert first.headers["x-ms-client-request-id"] == sent["x-ms-client-request-id"]
    assert first.headers["x-ms-request-id"] != second.headers["x-ms-request-id"]
    assert first.headers["x-ms-routing-request-id"].startswith("EASTUS:")
    assert first.headers["date"]
    assert wire.get(wire.sub).headers["x-ms-correlation-request-id"]


def test_a_client_request_id_comes_back_only_when_asked_for(wire):
    """Without x-ms-return-client-request-id it is not repeated."""
    answer = wire.get(wire.sub, headers={"x-ms-client-request-id": "x"})
    assert answer.headers["x-ms-client-request-id"] is None


@pytest.mark.parametrize(
    ("path", "status", "code", "named"),
    [
        ("/providers/Microsoft.Storage/storageAccounts/a", 404, "InvalidResourceNamespace", "microsoft.storage"),
        ("/providers/Microsoft.Compute/galleries/a", 404, "InvalidResourceType", "galleries"),
        ("/providers/Microsoft.Compute/virtualMachines/m/extensions/e", 501, "NotSimulated", "extensions"),
    ],
)
def test_what_is_not_simulated_is_refused_by_name(wire, world, path, status, code, named):
    """An unknown namespace, type or child is refused, and the refusal names it."""
    answer = wire.get(world.group() + path)
    assert (answer.status, answer.code) == (status, code)
    assert named in answer.message


def test_an_operation_that_is_not_simulated_is_refused_by_name(wire, world):
    """A known path with another method is a 501, not a 404 that could mean an empty answer."""
    answer = wire.post(world.group())
    assert (answer.status, answer.code) == (501, "NotSimulated")
    assert "POST" in answer.message


def test_a_query_parameter_that_would_change_the_operation_is_refused_by_name(wire, world):
    """A parameter that is not simulated is never ignored."""
    answer = wire.delete(f"{world.group()}?forceDeletionTypes=Microsoft.Compute/virtualMachines")
    assert (answer.status, answer.code) == (501, "NotSimulated")
    assert "forceDeletionTypes" in answer.message


def test_a_path_with_an_empty_segment_is_malformed(wire):
    """Two slashes in a row are not one."""
    assert wire.get(f"{wire.sub}//resourceGroups").code == "InvalidRequestUri"


def test_another_host_name_is_not_answered(wire):
    """A page that has bound its own name to loopback learns nothing."""
    answer = wire.raw("GET", "/metadata/endpoints?api-version=2022-09-01", headers={"host": "evil.example"})
    assert (answer.status, answer.code) == (421, "MisdirectedRequest")


def test_a_location_keeps_to_the_host_the_caller_named(wire, world, control):
    """Who called 127.0.0.1 is sent back to 127.0.0.1."""
    control.time("held")
    host = wire.host.replace("localhost", "127.0.0.1")
    answer = wire.delete(world.group(), headers={"host": host})
    assert answer.headers["location"].startswith(f"https://{host}/")


def test_a_reader_reads_and_does_not_write(wire, sign_in_with):
    """The 403 names the application, the action and the scope."""
    token = sign_in_with({wire.sub: "Reader"})
    path = f"{wire.sub}/resourceGroups/g"
    assert wire.get(f"{wire.sub}/resourceGroups", token=token).status == 200
    answer = wire.put(path, {"location": "eastus"}, token=token)
    assert (answer.status, answer.code) == (403, "AuthorizationFailed")
    assert "app3" in answer.message
    assert "'Microsoft.Resources/subscriptions/resourceGroups/write'" in answer.message
    assert path in answer.message


def test_rights_on_one_group_end_at_its_border(wire, world, sign_in_with):
    """A contributor of one group works in it, sees it alone in the list, and nothing beside it."""
    mine, other = world.group("mine"), world.group("other")
    token = sign_in_with({mine: "Contributor"})
    assert wire.put(mine, {"location": "eastus"}, token=token).status == 200
    assert [one["name"] for one in wire.get(f"{wire.sub}/resourceGroups", token=token).body["value"]] == ["mine"]
    assert wire.get(other, token=token).code == "AuthorizationFailed"
    assert wire.get(f"{wire.sub}/resources", token=token).code == "AuthorizationFailed"


def test_who_has_no_right_sees_no_subscription(wire, sign_in_with):
    """A principal without rights can sign in, and that is all."""
    token = sign_in_with({})
    assert wire.get("/subscriptions", token=token).body["value"] == []
    assert wire.get(wire.sub, token=token).code == "AuthorizationFailed"


def test_tenants_and_subscriptions_are_those_of_the_token(wire, endpoint, other_tenant):
    """Each tenant's token lists its own tenant and subscriptions."""
    assert [one["displayName"] for one in wire.get("/subscriptions").body["value"]] == ["Rehearsal"]
    assert [one["displayName"] for one in wire.get("/subscriptions", token=other_tenant).body["value"]] == [
        "Production"
    ]
    tenants = wire.get("/tenants").body["value"]
    assert [(one["tenantId"], one["displayName"]) for one in tenants] == [(endpoint["tenant_id"], "Contoso")]


def test_an_application_known_in_two_tenants_sees_both(wire, control, endpoint):
    """The list of tenants is that of the application, not of the token alone."""
    control.directory(
        tenants=[{"id": TENANT2, "name": "Fabrikam"}],
        principals=[{"tenant_id": TENANT2, "client_id": endpoint["client_id"], "secret": "s2"}],
    )
    assert [one["displayName"] for one in wire.get("/tenants").body["value"]] == ["Contoso", "Fabrikam"]


def test_the_metadata_of_the_cloud_needs_no_token(wire, endpoint):
    """A tool that registers a cloud can ask before it has signed in."""
    answer = wire.raw("GET", "/metadata/endpoints?api-version=2022-09-01")
    (cloud,) = answer.body
    assert cloud["name"] == "AzureSimulator"
    assert cloud["authentication"]["loginEndpoint"] == f"{endpoint['url']}/"


def test_regions_and_providers_are_listed(wire):
    """A subscription has regions, and the providers that are simulated are registered."""
    regions = wire.get(f"{wire.sub}/locations").body["value"]
    assert ("eastus", "East US") in [(one["name"], one["displayName"]) for one in regions]
    assert wire.get(f"{wire.sub}/providers/microsoft.compute").body["registrationState"] == "Registered"
    assert len(wire.get(f"{wire.sub}/providers").body["value"]) == 3
    assert wire.get(f"{wire.sub}/providers/Microsoft.Storage").code == "InvalidResourceNamespace"
    assert wire.post(f"{wire.sub}/providers/Microsoft.Network/register").body["registrationState"] == "Registered"


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        pytest.param(b"{", JSON, 400, "InvalidRequestContent", id="broken"),
        pytest.param(b"[" * 100_000, JSON, 400, "InvalidRequestContent", id="deep"),
        pytest.param(b"[]", JSON, 400, "InvalidRequestContent", id="a-list"),
        pytest.param(b"{}", "text/plain", 415, "UnsupportedMediaType", id="not-json"),
        pytest.param(b"{}", JSON, 400, "LocationRequired", id="without-location"),
        pytest.param(
            b'{"location":"moon"}', "application/json", 400, "LocationNotAvailableForResourceGroup", id="moon"
        ),
        pytest.param(b'{"location":"eastus","colour":1}', JSON, 501, "NotSimulated", id="member"),
        pytest.param(
            b'{"location":"eastus","tags":{"a":1}}', "application/json", 400, "InvalidRequestContent", id="tag"
        ),
        pytest.param(
            b'{"location":"eastus","type":"x/y"}', "application/json", 400, "InvalidRequestContent", id="type"
        ),
        pytest.param(b'{"location":"eastus","properties":3}', JSON, 400, "InvalidRequestContent", id="p"),
        pytest.param(b" " * 2_000_000, JSON, 413, "RequestContentTooLarge", id="too-large"),
    ],
)
def test_a_body_is_checked_before_anything_is_made(wire, control, content, kind, status, code):
    """Whatever is wrong with a body, nothing has changed afterwards."""
    headers = {"authorization": f"Bearer {wire.token}", "content-type": kind}
    answer = wire.raw("PUT", f"{wire.sub}/resourceGroups/g?api-version=2024-11-01", content, headers)
    assert (answer.status, answer.code) == (status, code)
    assert control.effects() == []
