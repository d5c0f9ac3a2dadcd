"""The other plans as pure functions: which requests they ask for, and what they make of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from azjobs.core.arm import Answer, FinalStateVia, OnUnanswered, Request
from azjobs.core.errors import Fault, InvalidInput
from azjobs.core.plan import Decision, Done, Send, check, rehearse
from azjobs.core.plans import PLANS

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
V = "?api-version=2024-07-01"
NAMED = {"subscription_id": "s", "name": "vm", "resource_group_name": "g"}
MISSING = Answer(404, fault=Fault("ResourceNotFound", "No.", http_status=404))
NO_GROUP = Answer(404, fault=Fault("ResourceGroupNotFound", "No.", http_status=404))
DENIED = Fault("AuthorizationFailed", "No.", http_status=403)


def run(plan: str, answers: dict[str, Answer] | None = None, **arguments: Any) -> Decision:
    return PLANS[plan](arguments, answers or {})


def only(plan: str, answers: dict[str, Answer] | None = None, **arguments: Any) -> Request:
    decision = run(plan, answers, **arguments)
    assert isinstance(decision, Send), decision
    (request,) = [r for k, r in decision.requests.items() if k not in (answers or {})]
    return request


def page(*items: Any, link: str = "") -> Answer:
    return Answer(200, {"value": list(items), **({"nextLink": link} if link else {})})


def machine(name: str, group: str) -> dict[str, Any]:
    return {"id": ID.replace("/g/", f"/{group}/").removesuffix("vm") + name, "name": name, "properties": {}}


@pytest.mark.parametrize(
    ("plan", "more", "action", "query", "done_when", "on_unanswered"),
    [
        ("start-az-vm@1", {}, "start", "", "running", OnUnanswered.LOOK),
        ("stop-az-vm@1", {}, "deallocate", "", "deallocated", OnUnanswered.LOOK),
        ("stop-az-vm@1", {"stay_provisioned": True}, "powerOff", "", "stopped", OnUnanswered.LOOK),
        (
            "stop-az-vm@1",
            {"stay_provisioned": True, "skip_shutdown": True},
            "powerOff",
            "&skipShutdown=true",
            "stopped",
            OnUnanswered.LOOK,
        ),
        ("restart-az-vm@1", {}, "restart", "", "", OnUnanswered.ASK),
    ],
)
def test_an_action_is_one_post_and_says_how_to_look_after_it(
    plan: str, more: dict[str, Any], action: str, query: str, done_when: str, on_unanswered: OnUnanswered
) -> None:
    """By id or by name and group alike; a restart leaves no trace that could be looked for."""
    for target in (NAMED, {"id": ID.replace("resourceGroups", "resourcegroups")}):
        request = only(plan, **target, **more)
        assert request == Request(
            "POST",
            f"{ID}/{action}{V}{query}",
            "virtualMachines/vm",
            on_unanswered=on_unanswered,
            look_path=f"{ID}/instanceView{V}",
            done_when=done_when,
        )
        result = run(plan, {action: Answer(200)}, **target, **more)
        assert isinstance(result, Done)
        assert (result.result["action"], result.result["resourceGroupName"]) == (action, "g")


def test_skipping_the_shutdown_goes_with_staying_provisioned() -> None:
    """Deallocating has no such choice, so it is refused, not ignored."""
    with pytest.raises(InvalidInput, match="staying provisioned"):
        check(PLANS["stop-az-vm@1"], {**NAMED, "skip_shutdown": True})


@pytest.mark.parametrize("plan", ["start-az-vm@1", "stop-az-vm@1", "restart-az-vm@1", "remove-az-vm@1", "get-az-vm@1"])
def test_a_target_that_is_none_is_refused(plan: str) -> None:
    """No name, another type's id, or a name that would reach elsewhere."""
    bad = [{"subscription_id": "s", "name": "a/b"}, {"id": "/x"}, {"id": ID.replace("Compute", "Network")}]
    bad += [] if plan == "get-az-vm@1" else [{"subscription_id": "s"}, {"subscription_id": "s", "name": ".."}]
    for target in bad:
        with pytest.raises(InvalidInput):
            check(PLANS[plan], target)


def test_a_name_alone_is_looked_for_in_its_own_group_then_everywhere() -> None:
    """New-AzVM puts a machine into a group of its name; else there must be exactly one."""
    alone = {"subscription_id": "s", "name": "vm"}
    first = only("start-az-vm@1", **alone)
    assert first.path.startswith("/subscriptions/s/resourceGroups/vm/providers/Microsoft.Compute/virtualMachines/vm?")
    found = only("start-az-vm@1", {"find in its group": Answer(200, {})}, **alone)
    assert found.path.startswith("/subscriptions/s/resourceGroups/vm/")
    answers = {"find in its group": NO_GROUP}
    assert (
        only("start-az-vm@1", answers, **alone).path
        == f"/subscriptions/s/providers/Microsoft.Compute/virtualMachines{V}"
    )
    answers["find in subscription 1"] = page(machine("VM", "blue"), machine("vm2", "blue"))
    assert only("start-az-vm@1", answers, **alone).path.startswith("/subscriptions/s/resourceGroups/blue/")


