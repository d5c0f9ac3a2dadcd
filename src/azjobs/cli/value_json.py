"""What commands and jobs return, as JSON for the shell. Pure.

A model gives its fields in camelCase, and beside them whatever else the service
sent, so that a query reaches both `vmSize` and `properties.hardwareProfile.vmSize`.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

RAW = "raw"


def value_json(value: Any) -> Any:
    """Return the JSON of a value; of what JSON cannot hold its text."""
    if isinstance(value, msgspec.Struct):
        return _struct_json(value)
    if isinstance(value, dict):
        return {str(key): value_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [value_json(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    try:
        return msgspec.to_builtins(value)
    except (TypeError, ValueError):
        return str(value)


def camel_case(name: str) -> str:
    """Return `resource_group_name` as `resourceGroupName`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _struct_json(value: msgspec.Struct) -> dict[str, Any]:
    fields = {camel_case(name): value_json(getattr(value, name)) for name in value.__struct_fields__ if name != RAW}
    raw = getattr(value, RAW, None)
    return (
        {**fields, **{key: one for key, one in raw.items() if key not in fields}} if isinstance(raw, dict) else fields
    )
