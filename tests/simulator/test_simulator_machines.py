"""Virtual machines and their disks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from simulator_wire import PASSWORD


def test_a_machine_is_made_by_201_and_an_asynchronous_operation(wire, world, control):
    """Creating until the operation has succeeded, then running, with an id and an OS disk of its own."""
    world.group()
    world.vnet()
    nic = world.nic()
    control.time("held")
    path = world.path("virtualMachines", "m")
    answer = wire.put(path, world.machine_body(nic) | {"tags": {"env": "dev"}})
    assert (answer.status, answer.state, answer.headers["retry-after"]) == (201, "Creating", "1")
    assert answer.headers["location"] is None
    assert wire.get(answer.headers["azure-asyncoperation"]).body["status"] == "InProgress"
    assert wire.get(path).state == "Creating"
    control.finish(path)
    status = wire.get(answer.headers["azure-asyncoperation"]).body
    assert (status["status"], "endTime" in status) == ("Succeeded", True)
    body = wire.get(path).body
    assert body["properties"]["vmId"]
    assert body["tags"] == {"env": "dev"}
    assert world.power(path) == "running"
    disk = body["properties"]["storageProfile"]["osDisk"]
    assert disk["name"].startswith("m_OsDisk_1_")
    assert wire.get(disk["managedDisk"]["id"]).body["managedBy"] == path
    assert wire.get(nic).body["properties"]["virtualMachine"] == {"id": path}


def test_a_password_is_nowhere_afterwards(wire, world, control, endpoint):
    """Neither replies, nor the control, nor the folder hold the password that a machine was made with."""
    path = world.machine()
    shown = [wire.get(path).body, control.resources(), control.requests(), control.effects(), control.operations()]
    assert PASSWORD not in json.dumps(shown)
    folder = Path(endpoint["ca_file"]).parent
    assert all(PASSWORD.encode() not in file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize("name", ["admin", "Administrator", "root", "user1", "ends.", "n" * 65])
def test_a_forbidden_user_name_is_refused(wire, world, name):
    """The names that Azure does not allow are InvalidParameter with the member as target."""
    world.group()
    world.vnet()
    body = world.machine_body(world.nic(), adminUsername=name)
    answer = wire.put(world.path("virtualMachines", "m"), body)
    assert (answer.status, answer.code) == (400, "InvalidParameter")
    assert answer.body["error"]["target"] == "adminUsername"
    assert answer.message == "The Admin Username specified is not allowed."


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("Sh0rt-Passw", id="eleven"),
        pytest.param("only-lower-case-here", id="two-classes"),
        pytest.param("Aa1" * 42, id="126"),
    ],
)
def test_a_weak_password_is_refused_without_being_repeated(wire, world, password):
    """Length and classes are checked; the refusal says the rule and not the password."""
    world.group()
    world.vnet()
    body = world.machine_body(world.nic(), adminPassword=password)
    answer = wire.put(world.path("virtualMachines", "m"), body)
    assert (answer.status, answer.code, answer.body["error"]["target"]) == (400, "InvalidParameter", "adminPassword")
    assert "between 12-123 characters" in answer.message
    assert password not in json.dumps(answer.body)


@pytest.mark.parametrize(
    ("profile", "target"),
    [
        pytest.param({"adminPassword": None}, "adminPassword", id="no-password"),
        pytest.param({"adminUsername": None}, "adminUsername", id="no-user"),
        pytest.param({"computerName": None}, "computerName", id="no-computer-name"),
        pytest.param({"computerName": "n" * 65}, "computerName", id="long-computer-name"),
        pytest.param({"computerName": "a_b"}, "computerName", id="underscore"),
        pytest.param({"windowsConfiguration": {"timeZone": "UTC"}}, "windowsConfiguration", id="other-system"),
        pytest.param(
            {"linuxConfiguration": {"disablePasswordAuthentication": True}}, "linuxConfiguration", id="no-way-in"
        ),
    ],
)
def test_an_os_profile_that_cannot_be_is_refused(wire, world, profile, target):
    """Each member of the profile is checked, and the refusal names it."""
    world.group()
    world.vnet()
    answer = wire.put(world.path("virtualMachines", "m"), world.machine_body(world.nic(), **profile))
    assert (answer.status, answer.body["error"]["target"]) == (400, target)


def test_a_windows_computer_name_has_15_characters(wire, world):
    """For an image of Windows the shorter rule holds, and a number alone is no name."""
    world.group()
    world.vnet()
    body = world.machine_body(world.nic(), computerName="sixteen-letters-")
    body["properties"]["storageProfile"]["imageReference"] |= {"publisher": "MicrosoftWindowsServer"}
    path = world.path("virtualMachines", "m")
    assert wire.put(path, body).body["error"]["target"] == "computerName"
    body["properties"]["osProfile"]["computerName"] = "12345"
    assert wire.put(path, body).body["error"]["target"] == "computerName"
    body["properties"]["osProfile"]["computerName"] = "win"
    assert wire.put(path, body).body["properties"]["storageProfile"]["osDisk"]["osType"] == "Windows"


def test_ssh_keys_need_no_password(wire, world):
    """A machine with keys and without password authentication is made, and shows its public keys."""
    world.group()
    world.vnet()
    key = {"path": "/home/vmadmin/.ssh/authorized_keys", "keyData": "ssh-ed25519 AAAA"}
    linux = {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}}
    body = world.machine_body(world.nic(), adminPassword=None, linuxConfiguration=linux)
    answer = wire.put(world.path("virtualMachines", "m"), body)
    assert answer.body["properties"]["osProfile"]["linuxConfiguration"] == linux


def edit(body, place, value):
    """Return the body with one member of its properties set, or taken out when the value is None."""
    *outer, last = place.split(".")
    inside = body["properties"]
    for word in outer:
        inside = inside[word]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return body


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        ("hardwareProfile.vmSize", "Standard_Z1", "InvalidParameter"),
        ("hardwareProfile", None, "InvalidParameter"),
        ("osProfile", None, "InvalidParameter"),
        ("networkProfile", None, "InvalidParameter"),
        ("networkProfile.networkInterfaces", [], "InvalidParameter"),
        ("networkProfile.networkInterfaces", [{"id": "/no/such"}], "InvalidResourceReference"),
        ("storageProfile", None, "InvalidParameter"),
        ("storageProfile.imageReference", None, "InvalidParameter"),
        ("storageProfile.imageReference.sku", None, "InvalidParameter"),
        ("storageProfile.imageReference.publisher", "Nobody", "PlatformImageNotFound"),
        ("storageProfile.osDisk", {"createOption": "Attach"}, "NotSimulated"),
        ("storageProfile.osDisk", {"diskSizeGB": 0}, "InvalidParameter"),
        ("storageProfile.dataDisks", [{"lun": 0, "createOption": "Attach"}], "NotSimulated"),
        ("storageProfile.dataDisks", [{"createOption": "Empty", "diskSizeGB": 1}], "InvalidParameter"),
        ("availabilitySet", {"id": "/x"}, "NotSimulated"),
        ("osProfile.secrets", [{"sourceVault": {"id": "x"}}], "NotSimulated"),
        ("osProfile.linuxConfiguration", 3, "InvalidRequestContent"),
    ],
)
def test_a_machine_that_cannot_be_is_refused_and_nothing_is_made(wire, world, control, place, value, code):
    """Size, image, disks, interfaces: what is wrong is refused before a disk or a core is taken."""
    world.group()
    world.vnet()
    body = edit(world.machine_body(world.nic()), place, value)
    assert wire.put(world.path("virtualMachines", "m"), body).code == code
    kinds = {one["type"] for one in control.resources()["resources"]}
    assert "Microsoft.Compute/virtualMachines" not in kinds
    assert "Microsoft.Compute/disks" not in kinds


def test_a_machine_name_has_rules_of_its_own(wire, world):
    """A name that Azure forbids is InvalidResourceName."""
    world.group()
    answer = wire.put(world.path("virtualMachines", "bad name".replace(" ", "%20")), world.machine_body("/x"))
    assert (answer.status, answer.code) == (400, "InvalidResourceName")


def test_an_interface_belongs_to_one_machine(wire, world):
    """A second machine cannot have it, and while the first has it it cannot be deleted."""
    machine = world.machine()
    nic = world.path("networkInterfaces", "m-nic")
    assert wire.put(world.path("virtualMachines", "two"), world.machine_body(nic)).code == "NicInUse"
    assert wire.delete(nic).code == "NicInUse"
    assert wire.delete(machine).status == 202
    assert wire.delete(nic).status == 202


def test_too_many_cores_are_refused_with_the_numbers(wire, world):
    """The refusal says what is approved, what is needed and where."""
    world.group()
    world.vnet()
    body = world.machine_body(world.nic(), size="Standard_D128s_v6")
    answer = wire.put(world.path("virtualMachines", "Big"), body)
    assert (answer.status, answer.code) == (409, "QuotaExceeded")
    assert answer.message == "Approved Standard_D family cores: 100, needed: 128 (eastus)."


def test_cores_count_over_all_machines_until_they_are_gone(wire, world, control):
    """A second machine needs its cores beside the first's, deallocated or not; a deletion gives them back."""
    control.quota(3, family="Standard_D", location="eastus")
    first = world.machine("one")
    assert wire.post(f"{first}/deallocate").status == 202
    second, body = world.path("virtualMachines", "two"), world.machine_body(world.nic("two"))
    assert wire.put(second, body).message == "Approved Standard_D family cores: 3, needed: 4 (eastus)."
    wire.delete(first)
    assert wire.put(second, body).status == 201
    bigger = {"properties": {"hardwareProfile": {"vmSize": "Standard_D4s_v3"}}}
    assert wire.send("PATCH", second, bigger).code == "QuotaExceeded"
    control.quota(4)
    control.quota(4, family="Standard_D", location="eastus")
    assert wire.send("PATCH", second, bigger).status == 200
    assert wire.get(second).body["properties"]["hardwareProfile"]["vmSize"] == "Standard_D4s_v3"


