"""New-AzVM as a pure function: what it asks for next, given what is known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from azjobs.core.arm import Answer, OnUnanswered, Request
from azjobs.core.errors import Fault, InvalidInput
from azjobs.core.plan import Done, Send, check, rehearse
from azjobs.core.plans import PLANS
from azjobs.core.plans.images import ALIASES, read_image
from azjobs.core.plans.new_vm_input import NewVm, check_new_vm, check_password, check_username
from azjobs.core.secret import SecureString

PLAN = PLANS["new-az-vm@1"]
BASE = {"subscription_id": "s", "name": "Big", "username": "vmadmin"}
MISSING = Answer(404, fault=Fault("ResourceNotFound", "No.", http_status=404))
NO_GROUP = Answer(404, fault=Fault("ResourceGroupNotFound", "No.", http_status=404))
EMPTY = {"read machine": NO_GROUP, "read group": NO_GROUP}
OLD = {"read machine": MISSING, "read group": Answer(200, {"location": "westus"})}
PART_READS = ("read network", "read security group", "read interface")


def found(**body: Any) -> Answer:
    return Answer(200, body)


def made(body: Any = None) -> Answer:
    return Answer(201, body or {}, created=True)


def ask(answers: dict[str, Answer], **more: Any) -> dict[str, Request]:
    decision = PLAN({**BASE, **more}, answers)
    assert isinstance(decision, Send), decision
    return decision.requests


def labels(answers: dict[str, Answer], **more: Any) -> list[str]:
    return [f"{r.method} {r.label}" for r in ask(answers, **more).values()]


def body_of(key: str, answers: dict[str, Answer] | None = None, **more: Any) -> dict[str, Any]:
    """The body of one write, from a dry run's order of things: everything before it went well."""
    known = dict(answers or EMPTY)
    while True:
        requests = ask(known, **more)
        if key in requests:
            body: dict[str, Any] = requests[key].body
            return body
        known |= {k: MISSING if r.is_read else made(r.body) for k, r in requests.items() if k not in known}


def test_machine_and_group_are_read_first() -> None:
    """A machine that exists ends it; a group that does not exist has nothing in it to read."""
    assert labels({}) == ["GET virtualMachines/Big", "GET resource group Big"]
    assert labels(EMPTY) == ["PUT resource group Big"]


def test_in_a_group_that_exists_its_parts_are_read_side_by_side() -> None:
    """The address only if one is asked for."""
    parts = ["virtualNetworks/Big", "networkSecurityGroups/Big", "networkInterfaces/Big"]
    assert labels(OLD)[2:] == [f"GET {part}" for part in parts]
    assert "GET publicIPAddresses/door" in labels(OLD, public_ip_address_name="door")


def test_network_parts_go_side_by_side_then_interface_then_machine() -> None:
    """Each stage waits for the whole one before."""
    answers = {**EMPTY, "group": made()}
    side_by_side = ["PUT virtualNetworks/Big", "PUT networkSecurityGroups/Big", "PUT publicIPAddresses/door"]
    more = {"public_ip_address_name": "door"}
    assert labels(answers, **more) == side_by_side
    answers |= {"network": made(), "address": made()}
    assert "PUT networkInterfaces/Big" not in labels(answers, **more)
    answers |= {"security group": made()}
    assert labels(answers, **more) == ["PUT networkInterfaces/Big"]
    answers |= {"interface": made()}
    assert labels(answers, **more) == ["PUT virtualMachines/Big"]
    assert PLAN({**BASE, **more}, {**answers, "machine": made({"id": "vm"})}) == Done({"id": "vm"})


def test_the_password_is_a_hole_and_the_machine_goes_out_under_a_condition() -> None:
    """The body that is stored has no password, and sending it twice makes one machine."""
    answers = {**EMPTY, "group": made(), "network": made(), "security group": made(), "interface": made()}
    machine = ask(answers)["machine"]
    assert machine.holes == {"/properties/osProfile/adminPassword": "password"}
    assert "adminPassword" not in machine.body["properties"]["osProfile"]
    assert machine.on_unanswered is OnUnanswered.CONDITION
    assert machine.look_path == ""
    others = [ask(EMPTY)["group"], *ask({**EMPTY, "group": made()}).values()]
    assert all(r.on_unanswered is OnUnanswered.LOOK and not r.holes for r in others)


def test_a_machine_that_exists_is_the_result() -> None:
    """Nothing is written, whatever else was asked."""
    assert PLAN({**BASE, "image": "Ubuntu2204"}, {**OLD, "read machine": found(id="vm")}) == Done({"id": "vm"})


