"""The feeds as JSON Schemas (2020-12), made from the models, for producers in any language.

A schema tells what one object may hold. It cannot tell a record's size, whether it is JSON at all, its key,
its partition or how far ahead of its append time it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stream.judge import field_rules
from stream.model import STRUCTS, Feed

__all__ = ["schema"]

_KEEP_NULL = {"type": "null"}


def schema(feed: Feed) -> dict[str, Any]:
    """Return the JSON Schema of a feed's values; null stands for absent in optional fields."""
    struct = STRUCTS[feed]
    (_,), components = msgspec.json.schema_components([struct], ref_template="{name}")
    found = components[struct.__name__]
    rules = field_rules(feed)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"live.{feed}",
        "description": found["description"],
        "type": "object",
        "properties": {
            name: _field(given, required=rules[name].required) for name, given in found["properties"].items()
        },
        "required": found["required"],
    }


def _field(given: dict[str, Any], *, required: bool) -> dict[str, Any]:
    if required or _KEEP_NULL in given.get("anyOf", ()):
        return given
    return {"anyOf": [{k: v for k, v in given.items() if k != "default"}, _KEEP_NULL]}
