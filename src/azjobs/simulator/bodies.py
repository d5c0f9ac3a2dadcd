"""How a request body is read: what is kept, what is dropped, what is refused.

Pure. A schema is a dict from member name to a rule: `str`, `int`, `bool` or `float` (a plain value of that type),
`[str]` (a list of text), a schema (an object), `[schema]` (a list of objects), or `DROP` (worked out by the service,
or never shown again, so not stored). A member that is in no schema is refused by its full name; so nothing is ever
quietly ignored. A member that is null is as good as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from azjobs.simulator.errors import ArmError, not_simulated
from azjobs.simulator.regions import normal_location

Json = dict[str, Any]
DROP: Final = "drop"
_MAX_TAGS = 50  # [ARM limits] on a resource or group

_ENVELOPE = frozenset({"id", "name", "type", "location", "tags", "properties", "etag"})


def decode_body(content: bytes, content_type: str) -> Json:
    """Return the JSON object of a request; ARM's 400 or 415 when there is none. Never repeats the content."""
    if not content_type.lower().startswith("application/json"):
        raise ArmError(415, "UnsupportedMediaType", "The content media type is not supported. Only JSON is.")
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ArmError(
            400,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: no JSON object.",
        )
    return body


def check_envelope(body: Json, resource_type: str, *, extra: Mapping[str, Any] = MappingProxyType({})) -> Json:
    """Return `properties` ({} if absent) after a look at the members beside it; `extra` is a schema of more of them."""
    for name, member in body.items():
        if member is not None and name not in _ENVELOPE and name not in extra:
            raise not_simulated(f"the member '{name}' of {resource_type}")
    named = body.get("type") or resource_type
    if not isinstance(named, str) or named.lower() != resource_type.lower():
        raise ArmError(400, "InvalidRequestContent", "The type in the request body is not that of the request URI.")
    properties = body.get("properties")
    if properties is None:
        return {}
    if not isinstance(properties, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid: properties is not an object.")
    return properties


def read_location(body: Json, resource_type: str) -> str:
    """Return the location of a body in its normal form; LocationRequired or LocationNotAvailable… otherwise."""
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    found = normal_location(location)
    if found is not None:
        return found
    if resource_type == "Microsoft.Resources/resourceGroups":
        raise ArmError(
            400,
            "LocationNotAvailableForResourceGroup",
            f"The provided location '{location}' is not available for resource group.",
        )
    raise ArmError(
        400,
        "LocationNotAvailableForResourceType",
        f"The provided location '{location}' is not available for resource type '{resource_type}'.",
    )


def read_tags(body: Json) -> dict[str, str] | None:
    """Return the tags of a body, None when it has none; 400 when they are not text, or too many."""
    tags = body.get("tags")
    if tags is None:
        return None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid: tags are not text.")
    if len(tags) > _MAX_TAGS:
        raise ArmError(400, "InvalidTags", f"The number of tags {len(tags)} exceeds the maximum of {_MAX_TAGS}.")
    return tags


def keep(value: Json, schema: Mapping[str, Any], place: str) -> Json:
    """Return what of `value` is to be stored.

    Raises:
        ArmError: 501 NotSimulated for a member the schema does not have, 400 for one of another type.
    """
    kept: Json = {}
    for name, member in value.items():
        if member is None:
            continue
        rule = schema.get(name)
        if rule is None:
            raise not_simulated(f"{place}.{name}")
        if rule != DROP:
            kept[name] = _keep_member(member, rule, f"{place}.{name}")
    return kept


def read_extra(body: Json, schema: Mapping[str, Any]) -> Json:
    """Return the members beside `properties` that a type takes (sku, zones), by their schema, without absent ones."""
    return keep({name: body[name] for name in schema if name in body}, schema, "body")


def check_state(properties: Json, current: str | None) -> None:
    """Raise ARM's 400 for a provisioningState in a body that is not the resource's own."""
    word = properties.get("provisioningState")
    if word is not None and word != current:
        raise ArmError(400, "InvalidRequestContent", "The provisioningState in the body is not that of the resource.")


def _keep_member(member: object, rule: Any, place: str) -> Any:
    if isinstance(rule, list):
        if not isinstance(member, list):
            raise _wrong_type(place, "a list")
        return [_keep_member(item, rule[0], f"{place}[{index}]") for index, item in enumerate(member)]
    if isinstance(rule, dict):
        if not isinstance(member, dict):
            raise _wrong_type(place, "an object")
        return keep(member, rule, place)
    wanted = (int, float) if rule is float else rule
    if not isinstance(member, wanted) or isinstance(member, bool) is not (rule is bool):
        raise _wrong_type(place, f"of type {rule.__name__}")
    return member


def _wrong_type(place: str, what: str) -> ArmError:
    return ArmError(400, "InvalidRequestContent", f"The request content was invalid: {place} is not {what}.")