def test_what_exists_is_reused_and_only_what_is_missing_is_made() -> None:
    """A network with the subnet needs nothing."""
    network = found(location="westus", properties={"subnets": [{"name": "BIG"}]})
    answers = {**OLD, **dict.fromkeys(PART_READS, MISSING), "read network": network}
    assert labels(answers) == ["PUT networkSecurityGroups/Big"]
    answers |= {"read security group": found(location="westus")}
    assert labels(answers) == ["PUT networkInterfaces/Big"]
    answers |= {"read interface": found(location="westus")}
    assert labels(answers) == ["PUT virtualMachines/Big"]


def test_a_subnet_missing_in_a_network_that_exists_is_made() -> None:
    """The network itself is not written to: that would replace its other subnets."""
    network = found(location="westus", properties={"subnets": [{"name": "other"}]})
    answers = {**OLD, **dict.fromkeys(PART_READS, MISSING), "read network": network}
    requests = ask(answers, subnet_name="mine", subnet_address_prefix="10.1.0.0/24", virtual_network_name="net")
    assert list(requests) == ["subnet", "security group"]
    assert requests["subnet"].path.startswith(
        "/subscriptions/s/resourceGroups/Big/providers/Microsoft.Network/virtualNetworks/net/subnets/mine?"
    )
    assert requests["subnet"].body == {"properties": {"addressPrefix": "10.1.0.0/24"}}


def test_with_an_interface_that_exists_nothing_of_the_network_is_made() -> None:
    """It has its place in a subnet already."""
    answers = {**OLD, **dict.fromkeys(PART_READS, MISSING), "read interface": found(location="westeurope")}
    assert labels(answers) == ["PUT virtualMachines/Big"]
    assert ask(answers)["machine"].body["location"] == "westeurope"


@pytest.mark.parametrize(
    ("answers", "location"),
    [
        pytest.param(EMPTY, "eastus", id="default"),
        pytest.param({**OLD, **dict.fromkeys(PART_READS, MISSING)}, "westus", id="of-the-group"),
        pytest.param(
            {**OLD, **dict.fromkeys(PART_READS, MISSING), "read network": found(location="uksouth", properties={})},
            "uksouth",
            id="of-the-network-before-that-of-the-group",
        ),
    ],
)
def test_it_goes_where_what_it_depends_on_is(answers: dict[str, Answer], location: str) -> None:
    """Azure wants network parts and machine in one region; what the user says comes first."""
    assert body_of("machine", answers)["location"] == location
    assert body_of("machine", answers, location="North Europe")["location"] == "northeurope"


@pytest.mark.parametrize("key", ["read machine", "read group"])
def test_a_read_that_fails_ends_the_plan(key: str) -> None:
    """No right to read is not "not there": nothing may be made on a guess."""
    denied = Fault("AuthorizationFailed", "No.", http_status=403)
    assert PLAN(BASE, {**EMPTY, key: Answer(403, fault=denied)}) == denied
    no_subscription = Fault("SubscriptionNotFound", "No.", http_status=404)
    assert PLAN(BASE, {**EMPTY, key: Answer(404, fault=no_subscription)}) == no_subscription


def test_a_part_that_cannot_be_read_ends_the_plan() -> None:
    """The same for the parts of a group that exists."""
    denied = Fault("AuthorizationFailed", "No.", http_status=403)
    answers = {**OLD, **dict.fromkeys(PART_READS, MISSING), "read network": Answer(403, fault=denied)}
    assert PLAN(BASE, answers) == denied


@pytest.mark.parametrize("key", ["group", "network", "security group", "interface", "machine"])
def test_a_write_that_fails_ends_the_plan_with_its_fault(key: str) -> None:
    """Also while another of its stage is still under way."""
    fault = Fault("QuotaExceeded", "Approved 100, needed 128.", "x", http_status=409)
    order = ["group", "network", "security group", "interface", "machine"]
    before = {k: made() for k in order[: order.index(key)] if not (key == "security group" and k == "network")}
    assert PLAN(BASE, {**EMPTY, **before, key: Answer(409, fault=fault)}) == fault


def test_a_dry_run_lists_all_six_in_order() -> None:
    """Ids are computed, never read from replies: so it goes on by itself."""
    rehearsal = rehearse(PLAN, {**BASE, "public_ip_address_name": "door"}, EMPTY)
    assert [(s.action, s.label) for s in rehearsal.steps] == [
        ("create", "resource group Big"),
        ("create", "virtualNetworks/Big"),
        ("create", "networkSecurityGroups/Big"),
        ("create", "publicIPAddresses/door"),
        ("create", "networkInterfaces/Big"),
        ("create", "virtualMachines/Big"),
    ]


