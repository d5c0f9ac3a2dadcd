"""Resource groups and the lists of what is in them."""

from __future__ import annotations

import pytest


def test_a_group_is_made_changed_and_read_whatever_the_case_of_its_name(wire):
    """The first spelling of a name stays; any case finds it."""
    path = f"{wire.sub}/resourceGroups/MyGroup"
    made = wire.put(path, {"location": "East US", "tags": {"env": "dev"}})
    assert made.status == 201
    assert made.body["location"] == "eastus"
    changed = wire.put(f"{wire.sub}/RESOURCEGROUPS/mygroup", {"location": "eastus", "tags": {"env": "prod"}})
    assert (changed.status, changed.body["name"], changed.body["tags"]) == (200, "MyGroup", {"env": "prod"})
    assert wire.get(path.upper()).body["id"] == path
    assert wire.send("PATCH", path, {"tags": {"a": "b"}}).body["tags"] == {"a": "b"}


def test_a_filter_by_tag_name_alone_is_enough(wire):
    """A group with the tag is found, whatever its value; `managedBy` is kept as it was sent."""
    body = {"location": "eastus", "tags": {"Env": "dev"}, "managedBy": "someone"}
    assert wire.put(f"{wire.sub}/resourceGroups/a", body).body["managedBy"] == "someone"
    assert [
        one["name"] for one in wire.get(f"{wire.sub}/resourceGroups?$filter=tagName%20eq%20'env'").body["value"]
    ] == ["a"]


def test_a_condition_on_a_group_is_ignored(wire, world):
    """If-None-Match does not protect a group: who relies on it is shown."""
    assert wire.put(world.group(), {"location": "eastus"}, headers={"if-none-match": "*"}).status == 200


def test_head_tells_whether_a_group_is_there(wire, world):
    """HEAD is 204 or 404, without a body."""
    path = world.group()
    assert (wire.send("HEAD", path).status, wire.send("HEAD", f"{path}2").status) == (204, 404)


@pytest.mark.parametrize("name", ["a b", "a$", "ends.", "n" * 91])
def test_a_name_a_group_cannot_have_is_refused(wire, name):
    """The refusal is InvalidResourceGroup and nothing is made."""
    answer = wire.put(f"{wire.sub}/resourceGroups/{name.replace(' ', '%20')}", {"location": "eastus"})
    assert (answer.status, answer.code) == (400, "InvalidResourceGroup")
    assert wire.get(f"{wire.sub}/resourceGroups").body["value"] == []


def test_a_group_does_not_move(wire, world):
    """Another location for an existing group is a conflict."""
    answer = wire.put(world.group(), {"location": "westus"})
    assert (answer.status, answer.code) == (409, "InvalidResourceGroupLocation")


def test_a_group_that_is_not_there_is_404(wire):
    """GET and DELETE of a missing group say ResourceGroupNotFound."""
    path = f"{wire.sub}/resourceGroups/none"
    assert wire.get(path).code == wire.delete(path).code == "ResourceGroupNotFound"


def test_groups_are_listed_page_by_page_and_by_tag(wire, world, control):
    """A nextLink leads to the rest; a tag filter leaves the others out."""
    control.style(page_size=2)
    for name in ("a", "b", "c"):
        wire.put(f"{wire.sub}/resourceGroups/{name}", {"location": "eastus", "tags": {"env": name}})
    first = wire.get(f"{wire.sub}/resourceGroups")
    second = wire.get(first.body["nextLink"])
    assert [one["name"] for one in first.body["value"] + second.body["value"]] == ["a", "b", "c"]
    assert "nextLink" not in second.body
    assert len(wire.get(f"{wire.sub}/resourceGroups?$top=1").body["value"]) == 1
    wanted = "$filter=tagName%20eq%20'ENV'%20and%20tagValue%20eq%20'b'"
    assert [one["name"] for one in wire.get(f"{wire.sub}/resourceGroups?{wanted}").body["value"]] == ["b"]
    assert wire.get(f"{wire.sub}/resourceGroups?$filter=name%20eq%20'a'").code == "NotSimulated"
    assert wire.get(f"{wire.sub}/resourceGroups?$skiptoken=x").code == "InvalidRequestUri"


def test_resources_are_listed_without_children_and_by_type(wire, world):
    """The generic list shows networks and interfaces, not subnets; a filter chooses a type."""
    group = world.group()
    world.vnet()
    world.nic()
    listed = wire.get(f"{group}/resources").body["value"]
    assert [one["name"] for one in listed] == ["v", "n"]
    wanted = "$filter=resourceType%20eq%20'microsoft.network/networkinterfaces'"
    assert [one["name"] for one in wire.get(f"{wire.sub}/resources?{wanted}").body["value"]] == ["n"]
    assert wire.get(f"{wire.sub}/resources?$filter=name%20eq%20'n'").code == "NotSimulated"


def test_deleting_a_group_takes_everything_with_it(wire, world, control):
    """202 with a Location and nothing else; 202 there while it lasts, 200 when all is gone."""
    world.machine()
    group = world.group()
    control.time("held")
    answer = wire.delete(group)
    assert answer.status == 202
    assert answer.body is None
    assert answer.headers["azure-asyncoperation"] is None
    location = answer.headers["location"]
    assert wire.get(location).status == 202
    assert wire.get(group).state == "Deleting"
    control.finish(group)
    assert wire.get(location).status == 200
    assert control.resources() == {"groups": [], "resources": []}


def test_a_group_that_is_being_deleted_takes_no_writes(wire, world, control):
    """Whatever is written into it is a conflict; to delete it again is to join the deletion."""
    group = world.group()
    world.vnet()
    control.time("held")
    first = wire.delete(group)
    assert wire.put(group, {"location": "eastus"}).code == "ResourceGroupBeingDeleted"
    assert wire.put(world.path("virtualNetworks", "w"), world.vnet_body()).code == "ResourceGroupBeingDeleted"
    again = wire.delete(group)
    assert (again.status, again.headers["location"]) == (202, first.headers["location"])
    assert [one["effect"] for one in control.effects()].count("deleted") == 1


def test_an_operation_in_a_deleted_group_ends_with_it(wire, world, control):
    """A machine that is being made when its group goes is reported as cancelled, and is gone."""
    machine = world.machine()
    control.time("held")
    url = wire.post(f"{machine}/start").headers["azure-asyncoperation"]
    url = wire.post(f"{machine}/restart").headers["azure-asyncoperation"] or url
    assert wire.get(url).body["status"] == "InProgress"
    wire.delete(world.group())
    control.finish(f"{wire.sub}/resourceGroups/g")
    body = wire.get(url).body
    assert (body["status"], body["error"]["code"]) == ("Canceled", "ResourceGroupBeingDeleted")
    assert wire.get(machine).code == "ResourceGroupNotFound"