def test_cores_come_back_with_a_deleted_group(wire, world, control):
    """A group's machines no longer count once it is gone."""
    control.quota(2)
    world.machine()
    wire.delete(world.group())
    control.operations()
    world.machine()


@pytest.mark.parametrize(
    ("action", "before", "meanwhile", "after", "effect"),
    [
        ("start", "deallocate", "starting", "running", "started"),
        ("powerOff", None, "stopping", "stopped", "poweredOff"),
        ("deallocate", None, "deallocating", "deallocated", "deallocated"),
        ("restart", None, "running", "running", "restarted"),
    ],
)
def test_a_power_action_goes_through_its_states(wire, world, control, action, before, meanwhile, after, effect):
    """202 with both headers; the power state on the way and at the end; one effect."""
    machine = world.machine()
    if before:
        wire.post(f"{machine}/{before}")
    control.time("held")
    answer = wire.post(f"{machine}/{action}")
    assert answer.status == 202
    assert answer.headers["azure-asyncoperation"]
    assert wire.get(answer.headers["location"]).status == 202
    assert world.power(machine) == meanwhile
    assert control.effects()[-1] | {"resource_id": machine.lower(), "effect": effect} == control.effects()[-1]
    control.finish(machine)
    assert wire.get(answer.headers["location"]).status == 200
    assert world.power(machine) == after
    assert control.effects()[-1]["outcome"] == "Succeeded"


