"""Know which type the result of a plan has, so that a job gives the same value in whatever session it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azjobs.core import models

Shape = Callable[[Any], Any]


def _each(shape: Shape) -> Shape:
    def shaped(value: Any) -> Any:
        return [shape(one) for one in value] if isinstance(value, list) else shape(value)

    return shaped


#: By plan without its version: what a result means does not change with how it is come by.
SHAPES: dict[str, Shape] = {
    "new-az-vm": models.VirtualMachine.from_json,
    "get-az-vm": _each(models.VirtualMachine.from_json),
    "start-az-vm": models.ActionResult.from_json,
    "stop-az-vm": models.ActionResult.from_json,
    "restart-az-vm": models.ActionResult.from_json,
    "remove-az-vm": models.ActionResult.from_json,
    "new-az-resource-group": models.ResourceGroup.from_json,
    "get-az-resource-group": _each(models.ResourceGroup.from_json),
    "remove-az-resource-group": models.ActionResult.from_json,
    "invoke-az-rest-method": models.RestResponse.from_json,
    "get-az-subscription": _each(models.Subscription.from_json),
    "get-az-tenant": _each(models.Tenant.from_json),
}


def shape_of(plan: str) -> Shape:
    """Return what makes the typed value of a plan's result; where the plan is not known here the result is as it is."""
    return SHAPES.get(plan.partition("@")[0], _as_it_is)


def _as_it_is(value: Any) -> Any:
    return value