@pytest.mark.parametrize(
    ("machines", "code", "words"),
    [
        ([], "ResourceNotFound", "no machine vm"),
        ([machine("vm2", "g")], "ResourceNotFound", "no machine vm"),
        ([machine("vm", "b"), machine("vm", "a")], "AmbiguousName", "a, b"),
    ],
)
def test_a_name_that_none_or_several_have_is_refused(machines: list[Any], code: str, words: str) -> None:
    """Never guessed."""
    answers = {"find in its group": MISSING, "find in subscription 1": page(*machines)}
    fault = run("start-az-vm@1", answers, subscription_id="s", name="vm")
    assert isinstance(fault, Fault)
    assert fault.code == code
    assert words in fault.message


@pytest.mark.parametrize("key", ["find in its group", "find in subscription 1"])
def test_a_look_up_that_is_refused_ends_the_plan(key: str) -> None:
    """No right to read is not "not there"."""
    answers = {"find in its group": MISSING, key: Answer(403, fault=DENIED)}
    assert run("start-az-vm@1", answers, subscription_id="s", name="vm") == DENIED


@pytest.mark.parametrize("answer", [MISSING, NO_GROUP])
def test_an_action_on_what_is_not_there_names_it(answer: Answer) -> None:
    """Whether the machine or its group is missing."""
    fault = run("start-az-vm@1", {"start": answer}, **NAMED)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.http_status) == ("ResourceNotFound", 404)
    assert "machine vm in resource group g" in fault.message
    assert run("start-az-vm@1", {"start": Answer(403, fault=DENIED)}, **NAMED) == DENIED


def test_a_removal_reads_first_and_says_when_there_is_nothing() -> None:
    """A DELETE of what does not exist is answered 204 and says nothing."""
    assert only("remove-az-vm@1", **NAMED).is_read
    found = {"read machine": Answer(200, {})}
    request = only("remove-az-vm@1", found, **NAMED, force_deletion=True)
    assert (request.method, request.path, request.look_path) == ("DELETE", f"{ID}{V}&forceDeletion=true", ID + V)
    assert isinstance(run("remove-az-vm@1", {**found, "remove": Answer(204)}, **NAMED), Done)
    assert isinstance(run("remove-az-vm@1", {**found, "remove": MISSING}, **NAMED), Done)
    assert run("remove-az-vm@1", {**found, "remove": Answer(403, fault=DENIED)}, **NAMED) == DENIED
    gone = run("remove-az-vm@1", {"read machine": MISSING}, **NAMED)
    assert isinstance(gone, Fault)
    assert gone.code == "ResourceNotFound"


def test_a_dry_run_of_a_removal_says_delete() -> None:
    """What is read to be deleted is not reused."""
    rehearsal = rehearse(PLANS["remove-az-vm@1"], NAMED, {"read machine": Answer(200, {})})
    assert [(s.action, s.label) for s in rehearsal.steps] == [("delete", "virtualMachines/vm")]


def test_one_machine_is_read_with_its_view_if_asked() -> None:
    """Pages are not needed for one."""
    assert only("get-az-vm@1", **NAMED).path == ID + V
    assert only("get-az-vm@1", **NAMED, status=True).path == ID + V + "&$expand=instanceView"
    assert run("get-az-vm@1", {"machine": Answer(200, {"a": 1})}, **NAMED) == Done({"a": 1})


def test_a_list_is_read_page_by_page() -> None:
    """The nextLink is followed as it is; the last page has none."""
    link = "https://h/subscriptions/s/providers/Microsoft.Compute/virtualMachines?api-version=1&$skiptoken=2"
    answers = {"machines 1": page(machine("a", "g"), link=link)}
    assert only("get-az-vm@1", answers, subscription_id="s").path == link
    answers["machines 2"] = page(machine("b", "h"), "garbage")
    result = run("get-az-vm@1", answers, subscription_id="s")
    assert isinstance(result, Done)
    assert [m["name"] for m in result.result] == ["a", "b"]
    assert run("get-az-vm@1", {**answers, "machines 2": Answer(403, fault=DENIED)}, subscription_id="s") == DENIED