def test_a_dry_run_of_a_machine_that_exists_reuses_it() -> None:
    """With a group that exists it is reused too, and nothing is made."""
    rehearsal = rehearse(PLAN, BASE, {**OLD, "read machine": found(id="vm")})
    assert [(s.action, s.label) for s in rehearsal.steps] == [
        ("reuse", "virtualMachines/Big"),
        ("reuse", "resource group Big"),
    ]


def test_a_dry_run_in_a_group_that_exists_tells_what_is_reused_first() -> None:
    """Group and network are there, the rest is made."""
    network = found(location="westus", properties={"subnets": [{"name": "Big"}]})
    answers = {**OLD, **dict.fromkeys(PART_READS, MISSING), "read network": network}
    assert [(s.action, s.label) for s in rehearse(PLAN, BASE, answers).steps] == [
        ("reuse", "resource group Big"),
        ("reuse", "virtualNetworks/Big"),
        ("create", "networkSecurityGroups/Big"),
        ("create", "networkInterfaces/Big"),
        ("create", "virtualMachines/Big"),
    ]


def test_the_bodies_refer_to_each_other_by_computed_ids() -> None:
    """Interface to subnet, security group and address; machine to interface."""
    more = {
        "public_ip_address_name": "door",
        "virtual_network_name": "net",
        "subnet_name": "sub",
        "security_group_name": "sg",
    }
    base = "/subscriptions/s/resourceGroups/Big/providers/Microsoft.Network"
    interface = body_of("interface", **more)["properties"]
    assert interface["networkSecurityGroup"]["id"] == f"{base}/networkSecurityGroups/sg"
    inside = interface["ipConfigurations"][0]["properties"]
    assert inside["subnet"]["id"] == f"{base}/virtualNetworks/net/subnets/sub"
    assert inside["publicIPAddress"]["id"] == f"{base}/publicIPAddresses/door"
    machine = body_of("machine", **more)["properties"]
    assert machine["networkProfile"] == {"networkInterfaces": [{"id": f"{base}/networkInterfaces/Big"}]}


@pytest.mark.parametrize(
    ("more", "ports"),
    [
        ({}, ["3389", "5985"]),
        ({"image": "Ubuntu2204"}, ["22"]),
        ({"open_ports": [443, 8080]}, ["443", "8080"]),
        ({"open_ports": []}, []),
    ],
)
def test_the_ports_are_those_of_the_system_or_those_asked_for(more: dict[str, Any], ports: list[str]) -> None:
    """Priorities count up from 1000; rule names are the machine's with the port."""
    rules = body_of("security group", **more)["properties"]["securityRules"]
    assert [r["properties"]["destinationPortRange"] for r in rules] == ports
    assert [r["name"] for r in rules] == [f"Big{port}" for port in ports]
    assert [r["properties"]["priority"] for r in rules] == list(range(1000, 1000 + len(ports)))


def test_the_default_image_is_trusted_and_windows() -> None:
    """As New-AzVM without -Image; with one it is as the image is."""
    default = body_of("machine")["properties"]
    assert default["storageProfile"]["imageReference"]["sku"] == "2022-datacenter-azure-edition"
    assert default["securityProfile"]["securityType"] == "TrustedLaunch"
    assert default["hardwareProfile"]["vmSize"] == "Standard_D2s_v3"
    assert "windowsConfiguration" in default["osProfile"]
    linux = body_of("machine", image="Ubuntu2204")["properties"]
    assert linux["osProfile"]["linuxConfiguration"] == {"disablePasswordAuthentication": False}
    assert "securityProfile" not in linux