@pytest.mark.parametrize(("first", "again"), [("start", "start"), ("deallocate", "powerOff"), ("powerOff", "powerOff")])
def test_an_action_that_changes_nothing_is_accepted_and_has_no_effect(wire, world, control, first, again):
    """To start a running machine, or to stop a stopped one, is a 202 without an effect."""
    machine = world.machine()
    wire.post(f"{machine}/{first}")
    before, power = control.effects(), world.power(machine)
    assert wire.post(f"{machine}/{again}").status == 202
    assert (control.effects(), world.power(machine)) == (before, power)


def test_a_failed_action_leaves_the_power_as_it_was(wire, world, control):
    """A start that fails ends where it began, and the state of the machine says Failed."""
    machine = world.machine()
    wire.post(f"{machine}/deallocate")
    control.fault("/start$", {"fail_operation": {"code": "AllocationFailed", "message": "No capacity."}})
    answer = wire.post(f"{machine}/start")
    body = wire.get(answer.headers["azure-asyncoperation"]).body
    assert (body["status"], body["error"]["code"]) == ("Failed", "AllocationFailed")
    assert (world.power(machine), wire.get(machine).state) == ("deallocated", "Failed")
    assert control.effects()[-1]["outcome"] == "Failed"


def test_a_stopped_machine_is_not_restarted(wire, world):
    """Restart needs a machine that runs."""
    machine = world.machine()
    wire.post(f"{machine}/deallocate")
    assert wire.post(f"{machine}/restart").code == "OperationNotAllowed"


def test_what_power_actions_do_not_simulate_they_refuse(wire, world):
    """Hibernation is refused by name; a machine that is not there is 404."""
    machine = world.machine()
    assert wire.post(f"{machine}/deallocate?hibernate=true").code == "NotSimulated"
    assert wire.post(f"{machine}/powerOff?skipShutdown=true").status == 202
    assert wire.post(f"{machine}x/start").code == "ResourceNotFound"