def test_a_list_that_never_ends_is_a_fault() -> None:
    """A service that always names a next page does not keep the job reading for ever."""
    endless = page(machine("a", "g"), link="https://h/again")
    answers = {f"machines {n}": endless for n in range(1, 10_001)}
    fault = run("get-az-vm@1", answers, subscription_id="s")
    assert isinstance(fault, Fault)
    assert fault.code == "EndlessList"


def test_a_list_of_a_group_reads_that_group_and_patterns_read_all() -> None:
    """A pattern is matched here; the service does not know patterns."""
    assert "/resourceGroups/g/" in only("get-az-vm@1", subscription_id="s", resource_group_name="g").path
    assert "/resourceGroups/" not in only("get-az-vm@1", subscription_id="s", resource_group_name="g*").path
    answers = {"machines 1": page(machine("web-1", "blue"), machine("web-2", "green"), machine("db", "blue"))}
    result = run("get-az-vm@1", answers, subscription_id="s", name="web*", resource_group_name="B*")
    assert isinstance(result, Done)
    assert [m["name"] for m in result.result] == ["web-1"]


def test_a_list_with_states_reads_each_view_and_leaves_out_what_went_away() -> None:
    """One more read for each; one that was deleted meanwhile is no failure, one that is refused is."""
    a, b = machine("a", "g"), machine("b", "g")
    answers = {"machines 1": page(a, b)}
    decision = run("get-az-vm@1", answers, subscription_id="s", status=True)
    assert isinstance(decision, Send)
    assert [r.path for r in decision.requests.values()] == [f"{m['id']}/instanceView{V}" for m in (a, b)]
    view = {"statuses": [{"code": "PowerState/running"}]}
    keys = list(decision.requests)
    result = run(
        "get-az-vm@1", {**answers, keys[0]: Answer(200, view), keys[1]: MISSING}, subscription_id="s", status=True
    )
    assert result == Done([{**a, "properties": {"instanceView": view}}])
    refused = {**answers, keys[0]: Answer(200, view), keys[1]: Answer(403, fault=DENIED)}
    assert run("get-az-vm@1", refused, subscription_id="s", status=True) == DENIED


GROUP = {"subscription_id": "s", "name": "prod"}
WESTUS = Answer(200, {"name": "prod", "location": "westus", "tags": {"a": "1"}})


@pytest.mark.parametrize(
    ("more", "found", "outcome"),
    [
        ({}, MISSING, "InvalidInput"),
        ({"location": "West US"}, WESTUS, "the same"),
        ({"location": "westus", "tags": {"a": "1"}}, WESTUS, "the same"),
        ({"location": "westus", "tags": {"a": "2"}}, WESTUS, "ResourceGroupExists"),
        ({"location": "eastus"}, WESTUS, "InvalidResourceGroupLocation"),
        ({"location": "westus", "tags": {"a": "2"}, "force": True}, WESTUS, "PUT"),
        ({"location": "westus"}, NO_GROUP, "PUT"),
        ({"location": "westus"}, Answer(403, fault=DENIED), "AuthorizationFailed"),
    ],
)
def test_a_group_is_made_returned_or_refused(more: dict[str, Any], found: Answer, outcome: str) -> None:
    """One that exists is left alone, unless its tags are to be replaced by force."""
    decision = run("new-az-resource-group@1", {"read group": found}, **GROUP, **more)
    if isinstance(decision, Fault):
        assert decision.code == outcome
    elif isinstance(decision, Done):
        assert (outcome, decision.result) == ("the same", found.body)
    else:
        assert outcome == "PUT"
        assert [r.method for r in decision.requests.values()] == ["PUT"]


def test_groups_are_listed_by_pattern_and_region() -> None:
    """Both are matched here."""
    answers = {"groups 1": page({"name": "prod-1", "location": "westus"}, {"name": "prod-2", "location": "eastus"})}
    result = run("get-az-resource-group@1", answers, subscription_id="s", name="PROD*", location="West US")
    assert result == Done([{"name": "prod-1", "location": "westus"}])
    assert run("get-az-resource-group@1", {"groups 1": Answer(403, fault=DENIED)}, subscription_id="s") == DENIED


@pytest.mark.parametrize(
    ("plan", "key"),
    [
        ("get-az-resource-group@1", "group"),
        ("remove-az-resource-group@1", "read group"),
        ("count-az-resources@1", "resources 1"),
    ],
)
def test_a_group_that_is_not_there_is_named(plan: str, key: str) -> None:
    """Reading, counting and removing alike; another refusal stays what it is."""
    fault = run(plan, {key: NO_GROUP}, **GROUP)
    assert isinstance(fault, Fault)
    assert (fault.code, "prod" in fault.message) == ("ResourceGroupNotFound", True)
    assert run(plan, {key: Answer(403, fault=DENIED)}, **GROUP) == DENIED