def test_the_rest_of_the_arguments_reach_their_places() -> None:
    """Zone, disks, identity, tags, size, address."""
    more = {
        "zone": "2",
        "data_disk_sizes_gb": [8],
        "system_assigned_identity": True,
        "tags": {"a": "b"},
        "size": "Standard_B1s",
        "public_ip_address_name": "door",
        "domain_name_label": "my-door",
    }
    machine = body_of("machine", **more)
    assert (machine["zones"], machine["identity"], machine["tags"]) == (["2"], {"type": "SystemAssigned"}, {"a": "b"})
    assert machine["properties"]["storageProfile"]["dataDisks"] == [
        {"lun": 0, "createOption": "Empty", "diskSizeGB": 8}
    ]
    address = body_of("address", **more)
    assert address["properties"] == {
        "publicIPAllocationMethod": "Static",
        "dnsSettings": {"domainNameLabel": "my-door"},
    }
    assert (address["sku"], address["zones"]) == ({"name": "Standard"}, ["2"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "a" * 16}, "1 to 15"),
        ({"name": "a_b"}, "'_'"),
        ({"name": ""}, "1 to"),
        ({"subscription_id": ""}, "subscription"),
        ({"resource_group_name": "x/y"}, "'/'"),
        ({"virtual_network_name": "n"}, "2 to 64"),
        ({"username": "admin"}, "too easy to guess"),
        ({"username": "a b"}, "' '"),
        ({"username": "x" * 21}, "1 to 20"),
        ({"username": "x."}, "period"),
        ({"username": "-x", "image": "Debian11"}, "begins with"),
        ({"image": "Windows95"}, "No image"),
        ({"image": "a:b:c"}, "publisher:offer:sku:version"),
        ({"image": "/subscriptions/s/images/i"}, "Windows or Linux"),
        ({"os_type": "BeOS"}, "not an operating system"),
        ({"open_ports": [0]}, "not a port"),
        ({"open_ports": ["22"]}, "int"),
        ({"address_prefix": "10.0.0.0"}, "lies outside"),
        ({"address_prefix": "10.0.0.1/8"}, "not a range"),
        ({"subnet_address_prefix": "10.0.0.0/24"}, "lies outside"),
        ({"zone": "east"}, "not a zone"),
        ({"data_disk_sizes_gb": [0]}, "GiB"),
        ({"location": "the moon!"}, "not the name of a region"),
        ({"domain_name_label": "door"}, "public IP address"),
        ({"public_ip_address_name": "-"}, "public IP address"),
        ({"allocation_method": "Static?"}, "Static or Dynamic"),
        ({"nmae": "x"}, "nmae"),
    ],
)
def test_what_azure_is_known_to_refuse_is_refused_before_anything_is_sent(more: dict[str, Any], words: str) -> None:
    """One sentence that says what is wrong."""
    with pytest.raises(InvalidInput, match=words):
        check(PLAN, {**BASE, **more})


@pytest.mark.parametrize(
    ("password", "system", "words"),
    [
        ("Short-1", "Windows", "12 to 123"),
        ("x" * 124, "Windows", "12 to 123"),
        ("Aa1-" * 19, "Linux", "12 to 72"),
        ("alllowercase-", "Windows", "three of these four"),
        ("lowerUPPERlower", "Windows", "three of these four"),
    ],
)
def test_a_weak_password_is_refused_and_never_repeated(password: str, system: str, words: str) -> None:
    """The rule is said, the password is not."""
    with pytest.raises(InvalidInput, match=words) as caught:
        check_password(SecureString(password), system)
    assert password not in str(caught.value)


@pytest.mark.parametrize("password", ["Correct-Horse-7", "lower-upper-1234", "ALLUPPER1234-", "Umlaute-Öäü-1"])
def test_a_password_with_three_of_the_four_kinds_is_taken(password: str) -> None:
    """Three of lower, upper, digit, special."""
    check_password(SecureString(password), "Windows")


def test_the_whole_check_knows_the_system_from_the_image() -> None:
    """72 characters are the end for Linux, 123 for Windows."""
    password = "Aa1-" * 20
    check_new_vm(msgspec.convert(BASE, NewVm), SecureString(password))
    with pytest.raises(InvalidInput, match="12 to 72"):
        check_new_vm(msgspec.convert({**BASE, "image": "Ubuntu2204"}, NewVm), SecureString(password))


def test_usernames_that_are_fine_are_taken() -> None:
    """Ordinary ones, up to the length of the system."""
    for name, system in (("vmadmin", "Windows"), ("ada.lovelace", "Linux"), ("x" * 64, "Linux"), ("x" * 20, "Windows")):
        check_username(name, system)


@pytest.mark.parametrize(
    ("image", "os_type", "system", "reference"),
    [
        ("ubuntu2204", "", "Linux", "0001-com-ubuntu-server-jammy"),
        ("Canonical:Offer:Sku:1.0", "", "Linux", "Offer"),
        ("MicrosoftWindowsDesktop:Windows-11:win11:latest", "", "Windows", "Windows-11"),
        ("Vendor:Appliance:Sku:latest", "Windows", "Windows", "Appliance"),
    ],
)
def test_an_image_goes_by_alias_or_by_its_four_parts(image: str, os_type: str, system: str, reference: str) -> None:
    """Aliases have no case; the publisher tells the system, unless the user does."""
    found_system, found_reference = read_image(image, os_type)
    assert (found_system, found_reference["offer"]) == (system, reference)


def test_an_image_by_id_needs_its_system_said() -> None:
    """Its id does not tell."""
    assert read_image("/subscriptions/s/x", "Linux") == ("Linux", {"id": "/subscriptions/s/x"})


def test_every_alias_has_a_system_and_three_names() -> None:
    """The table is whole."""
    for alias in ALIASES:
        system, reference = read_image(alias)
        assert system in ("Windows", "Linux")
        assert all(reference[part] for part in ("publisher", "offer", "sku", "version"))