def test_a_busy_machine_takes_no_other_request_but_a_deletion(wire, world, control):
    """PUT, PATCH and POST are conflicts; a deletion ends what goes on, and a second one is a conflict."""
    machine = world.machine()
    nic = world.path("networkInterfaces", "m-nic")
    control.time("held")
    restart = wire.post(f"{machine}/restart")
    for answer in (
        wire.put(machine, world.machine_body(nic)),
        wire.send("PATCH", machine, {"tags": {}}),
        wire.post(f"{machine}/deallocate"),
    ):
        assert (answer.status, answer.code) == (409, "Conflict")
    assert wire.delete(machine).status == 202
    body = wire.get(restart.headers["azure-asyncoperation"]).body
    assert (body["status"], body["error"]["code"]) == ("Canceled", "OperationPreempted")
    assert wire.delete(machine).code == "Conflict"
    control.finish(machine)
    assert wire.delete(machine).status == 204


def test_if_none_match_makes_a_machine_once(wire, world):
    """A second PUT under the condition is a 412 and changes nothing; If-Match needs the present tag."""
    machine = world.machine()
    body = world.machine_body(world.path("networkInterfaces", "m-nic"))
    assert wire.put(machine, body, headers={"if-none-match": "*"}).code == "PreconditionFailed"
    tag = wire.get(machine).headers["etag"]
    assert wire.get(machine).body["etag"] == tag
    assert wire.put(machine, body, headers={"if-match": tag}).status == 200
    assert wire.put(machine, body, headers={"if-match": tag}).status == 412
    assert wire.put(f"{machine}2", body, headers={"if-match": "*"}).status == 412


def test_an_update_keeps_what_a_machine_has_for_life(wire, world):
    """User, computer name and image do not change; tags, size and boot diagnostics do."""
    machine = world.machine()
    nic = world.path("networkInterfaces", "m-nic")
    vm_id = wire.get(machine).body["properties"]["vmId"]
    for place, value in (
        ("osProfile.adminUsername", "other"),
        ("osProfile.computerName", "other"),
        ("storageProfile.imageReference.sku", "other"),
        ("storageProfile.osDisk", {"name": "other"}),
    ):
        assert wire.put(machine, edit(world.machine_body(nic), place, value)).code == "PropertyChangeNotAllowed"
    body = edit(world.machine_body(nic), "diagnosticsProfile", {"bootDiagnostics": {"enabled": True}})
    answer = wire.put(machine, body | {"tags": {"a": "b"}})
    assert (answer.status, answer.body["tags"]) == (200, {"a": "b"})
    assert answer.body["properties"]["vmId"] == vm_id
    assert wire.send("PATCH", machine, {"tags": {"c": "d"}}).body["tags"] == {"c": "d"}
    assert wire.get(machine).body["properties"]["diagnosticsProfile"] == {"bootDiagnostics": {"enabled": True}}


def test_a_machine_that_was_read_can_be_written_back(wire, world):
    """The body of a GET is taken by a PUT as it is."""
    machine = world.machine()
    assert wire.put(machine, wire.get(machine).body).status == 200


def test_a_machine_whose_creation_failed_is_there_and_can_be_made_again(wire, world, control):
    """A failed creation leaves the machine as Failed, without power; a repeated PUT makes it run."""
    world.group()
    world.vnet()
    nic = world.nic()
    path = world.path("virtualMachines", "m")
    control.fault("/virtualMachines/m$", {"fail_operation": {"code": "OSProvisioningTimedOut", "message": "Late."}})
    assert wire.put(path, world.machine_body(nic)).status == 201
    assert wire.get(path).state == "Failed"
    codes = [one["code"] for one in wire.get(f"{path}/instanceView").body["statuses"]]
    assert codes == ["ProvisioningState/failed"]
    assert wire.put(path, world.machine_body(nic)).status == 200
    assert (wire.get(path).state, world.power(path)) == ("Succeeded", "running")


def test_machines_are_listed_with_and_without_their_statuses(wire, world, control):
    """$expand and statusOnly add the instance view; another expansion is refused by name."""
    machine = world.machine()
    assert "instanceView" not in wire.get(machine).body["properties"]
    view = wire.get(f"{machine}?$expand=instanceView").body["properties"]["instanceView"]
    assert [one["code"] for one in view["statuses"]] == ["ProvisioningState/succeeded", "PowerState/running"]
    everywhere = f"{wire.sub}/providers/Microsoft.Compute/virtualMachines"
    (plain,) = wire.get(everywhere).body["value"]
    (status,) = wire.get(f"{everywhere}?statusOnly=true").body["value"]
    assert "instanceView" not in plain["properties"]
    assert status["properties"]["instanceView"] == view
    assert len(wire.get(machine.removesuffix("/m")).body["value"]) == 1
    assert wire.get(f"{machine}?$expand=userData").code == "NotSimulated"


