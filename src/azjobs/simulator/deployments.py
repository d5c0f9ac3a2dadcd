"""Deployments of templates to resource groups: begun, watched by their own status address, cancelled, deleted.

Only the operation is simulated: a template with resources is refused by name.
Sources: Azure/azure-rest-api-specs, Microsoft.Resources deployments.json; codes as the service sends them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from azjobs.simulator.bodies import DROP, check_envelope, decode_body, keep, read_tags
from azjobs.simulator.cloud import Call, Json, Reply, Route
from azjobs.simulator.errors import ArmError, not_simulated
from azjobs.simulator.inventory import Resource
from azjobs.simulator.operations import Outcome
from azjobs.simulator.provisioning import act, operation_not_found, status_reply, timestamp, write
from azjobs.simulator.resources import GROUP, find_named, list_page, refuse_query, require_group, resource_id
from azjobs.simulator.settings import Kind

DEPLOYMENT = "Microsoft.Resources/deployments"
ACCEPTED, RUNNING, DELETING = "Accepted", "Running", "Deleting"
_NAME = re.compile(r"[-\w._()]{1,64}")
_MODES = ("Incremental", "Complete")
_TEMPLATE: Mapping[str, Any] = {"$schema": str, "contentVersion": str, "apiProfile": str, "metadata": DROP}
_SCHEMA: Mapping[str, Any] = {"mode": str, "template": DROP, "parameters": DROP, "debugSetting": DROP}


def _render(deployment: Resource) -> Json:
    body: Json = {"id": deployment.id, "name": deployment.name, "type": DEPLOYMENT, **deployment.extra}
    return {**body, "properties": {**deployment.properties, "provisioningState": deployment.state}}


def _read_properties(body: Json) -> Json:
    properties = check_envelope(body, DEPLOYMENT)
    if body.get("location") is not None:
        raise _invalid("InvalidDeployment", "The 'location' property is not allowed for this deployment.")
    kept = keep(properties, _SCHEMA, "properties")
    if kept.get("mode") not in _MODES:
        raise _invalid("InvalidRequestContent", "The request content was invalid: Required property 'mode' not found.")
    if kept["mode"] == "Complete":
        raise not_simulated("a deployment in complete mode")
    _check_template(properties.get("template"))
    if properties.get("parameters"):
        raise _invalid("InvalidTemplate", "Deployment template validation failed: the template has no parameters.")
    return kept


def _check_template(template: object) -> None:
    if not isinstance(template, dict):
        raise _invalid("InvalidTemplate", "Deployment template validation failed: there is no template.")
    for name in ("$schema", "contentVersion", "resources"):
        if template.get(name) is None:
            raise _invalid("InvalidTemplate", f"Deployment template validation failed: '{name}' is required.")
    for name in ("resources", "parameters", "variables", "functions", "outputs"):
        if template.get(name):
            raise not_simulated(f"{name} of a template")
    known = ("resources", "parameters", "variables", "functions", "outputs")
    keep({name: value for name, value in template.items() if name not in known}, _TEMPLATE, "template")


def _invalid(code: str, message: str) -> ArmError:
    return ArmError(400, code, message)


def _not_found(call: Call) -> ArmError:
    return ArmError(404, "DeploymentNotFound", f"Deployment '{call.path.names[0]}' could not be found.")


def _require(call: Call, *, for_write: bool = False) -> Resource:
    deployment = find_named(call, DEPLOYMENT, for_write=for_write)
    if deployment is None:
        raise _not_found(call)
    return deployment


def _require_idle(deployment: Resource) -> None:
    if deployment.operation is not None:
        raise ArmError(
            409,
            "DeploymentActive",
            f"The deployment with resource id '{deployment.id}' cannot be saved, because this would overwrite an "
            "existing deployment which is still active.",
        )


def _put(call: Call) -> Reply:
    refuse_query(call)
    name = call.path.names[0]
    if _NAME.fullmatch(name) is None:
        raise _invalid("InvalidDeploymentName", f"The deployment name '{name}' is invalid: up to 64 of -, ., _, (, ).")
    existing = find_named(call, DEPLOYMENT, for_write=True)
    body = decode_body(call.content, call.headers.get("content-type", ""))
    properties, tags = _read_properties(body), read_tags(body)
    if existing is not None:
        _require_idle(existing)
    properties["timestamp"] = timestamp(call.cloud.wall())
    properties["correlationId"] = call.entry.correlation_id
    if existing is None:
        group = require_group(call)
        deployment = Resource(resource_id(group, DEPLOYMENT, name), DEPLOYMENT, name, group, None, properties)
        call.cloud.inventory.add(deployment)
    else:
        deployment, deployment.properties = existing, properties
    deployment.extra = {} if tags is None else {"tags": tags}
    reply = write(call, Kind.DEPLOYMENT_WRITE, deployment, created=existing is None, word=ACCEPTED, render=_render)
    reply.headers.pop("etag", None)  # deployments have none
    return reply


def _get(call: Call) -> Reply:
    refuse_query(call)
    deployment = _require(call)
    if deployment.operation is not None:
        call.cloud.operations.look(deployment.operation)
        if deployment.state == ACCEPTED:
            deployment.state = RUNNING
        deployment = _require(call)
    return Reply(200, _render(deployment))


def _head(call: Call) -> Reply:
    return Reply(204 if find_named(call, DEPLOYMENT) is not None else 404)


def _list(call: Call) -> Reply:
    refuse_query(call)
    everything = call.cloud.inventory.in_group(require_group(call))
    return list_page(call, [_render(one) for one in everything if one.type == DEPLOYMENT])


def _status(call: Call) -> Reply:
    operation = call.cloud.operations.find(call.path.names[-1])
    deployment = find_named(call, DEPLOYMENT)
    if operation is None or deployment is None or operation.target_id.lower() != deployment.key:
        raise operation_not_found(call.path.names[-1])
    return status_reply(call, operation, word=RUNNING)


def _cancel(call: Call) -> Reply:
    """End what is under way; the deployment is Canceled at once. Only an Accepted or Running one can be."""
    refuse_query(call)
    deployment = _require(call, for_write=True)
    if deployment.operation is None or deployment.state == DELETING:
        raise ArmError(
            409,
            "DeploymentCannotBeCancelled",
            f"The deployment '{deployment.name}' cannot be cancelled because its provisioning state is "
            f"'{deployment.state}'; only one that is Accepted or Running can be.",
        )
    call.cloud.operations.end(deployment.operation, Outcome("Canceled"))
    call.note_effect(deployment.id, "canceled").outcome = "Succeeded"
    return Reply(204)


def _delete(call: Call) -> Reply:
    refuse_query(call)
    deployment = find_named(call, DEPLOYMENT, for_write=True)
    if deployment is None:
        return Reply(204)
    _require_idle(deployment)
    return act(
        call,
        Kind.DEPLOYMENT_DELETE,
        deployment,
        word=DELETING,
        effect="deleted",
        succeed=lambda: call.cloud.inventory.remove(deployment),
        final_status=204,
    )


_PLACE = f"{GROUP}/providers/{DEPLOYMENT}"
ROUTES = (
    Route("PUT", f"{_PLACE}/{{}}", _put, Kind.DEPLOYMENT_WRITE),
    Route("GET", f"{_PLACE}/{{}}", _get),
    Route("HEAD", f"{_PLACE}/{{}}", _head),
    Route("DELETE", f"{_PLACE}/{{}}", _delete, Kind.DEPLOYMENT_DELETE),
    Route("GET", _PLACE, _list),
    Route("GET", f"{_PLACE}/{{}}/operationStatuses/{{}}", _status),
    Route("POST", f"{_PLACE}/{{}}/cancel", _cancel),
)
