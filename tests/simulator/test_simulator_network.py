"""Networks, subnets, security groups, public addresses, interfaces: what is made, refused and kept together."""

from __future__ import annotations

import pytest

RULE = {
    "protocol": "Tcp",
    "access": "Allow",
    "direction": "Inbound",
    "priority": 1000,
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "22",
}


def nsg_body(*rules, **extra):
    return {"location": "eastus", "properties": {"securityRules": list(rules)}} | extra


def ip_body(sku="Standard", method="Static", **properties):
    return {"location": "eastus", "sku": {"name": sku}, "properties": {"publicIPAllocationMethod": method} | properties}


@pytest.fixture(autouse=True)
def _group(world):
    world.group()


def test_a_network_is_made_with_its_subnets(wire, world, control):
    """201, Azure-AsyncOperation and a state that is not final; Succeeded when it is done, with its subnets."""
    control.time("held")
    path = world.path("virtualNetworks", "v")
    answer = wire.put(path, world.vnet_body(("s", "10.0.0.0/24"), ("t", "10.0.1.0/24"), tags={"a": "b"}))
    assert (answer.status, answer.state, answer.headers["location"]) == (201, "Updating", None)
    assert wire.get(answer.headers["azure-asyncoperation"]).body["status"] == "InProgress"
    control.finish(path)
    assert wire.get(answer.headers["azure-asyncoperation"]).body["status"] == "Succeeded"
    body = wire.get(path).body
    assert [one["properties"]["provisioningState"] for one in body["properties"]["subnets"]] == ["Succeeded"] * 2
    assert body["tags"] == {"a": "b"}
    assert wire.get(f"{path}/subnets/T").body["name"] == "t"
    assert [one["name"] for one in wire.get(f"{path}/subnets").body["value"]] == ["s", "t"]


@pytest.mark.parametrize(
    ("subnets", "space", "code"),
    [
        pytest.param([("s", "10.0.0.0")], "10.0.0.0/16", "InvalidAddressPrefixFormat", id="no-length"),
        pytest.param([("s", "10.0.0.1/24")], "10.0.0.0/16", "InvalidCIDRNotation", id="host-bits"),
        pytest.param([("s", "10.0.0.0/24")], "ten/8", "InvalidAddressPrefixFormat", id="space"),
        pytest.param([("s", "10.1.0.0/24")], "10.0.0.0/16", "NetcfgSubnetRangeOutsideVnet", id="outside"),
        pytest.param(
            [("s", "10.0.0.0/24"), ("t", "10.0.0.128/25")], "10.0.0.0/16", "NetcfgSubnetRangesOverlap", id="two"
        ),
        pytest.param([("s", "")], "10.0.0.0/16", "NetcfgInvalidSubnet", id="no-prefix"),
        pytest.param([("bad name", "10.0.0.0/24")], "10.0.0.0/16", "InvalidResourceName", id="name"),
        pytest.param([("s", "fd00::/64")], "10.0.0.0/16", "NotSimulated", id="ipv6"),
        pytest.param([("", "10.0.0.0/24")], "10.0.0.0/16", "InvalidRequestFormat", id="nameless"),
    ],
)
def test_a_network_that_cannot_be_is_refused(wire, world, subnets, space, code):
    """Prefixes, ranges and names are checked, and nothing of it is made."""
    path = world.path("virtualNetworks", "v")
    assert wire.put(path, world.vnet_body(*subnets, space=space)).code == code
    assert wire.get(path).code == "ResourceNotFound"


def test_a_network_needs_address_space_and_stays_where_it_is(wire, world):
    """Without prefixes it is malformed; another location is a conflict."""
    empty = {"location": "eastus", "properties": {}}
    assert wire.put(world.path("virtualNetworks", "w"), empty).code == "InvalidRequestFormat"
    path = world.vnet()
    moved = world.vnet_body(("s", "10.0.0.0/24")) | {"location": "westus"}
    assert wire.put(path, moved).code == "InvalidResourceLocation"