def test_delete_options_say_what_goes_with_a_machine(wire, world):
    """Disks and interfaces stay, unless the machine was told to take them with it."""
    world.group()
    world.vnet()
    nic, path = world.nic(), world.path("virtualMachines", "m")
    body = world.machine_body(nic)
    body["properties"]["networkProfile"]["networkInterfaces"][0]["properties"] = {"deleteOption": "Delete"}
    body["properties"]["storageProfile"]["osDisk"] = {"createOption": "FromImage", "deleteOption": "Delete"}
    data = {"lun": 0, "createOption": "Empty", "diskSizeGB": 8}
    body["properties"]["storageProfile"]["dataDisks"] = [data]
    assert wire.put(path, body).status == 201
    assert wire.delete(path).status == 202
    left = wire.get(f"{world.group()}/resources").body["value"]
    assert [one["name"].partition("_")[2][:11] for one in left] == ["", "DataDisk_0_"]
    assert wire.get(nic).code == "ResourceNotFound"


def test_data_disks_are_made_with_the_machine_and_stay_attached(wire, world):
    """An update keeps the disks; to attach others is refused by name."""
    world.group()
    world.vnet()
    path, body = world.path("virtualMachines", "m"), world.machine_body(world.nic())
    data = {"lun": 3, "createOption": "Empty", "diskSizeGB": 8}
    body["properties"]["storageProfile"]["dataDisks"] = [data]
    made = wire.put(path, body).body["properties"]["storageProfile"]["dataDisks"]
    assert wire.get(made[0]["managedDisk"]["id"]).body["properties"]["diskState"] == "Attached"
    assert wire.put(path, body).status == 200
    body["properties"]["storageProfile"]["dataDisks"] = [data | {"lun": 4}]
    assert wire.put(path, body).code == "NotSimulated"


def disk_body(size_gb=8, **properties):
    creation = {"creationData": {"createOption": "Empty"}, "diskSizeGB": size_gb}
    return {"location": "eastus", "properties": creation | properties}


def test_a_disk_is_made_by_202_and_a_location(wire, world, control):
    """A disk has only a Location, which ends with the disk itself."""
    world.group()
    path = world.path("disks", "d")
    control.time("held")
    answer = wire.put(path, disk_body())
    assert (answer.status, answer.headers["azure-asyncoperation"]) == (202, None)
    assert wire.put(path, disk_body()).code == "Conflict"
    control.finish(path)
    done = wire.get(answer.headers["location"])
    assert (done.status, done.body["name"], done.state) == (200, "d", "Succeeded")
    assert done.body["properties"]["diskState"] == "Unattached"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (disk_body(0), "InvalidParameter"),
        (disk_body("8"), "InvalidRequestContent"),
        (disk_body(creationData=None), "InvalidParameter"),
        (disk_body(creationData={"createOption": "Copy"}), "NotSimulated"),
        (disk_body(encryption={"type": "x"}), "NotSimulated"),
    ],
)
def test_a_disk_that_cannot_be_is_refused(wire, world, body, code):
    """Size and origin are checked."""
    world.group()
    assert wire.put(world.path("disks", "d"), body).code == code


def test_a_disk_grows_does_not_shrink_and_goes(wire, world):
    """A size can be raised; a deletion answers 202, then 204."""
    world.group()
    path = world.path("disks", "d")
    wire.put(path, disk_body())
    assert wire.put(path, disk_body(4)).code == "InvalidParameter"
    assert wire.put(path, disk_body(16)).status == 202
    assert wire.get(path).body["properties"]["diskSizeGB"] == 16
    assert [one["name"] for one in wire.get(f"{wire.sub}/providers/Microsoft.Compute/disks").body["value"]] == ["d"]
    assert [wire.delete(path).status, wire.delete(path).status] == [202, 204]


def test_an_attached_disk_is_not_deleted(wire, world):
    """The OS disk of a machine stays while the machine is there."""
    machine = world.machine()
    disk = wire.get(machine).body["properties"]["storageProfile"]["osDisk"]
    assert wire.delete(disk["managedDisk"]["id"]).code == "OperationNotAllowed"
    again = edit(world.machine_body(world.nic("x")), "storageProfile.osDisk", {"name": disk["name"]})
    assert wire.put(world.path("virtualMachines", "x"), again).code == "Conflict"
