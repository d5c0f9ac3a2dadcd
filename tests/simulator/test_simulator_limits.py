"""The published token buckets, with their headers."""

from __future__ import annotations

SMALL = {"reads": (3, 1), "writes": (2, 0.5), "deletes": (1, 0.5)}


def test_no_header_and_no_limit_unless_switched_on(wire):
    """Off, the replies carry no count at all."""
    headers = wire.get(wire.sub).headers
    assert [name for name in headers if name.lower().startswith("x-ms-ratelimit")] == []


def test_published_numbers_hold_when_switched_on(wire, control, clock):
    """250 reads of a subscription and principal, 15 times that for all; the 251st waits a second."""
    control.limits()
    first = wire.get(wire.sub).headers
    assert first["x-ms-ratelimit-remaining-subscription-reads"] == "249"
    assert first["x-ms-ratelimit-remaining-subscription-global-reads"] == "3749"
    for _ in range(249):
        assert wire.get(wire.sub).status == 200
    answer = wire.get(wire.sub)
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (429, "TooManyRequests", "1")
    assert answer.headers["x-ms-ratelimit-remaining-subscription-reads"] == "0"
    clock.move(1)
    assert [wire.get(wire.sub).status for _ in range(26)] == [200] * 25 + [429]


def test_reads_writes_and_deletes_are_counted_apart(wire, control):
    """Each class has its own bucket; the reply tells the one that was charged."""
    control.limits(**SMALL)
    path = f"{wire.sub}/resourceGroups/g"
    assert wire.put(path, {"location": "eastus"}).headers["x-ms-ratelimit-remaining-subscription-writes"] == "1"
    assert wire.get(path).headers["x-ms-ratelimit-remaining-subscription-reads"] == "2"
    assert wire.delete(path).headers["x-ms-ratelimit-remaining-subscription-deletes"] == "0"
    answer = wire.delete(path)
    assert (answer.status, answer.headers["retry-after"]) == (429, "2")


def test_a_refused_request_costs_nothing_and_is_told_anew(wire, control, clock):
    """Who comes back too early is refused again with what is left to wait."""
    control.limits(writes=(1, 0.1))
    path = f"{wire.sub}/resourceGroups/g"
    wire.put(path, {"location": "eastus"})
    assert wire.put(path, {"location": "eastus"}).headers["retry-after"] == "10"
    clock.move(4)
    assert wire.put(path, {"location": "eastus"}).headers["retry-after"] == "6"
    clock.move(6)
    assert wire.put(path, {"location": "eastus"}).status == 200


def test_a_refused_answer_counts_too(wire, control):
    """A 404 and a refused right are requests like any other, and say what is left."""
    control.limits(**SMALL)
    answer = wire.get(f"{wire.sub}/resourceGroups/none")
    assert (answer.status, answer.headers["x-ms-ratelimit-remaining-subscription-reads"]) == (404, "2")


def test_polls_are_charged(wire, world, control):
    """A poll is a read."""
    world.group()
    url = wire.put(world.path("virtualNetworks", "v"), world.vnet_body()).headers["azure-asyncoperation"]
    control.limits(**SMALL)
    assert [wire.get(url).status for _ in range(4)] == [200, 200, 200, 429]


def test_principals_have_buckets_of_their_own_and_tenants_too(wire, control):
    """One principal's rush does not stop another; what is of no subscription is counted for the tenant."""
    control.limits(**SMALL)
    principal = {"tenant_id": wire.endpoint["tenant_id"], "client_id": "app4", "secret": "s4"}
    control.directory(principals=[principal | {"rights": {wire.sub: "Reader"}}])
    other = wire.sign_in(client_id="app4", client_secret="s4").body["access_token"]
    assert [wire.get(wire.sub).status for _ in range(4)][-1] == 429
    assert wire.get(wire.sub, token=other).status == 200
    assert wire.get("/subscriptions").headers["x-ms-ratelimit-remaining-tenant-reads"] == "2"


def test_signing_in_is_not_charged(wire, control):
    """The authority has no part in these buckets."""
    control.limits(reads=(1, 1), writes=(1, 1), deletes=(1, 1))
    assert [wire.sign_in().status for _ in range(5)] == [200] * 5
