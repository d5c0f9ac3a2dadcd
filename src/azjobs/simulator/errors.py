"""The errors Azure Resource Manager answers with, as one exception and the constructors that several types share.

Texts follow what the service sends, shortened; codes are the service's own. The only code of our own is
`NotSimulated`: what the simulator does not do it refuses by name, never quietly.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class ArmError(Exception):
    """An answer of 4xx or 5xx; the caller of the API must act. Carries the parts of ARM's error body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Make an error of HTTP `status` with ARM's `code`; `message` never holds a value out of a request body."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.headers = headers or {}

    def to_body(self) -> Json:
        """Return ARM's error body: {"error": {"code", "message", "target"?, "details"?}}."""
        return {"error": error_fields(self.code, self.message, self.target)}


def error_fields(code: str, message: str, target: str | None = None) -> Json:
    """Return the inside of an ARM error; `details` repeats the error when it has a target, as the providers do."""
    if target is None:
        return {"code": code, "message": message}
    detail = {"code": code, "message": message, "target": target}
    return {"code": code, "message": message, "target": target, "details": [detail]}


def invalid_parameter(message: str, target: str) -> ArmError:
    """Return the compute provider's 400 for a value it does not take."""
    return ArmError(400, "InvalidParameter", message, target=target)


def not_simulated(what: str) -> ArmError:
    """Return the refusal of something the real service may do and the simulator does not."""
    return ArmError(501, "NotSimulated", f"The simulator does not simulate {what}.")


def resource_not_found(resource_type: str, name: str, group: str) -> ArmError:
    """Return ARM's 404 for a resource that is not there."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{resource_type}/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def group_not_found(group: str) -> ArmError:
    """Return ARM's 404 for a resource group that is not there."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def invalid_reference(referenced: str, referrer: str) -> ArmError:
    """Return the 400 for a body that names a resource of elsewhere or of nowhere."""
    return ArmError(
        400,
        "InvalidResourceReference",
        f"Resource {referenced} referenced by resource {referrer} was not found. Please make sure that the "
        "referenced resource exists, and that both resources are in the same region.",
    )


def not_provisioned(referenced: str, referrer: str, word: str) -> ArmError:
    """Return the 409 for a body that names a resource which is not ready yet."""
    return ArmError(
        409,
        "ReferencedResourceNotProvisioned",
        f"Cannot proceed with operation because resource {referenced} used by resource {referrer} is not in "
        f"Succeeded state. Resource is in {word} state.",
    )


def precondition_failed(resource_id: str) -> ArmError:
    """Return the 412 for an If-Match or If-None-Match that does not hold."""
    return ArmError(
        412,
        "PreconditionFailed",
        f"The condition of the request does not hold for resource {resource_id}.",
    )
