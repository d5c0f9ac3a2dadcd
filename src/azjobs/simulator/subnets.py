"""Subnets as resources of their own, beside the network's other subnets."""

from __future__ import annotations

from azjobs.simulator.bodies import check_state, decode_body
from azjobs.simulator.cloud import Call, Reply, Route
from azjobs.simulator.network_rules import DELETING, SUBNET, UPDATING, VNET, require_idle
from azjobs.simulator.provisioning import act, write
from azjobs.simulator.resources import (
    GROUP,
    check_match,
    find_named,
    list_resources,
    refuse_query,
    require_named,
    show,
)
from azjobs.simulator.settings import Kind
from azjobs.simulator.vnets import check_layout, keep_subnet, read_subnet, render_subnet, require_unused

_ALL = f"{GROUP}/providers/{VNET}/{{}}/subnets"


def _put(call: Call) -> Reply:
    refuse_query(call)
    inventory = call.cloud.inventory
    vnet = require_named(call, VNET, for_write=True)
    existing = find_named(call, SUBNET)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    check_match(call, existing, with_none_match=False)
    require_idle(call, vnet)
    wanted = read_subnet(call, vnet, call.path.names[1], body)
    check_state(body.get("properties") or {}, existing.state if existing else None)
    others = [one for one in inventory.children(vnet) if one.key != wanted.key]
    check_layout(vnet, [*others, wanted])
    return write(
        call,
        Kind.SUBNET_WRITE,
        keep_subnet(inventory, wanted),
        created=existing is None,
        word=UPDATING,
        render=lambda one: render_subnet(inventory, one),
        succeed=vnet.touch,
    )


def _get(call: Call) -> Reply:
    refuse_query(call)
    require_named(call, VNET)
    return show(call, require_named(call, SUBNET), render_subnet)


def _list(call: Call) -> Reply:
    refuse_query(call)
    vnet = require_named(call, VNET)
    return list_resources(call, call.cloud.inventory.children(vnet), render_subnet)


def _delete(call: Call) -> Reply:
    refuse_query(call)
    vnet = require_named(call, VNET, for_write=True)
    subnet = find_named(call, SUBNET)
    check_match(call, subnet, with_none_match=False)
    if subnet is None:
        return Reply(204)
    require_idle(call, vnet)
    require_unused(call.cloud.inventory, subnet)

    def succeed() -> None:
        call.cloud.inventory.remove(subnet)
        vnet.touch()

    return act(
        call,
        Kind.SUBNET_DELETE,
        subnet,
        word=DELETING,
        effect="deleted",
        succeed=succeed,
        final_status=204,
    )


ROUTES = (
    Route("PUT", f"{_ALL}/{{}}", _put, Kind.SUBNET_WRITE),
    Route("GET", f"{_ALL}/{{}}", _get),
    Route("GET", _ALL, _list),
    Route("DELETE", f"{_ALL}/{{}}", _delete, Kind.SUBNET_DELETE),
)