def test_a_list_of_subnets_replaces_the_old_one_and_no_list_leaves_them(wire, world):
    """What an update leaves out of its list is deleted; an update without a list changes no subnet."""
    path = world.vnet()
    without = world.vnet_body()
    del without["properties"]["subnets"]
    assert wire.put(path, without).status == 200
    assert [one["name"] for one in wire.get(path).body["properties"]["subnets"]] == ["s"]
    assert wire.put(path, world.vnet_body(("t", "10.0.9.0/24"))).status == 200
    assert [one["name"] for one in wire.get(path).body["properties"]["subnets"]] == ["t"]


def test_a_subnet_in_use_cannot_be_deleted_in_any_way(wire, world):
    """Neither by itself, nor with its network, nor by leaving it out of a list."""
    path = world.vnet()
    world.nic()
    assert wire.delete(f"{path}/subnets/s").code == "InUseSubnetCannotBeDeleted"
    assert wire.delete(path).code == "InUseSubnetCannotBeDeleted"
    assert wire.put(path, world.vnet_body()).code == "InUseSubnetCannotBeDeleted"


def test_a_subnet_is_made_beside_the_others_and_deleted(wire, world):
    """A subnet of its own joins the network's list and leaves it."""
    path = world.vnet()
    body = {"properties": {"addressPrefixes": ["10.0.7.0/24"]}}
    assert wire.put(f"{path}/subnets/t", body).status == 201
    assert wire.put(f"{path}/subnets/t", body).status == 200
    assert wire.put(f"{path}/subnets/u", body).code == "NetcfgSubnetRangesOverlap"
    assert wire.delete(f"{path}/subnets/t").status == 202
    assert wire.delete(f"{path}/subnets/t").status == 204
    assert [one["name"] for one in wire.get(path).body["properties"]["subnets"]] == ["s"]
    missing = world.path("virtualNetworks", "none")
    assert wire.put(f"{missing}/subnets/t", body).code == "ResourceNotFound"


def test_one_write_at_a_time_on_a_network_and_its_subnets(wire, world, control):
    """A second write of the family is a 429 that is a lock, with a time to come back after."""
    path = world.vnet()
    control.time("held")
    assert wire.put(f"{path}/subnets/t", {"properties": {"addressPrefix": "10.0.7.0/24"}}).status == 201
    for answer in (
        wire.put(path, world.vnet_body(("s", "10.0.0.0/24"))),
        wire.put(f"{path}/subnets/u", {"properties": {"addressPrefix": "10.0.8.0/24"}}),
        wire.delete(f"{path}/subnets/s"),
        wire.delete(path),
    ):
        assert (answer.status, answer.code) == (429, "RetryableErrorDueToAnotherOperation")
        assert answer.headers["retry-after"] == "1"


def test_deleting_what_is_not_there_is_204(wire, world):
    """A repeated deletion says that there is nothing to do."""
    for kind in ("virtualNetworks", "networkSecurityGroups", "publicIPAddresses", "networkInterfaces"):
        assert wire.delete(world.path(kind, "none")).status == 204


@pytest.mark.parametrize("kind", ["virtualNetworks", "networkSecurityGroups", "publicIPAddresses", "networkInterfaces"])
def test_a_deletion_is_202_and_ends_in_204(wire, world, control, kind):
    """A deletion has both headers; its Location ends with what a short deletion would have answered."""
    world.vnet("other")
    path = world.path(kind, "x")
    bodies = {
        "virtualNetworks": world.vnet_body(),
        "networkSecurityGroups": nsg_body(RULE | {}),
        "publicIPAddresses": ip_body(),
        "networkInterfaces": world.nic_body(f"{world.path('virtualNetworks', 'other')}/subnets/s"),
    }
    body = bodies[kind]
    if kind == "networkSecurityGroups":
        body = nsg_body({"name": "r", "properties": RULE})
    assert wire.put(path, body).status == 201
    listed = wire.get(path.removesuffix("/x")).body["value"]
    assert "x" in [one["name"] for one in listed]
    everywhere = wire.get(f"{wire.sub}/providers/Microsoft.Network/{kind}").body["value"]
    assert "x" in [one["name"] for one in everywhere]
    control.time("held")
    answer = wire.delete(path)
    assert (answer.status, wire.get(path).state) == (202, "Deleting")
    control.finish(path)
    assert wire.get(answer.headers["location"]).status == 204
    assert wire.get(answer.headers["azure-asyncoperation"]).body["status"] == "Succeeded"
    assert wire.get(path).code == "ResourceNotFound"


