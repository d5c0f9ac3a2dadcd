"""Starting and stopping machines: the POST actions, with the power states they go through."""

from __future__ import annotations

from dataclasses import dataclass

from azjobs.simulator.cloud import Call, Handler, Reply, Route
from azjobs.simulator.errors import ArmError, not_simulated
from azjobs.simulator.machine_rules import MACHINE
from azjobs.simulator.machines import require_idle_machine
from azjobs.simulator.provisioning import act
from azjobs.simulator.resources import GROUP, refuse_query, require_named
from azjobs.simulator.settings import Kind


@dataclass(frozen=True, slots=True)
class _Action:
    word: str  # in the path
    kind: Kind
    effect: str
    meanwhile: str  # power states
    after: str
    #: From these power states the action changes nothing, and is accepted.
    idle_from: frozenset[str]


_ACTIONS = (
    _Action("start", Kind.VM_START, "started", "starting", "running", frozenset({"running"})),
    _Action("powerOff", Kind.VM_POWER_OFF, "poweredOff", "stopping", "stopped", frozenset({"stopped", "deallocated"})),
    _Action("deallocate", Kind.VM_DEALLOCATE, "deallocated", "deallocating", "deallocated", frozenset({"deallocated"})),
    _Action("restart", Kind.VM_RESTART, "restarted", "running", "running", frozenset()),
)


def _handler(action: _Action) -> Handler:
    def handle(call: Call) -> Reply:
        refuse_query(call, "skipshutdown", "hibernate")
        if call.query.get("hibernate", "false").lower() != "false":
            raise not_simulated(f"hibernate=true on {MACHINE}")
        machine = require_named(call, MACHINE, for_write=True)
        require_idle_machine(machine)
        before = machine.power or "stopped"
        if action.kind is Kind.VM_RESTART and before != "running":
            raise ArmError(
                409,
                "OperationNotAllowed",
                f"Operation 'restart' is not allowed on VM '{machine.name}' since the VM is not running.",
            )

        changes = before not in action.idle_from

        def move_to(power: str) -> None:
            machine.power = power

        reply = act(
            call,
            action.kind,
            machine,
            word="Updating",
            effect=action.effect if changes else None,
            succeed=lambda: move_to(action.after if changes else before),
            fail=lambda: move_to(before),
        )
        if changes and machine.is_busy:
            move_to(action.meanwhile)
        return reply

    return handle


ROUTES = tuple(
    Route("POST", f"{GROUP}/providers/{MACHINE}/{{}}/{action.word}", _handler(action), action.kind)
    for action in _ACTIONS
)
