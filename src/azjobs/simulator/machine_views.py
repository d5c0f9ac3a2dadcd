"""How virtual machines are shown: one, many, with what is known of them at run time; and how their operations fare."""

from __future__ import annotations

from azjobs.simulator.bodies import Json
from azjobs.simulator.cloud import Call, Reply, Route
from azjobs.simulator.errors import not_simulated
from azjobs.simulator.inventory import Inventory, Resource
from azjobs.simulator.machine_rules import MACHINE
from azjobs.simulator.provisioning import result_of, status_of
from azjobs.simulator.resources import (
    GROUP,
    SUBSCRIPTION,
    Render,
    list_resources,
    plain,
    reading_routes,
    refuse_query,
    require_named,
    show,
)

_ONE = f"{GROUP}/providers/{MACHINE}/{{}}"


def instance_view(machine: Resource) -> Json:
    """Return what is known of the machine at run time: its statuses, provisioning first, power second."""
    word = machine.state.lower()
    statuses = [
        {
            "code": f"ProvisioningState/{word}",
            "level": "Error" if machine.state == "Failed" else "Info",
            "displayStatus": f"Provisioning {word}",
        }
    ]
    if machine.power is not None:
        display = {"deallocated": "VM deallocated", "deallocating": "VM deallocating"}
        statuses.append(
            {
                "code": f"PowerState/{machine.power}",
                "level": "Info",
                "displayStatus": display.get(machine.power, f"VM {machine.power}"),
            }
        )
    return {"computerName": (machine.properties.get("osProfile") or {}).get("computerName"), "statuses": statuses}


def _render_with_view(inventory: Inventory, machine: Resource) -> Json:
    body = plain(inventory, machine)
    body["properties"]["instanceView"] = instance_view(machine)
    return body


def _expansion(call: Call) -> Render:
    refuse_query(call, "$expand")
    wanted = call.query.get("$expand")
    if wanted not in (None, "instanceView"):
        raise not_simulated(f"$expand={wanted} on {MACHINE}")
    return _render_with_view if wanted else plain


def _get(call: Call) -> Reply:
    expansion = _expansion(call)
    return show(call, require_named(call, MACHINE), expansion)


def _get_view(call: Call) -> Reply:
    return Reply(200, instance_view(require_named(call, MACHINE)))


def _list(call: Call) -> Reply:
    refuse_query(call, "statusonly")
    wanted = _render_with_view if call.query.get("statusOnly", "").lower() == "true" else plain
    return list_resources(call, call.cloud.inventory.of_type(call.subscription_id, MACHINE), wanted)


_READING = reading_routes(MACHINE, plain)
ROUTES = (
    Route("GET", _ONE, _get),
    Route("GET", f"{_ONE}/instanceView", _get_view),
    _READING[1],
    Route("GET", f"{SUBSCRIPTION}/providers/{MACHINE}", _list),
    *(
        Route("GET", f"{SUBSCRIPTION}/providers/{provider}/locations/{{}}/{word}/{{}}", handler, any_right=True)
        for provider in ("Microsoft.Compute", "Microsoft.Network")
        for word, handler in (("operations", status_of), ("operationResults", result_of))
    ),
)