def test_a_security_group_keeps_its_rules_and_shows_who_uses_it(wire, world):
    """Rules come back with ids; subnets and interfaces that use the group stand in it, and keep it from deletion."""
    nsg = world.path("networkSecurityGroups", "fw")
    assert wire.put(nsg, nsg_body({"name": "ssh", "properties": RULE})).status == 201
    vnet = world.path("virtualNetworks", "v")
    body = world.vnet_body(("s", "10.0.0.0/24"))
    body["properties"]["subnets"][0]["properties"]["networkSecurityGroup"] = {"id": nsg}
    assert wire.put(vnet, body).status == 201
    nic = world.path("networkInterfaces", "n")
    body = world.nic_body(f"{vnet}/subnets/s")
    body["properties"]["networkSecurityGroup"] = {"id": nsg}
    assert wire.put(nic, body).status == 201
    properties = wire.get(nsg).body["properties"]
    assert properties["securityRules"][0]["id"] == f"{nsg}/securityRules/ssh"
    assert properties["subnets"] == [{"id": f"{vnet}/subnets/s"}]
    assert properties["networkInterfaces"] == [{"id": nic}]
    assert wire.delete(nsg).code == "InUseNetworkSecurityGroupCannotBeDeleted"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"priority": 99}, "SecurityRuleParameterInvalid"),
        ({"protocol": "carrier-pigeon"}, "SecurityRuleParameterInvalid"),
        ({"destinationPortRange": None}, "SecurityRuleParameterInvalid"),
        ({"sourceApplicationSecurityGroups": []}, "NotSimulated"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(wire, world, changed, code):
    """Priority, words and ends of a rule are checked."""
    body = nsg_body({"name": "r", "properties": RULE | changed})
    assert wire.put(world.path("networkSecurityGroups", "fw"), body).code == code


def test_two_rules_cannot_have_one_place(wire, world):
    """The same priority twice in one direction is a conflict."""
    body = nsg_body({"name": "a", "properties": RULE}, {"name": "b", "properties": RULE})
    assert wire.put(world.path("networkSecurityGroups", "fw"), body).code == "SecurityRuleConflict"


def test_a_public_address_is_given_out_when_it_is_made(wire, world, control):
    """A static address is there when the operation has ended, with the name of its label."""
    control.time("held")
    path = world.path("publicIPAddresses", "ip")
    made = wire.put(path, ip_body(dnsSettings={"domainNameLabel": "my-vm"}))
    assert "ipAddress" not in made.body["properties"]
    control.finish(path)
    properties = wire.get(path).body["properties"]
    assert properties["ipAddress"].startswith("198.18.")
    assert properties["dnsSettings"]["fqdn"] == "my-vm.eastus.cloudapp.azure.com"
    control.time("at-once")
    again = wire.put(path, ip_body(dnsSettings={"domainNameLabel": "my-vm"}))
    assert (again.status, again.body["properties"]["ipAddress"]) == (200, properties["ipAddress"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (ip_body(method="Dynamic"), "StandardSkuPublicIPAddressesMustBeStatic"),
        (ip_body(method="Always"), "InvalidRequestFormat"),
        (ip_body(sku="Gold"), "NotSimulated"),
        (ip_body(publicIPAddressVersion="IPv6"), "NotSimulated"),
        (ip_body(dnsSettings={"domainNameLabel": "My VM"}), "InvalidDomainNameLabel"),
    ],
)
def test_a_public_address_that_cannot_be_is_refused(wire, world, body, code):
    """SKU, method, version and label are checked."""
    assert wire.put(world.path("publicIPAddresses", "ip"), body).code == code


def test_a_dns_label_is_taken_once_in_a_region(wire, world):
    """A second address with the label is refused, and the check for it says so before."""
    check = f"{wire.sub}/providers/Microsoft.Network/locations/eastus/CheckDnsNameAvailability?domainNameLabel=my-vm"
    assert wire.get(check).body == {"available": True}
    wire.put(world.path("publicIPAddresses", "a"), ip_body(dnsSettings={"domainNameLabel": "my-vm"}))
    assert wire.get(check).body == {"available": False}
    answer = wire.put(world.path("publicIPAddresses", "b"), ip_body(dnsSettings={"domainNameLabel": "my-vm"}))
    assert answer.code == "DnsRecordInUse"
    assert wire.get(check.replace("my-vm", "-")).code == "InvalidDomainNameLabel"


def test_an_interface_tells_its_state_in_its_body_only(wire, world, control):
    """201 without any header to follow: who makes an interface reads provisioningState."""
    vnet = world.vnet()
    control.time("held")
    path = world.path("networkInterfaces", "n")
    answer = wire.put(path, world.nic_body(f"{vnet}/subnets/s"))
    assert (answer.status, answer.state) == (201, "Updating")
    assert answer.headers["azure-asyncoperation"] is None
    assert answer.headers["location"] is None
    assert wire.get(path).state == "Updating"
    control.finish(path)
    assert wire.get(path).state == "Succeeded"


def test_interfaces_get_addresses_of_their_subnet_from_the_fifth_on(wire, world):
    """Dynamic addresses count up and are kept over an update; a freed one is given again."""
    vnet = world.vnet()
    one, two = world.nic("one"), world.nic("two")

    def address(path):
        return wire.get(path).body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]

    assert (address(one), address(two)) == ("10.0.0.4", "10.0.0.5")
    wire.put(two, world.nic_body(f"{vnet}/subnets/s"))
    assert address(two) == "10.0.0.5"
    assert wire.delete(one).status == 202
    assert address(world.nic("three")) == "10.0.0.4"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("10.0.0.3", "PrivateIPAddressNotInSubnet"),
        ("10.0.1.4", "PrivateIPAddressNotInSubnet"),
        ("10.0.0.4", "PrivateIPAddressInUse"),
        ("ten", "InvalidIPAddressFormat"),
    ],
)
def test_a_static_address_must_be_free_and_in_the_subnet(wire, world, wanted, code):
    """A static address that cannot be had is refused, and nothing was taken."""
    vnet = world.vnet()
    world.nic("one")
    static = {"privateIPAllocationMethod": "Static", "privateIPAddress": wanted}
    assert wire.put(world.path("networkInterfaces", "x"), world.nic_body(f"{vnet}/subnets/s", **static)).code == code