def test_a_group_is_removed_after_a_look() -> None:
    """Its end is told by name."""
    found = {"read group": Answer(200, {})}
    assert only("remove-az-resource-group@1", found, **GROUP).method == "DELETE"
    assert isinstance(run("remove-az-resource-group@1", {**found, "remove": Answer(200)}, **GROUP), Done)
    assert isinstance(run("remove-az-resource-group@1", {**found, "remove": NO_GROUP}, **GROUP), Done)
    assert run("remove-az-resource-group@1", {**found, "remove": Answer(403, fault=DENIED)}, **GROUP) == DENIED


def test_resources_are_counted_over_all_pages() -> None:
    """For the question whether the group may go."""
    answers = {
        "resources 1": page({"id": "1", "name": "a", "type": "t"}, link="https://h/2"),
        "resources 2": page({"id": "2"}),
    }
    result = run("count-az-resources@1", answers, **GROUP)
    assert isinstance(result, Done)
    assert (result.result["count"], result.result["resources"][1]) == (2, {"id": "2", "name": "", "type": ""})


REST = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v?api-version=2024-05-01"


@pytest.mark.parametrize(
    ("method", "on_unanswered"),
    [
        ("PUT", OnUnanswered.LOOK),
        ("PATCH", OnUnanswered.LOOK),
        ("DELETE", OnUnanswered.LOOK),
        ("POST", OnUnanswered.ASK),
        ("GET", OnUnanswered.LOOK),
    ],
)
def test_a_raw_request_is_sent_as_it_is(method: str, on_unanswered: OnUnanswered) -> None:
    """Method, path and payload; of an unanswered action nobody knows where to look."""
    request = only(
        "invoke-az-rest-method@1", method=method.lower(), path=REST, payload={"a": 1}, final_state_via="location"
    )
    assert (request.method, request.path, request.body, request.label) == (method, REST, {"a": 1}, "virtualNetworks/v")
    assert (request.final_state_via, request.on_unanswered) == (FinalStateVia.LOCATION, on_unanswered)


def test_the_result_of_a_raw_request_is_status_and_content() -> None:
    """A refusal is a fault like any other."""
    assert run("invoke-az-rest-method@1", {"request": Answer(201, {"a": 1})}, path=REST) == Done(
        {"statusCode": 201, "content": {"a": 1}}
    )
    assert run("invoke-az-rest-method@1", {"request": Answer(403, fault=DENIED)}, path=REST) == DENIED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "subscriptions?api-version=1"}, "not a path"),
        ({"path": "//evil/x?api-version=1"}, "not a path"),
        ({"path": "/x"}, "no api-version"),
        ({"path": "/x?api-version="}, "no api-version"),
        ({"path": "/x y?api-version=1"}, "percent-encoded"),
        ({"path": "/x?api-version=1#y"}, "percent-encoded"),
        ({"path": "/x?api-version=1", "method": "TRACE"}, "not a method"),
        ({"path": "/x?api-version=1", "final_state_via": "somehow"}, "somehow"),
    ],
)
def test_a_raw_request_that_cannot_be_meant_is_refused(arguments: dict[str, Any], words: str) -> None:
    """Before anything is sent, with what is wrong."""
    with pytest.raises(InvalidInput, match=words):
        check(PLANS["invoke-az-rest-method@1"], arguments)


def test_subscriptions_and_tenants_are_lists_narrowed_down_here() -> None:
    """By id, by name or pattern, by domain; what was named and is not there is said."""
    subscriptions = {"subscriptions 1": page({"subscriptionId": "S1", "displayName": "Prod"}, {"displayName": "Test"})}
    names = lambda **a: [s["displayName"] for s in run("get-az-subscription@1", subscriptions, **a).result]  # noqa: E731 - short
    assert names() == ["Prod", "Test"]
    assert names(id="s1") == names(name="prod") == names(name="P*") == ["Prod"]
    assert names(name="x*") == []
    missing = run("get-az-subscription@1", subscriptions, name="other")
    assert isinstance(missing, Fault)
    assert missing.code == "SubscriptionNotFound"
    tenants = {"tenants 1": page({"tenantId": "T1", "domains": ["contoso.com"]})}
    for wanted in ("", "t1", "Contoso.com"):
        assert run("get-az-tenant@1", tenants, id=wanted) == Done([{"tenantId": "T1", "domains": ["contoso.com"]}])
    unknown = run("get-az-tenant@1", tenants, id="fabrikam.com")
    assert isinstance(unknown, Fault)
    assert unknown.code == "TenantNotFound"
    for plan, key in (("get-az-subscription@1", "subscriptions 1"), ("get-az-tenant@1", "tenants 1")):
        assert run(plan, {key: Answer(403, fault=DENIED)}) == DENIED