def test_an_update_that_fails_leaves_an_interface_its_address(wire, world):
    """The address that an interface had is still its own after a refused change."""
    vnet = world.vnet()
    one, _ = world.nic("one"), world.nic("two")
    static = {"privateIPAllocationMethod": "Static", "privateIPAddress": "10.0.0.5"}
    assert wire.put(one, world.nic_body(f"{vnet}/subnets/s", **static)).code == "PrivateIPAddressInUse"
    static["privateIPAddress"] = "10.0.0.4"
    answer = wire.put(world.path("networkInterfaces", "x"), world.nic_body(f"{vnet}/subnets/s", **static))
    assert answer.code == "PrivateIPAddressInUse"


def test_a_full_subnet_takes_no_more(wire, world):
    """A /29 has three addresses for interfaces."""
    vnet = world.vnet(prefix="10.0.0.0/29")
    for name in ("a", "b", "c"):
        world.nic(name)
    assert wire.put(world.path("networkInterfaces", "d"), world.nic_body(f"{vnet}/subnets/s")).code == "SubnetIsFull"


def test_what_an_interface_refers_to_must_be_there_in_region_and_subscription(wire, world, control):
    """A subnet of nowhere, of another region or of another subscription is InvalidResourceReference."""
    vnet = world.vnet()
    path = world.path("networkInterfaces", "n")
    subnet = f"{vnet}/subnets/s"
    other = "5b000000-0000-4000-8000-000000000003"
    tenant = wire.endpoint["tenant_id"]
    rights = {f"/subscriptions/{other}": "Owner", wire.sub: "Owner"}
    principal = {"tenant_id": tenant, "client_id": "app9", "secret": "s9", "rights": rights}
    control.directory(subscriptions=[{"id": other, "name": "Other", "tenant_id": tenant}], principals=[principal])
    token = wire.sign_in(client_id="app9", client_secret="s9").body["access_token"]
    elsewhere = f"/subscriptions/{other}/resourceGroups/g"
    assert wire.put(elsewhere, {"location": "eastus"}, token=token).status == 201
    answers = (
        wire.put(path, world.nic_body(f"{subnet}x")),
        wire.put(path, world.nic_body(vnet)),
        wire.put(path, world.nic_body(subnet, location="westus")),
        wire.put(f"{elsewhere}/providers/Microsoft.Network/networkInterfaces/n", world.nic_body(subnet), token=token),
    )
    assert [(one.status, one.code) for one in answers] == [(400, "InvalidResourceReference")] * 4
    assert wire.put(path, world.nic_body({"not": "an id"})).code == "InvalidRequestContent"
    body = world.nic_body(subnet, publicIPAddress={"name": "no id"})
    assert wire.put(path, body).code == "InvalidRequestFormat"
    assert wire.put(path, {"location": "eastus", "properties": {}}).status == 400


def test_what_is_not_ready_cannot_be_referred_to(wire, world, control):
    """A subnet whose network is still being made, or being deleted, is refused for the time being."""
    control.time("held")
    vnet = world.vnet()
    path, body = world.path("networkInterfaces", "n"), world.nic_body(f"{vnet}/subnets/s")
    assert wire.put(path, body).code == "ReferencedResourceNotProvisioned"
    control.finish(vnet)
    assert wire.delete(vnet).status == 202
    assert wire.put(path, body).code == "InvalidResourceReference"


def test_a_public_address_serves_one_interface(wire, world):
    """It shows whose it is, a second interface cannot have it, and it cannot be deleted meanwhile."""
    vnet = world.vnet()
    address = world.path("publicIPAddresses", "ip")
    assert wire.put(address, ip_body(sku="Basic", method="Dynamic")).status == 201
    assert "ipAddress" not in wire.get(address).body["properties"]
    body = world.nic_body(f"{vnet}/subnets/s", publicIPAddress={"id": address})
    nic = world.path("networkInterfaces", "one")
    assert wire.put(nic, body).status == 201
    assert wire.put(nic, body).status == 200
    assert wire.put(world.path("networkInterfaces", "two"), body).code == "PublicIPAddressInUse"
    properties = wire.get(address).body["properties"]
    assert properties["ipConfiguration"] == {"id": f"{nic}/ipConfigurations/c"}
    assert properties["ipAddress"]
    assert wire.delete(address).code == "PublicIPAddressCannotBeDeleted"


def test_if_match_guards_a_network_and_if_none_match_does_not(wire, world):
    """An old entity tag is a 412 for PUT and DELETE; If-None-Match is ignored here."""
    path = world.vnet()
    body = world.vnet_body(("s", "10.0.0.0/24"))
    tag = wire.get(path).headers["etag"]
    assert wire.put(path, body, headers={"if-match": tag}).status == 200
    assert wire.put(path, body, headers={"if-match": tag}).code == "PreconditionFailed"
    assert wire.delete(path, headers={"if-match": tag}).status == 412
    assert wire.put(path, body, headers={"if-none-match": "*"}).status == 200
    missing = world.path("virtualNetworks", "none")
    assert wire.put(missing, body, headers={"if-match": "*"}).status == 412


def test_what_was_read_can_be_written_back(wire, world):
    """The body of a GET is taken by a PUT as it is, for every type of this provider."""
    vnet = world.vnet()
    wire.put(world.path("networkSecurityGroups", "x"), nsg_body({"name": "r", "properties": RULE}))
    wire.put(world.path("publicIPAddresses", "x"), ip_body())
    nic = world.nic()
    for path in (vnet, world.path("networkSecurityGroups", "x"), world.path("publicIPAddresses", "x"), nic):
        assert wire.put(path, wire.get(path).body).status == 200


def test_a_state_that_is_not_the_servers_is_refused(wire, world):
    """A client cannot declare a network ready."""
    body = world.vnet_body()
    body["properties"]["provisioningState"] = "Succeeded"
    assert wire.put(world.path("virtualNetworks", "w"), body).code == "InvalidRequestContent"
